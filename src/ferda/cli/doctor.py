"""`ferda doctor`: what this machine offers, and what is missing."""

from __future__ import annotations

import importlib.util
import os
import platform
from importlib import metadata
from typing import Any

import typer

from ferda.cli.screen import AsJson, show_json, show_table

_NEEDED = (
    "torch torchvision timm lightning torchmetrics numpy pandas pyarrow pillow opencv-python-headless "
    "scikit-learn matplotlib pydantic typer rich safetensors"
)
_OPTIONAL = {
    "mtcnn": "the weights of the face detector",
    "lz4": "reading these weights",
    "joblib": "reading these weights",
    "tensorboard": "curves while training",
    "wandb": "logging to Weights & Biases",
    "mlflow": "logging to MLflow",
    "ray": "preparing and predicting on many machines",
    "fastapi": "ferda serve",
    "uvicorn": "ferda serve",
    "python-multipart": "ferda serve",
    "prometheus-client": "ferda serve",
}


def doctor(as_json: AsJson = False) -> None:
    """Show versions, devices and folders, and say what is missing. Exit code 1 if something needed is."""
    findings = {
        "ferda": metadata.version("ferda"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
        **{name: _version(name) for name in _NEEDED.split()},
        **_compute(),
        **_files(),
        **{name: _version(name) or f"missing: {use}" for name, use in _OPTIONAL.items()},
    }
    missing = [name for name in _NEEDED.split() if findings[name] is None]
    if as_json:
        show_json({"findings": findings, "missing": missing})
    else:
        show_table(("", "found"), [(name, value or "MISSING") for name, value in findings.items()])
    if missing:
        raise typer.Exit(1)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _compute() -> dict[str, Any]:
    if importlib.util.find_spec("torch") is None:
        return {}
    import torch

    from ferda.engine.formats import choose_precision

    names = [torch.cuda.get_device_name(each) for each in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        names.append("Apple GPU (mps)")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    precision, why = choose_precision("auto", device)
    return {
        "accelerators": ", ".join(names) or "none, the CPU computes",
        "precision auto": f"{precision}: {why}",
        "threads": torch.get_num_threads(),
    }


def _files() -> dict[str, str]:
    from ferda.data.cache import cache_folder
    from ferda.errors import UserError
    from ferda.synthetic.embedded import embedded_domains, embedded_files

    try:
        for name in embedded_domains():
            embedded_files(name)
        embedded = ", ".join(f"synthetic:{name}" for name in embedded_domains())
    except UserError as missing:
        embedded = str(missing)
    return {"cache": str(cache_folder()), "embedded faces": embedded, "face detector": _detector()}


def _detector() -> str:
    from ferda.errors import UserError
    from ferda.faces.mtcnn import weight_folder

    try:
        return f"weights in {weight_folder()}"
    except UserError as missing:
        return str(missing)
