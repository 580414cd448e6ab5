"""How an expression moves the face: action units of FACS, and the blend shapes that realise them.

FACS (Ekman & Friesen) names what single muscles do. An expression is a table of action units with weights;
`draw_weights` varies it as people do: some show more, some less, one side a little more than the other, and
something unrelated always moves as well.
"""

from __future__ import annotations

import numpy as np

from ferda.errors import UserError

#: Action unit -> blend shapes without the side.
ACTION_UNITS: dict[str, tuple[str, ...]] = {
    "1": ("browInnerUp",),
    "2": ("browOuterUp",),
    "4": ("browDown",),
    "5": ("eyeWide",),
    "6": ("cheekRaiser", "cheekSquint"),
    "7": ("eyeSquint",),
    "9": ("noseSneer",),
    "10": ("mouthUpperUp",),
    "12": ("mouthSmile",),
    "15": ("mouthFrown",),
    "16": ("mouthLowerDown",),
    "17": ("mouthShrugLower",),
    "20": ("mouthStretch",),
    "23": ("mouthPress",),
    "26": ("jawOpen",),
    "28": ("mouthRollLower", "mouthRollUpper"),
}
#: Expression -> action unit -> weight at full intensity. Anger is drawn stronger than FACS tables have it:
#: on this geometry it would otherwise read as a tired neutral face.
EXPRESSION_UNITS: dict[str, dict[str, float]] = {
    "neutral": {},
    "happiness": {"6": 1.0, "12": 1.0, "10": 0.3},
    "sadness": {"1": 1.0, "4": 0.5, "15": 1.0, "17": 0.5},
    "surprise": {"1": 1.0, "2": 1.0, "5": 1.0, "26": 0.6},
    "fear": {"1": 1.0, "2": 0.6, "4": 0.6, "5": 1.0, "20": 1.0, "26": 0.3},
    "disgust": {"9": 1.0, "10": 0.7, "15": 0.7, "16": 0.4, "17": 0.4},
    "anger": {"4": 1.5, "5": 0.6, "7": 0.7, "23": 1.0, "9": 0.35, "28": 0.6},
}
#: Shapes that exist once, not per side.
_MIDDLE = ("jawOpen", "mouthShrugLower", "mouthRollLower", "mouthRollUpper")
#: What else may move a little in any expression.
_EXTRA = (
    "browInnerUp",
    "browOuterUp",
    "browDown",
    "cheekSquint",
    "eyeSquint",
    "mouthDimple",
    "mouthFrown",
    "mouthPress",
    "mouthSmile",
    "mouthUpperUp",
    "jawOpen",
    "jawForward",
    "mouthPucker",
    "mouthShrugUpper",
)
_EXTRA_MIDDLE = (*_MIDDLE, "jawForward", "mouthPucker", "mouthShrugUpper")


def draw_weights(
    expression: str,
    generator: np.random.Generator,
    *,
    intensity: tuple[float, float] = (0.55, 1.05),
    asymmetry: float = 0.10,
    extras: int = 3,
    extra_weight: float = 0.15,
) -> dict[str, float]:
    """Draw the blend shape weights of one face that shows the expression.

    Args:
        expression: One of the seven basic names.
        generator: Source of chance.
        intensity: Range of the factor on all weights of the table.
        asymmetry: Standard deviation of the relative difference between the sides.
        extras: How many unrelated shapes move as well.
        extra_weight: Largest weight of such a shape.
    """
    if expression not in EXPRESSION_UNITS:
        raise UserError(
            f"No face can be drawn for '{expression}'; the renderer knows {', '.join(EXPRESSION_UNITS)}."
        )
    strength = generator.uniform(*intensity)
    weights: dict[str, float] = {}
    for unit, weight in EXPRESSION_UNITS[expression].items():
        amount = weight * strength * generator.uniform(0.8, 1.15)
        for shape in ACTION_UNITS[unit]:
            _add(weights, shape, amount, generator.normal(0.0, asymmetry))
    for shape in generator.choice(_EXTRA, size=extras, replace=False):
        _add(weights, str(shape), generator.uniform(0.0, extra_weight), generator.normal(0.0, asymmetry))
    return weights


def gaze_weights(right: float, up: float) -> dict[str, float]:
    """Return weights that turn both eyes.

    Args:
        right: -1 (subject's left) to 1 (subject's right).
        up: -1 (down) to 1 (up).
    """
    sideways = {"eyeLookOut_R": right, "eyeLookIn_L": right, "eyeLookIn_R": -right, "eyeLookOut_L": -right}
    upright = {"eyeLookUp_L": up, "eyeLookUp_R": up, "eyeLookDown_L": -up, "eyeLookDown_R": -up}
    return {shape: weight for shape, weight in {**sideways, **upright}.items() if weight > 0}


def _add(weights: dict[str, float], shape: str, amount: float, tilt: float) -> None:
    """Add an amount to a shape, split over its sides when it has two."""
    sides = {"": 1.0} if shape in _EXTRA_MIDDLE else {"_L": 1.0 + tilt, "_R": 1.0 - tilt}
    for side, factor in sides.items():
        weights[shape + side] = weights.get(shape + side, 0.0) + amount * factor
