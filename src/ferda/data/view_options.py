"""What may happen to a training picture: the settings of a weak and of a strong view, and named presets.

A *weak* view moves the camera and the light a little; a *strong* view takes the weak one and distorts it
until little but the expression is left. These are plain settings (no tensors), so a recipe can hold them and
a run folder can show them; `ferda.data.views` carries them out.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ferda.errors import UserError, nearest

Border = Literal["black", "edge", "reflect"]
Operation = Literal[
    "autocontrast",
    "brightness",
    "colour",
    "contrast",
    "equalise",
    "identity",
    "posterise",
    "rotate",
    "sharpness",
    "shear_x",
    "shear_y",
    "solarise",
    "translate_x",
    "translate_y",
]
#: The list of AGLRLS (and of its ancestors), in its order.
OPERATIONS: tuple[Operation, ...] = get_args(Operation)


def _rising(span: tuple[float, float]) -> tuple[float, float]:
    if span[0] > span[1]:
        raise ValueError(f"the lower end comes first, got {span}")
    return span


Share = Annotated[float, Field(ge=0, le=1)]
Span = Annotated[tuple[Share, Share], AfterValidator(_rising)]
Positive = Annotated[float, Field(gt=0, le=10)]
PositiveSpan = Annotated[tuple[Positive, Positive], AfterValidator(_rising)]
Level = Annotated[int, Field(ge=0, le=255)]
Colour = tuple[Level, Level, Level]


class WeakView(BaseModel):
    """A picture as another camera might have taken it. Every value is drawn anew for every picture.

    Attributes:
        mirror: Chance of a mirrored picture.
        flip_swap: Exchange left and right landmarks of a mirrored picture (AGLRLS' code does not).
        geometric: Chance that rotation, zoom and shift take place at all (the mirror is drawn apart).
        rotate: Largest angle in degrees, either way.
        zoom: Side of the window that is seen, as a share of the picture's side; below 1 comes closer.
        zoom_by: Whether `zoom` speaks of the window's side or of its area.
        separate_axes: Draw the window's height apart from its width (AGLRLS' zoom).
        aspect: Width over height of the window, drawn evenly on the logarithmic scale.
        shift: Farthest move of the window, as a share of the picture's side.
        inside: Place the window anywhere inside the picture instead (random crop); `shift` is then unused.
        border: What is seen outside the picture.
        brightness: Factor on all values, 1 plus or minus this.
        contrast: Factor on the distance from the mean grey, 1 plus or minus this.
        saturation: Factor on the distance from the pixel's own grey, 1 plus or minus this.
        grey: Chance of a picture without colour.
        soften: Chance of a picture seen at half its resolution, mixed with the sharp one by a drawn share.
        erase: Chance of one erased rectangle.
        erase_area: Its area as a share of the picture.
        erase_aspect: Its height over its width, drawn evenly on the logarithmic scale.
        erase_colour: Its colour; ImageNet's mean, which normalisation turns into zero.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["weak"] = "weak"
    mirror: Share = 0.5
    flip_swap: bool = True
    geometric: Share = 1.0
    rotate: Annotated[float, Field(ge=0, le=180)] = 10.0
    zoom: PositiveSpan = (0.85, 1.05)
    zoom_by: Literal["side", "area"] = "side"
    separate_axes: bool = False
    aspect: PositiveSpan = (1.0, 1.0)
    shift: Share = 0.04
    inside: bool = False
    border: Border = "edge"
    brightness: Share = 0.2
    contrast: Share = 0.2
    saturation: Share = 0.0
    grey: Share = 0.1
    soften: Share = 0.0
    erase: Share = 0.0
    erase_area: Span = (0.02, 0.25)
    erase_aspect: PositiveSpan = (0.3, 3.3)
    erase_colour: Colour = (124, 116, 104)

    @property
    def moves(self) -> bool:
        """Whether any picture may be rotated, zoomed, shifted or mirrored."""
        still = self.rotate == 0 and self.shift == 0 and not self.inside
        still = still and self.zoom == (1.0, 1.0) and self.aspect == (1.0, 1.0)
        return self.mirror > 0 or (self.geometric > 0 and not still)

    @property
    def colours(self) -> bool:
        """Whether any picture's values may change."""
        return max(self.brightness, self.contrast, self.saturation, self.grey) > 0


