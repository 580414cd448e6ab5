"""The faces that a model adapts to: opened or cut out, and a part of them held back as a jury.

What adaptation has seen can be made to look good. So a quarter of the faces, ten at least, is never shown to
it, and the judgement is theirs. A person, or copies of one picture, are not on both sides, as far as the data
says who is who. Labels are not looked at, not even to divide the faces.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ferda.data.cropping import NO_FACE
from ferda.data.domain import Domain, UnlabelledDomain, open_domain, place_and_split
from ferda.data.splits import split_by_group
from ferda.engine.checkpoint import LoadedMethod
from ferda.errors import UserError
from ferda.faces.crops import CropRule

#: Fewer faces teach nothing, and too few would be left to judge by.
LEAST = 20
#: More faces make adapting longer, hardly better.
MOST = 4000
#: Share that is held back, and the number that it takes at least.
_HELD, _LEAST_HELD = 0.25, 10


@dataclass(frozen=True)
class TargetFaces:
    """Faces without labels.

    Attributes:
        domain: All faces in use.
        files: Name of each face's picture.
        seen: (n,) positions that adaptation may look at.
        held: (m,) positions that it may not.
        left_out: Why a picture gave no face, by its name.
        remarks: What a user should know of them.
    """

    domain: UnlabelledDomain
    files: tuple[str, ...]
    seen: np.ndarray
    held: np.ndarray
    left_out: dict[str, str]
    remarks: tuple[str, ...]

    def seen_domain(self) -> UnlabelledDomain:
        """Return the faces that adaptation may look at, and no other."""
        return UnlabelledDomain(self.domain.pack, self.domain.rows[self.seen], self.domain.name)


def open_target(
    spec: str, model: LoadedMethod, progress: Callable[[int, int], None] | None = None
) -> TargetFaces:
    """Open a pack, or find the faces of a folder and cut them out by the model's own rule.

    Args:
        spec: Pictures or a pack, as `ferda.open_domain` takes them; `@train` and the like pick a split.
        model: Whose crop rule is used.
        progress: Called with pictures done and in all while faces are found.

    Raises:
        UserError: If there is nothing, or fewer than twenty faces.
    """
    rule = model.preprocessing.crop
    faces = open_domain(spec, model.classes, labelled=False, crop=rule, progress=progress)
    remarks = [f"{count} faces were left out: {reason}." for reason, count in faces.left_out.items()]
    if CropRule.from_dict(faces.crop) != rule:
        remarks.append(
            "The faces were cut out by another rule than the model's own; it may judge them less well."
        )
    elif rule.kind == "whole":
        remarks.append("The model judges pictures as a whole, so no face was looked for.")
    rows, left_out = _with_a_face(faces)
    if left_out:
        remarks.append(f"Pictures that gave no face: {len(left_out)} (named in left_out.csv).")
    if len(rows) < LEAST:
        found = {0: "no face", 1: "one face"}.get(len(rows), f"{len(rows)} faces")
        raise UserError(
            f"{place_and_split(spec)[0]} gives {found}, and adapting takes at least {LEAST}: add "
            "pictures, or use the model as it is."
        )
    if len(rows) > MOST:
        remarks.append(f"Of {len(rows):,} faces {MOST:,} were drawn at random.")
        rows = np.sort(np.random.default_rng(0).choice(rows, MOST, replace=False))
    seen, held, alike = _divided(faces, rows)
    remarks += [alike] if alike else []
    files = tuple(faces.manifest["file"].iloc[rows].astype(str))
    domain = UnlabelledDomain(faces.pack.pictures, faces.rows[rows], faces.name)
    return TargetFaces(domain, files, seen, held, left_out, tuple(remarks))


def _with_a_face(faces: Domain) -> tuple[np.ndarray, dict[str, str]]:
    """Positions of what is a face, and why other pictures are none."""
    listed = faces.pack.path / "unusable.csv"
    unread = pd.read_csv(listed, dtype=str, keep_default_na=False) if listed.is_file() else None
    left_out = {} if unread is None else dict(zip(unread["file"], unread["reason"], strict=True))
    is_face = np.ones(len(faces), bool)
    if CropRule.from_dict(faces.crop).kind != "whole":
        is_face = ~faces.manifest["note"].fillna("").astype(str).str.contains(NO_FACE, regex=False).to_numpy()
    faceless = faces.manifest["file"].astype(str)[~is_face]
    return np.flatnonzero(is_face), left_out | dict.fromkeys(faceless, "no face found")


def _divided(faces: Domain, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, str]:
    """Positions among the rows that are seen and held back, and what there is to say of that."""
    manifest = faces.manifest.iloc[rows].assign(expression=None)
    held = max(_HELD, _LEAST_HELD / len(rows))
    shares = {"train": 1 - held, "test": held}
    fair = range(int(0.6 * held * len(rows)), len(rows) // 2 + 1)
    parts, said = split_by_group(manifest, shares), ""
    if (parts == "test").sum() not in fair:
        parts = split_by_group(manifest.assign(subject=None), shares)
        said = "There are too few people to keep some of them apart for the judgement, so faces were."
    if (parts == "test").sum() not in fair:
        raise UserError(
            f"Most of the {len(rows)} pictures of {faces.name} are copies of a few, so nothing can be held "
            "back to judge by: give different pictures."
        )
    return np.flatnonzero(parts == "train"), np.flatnonzero(parts == "test"), said
