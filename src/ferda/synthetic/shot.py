"""The description of one picture: everything that is not the person. Drawing it needs no further chance."""

from __future__ import annotations

from dataclasses import dataclass, field

from ferda.synthetic.camera import Camera
from ferda.synthetic.lighting import Light


@dataclass(frozen=True)
class Background:
    """What is behind the head.

    Attributes:
        clutter: 0 is a plain wall with a gradient, 1 is a street full of things.
        blur: How far out of focus it is, as a share of the picture's width.
        brightness: Factor on its light.
        seed: Which wall or street.
    """

    clutter: float
    blur: float
    brightness: float
    seed: int


@dataclass(frozen=True)
class Degradation:
    """What happens between the scene and the file.

    Attributes:
        grey: Whether the camera has no colour.
        resolution: Width in pixels before scaling up again; 0 keeps the full size.
        blur: Width of a Gaussian, in pixels.
        motion: Length of a motion blur, in pixels.
        contrast: Factor on the distance from mid grey.
        tint: Factors on red, green, blue (white balance).
        noise: Deviation of sensor noise, of 255.
        jpeg: Quality; 0 for no JPEG.
        seed: Of the noise.
    """

    grey: bool = False
    resolution: int = 0
    blur: float = 0.0
    motion: float = 0.0
    contrast: float = 1.0
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    noise: float = 0.0
    jpeg: int = 0
    seed: int = 0


@dataclass(frozen=True)
class Occluder:
    """Something between the face and the camera.

    Attributes:
        kind: `glasses`, `sunglasses`, `hand` or `strands`.
        seed: Its shape, colour and place.
    """

    kind: str
    seed: int


@dataclass(frozen=True)
class Shot:
    """One picture of a person.

    Attributes:
        expression: The label.
        weights: Blend shape weights.
        gaze: Where the eyes look: right and up, -1 to 1.
        camera: Pose and framing.
        light: The lights.
        exposure: Mean brightness of the face that the camera aims at (sRGB, 0 to 1).
        background: What is behind.
        occluders: What is in front.
        degradation: What the camera does to the picture.
    """

    expression: str
    weights: dict[str, float]
    gaze: tuple[float, float]
    camera: Camera
    light: Light
    exposure: float
    background: Background
    occluders: tuple[Occluder, ...] = ()
    degradation: Degradation = field(default_factory=Degradation)
