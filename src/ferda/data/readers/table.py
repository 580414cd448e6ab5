"""A table of labels (CSV, TSV or Parquet) beside its pictures, which lie in a folder or a zip file.

Columns are found by the words people use for them. Every row that cannot be used as it stands (an unknown
word, a missing picture, two labels for one picture) is named; nothing is guessed and nothing is left out
unsaid.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Literal

import pandas as pd

from ferda.data.manifest import BOX, LANDMARKS, VOTES, check_manifest, complete_manifest, name_list
from ferda.data.readers.rows import counted, forward_name, pictures_beside, without_missing, without_repeats
from ferda.data.readers.source import Reading, image_source
from ferda.data.readers.words import Words, number_advice, split_name
from ferda.errors import UserError

#: What owners call a column, the most telling word first.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "file": (
        *("file", "filename", "file_name", "filepath", "file_path", "path", "pth"),
        *("image", "image_path", "image_name", "img", "picture", "name"),
    ),
    "expression": ("expression", "label", "emotion", "class", "category", "target"),
    "subject": ("subject", "subject_id", "person", "identity", "participant", "actor"),
    "split": ("split", "usage", "subset", "partition", "set"),
}
TABLE_SUFFIXES = (".csv", ".tsv", ".parquet")
_KEPT = (*BOX, *LANDMARKS, "note", "sha256", "valence", "arousal")


def read(
    root: Path,
    *,
    images: Path | str | None = None,
    prefix: str = "",
    label: str | None = None,
    names: Mapping[str, str] | None = None,
    numbering: str | None = None,
    class_order: str | Sequence[str] | None = None,
    unknown: Literal["error", "unlabelled"] = "error",
    missing: Literal["error", "skip"] = "error",
) -> Reading:
    """Read a table and find its pictures.

    Args:
        root: The table.
        images: Folder or zip file of the pictures; by default the zip of the same name, else the table's
            folder.
        prefix: Put before every file name of the table.
        label: Which column holds the expression, where several could.
        names: The owner's word or number -> expression.
        numbering: For labels that are numbers as their owner counts: `fer2013`, `raf-db` (from 1).
        class_order: For labels 0, 1, 2 … of a program: its expressions in order, or a name such as `osa`.
        unknown: What to do with words that are no expression: stop, or keep the rows unlabelled.
        missing: What to do with rows whose picture is missing: stop, or list them as unusable.

    Raises:
        UserError: If columns, words or pictures are not as they should be; every case is named.
    """
    words = Words(names, numbering, class_order)
    owner = load_table(root)
    found = {role: find_column(owner, role) for role in SYNONYMS}
    if label is not None:
        found["expression"] = _chosen(owner, label, root)
    if found["file"] is None:
        raise UserError(
            f"{root} has no column of file names, only {', '.join(owner.columns)}; call it 'file'."
        )
    source = image_source(Path(images) if images else pictures_beside(root), prefix)
    manifest, warnings = _manifest(owner, found, words, root)
    if words.unknown:
        if unknown == "error":
            words.refuse_unknown(f"Column '{found['expression']}' of {root}", number_advice(words.unknown))
        warnings.append(f"{root}: kept without a label: {words.describe_unknown()}.")
    warnings += words.doubts(f"Column '{found['expression']}' of {root}")
    manifest, unusable = without_missing(manifest, source, root, missing)
    manifest = without_repeats(manifest, root, warnings)
    check_manifest(manifest, str(root))
    counts = manifest["expression"].value_counts()
    told = f"{root}: {len(manifest)} rows, pictures in {source.root}, no labels."
    if found["expression"]:
        without = int(manifest["expression"].isna().sum())
        labels = f"labels from '{found['expression']}' ({counted(manifest['expression'])}), {without} without"
        told = told.replace("no labels", labels)
    if len(counts) == 1:
        warnings.append(f"{root}: all labels are '{counts.index[0]}'; with one class every score is 100 %.")
    return Reading(manifest, source, told, tuple(warnings), unusable)


def is_table(path: Path) -> bool:
    """Say whether a file's name ends like a table."""
    return path.suffix.lower() in TABLE_SUFFIXES


def load_table(root: Path) -> pd.DataFrame:
    """Return an owner's table, every value as text unless it is Parquet.

    Args:
        root: The table.

    Raises:
        UserError: If it cannot be read, has no rows, or has two columns of one name.
    """
    try:
        if root.suffix.lower() == ".parquet":
            owner = pd.read_parquet(root)
        else:
            # Text first, numbers later: "007" is a file name and "NA" may be somebody's initials.
            owner = pd.read_csv(
                root, sep=_separator(root), dtype=str, keep_default_na=False, encoding="utf-8-sig"
            )
    except (OSError, ValueError) as error:
        raise UserError(f"{root} cannot be read as a table ({error}).") from error
    owner.columns = [str(column).strip() for column in owner.columns]
    if owner.empty:
        raise UserError(f"{root} has no rows.")
    if len(set(owner.columns)) < len(owner.columns):
        raise UserError(f"{root} has two columns of the same name; rename one.")
    return owner


