"""What is known of a pack, gathered for its data card: numbers and sentences, nothing drawn."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from ferda.data.audit import audit, count_table
from ferda.data.datasets import dataset
from ferda.data.exclusions import EXCLUDED, excluded_rows
from ferda.data.manifest import COLUMNS, name_list, vote_columns
from ferda.data.pack import Pack
from ferda.data.quality import LEAST, MEASURES, turned_away
from ferda.errors import UserError
from ferda.expressions import BASIC
from ferda.faces.crop_names import CROPS
from ferda.faces.crops import CropRule

_SHARES = {"min": 0.0, "5\u00a0%": 0.05, "median": 0.5, "95\u00a0%": 0.95, "max": 1.0}
Facts = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Card:
    """The content of a data card.

    Attributes:
        name: What reports call the pack.
        title: The data set's own name, or that of the pack.
        pictures: Rows.
        labelled: Rows with an expression.
        no_face: Rows in which no face is known; None if nobody measured.
        counts: Rows per expression and split, the last column `all`.
        measures: Quantiles (columns) of what was measured (rows); empty if nothing was.
        quality: Words on doubtful pictures.
        people: Words on who is shown.
        origin: Where the data is from and what may be done with it.
        preparation: How the pack was made.
        unusable: Columns `reason`, `pictures`, `files`.
        warnings: What a user should look at.
    """

    name: str
    title: str
    pictures: int
    labelled: int
    no_face: int | None
    counts: pd.DataFrame
    measures: pd.DataFrame
    quality: Facts
    people: Facts
    origin: Facts
    preparation: Facts
    unusable: pd.DataFrame
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values and tables."""
        facts = ("quality", "people", "origin", "preparation")
        tables = {"counts": self.counts.reset_index(), "measures": self.measures.reset_index()}
        return asdict(self) | {name: dict(getattr(self, name)) for name in facts} | tables


def card_facts(pack: Pack) -> Card:
    """Gather what is known of a pack.

    Args:
        pack: Of any edition; what older ones did not measure or store is said to be unknown.
    """
    manifest, said = pack.manifest, pack.description
    is_measured = set(MEASURES) <= set(manifest.columns)
    title, origin = _origin(pack)
    unusable = pd.read_csv(pack.path / "unusable.csv")
    return Card(
        name=pack.name,
        title=title,
        pictures=len(pack),
        labelled=int(manifest["expression"].notna().sum()),
        no_face=int(manifest["face_pixels"].isna().sum()) if is_measured else None,
        counts=_counts(manifest),
        measures=_quantiles(manifest) if is_measured else pd.DataFrame(),
        quality=_quality(manifest) if is_measured else (("quality", "not measured; prepare it again"),),
        people=_people(manifest),
        origin=origin,
        preparation=_preparation(pack),
        unusable=_reasons(unusable),
        warnings=(*_excluded(pack), *said.get("remarks", ()), *audit(manifest).warnings),
    )


def preparation_words(packs: Sequence[Pack]) -> dict[str, str]:
    """Say in a line what each pack is, for the reports of runs that used it.

    Args:
        packs: Sources and targets.

    Returns:
        Words by `data NAME`.
    """
    lines = {}
    for pack in packs:
        title, origin = _origin(pack)
        words = [*([] if title == pack.name else [title]), f"{len(pack):,} pictures"]
        words += [f"{name} {value}" for name, value in _preparation(pack)[:2]]
        words += [f"use: {value}" for name, value in origin if name == "use"]
        lines[f"data {pack.name}"] = "; ".join(words)
    return lines


def _counts(manifest: pd.DataFrame) -> pd.DataFrame:
    table = count_table(manifest)
    return table[(table["all"] > 0) | table.index.isin(BASIC)]


def _quantiles(manifest: pd.DataFrame) -> pd.DataFrame:
    known = manifest[list(MEASURES)].dropna(axis=1, how="all")
    table = known.quantile(list(_SHARES.values())).T
    table.columns = pd.Index(list(_SHARES))
    table.index.name = "measure"
    return table


