"""The documentation builds, without the network, and holds every method and every verb."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ferda.data.datasets import list_datasets
from ferda.methods import list_methods


@pytest.mark.slow
def test_the_site_builds_strictly(project: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    methods = (tmp_path / "methods.html").read_text()
    assert all(f'id="{name}"' in methods for name in list_methods())
    datasets = (tmp_path / "datasets.html").read_text()
    assert all(f'id="{name}"' in datasets for name in list_datasets())
    assert 'id="fit"' in (tmp_path / "cli.html").read_text()
    assert "<!-- " not in (tmp_path / "methods.html").read_text().split("<body", 1)[1]
    for page in tmp_path.glob("*.html"):
        assert "fonts.googleapis" not in page.read_text(), f"{page.name} asks the network for a font"
