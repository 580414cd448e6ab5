"""The parts a report is laid out from: sections with tables, figures and faces. All text, no markup."""

from __future__ import annotations

from dataclasses import dataclass, field

from ferda.evaluation.gallery import ChangedFace, Example, ExplainedFace, WrongFace


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes:
        text: What stands in it.
        small: A second, smaller line, for instance an interval.
        tone: `oracle`, `good`, `quiet` or nothing.
    """

    text: str
    small: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Table:
    """A table; the first column names the row.

    Attributes:
        columns: Headings.
        rows: Cells of each row.
        stacks: On a phone each row becomes a card; for tables with many columns and few rows.
        oracle: Positions of the columns that the target's labels had a part in.
        caption: Below it.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    stacks: bool = False
    oracle: tuple[int, ...] = ()
    caption: str = ""


@dataclass(frozen=True)
class Drawing:
    """A figure.

    Attributes:
        svg: Made by `ferda.evaluation.style.svg`, the only markup of the report that is not escaped.
        title: Above it.
        caption: Below it.
    """

    svg: str
    title: str = ""
    caption: str = ""


@dataclass(frozen=True)
class Section:
    """A section of the report.

    Attributes:
        anchor: Name in the address.
        short: In the row of links at the top.
        title: Heading.
        lead: First sentences: what one sees here.
        tables: Tables.
        drawings: Figures, two beside each other where there is room.
        faces: Pictures with captions.
        explained: Pictures with the places that answers came from.
        examples: Pictures with nothing but their label.
        changed: Pictures that two models answer differently.
        facts: Pairs of a word and what there is to say.
        texts: Long texts that open on demand, by their title.
    """

    anchor: str
    short: str
    title: str
    lead: str = ""
    tables: tuple[Table, ...] = ()
    drawings: tuple[Drawing, ...] = ()
    faces: tuple[WrongFace, ...] = ()
    explained: tuple[ExplainedFace, ...] = ()
    examples: tuple[Example, ...] = ()
    changed: tuple[ChangedFace, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    texts: dict[str, str] = field(default_factory=dict)

    @property
    def is_narrow(self) -> bool:
        """Whether it is one figure and a few words, so that two such sections go side by side."""
        return len(self.drawings) == 1 and not (
            self.tables or self.faces or self.explained or self.facts or self.texts
        )
