from pathlib import Path

import pytest

from ferda.cli.describe import describe, method_titles
from ferda.errors import UserError
from ferda.methods import list_methods

OWN = '''"""Guess at random, in a title
of two lines.

The loss is `0`.
"""

from pydantic import Field

from ferda.methods.base import Method, MethodConfig, Needs


class Config(MethodConfig):
    """Settings.

    Attributes:
        rate: How often,
            in words.
        width: Features.
    """

    rate: float = 0.5
    width: int = Field(default=3)


class Guess(Method):
    """Guess."""

    Config = Config
    needs = Needs(target=False)
'''


def test_a_file_describes_itself(tmp_path: Path) -> None:
    file = tmp_path / "guess.py"
    file.write_text(OWN)
    found = describe(str(file))
    assert found.title == "Guess at random, in a title of two lines."
    assert found.text == "The loss is `0`."
    assert found.needs == ("labelled sources",) and found.stages == ("adapt",)
    assert [(each.name, each.kind, each.default, each.meaning) for each in found.settings] == [
        ("rate", "float", 0.5, "How often, in words."),
        ("width", "int", 3, "Features."),
    ]


def test_every_method_has_a_title() -> None:
    titles = method_titles()
    assert sorted(titles) == list_methods() and all(titles.values())


@pytest.mark.parametrize("name", list_methods())
def test_every_setting_of_every_method_is_explained(name: str) -> None:
    found = describe(name)
    assert found.text, "the idea, the formula and the paper"
    assert not [each.name for each in found.settings if not each.meaning]


def test_an_unknown_method_is_the_users_mistake() -> None:
    with pytest.raises(UserError, match="no method 'nope'"):
        describe("nope")
