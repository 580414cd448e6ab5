"""Every method with a tiny network, as the contract of methods makes them."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

from ferda.methods.base import Method


@pytest.fixture(scope="session")
def tiny_method() -> Callable[[str], Method]:
    """A function: name of a method -> one of three classes and two sources, for pictures of 48 pixels."""
    # one list of tiny settings for all tests: a method that is not in it is made by the general ones
    return runpy.run_path(str(Path(__file__).parents[1] / "methods" / "test_contract.py"))["make"]
