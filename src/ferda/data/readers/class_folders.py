"""A folder per class: `happy/a.jpg`, or split by split, `train/happy/a.jpg`, in a folder or a zip file.

The level of the tree that holds the classes is found by its names, not assumed: pointing one folder too high
or too low is the oldest way to an accuracy of 100 %. A folder at that level which is no expression stops the
reader, and so does a tree with one class only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import pandas as pd

from ferda.data.manifest import complete_manifest, name_list
from ferda.data.readers.point_files import Pointless, with_files
from ferda.data.readers.source import Reading, image_source
from ferda.data.readers.words import Words, number_advice, split_name
from ferda.errors import UserError


def read(
    root: Path,
    *,
    names: Mapping[str, str] | None = None,
    numbering: str | None = None,
    class_order: str | Sequence[str] | None = None,
    unknown: Literal["error", "unlabelled"] = "error",
    below: Literal["error", "subject", "ignore"] = "error",
    above: Literal["error", "subject", "ignore"] = "error",
    one_class: bool = False,
    boxes: Path | str | None = None,
    points: Path | str | None = None,
    without_points: Pointless = "keep",
) -> Reading:
    """Read a tree of class folders.

    Args:
        root: Folder or zip file.
        names: Folder name -> expression, for folders with other names.
        numbering: For folders that are numbers as their owner counts: `fer2013`, `raf-db` (from 1).
        class_order: For folders 0, 1, 2 … of a program: its expressions in order, or a name such as `osa`.
        unknown: What to do with folders that are no expression: stop, or keep their pictures unlabelled.
        below: What folders inside a class folder are: a mistake, people, or nothing of interest.
        above: What several folders above the class folders are, beside splits: likewise.
        one_class: Accept a tree with a single class.
        boxes: Folder of a file for each picture with left, top, right, bottom.
        points: Folder of a file for each picture with five lines `x y`.
        without_points: Rows without landmarks: keep them, or leave them out as the CD-FER programs do.

    Raises:
        UserError: If the tree has no class level, unknown folders, or one class only.
    """
    words = Words(names, numbering, class_order)
    images = image_source(root)
    files = images.files()
    if not files:
        raise UserError(f"{root} holds no picture; point at the folder that holds the class folders.")
    folders = [file.split("/")[:-1] for file in files]
    level = _class_level(root, folders, words)
    _refuse_several_sets(root, folders, level, above)
    labels = [path[level] if len(path) > level else None for path in folders]
    expressions = [words.expression(label) for label in labels]
    loose = [file for file, label in zip(files, labels, strict=True) if label is None]
    if unknown == "error":
        words.refuse_unknown(f"{root}", number_advice(words.unknown))
        if loose:
            raise UserError(
                f"{root} holds pictures that lie in no class folder: {name_list(loose, 5)}. Move them "
                "into one, or say unknown='unlabelled' to keep them without a label."
            )
    _refuse_one_class(root, expressions, one_class)
    deeper = Counter("/".join(path) for path in folders if len(path) > level + 1)
    if deeper and below == "error":
        raise UserError(
            f"{root} holds folders inside its class folders: {name_list(sorted(deeper), 5)}. Say "
            "below='subject' if each is one person, or below='ignore'."
        )
    manifest = pd.DataFrame(
        {
            "file": files,
            "expression": expressions,
            "split": [_split(path[:level]) for path in folders],
            "subject": [_subject(path, level, below, above) for path in folders],
            "source_label": labels,
        }
    )
    manifest, pointless, said = with_files(complete_manifest(manifest), boxes, points, without_points)
    counts = Counter(name for name in expressions if name)
    told = f"{root}: {len(files)} pictures in class folders ({_listed(counts)})."
    warnings = [f"{root}: kept without a label: {words.describe_unknown()}."] if words.unknown else []
    return Reading(manifest, images, told, (*warnings, *said, *words.doubts(str(root))), pointless)


def has_class_folders(files: list[str], words: Words | None = None) -> bool:
    """Say whether any picture lies in a folder that is named after an expression.

    Args:
        files: Names of pictures.
        words: What counts as an expression; the usual words by default.
    """
    words = words or Words()
    folders = {file.rpartition("/")[0] for file in files}
    return any(words.knows(part) for folder in folders for part in folder.split("/"))


def _class_level(root: Path, folders: list[list[str]], words: Words) -> int:
    """Return the depth at which most pictures lie in a folder named after an expression."""
    depths = max(len(path) for path in folders)
    known = [
        sum(len(path) > depth and words.knows(path[depth]) for path in folders) for depth in range(depths)
    ]
    if not any(known):
        tops = Counter(path[0] if path else "." for path in folders)
        listed = ", ".join(f"{name} ({count} pictures)" for name, count in tops.most_common(8))
        numbers = [name for path in folders for name in path if name.isdigit()]
        advice = number_advice(numbers) if numbers else "Point at the folder that holds the class folders."
        raise UserError(f"No folder of {root} is named after an expression: it holds {listed}. {advice}")
    return known.index(max(known))


def _refuse_several_sets(root: Path, folders: list[list[str]], level: int, above: str) -> None:
    sets = {"/".join(_beside_splits(path[:level])) for path in folders if len(path) > level}
    if len(sets) > 1 and above == "error":
        raise UserError(
            f"{root} is one folder too high: it holds several sets of class folders "
            f"({name_list(sorted(sets), 5)}). Point at one of them, or say "
            "above='subject' if each is one person, or above='ignore'."
        )


def _beside_splits(above: list[str]) -> list[str]:
    return [part for part in above if split_name(part) is None]


def _subject(path: list[str], level: int, below: str, above: str) -> str | None:
    if below == "subject" and len(path) > level + 1:
        return path[level + 1]
    return "/".join(_beside_splits(path[:level])) or None if above == "subject" else None


def _split(above: list[str]) -> str | None:
    return next((name for part in reversed(above) if (name := split_name(part))), None)


def _refuse_one_class(root: Path, expressions: list[str | None], one_class: bool) -> None:
    found = {name for name in expressions if name}
    if len(found) == 1 and not one_class:
        raise UserError(
            f"All labelled pictures of {root} are '{found.pop()}': with one class every score is "
            "100 %, and the folder is probably one too high or too low; if it is right, say one_class=True."
        )


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common())