#: A weak view that changes nothing: the picture as evaluation sees it.
STILL = WeakView(mirror=0, geometric=0, rotate=0, zoom=(1, 1), shift=0, brightness=0, contrast=0, grey=0)


class StrongView(BaseModel):
    """The weak view of the same picture, then `draws` operations with replacement, then one cut-out square.

    Attributes:
        operations: What may be drawn, each equally likely.
        draws: Operations per picture.
        enhance: Factor of brightness, colour, contrast and sharpness; 1 leaves the picture as it is.
        bits: Bits a channel keeps in `posterise`: from the first, up to but not including the second.
        rotate: Largest angle in degrees; at 0 the operation does nothing, as in AGLRLS' code.
        shear: Largest shear, either way.
        translate: Farthest move as a share of the side, either way.
        cutout: Largest side of the cut-out square as a share of the picture's side; 0 for none.
        cutout_colour: Its colour.
        landmarks_follow: Move landmarks with the distortions; False keeps the weak view's (AGLRLS' code).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["strong"] = "strong"
    operations: Annotated[tuple[Operation, ...], Field(min_length=1)] = OPERATIONS
    draws: Annotated[int, Field(ge=0, le=8)] = 3
    enhance: Annotated[tuple[float, float], AfterValidator(_rising)] = (0.3, 0.95)
    bits: tuple[Annotated[int, Field(ge=1, le=8)], Annotated[int, Field(ge=1, le=9)]] = (4, 8)
    rotate: Annotated[float, Field(ge=0, le=180)] = 15.0
    shear: Share = 0.2
    translate: Share = 0.15
    cutout: Share = 0.5
    cutout_colour: Colour = (125, 123, 114)
    landmarks_follow: bool = True


View = WeakView | StrongView

PRESETS: dict[str, View] = {
    "none": STILL,
    "weak": WeakView(),
    "strong": StrongView(),
    # zoom about the centre, each axis for itself, and a mirror
    "aglrls_weak": WeakView(
        rotate=0,
        zoom=(1 - 0.2 / 1.2, 1 + 0.2 / 1.2),
        separate_axes=True,
        shift=0,
        brightness=0,
        contrast=0,
        grey=0,
    ),
    "aglrls_strong": StrongView(
        enhance=(0.05, 0.95), rotate=0.0, shear=0.3, translate=0.3, landmarks_follow=False
    ),
    "ddamfn": WeakView(
        geometric=0.2,
        rotate=5.0,
        zoom=(1, 1),
        shift=8 / 112,
        border="black",
        brightness=0,
        contrast=0,
        grey=0,
        erase=0.5,
    ),
    "esr": WeakView(
        rotate=30.0, zoom=(0.8, 1), shift=0.1, border="black", brightness=0.5, contrast=0.5, grey=0
    ),
    "la_cmfer": WeakView(
        rotate=15.0, zoom=(1 / 1.05, 1 / 0.9), shift=0.05, border="black", saturation=0.2, grey=0.2
    ),
    "manet": WeakView(
        rotate=0,
        zoom=(0.08, 1),
        zoom_by="area",
        aspect=(3 / 4, 4 / 3),
        inside=True,
        brightness=0,
        contrast=0,
        grey=0,
    ),
    "osa": WeakView(rotate=0, zoom=(112 / 124, 112 / 124), inside=True, brightness=0, contrast=0, grey=0),
}


def preset(name: str) -> View:
    """Return a view by its name.

    Args:
        name: A key of `PRESETS`.

    Raises:
        UserError: If there is no such preset; the message offers the nearest one.
    """
    if name not in PRESETS:
        raise UserError(f"There is no view '{name}'{nearest(name, PRESETS)}. Known: {', '.join(PRESETS)}.")
    return PRESETS[name]
