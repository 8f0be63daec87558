"""What predictions lean on: sensitivities by column and by layer."""

from cr_sklearn.inspection._sensitivity import input_sensitivity

__all__ = ["input_sensitivity"]
