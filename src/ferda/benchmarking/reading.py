"""Reads a table of trainings from YAML, writes its short forms out, and names every mistake at once.

`each_way: [A, B]` stands for the pairs A to B and B to A; `leave_one_out: [A, B, C]` for each of them as the
target of all others; a list of methods for rows with nothing special.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import yaml
from pydantic import ValidationError

from ferda.benchmarking.table import Cell, Layer, Table
from ferda.data.domain import place_and_split
from ferda.engine.recipe_errors import explain
from ferda.errors import UserError, nearest

_EACH_WAY, _LEAVE_ONE_OUT = "each_way", "leave_one_out"


def read_table(path: str | Path) -> Table:
    """Read a table and check every recipe that it asks for.

    Args:
        path: A YAML file.

    Raises:
        UserError: If there is no such file, or it has mistakes; all of a kind are named at once.
    """
    try:
        raw = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"Cannot read the table {path}: {error}.") from error
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    return parse_table(raw, where=str(path))


def parse_table(raw: Any, where: str = "the table") -> Table:
    """Check a table and every recipe that it asks for.

    Args:
        raw: Nested dict, as YAML gives it.
        where: How messages call the table.

    Raises:
        UserError: If it has mistakes; all of a kind are named at once.
    """
    if not isinstance(raw, dict):
        raise UserError(f"{where} must hold pairs and methods, got {type(raw).__name__}.")
    try:
        table = Table.model_validate(_written_out(raw))
    except ValidationError as error:
        _refuse(where, explain(error, Table))
    mistakes = _unknown_names(table)
    if not mistakes:
        for row in table.methods:
            table.starts(row)
        first = [Cell(pair, row, table.seeds[0]) for pair in table.pairs for row in table.methods]
        mistakes = [said for cell in first if (said := _wrong(table, cell))]
    if mistakes:
        _refuse(where, mistakes)
    return table


def _refuse(where: str, mistakes: Sequence[str]) -> NoReturn:
    count = "a mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    raise UserError(f"{where} has {count}:\n  " + "\n  ".join(mistakes))


def _written_out(raw: dict[str, Any]) -> dict[str, Any]:
    """Return the table without its short forms: `each_way`, `leave_one_out`, a list of methods."""
    raw = dict(raw)
    pairs = dict(raw.get("pairs") or {})
    each_way, left_out = (raw.pop(form, None) or () for form in (_EACH_WAY, _LEAVE_ONE_OUT))
    found = [([source], target) for target in each_way for source in each_way if source != target]
    found += [([source for source in left_out if source != target], target) for target in left_out]
    for sources, target in found:
        name = f"{'+'.join(map(_short, sources))}-{_short(target)}"
        pairs.setdefault(name, {"sources": sources, "target": target})
    methods = raw.get("methods")
    rows = dict.fromkeys(methods) if isinstance(methods, list) else methods
    if isinstance(rows, dict):
        raw["methods"] = {name: row or {} for name, row in rows.items()}
    return raw | {"pairs": pairs}


def _short(spec: str) -> str:
    """A domain's name as part of a pair's: `synthetic:studio` is studio, `packs/lfw@train` is lfw."""
    return Path(place_and_split(spec)[0].rpartition(":")[2]).stem


def _unknown_names(table: Table) -> list[str]:
    mistakes = []
    layers: dict[str, Layer] = {f"layers.{name}": layer for name, layer in table.layers.items()}
    for name, row in table.methods.items():
        layers[f"methods.{name}"] = row
        if row.start is not None and row.start not in table.methods:
            mistakes.append(f"methods.{name}.start: no row '{row.start}'{nearest(row.start, table.methods)}")
        for wanted in row.layers:
            if wanted not in table.layers:
                mistakes.append(f"methods.{name}.layers: no layer '{wanted}'{nearest(wanted, table.layers)}")
    for place, layer in layers.items():
        for pair in layer.by_pair:
            if pair not in table.pairs:
                mistakes.append(f"{place}.by_pair: no pair '{pair}'{nearest(pair, table.pairs)}")
    if table.baseline not in table.methods and len(table.methods) > 1:
        mistakes.append(f"baseline: no row '{table.baseline}'{nearest(table.baseline, table.methods)}")
    return mistakes


def _wrong(table: Table, cell: Cell) -> str:
    try:
        table.recipe(cell)
    except UserError as error:
        return str(error).replace("\n", "\n  ")
    return ""
