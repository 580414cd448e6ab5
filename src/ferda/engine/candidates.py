"""Keeps the few checkpoints that could still be chosen.

The choice is the epoch with the best validator among those whose source accuracy is not far below the best
epoch's. A later epoch can raise that bar and throw out the epoch that was ahead, so more than one set of
weights must be kept: those that no other epoch beats in both numbers. All others can never be chosen.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from ferda.files import replacing
from ferda.selection.choose import choose


class Candidates:
    """The checkpoints of one stage that may yet be chosen.

    Args:
        folder: Where their weights are kept while the stage runs.
        chosen: File that always holds the chosen weights.
        tolerance: See `ferda.selection.choose`.
    """

    def __init__(self, folder: Path, chosen: Path, tolerance: float) -> None:
        self.folder = folder
        self.chosen = chosen
        self.tolerance = tolerance
        self.scores: list[float] = []
        self.accuracies: list[float] = []

    def offer(self, score: float, accuracy: float, write: Callable[[Path], None]) -> int:
        """Take an epoch's checkpoint in, and return the epoch (from 0) that is chosen now.

        Args:
            score: The validator, higher is better.
            accuracy: Accuracy on the source's held-out rows.
            write: Writes the weights to a path.
        """
        self.scores.append(score)
        self.accuracies.append(accuracy)
        self.folder.mkdir(parents=True, exist_ok=True)
        epoch = len(self.scores) - 1
        if not self._is_beaten(epoch):
            write(self._file(epoch))
        for earlier in range(epoch):
            if self._is_beaten(earlier):
                self._file(earlier).unlink(missing_ok=True)
        best = choose(self.scores, self.accuracies, self.tolerance)
        with replacing(self.chosen) as temporary:
            shutil.copyfile(self._file(best), temporary)
        return best

    def close(self) -> None:
        """Remove the kept weights; the chosen file stays."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def state_dict(self) -> dict[str, list[float]]:
        """What `load_state_dict` needs."""
        return {"scores": list(self.scores), "accuracies": list(self.accuracies)}

    def load_state_dict(self, state: dict[str, list[float]]) -> None:
        """Go on with saved numbers; weights of epochs that came after them are written again.

        Args:
            state: From `state_dict`.
        """
        self.scores = list(state["scores"])
        self.accuracies = list(state["accuracies"])

    def _file(self, epoch: int) -> Path:
        return self.folder / f"{epoch:04d}.safetensors"

    def _is_beaten(self, epoch: int) -> bool:
        mine = (self.scores[epoch], self.accuracies[epoch])
        for other, pair in enumerate(zip(self.scores, self.accuracies, strict=True)):
            as_good = pair[0] >= mine[0] and pair[1] >= mine[1]
            if other != epoch and as_good and (pair != mine or other < epoch):
                return True
        return False
