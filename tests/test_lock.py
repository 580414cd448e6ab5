"""The lock names versions, and no address from where they came."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", name)[0]).lower()


def locked(project: Path) -> set[str]:
    lines = (project / "requirements.lock").read_text().splitlines()
    return {normal(line) for line in lines if line and not line.startswith((" ", "#"))}


def test_no_address(project: Path) -> None:
    text = (project / "requirements.lock").read_text()
    assert "://" not in text and "--index" not in text and "--find-links" not in text


def test_everything_is_pinned(project: Path) -> None:
    lines = (project / "requirements.lock").read_text().splitlines()
    assert lines and all("==" in line for line in lines)


def test_every_dependency_is_there(project: Path) -> None:
    about = tomllib.loads((project / "pyproject.toml").read_text())
    wanted = [*about["project"]["dependencies"], *about["dependency-groups"]["dev"]]
    assert {normal(name) for name in wanted} <= locked(project)


def test_uv_lock_stays_out(project: Path) -> None:
    assert "uv.lock" in (project / ".gitignore").read_text().split()
