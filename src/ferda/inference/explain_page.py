"""Explanations on disk: a sheet for each face, and one page with all of them.

The page is whole in itself, readable on a phone, in light and dark, like the report of an evaluation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from PIL import Image

from ferda.errors import UserError
from ferda.evaluation import gallery, style
from ferda.files import FreeNames, replacing
from ferda.inference.explain import Answer, Explanation
from ferda.inference.overlay import enlarged, heat_colours, overlay, stretched
from ferda.inference.sheet import DIFFERS, explanation_sheet, free_attention, reason, shown_name, spread
from ferda.inference.table import NO_FACE

_TEMPLATES = Path(__file__).parent / "templates"
_REPORT = Path(style.__file__).parent / "templates"
_LARGE, _SMALL = 224, 144


@dataclass(frozen=True)
class Picture:
    """A picture of the page.

    Attributes:
        uri: Its pixels as a data URI.
        caption: Below it.
    """

    uri: str
    caption: str


@dataclass(frozen=True)
class Bar:
    """A probability.

    Attributes:
        name: Of the class.
        share: 0 to 1.
        colour: Of the class.
        is_first: Whether it is the answer.
    """

    name: str
    share: float
    colour: str
    is_first: bool


@dataclass(frozen=True)
class Said:
    """What the method or a head says.

    Attributes:
        name: Of the head.
        said: Its answer and how sure it is.
        about: The class whose evidence is shown.
        reason: What the coloured places are.
        evidence: The picture.
        bars: All probabilities.
        differs: Whether it is not the decision's answer.
        attention: The head's own map, if it has one.
    """

    name: str
    said: str
    about: str
    reason: str
    evidence: Picture
    bars: tuple[Bar, ...]
    differs: bool = False
    attention: Picture | None = None


@dataclass(frozen=True)
class Card:
    """One face on the page.

    Attributes:
        name: File name of the picture.
        file: Its path.
        number: Of the face in the picture, from 0.
        sheet: File name of its sheet.
        crop: What the model saw.
        decision: Of the method.
        heads: Of each head.
        attention: Maps that are no head's.
    """

    name: str
    file: str
    number: int
    sheet: str
    crop: Picture
    decision: Said
    heads: tuple[Said, ...]
    attention: tuple[Picture, ...]


class ExplanationFolder:
    """Writes `NAME.png` for each face it is given, and at the end `explain.html`; equal names are numbered.

    Args:
        folder: Is made if it does not exist.

    Attributes:
        unread: Why a picture is not explained, by its name.

    Raises:
        UserError: If the folder cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.unread: dict[str, str] = {}
        self._free, self._cards = FreeNames(), list[Card]()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"Cannot make the folder {folder} for explanations: {error.strerror or error}."
            ) from error

    def __call__(self, name: str, found: Sequence[Explanation]) -> list[str]:
        """Write the sheets of a picture, and return their file names.

        Args:
            name: Its path; the file name is kept.
            found: Its faces; a picture without any is listed at the end of the page.

        Raises:
            UserError: If a sheet cannot be written.
        """
        if not found:
            self.unread[name] = NO_FACE
        sheets = []
        for one in found:
            path = self.folder / f"{self._free(Path(name).stem)}.png"
            try:
                with replacing(path) as temporary:
                    Image.fromarray(explanation_sheet(one)).save(temporary, format="PNG")
            except OSError as error:
                raise UserError(f"Cannot write the sheet {path}: {error.strerror or error}.") from error
            sheets.append(path.name)
            self._cards.append(_card(one, path.name))
        return sheets

    def finish(self, title: str, problems: dict[str, str], about: str | None = None) -> Path:
        """Write the page and return its path.

        Args:
            title: Heading.
            problems: Why pictures could not be read, by name.
            about: The expression that was asked for, if one was.

        Raises:
            UserError: If the page cannot be written.
        """
        self.unread |= problems
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        environment = Environment(
            loader=FileSystemLoader([_TEMPLATES, _REPORT]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters["percent"] = style.percent
        page = environment.get_template("explain.html.j2").render(
            title=title,
            about=about,
            faces=self._cards,
            unread=self.unread,
            differs=DIFFERS,
            scale=_scale(),
            made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        )
        path = self.folder / "explain.html"
        try:
            with replacing(path) as temporary:
                temporary.write_text(page, encoding="utf-8")
        except OSError as error:
            raise UserError(f"Cannot write the page {path}: {error.strerror or error}.") from error
        return path


def _card(found: Explanation, sheet: str) -> Card:
    face, decision = found.face, found.decision
    return Card(
        name=Path(face.input).name,
        file=face.input,
        number=face.face_id,
        sheet=sheet,
        crop=Picture(gallery.thumbnail(enlarged(found.crop, _LARGE), _LARGE), "what the model saw"),
        decision=_said(found, decision, _LARGE),
        heads=tuple(_said(found, head, _SMALL) for head in found.heads),
        attention=tuple(
            _attention(found, places, shown_name(name)) for name, places in free_attention(found).items()
        ),
    )


def _said(found: Explanation, answer: Answer, side: int) -> Said:
    names, own = list(answer.probabilities), found.attention.get(answer.name)
    colours = style.class_colours(names)
    return Said(
        name=shown_name(answer.name),
        said=f"{answer.expression} {style.percent(answer.confidence)}",
        about=answer.about,
        reason=reason(answer),
        evidence=Picture(
            gallery.thumbnail(overlay(found.crop, answer.places, side), side),
            f"nothing for {answer.about}" if answer.is_dark else f"for {answer.about}",
        ),
        bars=tuple(
            Bar(name, answer.probabilities[name], colour, name == answer.expression)
            for name, colour in zip(names, colours, strict=True)
        ),
        differs=answer.expression != found.decision.expression,
        attention=None if own is None else _attention(found, own, ""),
    )


def _attention(found: Explanation, places: np.ndarray, name: str) -> Picture:
    shown = overlay(found.crop, stretched(places), _SMALL)
    caption = " ".join(filter(None, ("attention", name, spread(places))))
    return Picture(gallery.thumbnail(shown, _SMALL), caption)


def _scale() -> list[str]:
    """Colours of the strip from no evidence to the most, for a CSS gradient."""
    values = np.linspace(0, 1, 6, dtype=np.float32)
    mixed = values[:, None] * heat_colours(values) + (1 - values[:, None]) * 150
    return [f"rgb({r:.0f} {g:.0f} {b:.0f})" for r, g, b in mixed]
