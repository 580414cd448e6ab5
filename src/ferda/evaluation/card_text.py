"""Sections of a page as Markdown: headings, sentences, tables and lists; figures and faces are left out."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ferda.evaluation.blocks import Section, Table


def markdown(title: str, said: str, sections: Sequence[Section]) -> str:
    """Return a page as Markdown.

    Args:
        title: Heading.
        said: First sentence.
        sections: In their order.
    """
    blocks = [f"# {_plain(title)}", _plain(said)]
    for section in sections:
        blocks.append(f"## {_plain(section.title)}")
        blocks += [_plain(section.lead)] if section.lead else []
        blocks += [_table(table) for table in section.tables]
        if section.facts:
            blocks.append("\n".join(f"- {_plain(word)}: {_plain(text)}" for word, text in section.facts))
    return "\n\n".join(blocks) + "\n"


def _table(table: Table) -> str:
    rows = [table.columns, *([cell.text for cell in row] for row in table.rows)]
    lines = ["| " + " | ".join(map(_plain, row)) + " |" for row in rows]
    return "\n".join([lines[0], "|---" + "|---:" * (len(table.columns) - 1) + "|", *lines[1:]])


def _plain(text: str) -> str:
    """Keep words from outside from becoming markup, also in HTML, and on one line."""
    return re.sub(r"([\\`*\[\]<>|#])", r"\\\1", " ".join(text.split()))
