"""AffectNet as ESR's preparation leaves it: the labels stand in the names of the pictures.

    Training_Labeled/3/0001512s1s785s-120.jpg

is picture 1512 with class 1 (in AffectNet's order), valence 0.785 and arousal -0.120. ESR's program puts an
`s` between the numbers, its readme an underscore; both are read. The folder `3` holds 1500 to 1999, no class.
Classes 8 to 10 (none, uncertain, no face) are kept without a label and noted; ESR leaves them out.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

import pandas as pd

from ferda.data.manifest import complete_manifest, name_list
from ferda.data.readers.rows import counted
from ferda.data.readers.source import Reading, image_source
from ferda.data.readers.words import split_name
from ferda.errors import UserError
from ferda.expressions import CLASS_ORDERS

_STEM = re.compile(
    r"(?P<id>\d+)(?P<mark>[s_])(?P<code>\d+)(?P=mark)(?P<valence>-?\d+)(?P=mark)(?P<arousal>-?\d+)"
)
_NO_EXPRESSION = {
    "8": "AffectNet: none of the expressions",
    "9": "AffectNet: uncertain",
    "10": "AffectNet: no face",
}
#: ESR's folders -> split. The automatically labelled pictures belong to none.
_SPLITS = {"training_labeled": "train", "training_unlabeled": None, "validation": "val"}


def read(root: Path) -> Reading:
    """Read pictures whose names hold class, valence and arousal.

    Args:
        root: Folder or zip file.

    Raises:
        UserError: If no picture is named so, or a class is none of AffectNet's.
    """
    images = image_source(root)
    files = images.files()
    found = {file: match for file in files if (match := _STEM.fullmatch(PurePosixPath(file).stem))}
    if not found:
        raise UserError(f"{root} holds no picture with a name like 0000123s1s785s-120.jpg.")
    codes = pd.Series([match["code"] for match in found.values()])
    names = pd.Series(dict(enumerate(CLASS_ORDERS["affectnet"])), dtype=object).rename(str)
    odd = sorted({code for code in codes if code not in names.index and code not in _NO_EXPRESSION})
    if odd:
        raise UserError(
            f"{root} has pictures with the classes {name_list(odd)} in their names; AffectNet's are 0 to 10."
        )
    manifest = complete_manifest(
        pd.DataFrame(
            {
                "file": list(found),
                "expression": codes.map(names),
                "split": [_split(file) for file in found],
                "source_label": codes,
                "note": codes.map(_NO_EXPRESSION),
                "valence": [_affect(match["valence"]) for match in found.values()],
                "arousal": [_affect(match["arousal"]) for match in found.values()],
            }
        )
    )
    others = [file for file in files if file not in found]
    reason = "its name does not hold class, valence and arousal"
    unusable = pd.DataFrame({"file": others, "reason": [reason] * len(others)})
    told = f"{root}: {len(found)} pictures, labels in their names ({counted(manifest['expression'])})."
    return Reading(manifest, images, told, unusable=unusable)


def has_affectnet_names(files: list[str]) -> bool:
    """Say whether nearly all pictures are named as ESR's preparation names them.

    Args:
        files: Names of pictures.
    """
    known = sum(_STEM.fullmatch(PurePosixPath(file).stem) is not None for file in files)
    return known > 0 and known >= 0.9 * len(files)


def _split(file: str) -> str | None:
    folders = PurePosixPath(file).parts[:-1]
    return next((_SPLITS.get(part.lower(), split_name(part)) for part in folders if _is_split(part)), None)


def _is_split(folder: str) -> bool:
    return folder.lower() in _SPLITS or split_name(folder) is not None


def _affect(thousandths: str) -> float:
    value = int(thousandths) / 1000
    return value if -1 <= value <= 1 else float("nan")  # -2 says that nobody rated the picture
