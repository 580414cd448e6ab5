"""The data card: one page on what a pack holds, where it is from and how it was made, in HTML or Markdown.

Pictures of people are on it only if they are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ferda.data.pack import Pack
from ferda.errors import UserError
from ferda.evaluation.blocks import Cell, Drawing, Section, Table
from ferda.evaluation.card_facts import Card, card_facts
from ferda.evaluation.card_figures import class_counts, measure_histograms
from ferda.evaluation.card_text import markdown
from ferda.evaluation.gallery import Example, thumbnail
from ferda.evaluation.page import write_page, write_text
from ferda.evaluation.style import class_colours, svg
from ferda.expressions import EXPRESSIONS

_MEANING = {
    "picture_w": "width",
    "picture_h": "height",
    "face_score": "detector",
    "face_pixels": "face side",
    "sharpness": "sharpness",
    "contrast": "contrast",
}


def write_card(pack: Pack, path: Path, *, examples: int = 0, seed: int = 0) -> Path:
    """Write the data card of a pack.

    Args:
        pack: Whose card.
        path: Ends in `.html` or `.md`.
        examples: Faces of each class to show, drawn by chance; only in HTML.
        seed: Another seed, other faces.

    Raises:
        UserError: If the ending is another, faces are to be in Markdown, or the file cannot be written.
    """
    ending = path.suffix.lower()
    if ending not in (".html", ".md"):
        raise UserError(f"A data card is an .html or an .md file, not '{path.name}'.")
    card = card_facts(pack)
    if ending == ".md":
        if examples:
            raise UserError("Faces can be shown in an .html card alone; leave --examples out.")
        write_text(path, markdown(card.title, headline(card), card_sections(card)))
        return path
    names = [name for name in (*EXPRESSIONS, "unlabelled") if name in card.counts.index]
    return write_page(
        path,
        "card.html.j2",
        title=card.title,
        said=headline(card),
        numbers=_numbers(card),
        sections=card_sections(card, pack, _examples(pack, examples, seed)),
        colours=dict(zip(names, class_colours(names), strict=True)),
    )


def card_markdown(pack: Pack) -> str:
    """Return the card as Markdown.

    Args:
        pack: Whose card.
    """
    card = card_facts(pack)
    return markdown(card.title, headline(card), card_sections(card))


def headline(card: Card) -> str:
    """Say in a sentence what a pack holds.

    Args:
        card: Its facts.
    """
    classes = int((card.counts["all"].drop("unlabelled", errors="ignore") > 0).sum())
    parts = [f"{name} {count:,}" for name, count in card.counts.sum().items() if name != "all"]
    splits = f": {', '.join(parts)}" if len(parts) > 1 else ""
    labels = f"with {classes} expressions" if classes else "without labels"
    if 0 < card.labelled < card.pictures:
        labels += f", {card.pictures - card.labelled:,} of them without a label"
    return f"{card.pictures:,} pictures {labels}{splits}."


def card_sections(card: Card, pack: Pack | None = None, faces: Sequence[Example] = ()) -> list[Section]:
    """Lay the facts out.

    Args:
        card: The facts.
        pack: Draws figures of it; None for text alone.
        faces: Pictures to show.
    """
    sections = [
        _counts_section(card, pack),
        _quality_section(card, pack),
        Section("people", "People", "Who is shown", facts=card.people),
        Section(
            "origin",
            "Origin",
            "Where it is from, and what may be done with it",
            "ferda hands out no data set; its owner's terms hold for the pack as for the pictures.",
            facts=card.origin,
        ),
        Section("made", "Preparation", "How it was made", facts=card.preparation),
        _unusable_section(card),
        _warnings_section(card),
    ]
    if faces:
        sections.append(Section("examples", "Examples", "Some faces, drawn by chance", examples=tuple(faces)))
    return sections


def _numbers(card: Card) -> list[tuple[str, str]]:
    no_face = "–" if card.no_face is None else f"{card.no_face:,}"
    people = dict(card.people)["people"]
    return [
        ("pictures", f"{card.pictures:,}"),
        ("people", "–" if people == "not known" else people),
        ("without a face", no_face),
    ]


def _counts_section(card: Card, pack: Pack | None) -> Section:
    has_splits = len(card.counts.columns) > 2
    table = card.counts if has_splits else card.counts[["all"]].rename(columns={"all": "pictures"})
    rows = tuple(
        (Cell(str(name)), *(Cell(f"{count:,}", tone="" if count else "quiet") for count in row))
        for name, row in zip(table.index, table.to_numpy().tolist(), strict=True)
    )
    drawn = (Drawing(svg(class_counts(card), "Pictures of each expression")),) if pack else ()
    columns = ("expression", *map(str, table.columns))
    return Section("counts", "Classes", "Classes and splits", tables=(Table(columns, rows),), drawings=drawn)


def _quality_section(card: Card, pack: Pack | None) -> Section:
    lead = (
        "Of the original pictures, sizes in pixels. Sharpness and contrast are those of the face at 64 x 64 "
        "pixels, the detector says how probable a face is; the page on data in the docs has the formulas."
    )
    table = card.measures
    if table.empty:
        return Section("quality", "Quality", "Size and quality", facts=card.quality)
    rows = tuple(
        (Cell(_MEANING[str(name)]), *(Cell(_short(value)) for value in row))
        for name, row in zip(table.index, table.to_numpy().tolist(), strict=True)
    )
    drawn = (Drawing(svg(measure_histograms(pack.manifest), "Face size, sharpness")),) if pack else ()
    columns = ("", *map(str, table.columns))
    return Section(
        "quality", "Quality", "Size and quality", lead, (Table(columns, rows),), drawn, facts=card.quality
    )


def _unusable_section(card: Card) -> Section:
    table = card.unusable
    title, total = "What is not in it", int(table["pictures"].sum()) if len(table) else 0
    if not total:
        return Section("unusable", "Left out", title, "Every picture could be used.")
    facts = tuple((f"{row.pictures:,} pictures", f"{row.reason} ({row.files})") for row in table.itertuples())
    lead = f"{total:,} pictures were left out; unusable.csv in the pack names them all."
    return Section("unusable", "Left out", title, lead, facts=facts)


def _warnings_section(card: Card) -> Section:
    lead = "" if card.warnings else "Nothing odd was found."
    facts = tuple((f"{number}", text) for number, text in enumerate(card.warnings, 1))
    return Section("warnings", "Warnings", "What to look at", lead, facts=facts)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2f}"


def _examples(pack: Pack, count: int, seed: int) -> list[Example]:
    random = np.random.default_rng(seed)
    label = pack.manifest["expression"].fillna("unlabelled").to_numpy()
    faces = []
    for name in (*EXPRESSIONS, "unlabelled"):
        rows = np.flatnonzero(label == name)
        chosen = np.sort(random.choice(rows, min(count, len(rows)), replace=False))
        for row, image in zip(chosen.tolist(), pack.gather(chosen), strict=True):
            faces.append(Example(thumbnail(image, 112), str(pack.manifest["file"].iloc[row]), name))
    return faces
