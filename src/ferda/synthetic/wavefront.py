"""Read a user's own checkout of ICT-FaceKit: a folder of Wavefront OBJ files that share one mesh.

`generic_neutral_mesh.obj` holds the mesh at rest with its polygons and materials; `identity000.obj` and so
on, and one file per expression (`jawOpen.obj`), hold the same vertices moved; `vertex_indices.json` says
which vertices are the 68 landmarks.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ferda.errors import UserError
from ferda.synthetic.geometry import FaceGeometry

NEUTRAL = "generic_neutral_mesh.obj"
INDICES = "vertex_indices.json"
_IDENTITY = re.compile(r"identity\d+\.obj")
#: Movements below this length (in units of the mesh) are rounding of the text files.
_STILL = 1e-4


def read_checkout(folder: Path, *, identities: int = 20) -> FaceGeometry:
    """Read the folder `FaceXModel` of ICT-FaceKit, or a checkout that contains it.

    Args:
        folder: Where `generic_neutral_mesh.obj` lies, or one level above.
        identities: How many identity modes to keep; they are ordered by how much they change a face.

    Raises:
        UserError: If a needed file is missing, or a file does not have the vertices of the neutral mesh.
    """
    folder = folder / "FaceXModel" if (folder / "FaceXModel").is_dir() else folder
    for name in (NEUTRAL, INDICES):
        if not (folder / name).is_file():
            raise UserError(f"{folder} has no {name}; give the folder FaceXModel of ICT-FaceKit.")
    neutral = read_vertices(folder / NEUTRAL)
    triangles, material, names = read_polygons(folder / NEUTRAL)
    moved = sorted(path for path in folder.glob("*.obj") if path.name != NEUTRAL)
    modes = [path for path in moved if _IDENTITY.fullmatch(path.name)][:identities]
    shapes = [path for path in moved if not _IDENTITY.fullmatch(path.name)]
    vertex: list[NDArray[np.int64]] = []
    delta: list[NDArray[np.float32]] = []
    for path in shapes:
        difference = _difference(path, neutral)
        rows = np.flatnonzero(np.abs(difference).max(1) > _STILL)
        vertex.append(rows)
        delta.append(difference[rows])
    identity = [_difference(path, neutral) for path in modes]
    empty = np.zeros((0, len(neutral), 3), dtype=np.float32)
    return FaceGeometry(
        neutral=neutral,
        triangles=triangles,
        material=material,
        material_names=names,
        expression_names=tuple(path.stem for path in shapes),
        expression_offset=np.cumsum([0, *(len(rows) for rows in vertex)]),
        expression_vertex=np.concatenate([np.zeros(0, dtype=np.int64), *vertex]),
        expression_delta=np.concatenate([np.zeros((0, 3), dtype=np.float32), *delta]),
        identity_delta=np.stack(identity) if identity else empty,
        landmark68=_read_landmarks(folder / INDICES),
    )


def read_vertices(path: Path) -> NDArray[np.float32]:
    """Return the `v` lines of an OBJ file as (V, 3).

    Args:
        path: The OBJ file.
    """
    with path.open(encoding="utf-8", errors="replace") as lines:
        rows = [line.split()[1:4] for line in lines if line.startswith("v ")]
    try:
        vertices = np.array(rows, dtype=np.float32)
    except ValueError as error:
        raise UserError(
            f"{path} has a vertex line that is not three numbers; fetch the file again."
        ) from error
    if vertices.ndim != 2 or vertices.shape[1] != 3:
        raise UserError(f"{path} has no vertices; fetch the file again.")
    return vertices


def read_polygons(path: Path) -> tuple[NDArray[np.int64], NDArray[np.uint8], tuple[str, ...]]:
    """Return triangles (T, 3), their material (T,) and the names of the materials; polygons become fans.

    Args:
        path: The OBJ file with `f` and `usemtl` lines.
    """
    triangles: list[tuple[int, int, int]] = []
    material: list[int] = []
    names: list[str] = []
    current = "none"
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith("usemtl "):
                current = line.split(maxsplit=1)[1].strip()
            elif line.startswith("f "):
                if current not in names:
                    names.append(current)
                corners = [int(word.split("/")[0]) - 1 for word in line.split()[1:]]
                fan = [(corners[0], *corners[k : k + 2]) for k in range(1, len(corners) - 1)]
                triangles += [(a, b, c) for a, b, c in fan]
                material += [names.index(current)] * len(fan)
    if not triangles:
        raise UserError(f"{path} has no polygons; fetch the file again.")
    return np.array(triangles, dtype=np.int64), np.array(material, dtype=np.uint8), tuple(names)


def _difference(path: Path, neutral: NDArray[np.float32]) -> NDArray[np.float32]:
    vertices = read_vertices(path)
    if vertices.shape != neutral.shape:
        raise UserError(
            f"{path} has {len(vertices)} vertices, the neutral mesh has {len(neutral)}; fetch both again."
        )
    return vertices - neutral


def _read_landmarks(path: Path) -> NDArray[np.int64]:
    try:
        return np.array(json.loads(path.read_text(encoding="utf-8"))["idx_to_landmark_verts"], dtype=np.int64)
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} has no list idx_to_landmark_verts; fetch the file again.") from error
