"""CSV files that grow by a row at a time, survive a kill, and can be cut back to where a run resumes."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ferda.files import replacing


class GrowingTable:
    """A CSV file to which rows are appended; a new column rewrites the file once.

    Args:
        path: The file; made when the first row comes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[dict[str, str]] = []
        self.columns: list[str] = []
        if path.is_file():
            with path.open(newline="", encoding="utf-8") as file:
                reader = csv.DictReader(file)
                # a kill can leave half a line at the end; it belongs to a step that will be done again
                self.rows = [row for row in reader if None not in row.values()]
                self.columns = list(reader.fieldnames or [])

    def append(self, row: Mapping[str, Any]) -> None:
        """Write a row, at once on disk.

        Args:
            row: Values by column; floats are written so that they read back exactly.
        """
        text = {key: repr(value) if isinstance(value, float) else str(value) for key, value in row.items()}
        self.rows.append(text)
        new = [key for key in text if key not in self.columns]
        if new:
            self.columns += new
            self._rewrite()
        else:
            with self.path.open("a", newline="", encoding="utf-8") as file:
                csv.DictWriter(file, self.columns, restval="").writerow(text)

    def keep(self, wanted: Callable[[dict[str, str]], bool]) -> None:
        """Drop all other rows, on disk too.

        Args:
            wanted: Says whether a row stays.
        """
        self.rows = [row for row in self.rows if wanted(row)]
        if self.columns:
            self._rewrite()

    def _rewrite(self) -> None:
        with replacing(self.path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self.columns, restval="")
            writer.writeheader()
            writer.writerows(self.rows)
