"""Train the starter model, the weights that come with the package, and write its model card.

    python pretrain/train.py --data FOLDER --out runs/starter

FOLDER holds `fer2013_dev` and `mux_lfw_dev`, each a table and a zip (see benchmarks/README.md). Learned are
the rows of FER2013's official Training part with at least six FER+ votes for the seven classes, the votes as
soft labels; a twelfth of them is held out to choose the epoch and to calibrate. Measured, and never learned
from, are FER2013's PublicTest rows on which the owner's label and the majority of FER+ agree, and all of LFW:
other pictures, other people, other raters. Pictures stay where they are; only weights and numbers come out.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import card
import numpy as np
import pandas as pd
import yaml

if TYPE_CHECKING:
    from ferda.evaluation.evaluation import Evaluation

HERE = Path(__file__).parent
WEIGHTS = HERE.parent / "src" / "ferda" / "weights"
FIVE = ("surprise", "happiness", "sadness", "anger", "neutral")


def main() -> None:
    """Prepare what is missing, train or go on, measure, and lay the weights into the package."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("runs/starter"))
    wanted = parser.parse_args()
    if not (wanted.data / "fer2013_dev.csv").is_file():
        sys.exit(f"{wanted.data} holds no fer2013_dev.csv; name the folder of the real packs with --data.")

    from ferda.engine.fit import fit
    from ferda.engine.recipe import parse_recipe

    packs = {name: prepared(wanted.data, wanted.out / name, name) for name in ("fer2013", "lfw")}
    recipe: dict[str, Any] = yaml.safe_load((HERE / "recipe.yaml").read_text(encoding="utf-8"))
    recipe["data"]["sources"] = [str(packs["fer2013"])]
    begun = (wanted.out / "run").is_dir()
    run = fit(parse_recipe(recipe), wanted.out / "run", resume=begun)
    found = measured(run.folder, packs)
    WEIGHTS.mkdir(exist_ok=True)
    publish(run.folder, WEIGHTS / "starter.safetensors")
    (WEIGHTS / "starter.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    card.main()


def prepared(data: Path, pack: Path, name: str) -> Path:
    """Return the pack of a data set, aligned as FER2013's average face, with the splits of this model."""
    from ferda.data.manifest import write_manifest
    from ferda.data.pack import is_pack
    from ferda.data.prepare import prepare
    from ferda.data.readers import read_any
    from ferda.faces.crops import CropRule

    table = {"fer2013": "fer2013_dev", "lfw": "mux_lfw_dev"}[name]
    if not is_pack(pack):
        prepare(read_any(data / f"{table}.csv"), pack, CropRule(kind="fer2013", size=48), name=name)
    manifest = pd.read_parquet(pack / "manifest.parquet")
    if name == "fer2013":
        held = np.random.default_rng(0).random(len(manifest)) < 1 / 12
        is_clean = manifest["expression"] == manifest["ferplus_label"]
        official = pd.read_csv(data / f"{table}.csv").set_index("file")["usage"].eq("Training")
        is_taught = manifest["file"].map(official).to_numpy(bool)
        parts = {"val": held & is_taught, "train": is_taught, "test": is_clean & ~is_taught}
        manifest["split"] = np.select(list(parts.values()), list(parts), None)
    else:
        manifest["split"] = "test"
    write_manifest(manifest, pack / "manifest.parquet")
    return pack


def measured(run: Path, packs: dict[str, Path]) -> dict[str, Any]:
    """Return what the model card says: every number on faces that were not learned from."""
    import ferda
    from ferda.engine.checkpoint import load_method

    model = load_method(run)
    scored = {
        "FER2013, PublicTest": (packs["fer2013"], None),
        "LFW": (packs["lfw"], FIVE),
    }
    found: dict[str, Any] = {
        "ferda": ferda.__version__,
        "classes": list(model.classes),
        "temperature": model.temperature,
        "epoch": model.metadata["epoch"],
        "measured": {},
    }
    for name, (pack, classes) in scored.items():
        domain = ferda.open_domain(f"{pack}@test", model.classes)
        found["measured"][name] = facts(ferda.evaluate(model, domain, classes_scored=classes))
    return found


def publish(run: Path, file: Path) -> None:
    """Write the weights without the names of this machine's folders."""
    from ferda.engine.checkpoint import load_method, save_weights

    model = load_method(run)
    about = model.metadata
    recipe = about["recipe"] | {"data": about["recipe"]["data"] | {"sources": ["fer2013"]}}
    save_weights(
        file,
        model.method,
        name=about["method"],
        settings=about["settings"],
        classes=model.classes,
        preprocessing=model.preprocessing,
        recipe=recipe,
        **{name: about[name] for name in ("epoch", "selected_by", "scores", "stage", "temperature")},
    )


def facts(evaluation: Evaluation) -> dict[str, Any]:
    """Return the numbers of one data set."""
    scores = evaluation.scores
    return {
        "faces": scores.faces,
        "macro_recall": round(scores.macro_recall, 4),
        "macro_f1": round(scores.macro_f1, 4),
        "accuracy": round(scores.accuracy, 4),
        "calibration_error": round(scores.ece, 4),
        "recall": {one.name: round(one.recall, 4) for one in scores.per_class if one.recall is not None},
    }


if __name__ == "__main__":
    main()
