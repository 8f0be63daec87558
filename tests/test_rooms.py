"""The architecture: rooms that import one way."""

import ast
from pathlib import Path

import cr_sklearn

PACKAGE = Path(cr_sklearn.__file__).parent
# From the user down to what imports nothing of the package but what is below it.
ORDER = [
    *("inspection", "monitoring", "export", "metrics", "_unwrap"),
    *("_classifier", "_ordinal", "_labelled", "_base", "_parameters", "_state"),
    *("training", "search", "heads", "nn", "inference", "encoding", "formulas"),
    *("_rows", "_files"),
]


def imports_of(path):
    """Yield the rooms of this package that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            package, *rest = node.module.split(".")
            if package == "cr_sklearn" and rest:
                yield rest[0]


def test_imports_run_one_way():
    """Who reads down the list in CONTRIBUTING.md never has to come back."""
    wrong = []
    for path in PACKAGE.rglob("*.py"):
        room = path.relative_to(PACKAGE).with_suffix("").parts[0]
        if room in ("__init__", "_encoding"):
            continue
        wrong += [
            f"{path.relative_to(PACKAGE)} imports {other}"
            for other in imports_of(path)
            if ORDER.index(other) < ORDER.index(room)
        ]
    assert not wrong
