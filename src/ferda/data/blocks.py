"""The record of an interrupted `ferda prepare`: which blocks of rows are done, and what was learned of them.

The pictures themselves are in `images.npy` of the hidden folder; a block's record is written after them, by
one rename, so a block on record is a block whose pictures are on the disk.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

from ferda.data.cropping import Cropped
from ferda.data.pack_writer import make_folder
from ferda.files import replacing

_ARRAYS = ("landmarks", "boxes", "points", "measures")
_TEXTS = ("notes", "sha256", "reasons")


class Blocks:
    """Records of finished blocks in a hidden folder.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._done = {int(path.stem.split("-")[1]) for path in folder.glob("block-*.npz")}

    @classmethod
    def start(cls, folder: Path, key: str, resume: bool) -> Blocks:
        """Continue the records of the same run, or begin empty.

        Args:
            folder: The hidden folder.
            key: What is prepared and how; records of another key are thrown away.
            resume: Whether to continue at all.
        """
        plan = folder / "plan.json"
        try:
            is_same = resume and json.loads(plan.read_text(encoding="utf-8"))["key"] == key
        except (OSError, ValueError, KeyError, TypeError):
            is_same = False
        if not is_same:
            shutil.rmtree(folder, ignore_errors=True)
            make_folder(folder)
            with replacing(plan) as temporary:
                temporary.write_text(json.dumps({"key": key}), encoding="utf-8")
        blocks = cls(folder)
        blocks._sweep()
        return blocks

    def __contains__(self, start: int) -> bool:
        return start in self._done

    def record(self, block: Cropped) -> None:
        """Note a block whose pictures are on the disk.

        Args:
            block: As the cropper made it.
        """
        arrays = {name: getattr(block, name) for name in _ARRAYS}
        texts = json.dumps({name: getattr(block, name) for name in _TEXTS}, ensure_ascii=False)
        text = np.frombuffer(texts.encode("utf-8", "surrogateescape"), dtype=np.uint8)

        with replacing(self._path(block.start)) as temporary, temporary.open("wb") as file:
            np.savez(file, text=text, **arrays)
        self._done.add(block.start)

    def collect(self) -> Cropped:
        """Return all records as one block, in the order of the rows; it has no pictures."""
        parts: dict[str, list[np.ndarray]] = {name: [] for name in _ARRAYS}
        texts: dict[str, list[str]] = {name: [] for name in _TEXTS}
        for start in sorted(self._done):
            with np.load(self._path(start), allow_pickle=False) as record:
                for name in _ARRAYS:
                    parts[name].append(record[name])
                words = json.loads(record["text"].tobytes().decode("utf-8", "surrogateescape"))
            for name in _TEXTS:
                texts[name] += words[name]
        landmarks, boxes, points, measures = (np.concatenate(parts[name]) for name in _ARRAYS)
        no_images = np.empty((0, 0, 0, 3), dtype=np.uint8)
        return Cropped(0, no_images, landmarks, boxes, points, measures, **texts)

    def forget(self) -> None:
        """Remove the records and the plan; the plan first, so that half of the records are never resumed."""
        (self.folder / "plan.json").unlink()
        for start in self._done:
            self._path(start).unlink()
        self._done.clear()

    def _sweep(self) -> None:
        """Remove what a killed run had begun: half a record, half of the contact sheets."""
        kept = {"plan.json", "images.npy", *(self._path(start).name for start in self._done)}
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name not in kept:
                path.unlink()

    def _path(self, start: int) -> Path:
        return self.folder / f"block-{start:09d}.npz"
