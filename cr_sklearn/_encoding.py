"""Refuse models that an earlier version saved: they look for their encoder here.

Nothing else uses this module.
"""

raise ImportError(
    "This model was saved by an earlier version of cr_sklearn, whose encoding is "
    "another one. Load it with the version that saved it, or fit it again."
)
