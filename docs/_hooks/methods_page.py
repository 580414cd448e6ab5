"""Fills pages from the code, so that nothing about a method or a verb is typed twice.

mkdocs calls `on_page_markdown` for each page; `make docs` runs this file for the README's table.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ferda.cli.describe import Description, describe, method_titles


def on_page_markdown(markdown: str, **page: Any) -> str:
    """Called by mkdocs for every page."""
    del page
    if "<!-- methods -->" in markdown:
        markdown = markdown.replace("<!-- methods -->", methods_page())
    if "<!-- verbs -->" in markdown:
        markdown = markdown.replace("<!-- verbs -->", verbs_page())
    return markdown


def methods_page() -> str:
    """A table of all methods, then each with its idea, needs and settings."""
    return "\n".join(
        [methods_table("[`{0}`](#{0})"), "", *(_section(describe(name)) for name in method_titles())]
    )


def methods_table(name: str) -> str:
    """All methods with a sentence for each.

    Args:
        name: How the first cell shows a method's name.
    """
    rows = [f"| {name.format(method)} | {title} |" for method, title in method_titles().items()]
    return "\n".join(["| method | idea |", "|---|---|", *rows])


def with_methods(readme: str) -> str:
    """Return the README with the table of methods as the code has it.

    Args:
        readme: The text as it is.
    """
    table = f"\\1\n{methods_table('`{0}`')}\n\\2"
    return re.sub(r"(<!-- methods: begin.*?-->).*?(<!-- methods: end -->)", table, readme, flags=re.DOTALL)


def verbs_page() -> str:
    """What `--help` says about every verb."""
    from typer.main import get_command

    command: Any = get_command(__import__("ferda.cli.main", fromlist=["app"]).app)
    parts = []
    for name, verb in command.commands.items():
        rows = [_option(parameter) for parameter in verb.params]
        parts += [f"## ferda {name} {{ #{name} }}", "", verb.help, "", "| | |", "|---|---|", *rows, ""]
    return "\n".join(parts)


def _option(parameter: Any) -> str:
    is_argument = not parameter.opts[0].startswith("-")
    name = parameter.name.upper() if is_argument else ", ".join(parameter.opts)
    return f"| `{name}` | {getattr(parameter, 'help', '') or ''} |"


def _section(found: Description) -> str:
    lines = [f"## {found.name} {{ #{found.name} }}", "", found.title, "", found.text, ""]
    lines += [f"Needs {', '.join(found.needs)}. Stages: {', '.join(found.stages)}.", ""]
    if found.settings:
        lines += ["| setting | default | meaning |", "|---|---|---|"]
        lines += [f"| `{each.name}` | `{each.default}` | {each.meaning} |" for each in found.settings]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    page = Path(__file__).parents[2] / "README.md"
    page.write_text(with_methods(page.read_text(encoding="utf-8")), encoding="utf-8")
