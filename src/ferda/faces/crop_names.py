"""Names for the crops of well-known programs, each with its settings of `ferda.faces.crops.CropRule`.

Nothing heavy is imported here, so that `ferda prepare --help` can list them at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ferda.errors import UserError, nearest

#: Name, settings of the rule, and what it does.
CROPS: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "aligned": ({"kind": "aligned"}, "five points onto ArcFace's template"),
    "fer2013": ({"kind": "fer2013"}, "five points where FER2013's faces have them on average: closer"),
    "retinaface5pose": ({"kind": "retinaface5pose"}, "five points onto that of five poses which fits best"),
    "ddamfn": (
        {"kind": "retinaface5pose", "truncate_landmarks": True},
        "the same from points at whole pixels, as DDAMFN++ does",
    ),
    "eyes-mouth": (
        {"kind": "eyes-mouth"},
        "eyes and middle of the mouth onto three fixed places, stretching the face (RAF-DB re-aligned)",
    ),
    "box": ({"kind": "box"}, "the face's box, 20 % larger, as AGLRLS and AGRA do"),
    "affectnet": ({"kind": "box", "enlarge": 0.0}, "the face's box as it is, as AffectNet's owner means it"),
    "affectnet-swapped": (
        {"kind": "box", "enlarge": 0.0, "swap_axes": True},
        "rows by x and columns by y, the slip in ESR's preparation of AffectNet",
    ),
    "margin": (
        {"kind": "margin", "enlarge": 0.5},
        "the box and a quarter of its longer side all around, proportions kept, black beside it (RAF-DB)",
    ),
    "whole": ({"kind": "whole"}, "the picture as it is"),
}


def crop_settings(name: str) -> dict[str, Any]:
    """Return the settings of `ferda.faces.crops.CropRule` that go by a name.

    Args:
        name: One of `CROPS`.

    Raises:
        UserError: If there is no such crop.
    """
    if name not in CROPS:
        raise UserError(f"There is no crop '{name}'{nearest(name, CROPS)}; choose one of {', '.join(CROPS)}.")
    return dict(CROPS[name][0])


def named_crop(value: object) -> object:
    """Return the settings that a recipe means by a name, alone or as the kind of further settings.

    Args:
        value: As a recipe has it: `ddamfn`, or `{kind: ddamfn, size: 96}`. What names no crop is returned as
            it is; a name that is also a kind is one if it stands alone.

    Raises:
        UserError: If a name alone is none.
    """
    if isinstance(value, str):
        return crop_settings(value)
    kind = value.get("kind") if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping) or not isinstance(kind, str) or kind not in CROPS:
        return value
    settings = CROPS[kind][0]
    return value if settings["kind"] == kind else {**settings, **value, "kind": settings["kind"]}
