"""A docstring's `Args:` name exactly the parameters, and `Attributes:` of a record exactly its fields."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "ferda"
FILES = sorted(PACKAGE.rglob("*.py"))


def section(docstring: str | None, title: str) -> list[str] | None:
    """Names that a section of a Google docstring explains; None without the section."""
    lines = (docstring or "").splitlines()
    if title not in [line.strip() for line in lines]:
        return None
    names: list[str] = []
    for line in lines[[line.strip() for line in lines].index(title) + 1 :]:
        if line.strip() and not line.startswith(" "):
            break
        if entry := re.match(r" {4}(\*{0,2}\w+(?:, \*{0,2}\w+)*)(?: \(.*?\))?:", line):
            names += entry[1].split(", ")
    return names


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """Names as a docstring writes them: no `self`, stars kept."""
    own = function.args
    names = [argument.arg for argument in [*own.posonlyargs, *own.args]]
    names += [f"*{own.vararg.arg}"] if own.vararg else []
    names += [argument.arg for argument in own.kwonlyargs]
    names += [f"**{own.kwarg.arg}"] if own.kwarg else []
    return [name for name in names if name not in ("self", "cls")]


def is_record(node: ast.ClassDef) -> bool:
    return any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list)


def fields(node: ast.ClassDef) -> list[str]:
    return [
        item.target.id
        for item in node.body
        if isinstance(item, ast.AnnAssign)
        and isinstance(item.target, ast.Name)
        and not item.target.id.startswith("_")
        and "ClassVar" not in ast.unparse(item.annotation)
    ]


def disagreements(source: str) -> list[str]:
    """One sentence for each docstring that does not tell the truth about its signature."""
    wrong = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            told, true = section(ast.get_docstring(node), "Args:"), parameters(node)
        elif isinstance(node, ast.ClassDef) and is_record(node):
            told, true = section(ast.get_docstring(node), "Attributes:"), fields(node)
        elif isinstance(node, ast.ClassDef):
            made = [item for item in node.body if getattr(item, "name", "") == "__init__"]
            told = section(ast.get_docstring(node), "Args:")
            true = parameters(made[0]) if made and isinstance(made[0], ast.FunctionDef) else told or []
        else:
            continue
        if told is not None and told != true:
            wrong.append(f"line {node.lineno}, {node.name}: the docstring tells {told}, the code has {true}")
    return wrong


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_docstrings_tell_the_signature(file: Path) -> None:
    assert not disagreements(file.read_text())


def test_a_wrong_docstring_is_found() -> None:
    source = '''
def f(a, *, b, **sizes):
    """Do.

    Args:
        a: One.
        c (int): Another,
            which goes on: here.
        **sizes: More.

    Returns:
        x: Nothing of the signature.
    """
'''
    assert len(disagreements(source)) == 1
    assert not disagreements(source.replace("c (int):", "b (int):"))