def _quality(manifest: pd.DataFrame) -> Facts:
    reasons = pd.Series(turned_away(manifest, "good"))
    away = int((reasons != "").sum())
    limits = ", ".join(f"{name.replace('_', ' ')} {least:g}" for name, least in LEAST.items())
    facts = [
        ("no face", f"{int(manifest['face_pixels'].isna().sum()):,} pictures"),
        ("doubtful", f"{away:,} would not be kept by --keep good (a face; at least {limits})"),
    ]
    shown = manifest.loc[manifest["face_pixels"].isna(), "expression"].value_counts()
    if len(shown):
        most = ", ".join(f"{name} {count}" for name, count in shown.items())
        facts.append(("without a face are", most))
    return tuple(facts)


def _people(manifest: pd.DataFrame) -> Facts:
    subjects = manifest["subject"].dropna()
    facts = [("people", "not known" if subjects.empty else f"{subjects.nunique():,}")]
    if len(subjects):
        counts = subjects.value_counts()
        facts.append(("pictures of each", f"median {counts.median():g}, at most {counts.max():,}"))
        if unknown := len(manifest) - len(subjects):
            facts.append(("unknown", f"{unknown:,} pictures of people who are not named"))
    known = {*COLUMNS, *MEASURES, *vote_columns(manifest)}
    further = [str(name) for name in manifest.columns if name not in known]
    if votes := vote_columns(manifest):
        facts.append(
            ("votes", f"{len(votes)} columns, {manifest[votes].sum(axis=1).median():g} votes a picture")
        )
    if further:
        facts.append(("further columns", name_list(further)))
    return tuple(facts)


def _origin(pack: Pack) -> tuple[str, Facts]:
    """Return the data set's title, and what is known of it."""
    name = pack.description.get("dataset")
    try:
        known = dataset(str(name)) if name else None
    except UserError:  # a data set that this ferda does not know any more, or not yet
        known = None
    if known is None:
        words = "not recorded: no official data set that ferda knows; ask who gave you the pictures"
        return pack.name, (("data set", str(name) if name else words),)
    variant = pack.description.get("variant")
    facts = [
        ("data set", known.title + (f", {variant}" if variant else "")),
        ("published in", known.paper),
        ("use", known.terms),
        ("how to get it", known.access),
        ("protocol", known.protocol),
        ("people", known.subjects),
        *(("known trap", trap) for trap in known.traps),
    ]
    return known.title, tuple((word, meaning) for word, meaning in facts if meaning)


def _preparation(pack: Pack) -> Facts:
    said = pack.description
    crop = CropRule.from_dict(pack.crop)
    same = [
        name
        for name, (rule, _) in CROPS.items()
        if CropRule.from_dict({**rule, "size": crop.size, "detect": crop.detect}) == crop
    ]
    settings = ", ".join(f"{name} {value}" for name, value in pack.crop.items())
    versions = ", ".join(f"{name} {version}" for name, version in said.get("versions", {}).items())
    facts = {
        "cut out as": f"{same[0] if same else crop.kind}, {pack.size} x {pack.size} pixels",
        "made with": f"{said.get('created_with', 'unknown')}, edition {said.get('edition', 1)}",
        "crop rule": settings,
        "kept": said.get("kept", "all"),
        "command": said.get("command", ""),
        "read as": said.get("read_as", ""),
        "versions": versions,
    }
    return tuple((word, meaning) for word, meaning in facts.items() if meaning)


def _excluded(pack: Pack) -> list[str]:
    count = len(excluded_rows(pack))
    return [f"{count:,} of these rows are {EXCLUDED}; excluded.csv says why."] if count else []


def _reasons(unusable: pd.DataFrame) -> pd.DataFrame:
    """Group reasons that differ only in their numbers."""
    reason = unusable["reason"].astype(str).map(lambda text: re.sub(r"\d+([.,]\d+)*", "…", text)[:120])
    groups = unusable.assign(reason=reason).groupby("reason")["file"]
    table = pd.DataFrame(
        {"pictures": groups.size(), "files": groups.agg(lambda files: name_list([str(f) for f in files], 3))}
    )
    return table.sort_values("pictures", ascending=False, kind="stable").reset_index()
