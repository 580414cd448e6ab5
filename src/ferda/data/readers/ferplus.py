"""FER+ as Microsoft's script and ESR lay it out: a folder for each part of FER2013, and ten people's votes.

    FER2013Train/label.csv       fer0000000.png,"(0, 0, 48, 48)",4,0,0,1,3,2,0,0,0,0
    FER2013Train/fer0000000.png  (or Images/FER2013Train/ beside Labels/FER2013Train/, as ESR has it)

A label is not what a person said but a rule over ten. In all rules a single vote counts for nothing.
`majority`: one class has more than half of the rest (ESR's rule); `multi_target`: all classes with 30 % of
them; `probability`: the leading classes, up to three, until 75 % are reached. A picture that the rule does
not decide, or that is called unknown or no face, is kept without a label and noted. The columns `votes_...`
hold the shares of the expressions that the rule left.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import IO, Any, Literal, get_args

import numpy as np
import pandas as pd

from ferda.data.manifest import VOTES, complete_manifest
from ferda.data.readers.rows import counted, without_missing, without_repeats
from ferda.data.readers.source import Reading, image_source
from ferda.errors import UserError, nearest
from ferda.expressions import CLASS_ORDERS

Rule = Literal["majority", "probability", "multi_target"]
SPLITS = {"FER2013Train": "train", "FER2013Valid": "val", "FER2013Test": "test"}
_CLASSES = CLASS_ORDERS["ferplus"]
_UNKNOWN = len(_CLASSES)  # column 8; column 9 is "no face"


def read(root: Path, *, rule: Rule = "majority", missing: Literal["error", "skip"] = "error") -> Reading:
    """Read FER+ from its folders.

    Args:
        root: The folder that holds `FER2013Train` and its sisters, at any depth.
        rule: From ten votes to a label: `majority`, `probability` or `multi_target`.
        missing: What to do with rows whose picture is missing: stop, or list them as unusable.

    Raises:
        UserError: If there are no label files, or they hold something else.
    """
    if rule not in get_args(Rule):
        raise UserError(
            f"There is no rule '{rule}'{nearest(rule, get_args(Rule))}; known: {', '.join(get_args(Rule))}."
        )
    tables = _label_files(root)
    if not tables:
        raise UserError(f"{root} holds no {'/label.csv, '.join(SPLITS)}/label.csv.")
    images = image_source(root)
    there = {(path.parent.name, path.name): str(path) for path in map(PurePosixPath, images.files())}
    manifest = pd.concat([part_rows(table, table, there, rule) for table in tables], ignore_index=True)
    warnings: list[str] = []
    manifest, unusable = without_missing(manifest, images, root, missing)
    manifest = without_repeats(complete_manifest(manifest), root, warnings)
    without = int(manifest["expression"].isna().sum())
    told = (
        f"{root}: FER+ by the rule '{rule}' ({counted(manifest['expression'])}), {without} without a label."
    )
    return Reading(manifest, images, told, tuple(warnings), unusable)


def has_ferplus(root: Path, files: list[str]) -> bool:
    """Say whether a folder holds pictures of FER2013's parts and label files beside them.

    Args:
        root: Any folder or file.
        files: Names of the pictures in it.
    """
    # the pictures are looked at first: searching a folder of a million other pictures takes its time
    parts = {folder for file in files for folder in file.split("/")[-2:-1]}
    return bool(parts & SPLITS.keys()) and bool(_label_files(root))


def _label_files(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    places = [f"{above}{part}/label.csv" for part in SPLITS for above in ("", "*/", "*/*/")]
    return sorted(path for place in places for path in root.glob(place))


def apply_rule(votes: np.ndarray, rule: Rule) -> np.ndarray:
    """Turn votes into distributions.

    Args:
        votes: (N, 10) counts: eight expressions in the order `ferplus`, unknown, no face.
        rule: `majority`, `probability` or `multi_target`.

    Returns:
        (N, 10) rows that sum to one; a row that is not decided has all of its weight on unknown.
    """
    votes = np.where(votes <= 1, 0.0, votes)
    total = votes.sum(1, keepdims=True)
    if rule == "majority":
        chosen = np.where((votes == votes.max(1, keepdims=True)) & (votes > 0.5 * total), votes, 0.0)
        decided = chosen.sum(1) > 0
    elif rule == "multi_target":
        chosen = np.where(votes >= 0.3 * total, votes, 0.0)
        decided = chosen.sum(1) > 0.5 * total[:, 0]
    else:
        leading = [_leading(row) for row in votes]
        few = np.array([count <= 3 for _, count in leading], dtype=bool)
        chosen = np.array([kept for kept, _ in leading]).reshape(votes.shape)
        decided = (chosen.sum(1) > 0.5 * total[:, 0]) & few
    chosen = np.where(decided[:, None], chosen, np.eye(votes.shape[1])[_UNKNOWN])
    return chosen / chosen.sum(1, keepdims=True)


def _leading(votes: np.ndarray) -> tuple[np.ndarray, int]:
    """Take the leading classes of one row until 75 % of the votes, and how many were taken.

    Ties are taken together, so there may be more than three. Unknown or no face ends it, counting only alone.
    """
    rest, kept = votes.copy(), np.zeros_like(votes)
    count, stopped = 0, False
    while kept.sum() < 0.75 * votes.sum() and count < 3 and not stopped:
        most = rest.max()
        for column in np.flatnonzero(rest == most):
            kept[column], rest[column] = most, 0.0
            count += 1
            if column >= _UNKNOWN:
                stopped = True
                if kept.sum() > most:
                    kept[column] = 0.0
                    count -= 1
                break
    return kept, count


def part_rows(
    content: Path | IO[bytes], table: Path, there: Mapping[tuple[str, str], str], rule: Rule
) -> pd.DataFrame:
    """Return a row for each line of a label file.

    Args:
        content: What to read.
        table: Where it is from; its folder is one of `SPLITS`.
        there: The part's folder and a picture's own name -> the name it is opened by.
        rule: From votes to a label.

    Raises:
        UserError: If a line is not a name, a box and ten votes.
    """
    part = table.parent.name
    try:
        rows = pd.read_csv(content, header=None, dtype={0: str})
        votes = rows.iloc[:, 2:].to_numpy(dtype=float)
    except (OSError, ValueError) as error:
        raise UserError(f"{table} cannot be read as FER+'s labels ({error}).") from error
    if votes.shape[1] != _UNKNOWN + 2 or not np.isfinite(votes).all():
        raise UserError(f"{table} should have a name, a box and ten votes in each row.")
    # a missing picture keeps the name it should have, so that the message can say it
    files = [there.get((part, name), f"{part}/{name}") for name in rows[0]]
    return pd.DataFrame({"file": files, "split": SPLITS[part], **label_columns(votes, rule)})


def label_columns(votes: np.ndarray, rule: Rule) -> dict[str, Any]:
    """Return the columns of a manifest that come from votes: label, votes, note and shares.

    Args:
        votes: (N, 10) counts as for `apply_rule`.
        rule: From votes to a label.
    """
    shares = apply_rule(votes, rule)
    winner = shares.argmax(1)
    is_face = winner < _UNKNOWN
    shares = np.where(is_face[:, None], shares[:, :_UNKNOWN], 0.0)
    shares /= np.maximum(shares.sum(1, keepdims=True), 1e-9)
    names = np.array([*_CLASSES, "unknown", "no face"], dtype=object)[winner]
    return {
        "expression": np.where(is_face, names, None),
        "source_label": [" ".join(f"{count:.0f}" for count in row) for row in votes],
        "note": np.where(is_face, None, f"FER+ by {rule}: " + names),
        **{VOTES + name: shares[:, place] for place, name in enumerate(_CLASSES)},
    }