def table_parts(
    stream: IO[bytes], where: Path, columns: Sequence[str] = (), rows: int = 10_000
) -> Iterator[pd.DataFrame]:
    """Yield a CSV that may be larger than the memory a part at a time, every value as text.

    Args:
        stream: The file, at its beginning.
        where: It, for messages.
        columns: Their names, for an owner who sometimes left the header out.
        rows: How many in each part.

    Raises:
        UserError: If it cannot be read, or has no header and other columns than expected.
    """
    first = stream.readline().decode("utf-8-sig", "replace").split(",")
    stream.seek(0)
    has_header = not columns or first[0].strip().strip('"') == columns[0]
    if not has_header and len(first) != len(columns):
        raise UserError(f"{where} has neither a header nor the {len(columns)} columns {', '.join(columns)}.")
    names = None if has_header else list(columns)
    try:
        yield from pd.read_csv(
            stream,
            names=names,
            skipinitialspace=True,
            dtype=str,
            keep_default_na=False,
            encoding="utf-8-sig",
            chunksize=rows,
        )
    except Exception as error:  # a damaged archive raises nearly anything
        raise UserError(f"{where} cannot be read as a table ({error}).") from error


def _separator(root: Path) -> str:
    """Return what separates the columns: a spreadsheet set to a comma for decimals writes semicolons."""
    if root.suffix.lower() == ".tsv":
        return "\t"
    with root.open(encoding="utf-8-sig", errors="replace") as stream:
        header = stream.readline(100_000)
    return ";" if ";" in header and "," not in header else ","


def find_column(owner: pd.DataFrame, role: str) -> str | None:
    """Return the owner's name for a role, or None.

    Args:
        owner: The table.
        role: A key of `SYNONYMS`.
    """
    plain = {re.sub(r"\W+", "_", column.lower()): column for column in owner.columns}
    return next((plain[word] for word in SYNONYMS[role] if word in plain), None)


def _chosen(owner: pd.DataFrame, label: str, root: Path) -> str:
    if label not in owner.columns:
        raise UserError(f"{root} has no column '{label}'; its columns: {', '.join(owner.columns)}.")
    return label


def _manifest(
    owner: pd.DataFrame, found: Mapping[str, str | None], words: Words, root: Path
) -> tuple[pd.DataFrame, list[str]]:
    """Return the manifest with the owner's further columns, and warnings."""
    columns: dict[str, object] = {"file": owner[found["file"]].map(forward_name)}
    if label := found["expression"]:
        codes = [None if pd.isna(code) else str(code) for code in owner[label]]
        columns["expression"] = [words.expression(code) for code in codes]
        columns["source_label"] = owner.get("source_label", codes)
    if found["subject"]:
        columns["subject"] = owner[found["subject"]]
    warnings: list[str] = []
    if found["split"]:
        given = owner[found["split"]].map(lambda word: None if pd.isna(word) else str(word))
        columns["split"] = given.map(split_name)
        odd = sorted({word for word in given if word and word.strip() and split_name(word) is None})
        if odd:
            warnings.append(
                f"{root}: '{found['split']}' has {name_list(odd, 5)}: no split; those rows have none."
            )
    used = {column for role, column in found.items() if column}
    for column in owner.columns:
        if column in used or (column == "source_label" and found["expression"]):
            continue
        name = _vote_name(column, words)
        if name in columns or (name in SYNONYMS and name not in _KEPT):
            name = f"owner_{name}"
        columns[name] = _plain(owner[column])
    return complete_manifest(pd.DataFrame(columns, index=owner.index)), warnings


def _vote_name(column: str, words: Words) -> str:
    rest = column.lower().removeprefix(VOTES)
    if not column.lower().startswith(VOTES):
        return column.lower() if column.lower() in _KEPT else column
    return VOTES + (words.expression(rest) or rest if words.knows(rest) else rest)


def _plain(column: pd.Series) -> pd.Series:
    """Return a text column as numbers where all of its values are numbers."""
    filled = column.where(column != "", None)
    numbers = pd.to_numeric(filled, errors="coerce")
    is_number = bool((numbers.notna() | filled.isna()).all()) and bool(numbers.notna().any())
    return numbers if is_number else filled
