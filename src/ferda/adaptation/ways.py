"""The ways of adapting: statistics of the new faces, or a training without source faces.

The default moves no weight. Batch norm normalises with the means and variances of the faces that the model
now sees, mixed with those of its training, which count as 64 faces (Li et al., Pattern Recognition 2018;
Schneider et al., NeurIPS 2020). It is what helped most often, and it cannot run away: nothing is pursued.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ferda.adaptation.target import TargetFaces
from ferda.data.loader import evaluation_batches
from ferda.data.pack import is_pack, write_pack
from ferda.engine.checkpoint import LoadedMethod
from ferda.engine.fit import fit
from ferda.errors import UserError
from ferda.files import replacing
from ferda.layers.norm_statistics import with_statistics_of
from ferda.methods import list_methods, method_class
from ferda.methods.base import Method

#: What the statistics of training count as.
SOURCE_ROWS = 64
_BATCH = 128


def check_way(model: LoadedMethod, method: str | None) -> None:
    """Raise unless a model can be adapted so, before any face is looked for.

    Args:
        model: Trained.
        method: Name of a method without source faces; None for statistics alone.

    Raises:
        UserError: If it cannot.
    """
    possible = [name for name in list_methods() if method_class(name).needs.source_model]
    if method is None and not _norms(model.method):
        raise UserError(
            f"The network of {model.path} has no batch norm whose statistics could change; name a way of "
            f"training with --method: {', '.join(possible)}."
        )
    if method is not None and method not in possible:
        raise UserError(
            f"'{method}' does not adapt a model without source faces; leave --method out, or name one of "
            f"{', '.join(possible)}."
        )


def by_statistics(model: LoadedMethod, faces: TargetFaces) -> Method:
    """Return a copy of a model that normalises as the faces want it.

    Args:
        model: Is left as it is.
        faces: Of which the seen ones are used.
    """
    # rows of a data set are often sorted by class, and batches count alike, so they are mixed and even
    order = np.random.default_rng(0).permutation(faces.seen)
    batch = -(-len(order) // -(-len(order) // _BATCH))
    shown = evaluation_batches(faces.domain, model.preprocessing, order, batch=batch)
    batches = ((batch.images, batch.landmarks) for batch in shown)
    return with_statistics_of(model.method, batches, source_rows=SOURCE_ROWS)


def by_training(model: LoadedMethod, faces: TargetFaces, name: str, folder: Path) -> LoadedMethod:
    """Train a method by its own recipe, from a model and the seen faces; go on if that was interrupted.

    Args:
        model: To start from.
        faces: Of which the seen ones are used.
        name: Of the method.
        folder: Is given up to this training; what another one left there goes.

    Raises:
        KeyboardInterrupt: After Ctrl-C, when the training was saved.
        UserError: If the method cannot start from such a model.
    """
    begun = folder / "begun"
    key = _key(model, faces, name)
    if folder.is_dir() and not (begun.is_file() and begun.read_text(encoding="utf-8") == key):
        shutil.rmtree(folder)
    if not is_pack(folder / "faces"):
        seen = faces.seen_domain()
        names = pd.DataFrame({"file": [faces.files[row] for row in faces.seen]})
        pictures = seen.gather(np.arange(len(seen)))
        write_pack(folder / "faces", pictures, names, landmarks=seen.landmarks, crop=seen.crop)
        with replacing(begun) as temporary:
            temporary.write_text(key, encoding="utf-8")
    run = fit(
        name,
        folder / "training",
        target=f"{folder / 'faces'}@all",
        start=model.path,
        resume=(folder / "training" / "recipe.yaml").is_file(),
        accelerator="cpu",
        loggers=(),
    )
    return run.load()


def _norms(method: Method) -> list[torch.nn.Module]:
    kind = torch.nn.modules.batchnorm._BatchNorm
    return [part for part in method.modules() if isinstance(part, kind) and part.running_mean is not None]


def _key(model: LoadedMethod, faces: TargetFaces, name: str) -> str:
    pictures = hashlib.sha256(faces.domain.gather(faces.seen).tobytes()).hexdigest()
    weights = hashlib.sha256(model.path.read_bytes()).hexdigest()
    return json.dumps([name, weights, pictures])
