"""`ferda methods`: what can be trained."""

from __future__ import annotations

from ferda.cli.describe import method_titles
from ferda.cli.screen import AsJson, show_json, show_table


def methods(as_json: AsJson = False) -> None:
    """List the methods that can be trained, with a sentence for each."""
    titles = method_titles()
    if as_json:
        show_json([{"method": name, "title": title} for name, title in titles.items()])
    else:
        show_table(("method", "idea"), titles.items())
