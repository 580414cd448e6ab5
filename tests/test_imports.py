"""The public names exist, and nothing but the one who asks for an optional package suffers without it."""

import ast
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import ferda

OPTIONAL = "mtcnn lz4 tensorboard tensorboardX wandb mlflow skimage hypothesis onnxruntime ray optuna"
OPTIONAL += " fastapi starlette uvicorn python_multipart prometheus_client"
MODULES = [
    module.name for module in pkgutil.walk_packages(ferda.__path__, "ferda.") if "__main__" not in module.name
]
IMPORT_ALL = """
import importlib, sys
for name in {optional!r}.split():
    sys.modules[name] = None
for name in {modules!r}:
    importlib.import_module(name)
"""


def test_every_file_imports_without_the_optional_packages() -> None:
    source = IMPORT_ALL.format(optional=OPTIONAL, modules=MODULES)
    done = subprocess.run([sys.executable, "-c", source], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ferda.__all__)
def test_public_names_exist(name: str) -> None:
    assert getattr(ferda, name) is not None and name in dir(ferda)


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(ferda.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name: node.module for node in block.body for alias in node.names}
    assert seen == ferda._HOMES and sorted(seen) == sorted(ferda.__all__)


def test_a_wrong_name_says_which_there_are() -> None:
    with pytest.raises(AttributeError, match="list_methods"):
        _ = ferda.methodz


def test_the_version_is_that_of_the_package() -> None:
    from importlib.metadata import version

    assert ferda.__version__ == version("ferda")
