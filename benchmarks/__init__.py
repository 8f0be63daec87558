"""Comparisons that are run by one command each; not part of the installed package."""

from contextlib import contextmanager


@contextmanager
def extra_packages():
    """Turn a missing package into one line that says how to install it."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise SystemExit(
            f"The benchmarks need the package {error.name!r}, which is not installed. "
            'Get all they need with: pip install -e ".[benchmarks]"'
        ) from error
