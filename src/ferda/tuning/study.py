"""Optuna's study of a search: where it is kept, what draws its trials, and what ends them early."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from ferda.errors import UserError
from ferda.tuning.search import Search

if TYPE_CHECKING:
    from optuna.study import Study

#: Trials that are drawn by chance before the others are drawn from what they showed.
_BY_CHANCE = 10


def open_study(search: Search, out: Path, storage: str | None = None, worker: int = 0) -> Study:
    """Open the study of a search, or begin it with the recipe as it is, if the space holds that.

    Args:
        search: What is searched.
        out: Folder of the search, which keeps the study if `storage` is None.
        storage: Address of a data base, for machines that share no folder.
        worker: Number of the process: each draws trials of its own.

    Raises:
        UserError: If Optuna is missing, or the data base cannot be opened.
    """
    try:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend
    except ModuleNotFoundError as error:
        raise UserError("A search needs Optuna: pip install 'ferda[tune]'.") from error

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.create_study(
            storage=storage or JournalStorage(JournalFileBackend(str(out / "study.log"))),
            study_name=search.name,
            direction="maximize",
            load_if_exists=True,
        )
    except Exception as error:  # each data base has errors of its own
        if storage is None:
            raise
        # the address may hold a password, and so may their message
        raise UserError(f"--storage: the data base cannot be opened ({type(error).__name__}).") from error
    begun = len(study.get_trials(deepcopy=False))
    # the state of a sampler is not kept: who goes on with the same seed would draw the same trials again
    seed = zlib.crc32(repr((search.recipe.training.seed, worker, begun)).encode())
    study.sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=_BY_CHANCE)
    own = search.space.own_values(search.recipe)
    if not begun and own is not None:
        study.enqueue_trial(own, skip_if_exists=True)
    return study
