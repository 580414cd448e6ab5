"""A file imports from its own floor or from lower ones, wherever in the file the import stands."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

FLOORS = (
    "errors expressions batch checks landmarks distributed files weights",
    "layers losses memory faces synthetic",
    "data backbones",
    "methods upstream test_time",
    "engine selection",
    "evaluation inference benchmarking tuning adaptation",
    "cli web",
)
FLOOR = {name: floor for floor, names in enumerate(FLOORS) for name in names.split()}
PACKAGE = Path(__file__).parents[1] / "src" / "ferda"
FILES = [file for file in sorted(PACKAGE.rglob("*.py")) if file.parent != PACKAGE or file.stem in FLOOR]


def imported(source: str) -> Iterator[str]:
    """Yield `data` for each import of `ferda.data…`; the bare package, which opens every door, as `cli`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == "ferda":
            names = [alias.name for alias in node.names if alias.name != "__version__"]
            yield from (name if name in FLOOR else "cli" for name in names)
        elif isinstance(node, ast.ImportFrom):
            yield from _parts([node.module or ""])
        elif isinstance(node, ast.Import):
            yield from _parts([alias.name for alias in node.names])


def _parts(modules: list[str]) -> Iterator[str]:
    yield from ([*name.split("."), "cli"][1] for name in modules if name.split(".")[0] == "ferda")


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_file_looks_only_down(file: Path) -> None:
    own = FLOOR[file.relative_to(PACKAGE).parts[0].removesuffix(".py")]
    above = {name for name in imported(file.read_text()) if FLOOR[name] > own}
    assert not above, f"{file.name} stands on floor {own} and reaches up to {', '.join(sorted(above))}"


def test_imports_are_found_in_every_form() -> None:
    source = "import ferda.data.pack\nfrom ferda import __version__, losses, fit\n"
    source += "def f():\n    from ferda.engine.fit import a"
    assert list(imported(source)) == ["data", "losses", "cli", "engine"]


def test_every_folder_has_a_floor() -> None:
    parts = {file.relative_to(PACKAGE).parts[0] for file in PACKAGE.rglob("*.py") if file.parent != PACKAGE}
    assert parts <= FLOOR.keys()
