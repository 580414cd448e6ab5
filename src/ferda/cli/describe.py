"""What a method says about itself: its module's docstring, and its `Config`.

The file of a method is the only place where its idea, formula and defaults are written. `ferda methods`,
`ferda show` and the documentation print what they find there.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints


@dataclass(frozen=True)
class Setting:
    """One field of a method's `Config`.

    Attributes:
        name: As in a recipe.
        kind: The type, in words.
        default: None if it must be given.
        meaning: What the docstring of `Config` says, without line breaks.
    """

    name: str
    kind: str
    default: Any
    meaning: str


@dataclass(frozen=True)
class Description:
    """A method in its own words.

    Attributes:
        name: As in `ferda fit NAME`.
        title: First sentence of the module's docstring.
        text: The rest of it: idea, formula, paper, what differs from the authors.
        needs: What a training batch must hold.
        stages: Names of the training stages, in order.
        settings: Fields of its `Config`.
    """

    name: str
    title: str
    text: str
    needs: tuple[str, ...]
    stages: tuple[str, ...]
    settings: tuple[Setting, ...]


def method_titles() -> dict[str, str]:
    """First sentence of each built-in method, read from the files without importing them."""
    import ferda.methods

    folder = Path(ferda.methods.__file__).parent
    sources = {
        name: (folder / f"{name}.py").read_text(encoding="utf-8") for name in ferda.methods.list_methods()
    }
    return {name: split_docstring(source)[0] for name, source in sources.items()}


def split_docstring(source: str) -> tuple[str, str]:
    """Return title and text of a module's docstring.

    Args:
        source: Python source of the module.
    """
    title, _, text = (ast.get_docstring(ast.parse(source)) or "").partition("\n\n")
    return " ".join(title.split()), text.strip()


def describe(name: str) -> Description:
    """Describe a built-in method, or the one in a user's own file.

    Args:
        name: As in `ferda fit NAME`.

    Raises:
        UserError: If there is no such method.
    """
    import inspect

    from ferda.methods import method_class

    kind = method_class(name)
    title, text = split_docstring(Path(inspect.getfile(kind)).read_text(encoding="utf-8"))
    wanted = {
        "labelled sources": kind.needs.sources,
        "target faces": kind.needs.target,
        "a strong view of the target": kind.needs.strong,
        "five landmarks": kind.needs.landmarks,
        "a trained model to start from": kind.needs.source_model,
    }
    return Description(
        name=name,
        title=title,
        text=text,
        needs=tuple(words for words, is_wanted in wanted.items() if is_wanted),
        stages=tuple(kind.stages),
        settings=_settings(kind.Config),
    )


def _settings(config: Any) -> tuple[Setting, ...]:
    from pydantic_core import PydanticUndefined

    meanings: dict[str, str] = {}
    for kind in reversed(config.__mro__):
        meanings.update(_attributes(kind.__doc__ or ""))
    return tuple(
        Setting(
            name=name,
            kind=_words(field.annotation),
            default=None if field.default is PydanticUndefined else field.default,
            meaning=field.description or meanings.get(name, ""),
        )
        for name, field in config.model_fields.items()
    )


def options_of(read: Callable[..., Any]) -> tuple[Setting, ...]:
    """Describe what a reader can be told besides its root.

    Args:
        read: A reader.
    """
    import inspect

    meanings, hints = _attributes(read.__doc__ or "", "Args"), get_type_hints(read)
    return tuple(
        Setting(name, _words(hints[name]), parameter.default, meanings.get(name, ""))
        for name, parameter in inspect.signature(read).parameters.items()
        if name != "root"
    )


def _words(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return ", ".join(map(str, get_args(annotation)))
    text = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    return text.replace("typing.", "").replace("NoneType", "None")


def _attributes(docstring: str, heading: str = "Attributes") -> dict[str, str]:
    import inspect

    _, _, section = inspect.cleandoc(docstring).partition(f"{heading}:\n")
    meanings: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        if line and not line.startswith(" "):
            break
        if line.startswith("    ") and not line.startswith("     ") and ":" in line:
            name, _, meaning = line.strip().partition(":")
            meanings[name] = meaning.strip()
        elif name and line.strip():
            meanings[name] += " " + line.strip()
    return meanings
