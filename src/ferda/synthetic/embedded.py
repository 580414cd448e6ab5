"""The domains that come with the package, ready to use without drawing anything."""

from __future__ import annotations

from pathlib import Path

from ferda.errors import UserError, nearest

_FOLDER = Path(__file__).parent / "pack"
_NAMES = ("studio", "street", "cctv")


def embedded_domains() -> tuple[str, ...]:
    """Return the names of the embedded domains, the usual source first."""
    return _NAMES


def embedded_files(name: str) -> tuple[Path, Path]:
    """Return the zip of pictures and the CSV table of an embedded domain.

    Args:
        name: One of `embedded_domains()`.

    Raises:
        UserError: If there is no such domain, or this installation lacks its files.
    """
    if name not in _NAMES:
        raise UserError(
            f"'{name}' is not an embedded domain{nearest(name, _NAMES)}. Known: {', '.join(_NAMES)}."
        )
    images, table = _FOLDER / f"{name}.zip", _FOLDER / f"{name}.csv"
    for path in (images, table):
        if not path.is_file():
            raise UserError(f"This installation lacks {path}; install ferda again.")
    return images, table


def embedded_points68(name: str) -> Path:
    """Return the `.npy` with the 68 points (N, 68, 2) of an embedded domain, rows as in its table.

    Args:
        name: One of `embedded_domains()`.
    """
    images, _ = embedded_files(name)
    return images.with_name(f"{name}_points68.npy")
