"""Keeps the few checkpoints that could still be chosen.

The choice is the epoch with the best validator among those whose source accuracy is not far below the best
epoch's. A later epoch can raise that bar and throw out the epoch that was ahead, so more than one set of
weights must be kept: those that no other epoch beats in both numbers. All others can never be chosen. A
validator that compares epochs may change every score with every further epoch; then all weights are kept.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from ferda.files import replacing
from ferda.selection import comparison
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
        self.remembered: dict[str, list[NDArray[Any]]] = {}
        self.keeps_all = False

    def compare(self, remembered: Mapping[str, NDArray[Any]]) -> dict[str, list[float]]:
        """Return the scores that validators which compare epochs now give to all of them, by name.

        Args:
            remembered: What each of them keeps of the epoch that is to be offered next.
        """
        for name, kept in remembered.items():
            self.remembered.setdefault(name, []).append(kept)
        return {name: comparison(name).compare(self.remembered[name]) for name in remembered}

    def offer(
        self,
        score: float,
        accuracy: float,
        write: Callable[[Path], None],
        *,
        earlier: Sequence[float] | None = None,
    ) -> int:
        """Take an epoch's checkpoint in, and return the epoch (from 0) that is chosen now.

        Args:
            score: The validator, higher is better.
            accuracy: Accuracy on the source's held-out rows.
            write: Writes the weights to a path.
            earlier: New scores of all earlier epochs, if the validator compares epochs.
        """
        self.keeps_all = earlier is not None
        self.scores = [*(self.scores if earlier is None else earlier), score]
        self.accuracies.append(accuracy)
        self.folder.mkdir(parents=True, exist_ok=True)
        epoch = len(self.scores) - 1
        if not self._is_beaten(epoch):
            write(self._file(epoch))
        for before in range(epoch):
            if self._is_beaten(before):
                self._file(before).unlink(missing_ok=True)
        best = choose(self.scores, self.accuracies, self.tolerance)
        with replacing(self.chosen) as temporary:
            shutil.copyfile(self._file(best), temporary)
        return best

    def close(self) -> None:
        """Remove the kept weights; the chosen file stays."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` needs."""
        remembered = {name: [torch.from_numpy(one) for one in kept] for name, kept in self.remembered.items()}
        return {"scores": list(self.scores), "accuracies": list(self.accuracies), "remembered": remembered}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with saved numbers; weights of epochs that came after them are written again.

        Args:
            state: From `state_dict`.
        """
        self.scores = list(state["scores"])
        self.accuracies = list(state["accuracies"])
        # a state that was saved before there were such validators has none
        remembered = state.get("remembered", {})
        self.remembered = {name: [one.numpy() for one in kept] for name, kept in remembered.items()}

    def _file(self, epoch: int) -> Path:
        return self.folder / f"{epoch:04d}.safetensors"

    def _is_beaten(self, epoch: int) -> bool:
        if self.keeps_all:
            return False
        mine = (self.scores[epoch], self.accuracies[epoch])
        for other, pair in enumerate(zip(self.scores, self.accuracies, strict=True)):
            as_good = pair[0] >= mine[0] and pair[1] >= mine[1]
            if other != epoch and as_good and (pair != mine or other < epoch):
                return True
        return False
