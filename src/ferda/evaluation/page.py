"""One self-contained page from a template of this package, written whole or not at all."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ferda.errors import UserError
from ferda.evaluation.style import percent
from ferda.files import replacing

_TEMPLATES = Path(__file__).parent / "templates"


def write_page(path: Path, template: str, **values: Any) -> Path:
    """Fill a template and write the page.

    Args:
        path: The file; its folder is made.
        template: Name in the folder `templates`.
        **values: What the template shows; all text of them is escaped. `made` says when, by itself.

    Raises:
        UserError: If the page cannot be written.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = percent
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    write_text(path, environment.get_template(template).render(made=made, **values))
    return path


def write_text(path: Path, text: str) -> None:
    """Write a text file into a folder that may not exist yet.

    Args:
        path: The file.
        text: Its content.

    Raises:
        UserError: If it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"Cannot write the report {path}: {error.strerror or error}.") from error
