"""Every method that ferda can train. The folder is the registry: one file, one method."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ferda.errors import UserError, nearest

if TYPE_CHECKING:
    from pydantic import ValidationError

    from ferda.methods.base import Method

#: Files of this folder that methods are built on, and that are none themselves.
_SHARED = ("base", "classifier", "global_local", "last_map", "source_free", "two_heads")


def list_methods() -> list[str]:
    """Names of all built-in methods, sorted."""
    found = pkgutil.iter_modules([str(Path(__file__).parent)])
    return sorted(module.name for module in found if module.name not in _SHARED)


def method_class(name: str) -> type[Method]:
    """Return the method of a name, or of a user's own Python file.

    Args:
        name: A built-in name such as `dann`, or a path that ends in `.py`.

    Raises:
        UserError: If there is no such method, or the file does not define exactly one.
    """
    # here, so that listing the methods does not cost an import of torch
    from ferda.methods.base import Method

    if name.endswith(".py"):
        module = _module_of_file(Path(name))
    elif name in list_methods():
        module = importlib.import_module(f"{__name__}.{name}")
    else:
        raise UserError(
            f"There is no method '{name}'{nearest(name, list_methods())}. "
            "'ferda methods' lists them; a file of your own ends in .py."
        )
    own = [
        member
        for _, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, Method) and member.__module__ == module.__name__
    ]
    if len(own) != 1:
        raise UserError(f"{name} must define exactly one subclass of ferda.Method, found {len(own)}.")
    return own[0]


def create_method(name: str, classes: int, sources: int = 1, **settings: Any) -> Method:
    """Return an untrained method; it is an ordinary `nn.Module`.

    Args:
        name: As `method_class` takes it.
        classes: Number of classes `C`.
        sources: Number of source domains.
        **settings: Fields of the method's `Config`.

    Raises:
        UserError: If there is no such method, or a setting is not as it must be.
    """
    from pydantic import ValidationError

    kind = method_class(name)
    try:
        config = kind.Config(**settings)
    except ValidationError as error:
        raise wrong_settings(name, error) from error
    return kind(config, classes, sources)


def wrong_settings(name: str, error: ValidationError) -> UserError:
    """Return what to tell the user about settings that a method's `Config` does not take.

    Args:
        name: Of the method.
        error: What `Config` found.
    """
    found = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
    return UserError(f"The settings of {name} are not right: {found}. 'ferda show {name}' lists them.")


def _module_of_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise UserError(f"There is no method file {path}.")
    spec = importlib.util.spec_from_file_location(f"ferda_user_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
