"""Looking something up must not cost what training costs."""

import subprocess
import sys

import pytest

HEAVY = "torch torchvision timm lightning pandas numpy cv2 sklearn matplotlib tensorboard"
LOOK = """
import runpy, sys
sys.argv = ["ferda", *{words!r}]
try:
    runpy.run_module("ferda", run_name="__main__")
except SystemExit as end:
    assert not end.code, end.code
print("LOADED", *sorted(set({heavy!r}.split()) & set(sys.modules)))
"""


@pytest.mark.parametrize("words", ["--help", "fit --help", "--version", "methods", "methods --json"])
def test_light(words: str) -> None:
    source = LOOK.format(words=words.split(), heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].split() == ["LOADED"]


def test_importing_the_package_is_light() -> None:
    source = f"import ferda, sys; print(*sorted(set({HEAVY!r}.split()) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
