"""The head that every synthetic face starts from: one neutral mesh and the ways it can be moved.

The geometry is that of ICT-FaceKit (USC Institute for Creative Technologies, MIT licence; Li et al.,
"Learning Formation of Physically-Based Face Attributes", CVPR 2020). It does not travel with this package:
`load_geometry` reads it from your own checkout of ICT-FaceKit, or from a compact `.npz` made from one.

Axes: x to the subject's left, y up, z out of the face; one unit is about a centimetre.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ferda.errors import UserError

_ARRAYS = (
    "neutral",
    "faces",
    "material",
    "material_names",
    "expression_names",
    "expression_offset",
    "expression_vertex",
    "expression_delta",
    "identity_delta",
    "landmark68",
)


@dataclass(frozen=True)
class FaceGeometry:
    """A neutral mesh, its sparse expression shapes and its dense identity modes. The arrays are read-only.

    Attributes:
        neutral: (V, 3) float32 vertices at rest.
        triangles: (T, 3) int64 corners, counter-clockwise seen from outside.
        material: (T,) uint8 row of `material_names`.
        material_names: For instance `M_Face`, `M_Teeth`, `M_ScleraLeft`.
        expression_names: K blend shapes, for instance `mouthSmile_L`.
        expression_offset: (K+1,) where the entries of each shape begin.
        expression_vertex: (E,) vertices that are moved.
        expression_delta: (E, 3) float32 by how much at weight one.
        identity_delta: (I, V, 3) float32 modes of identity; coefficients are about N(0, 0.8).
        landmark68: (68,) vertices of the usual points.
    """

    neutral: NDArray[np.float32]
    triangles: NDArray[np.int64]
    material: NDArray[np.uint8]
    material_names: tuple[str, ...]
    expression_names: tuple[str, ...]
    expression_offset: NDArray[np.int64]
    expression_vertex: NDArray[np.int64]
    expression_delta: NDArray[np.float32]
    identity_delta: NDArray[np.float32]
    landmark68: NDArray[np.int64]

    def __post_init__(self) -> None:
        """Check that the parts fit together, then freeze the arrays."""
        vertices, shapes = len(self.neutral), len(self.expression_names)
        fits = {
            "triangles name existing vertices": self.triangles.max(initial=-1) < vertices,
            "every triangle has a material": len(self.material) == len(self.triangles),
            "materials have names": self.material.max(initial=0) < len(self.material_names),
            "expression offsets match the names": len(self.expression_offset) == shapes + 1,
            "expression entries match the offsets": self.expression_offset[-1] == len(self.expression_vertex),
            "expression vertices exist": self.expression_vertex.max(initial=-1) < vertices,
            "every expression vertex has a delta": len(self.expression_vertex) == len(self.expression_delta),
            "identity modes cover the mesh": self.identity_delta.shape[1:] == (vertices, 3),
            "there are 68 landmark vertices": self.landmark68.shape == (68,),
            "landmark vertices exist": self.landmark68.max(initial=-1) < vertices,
        }
        if broken := [rule for rule, kept in fits.items() if not kept]:
            raise UserError(f"The face geometry is damaged: it is not true that {'; '.join(broken)}.")
        for value in vars(self).values():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    def deform(self, identity: NDArray[np.floating], weights: dict[str, float]) -> NDArray[np.float32]:
        """Return the (V, 3) vertices of one person with one expression.

        Args:
            identity: Coefficients of the first modes, any number up to all of them.
            weights: Blend shape -> weight; shapes that the geometry lacks are an error.
        """
        moved = self.neutral.copy()
        count = len(identity)
        moved += np.tensordot(np.asarray(identity, dtype=np.float32), self.identity_delta[:count], axes=1)
        for name, weight in weights.items():
            if name not in self.expression_names:
                raise UserError(f"The face geometry has no expression shape '{name}'; use a complete copy.")
            shape = self.expression_names.index(name)
            entries = slice(self.expression_offset[shape], self.expression_offset[shape + 1])
            moved[self.expression_vertex[entries]] += np.float32(weight) * self.expression_delta[entries]
        return moved

    def of_material(self, *names: str) -> NDArray[np.bool_]:
        """Return which triangles (T,) have one of the materials.

        Args:
            *names: Material names; unknown ones match nothing.
        """
        wanted = [row for row, name in enumerate(self.material_names) if name in names]
        return np.isin(self.material, wanted)


def load_geometry(path: str | Path) -> FaceGeometry:
    """Read a face geometry from a compact `.npz` or from a checkout of ICT-FaceKit.

    Args:
        path: The `.npz` file, the folder `FaceXModel`, or the checkout that contains that folder.

    Raises:
        UserError: If nothing is there, or what is there is not a face geometry.
    """
    path = Path(path)
    if path.is_dir():
        from ferda.synthetic.wavefront import read_checkout

        return read_checkout(path)
    if not path.is_file():
        raise UserError(
            f"There is no face geometry at {path}; clone ICT-FaceKit and give its folder FaceXModel."
        )
    return _read_compact(path)


def _read_compact(path: Path) -> FaceGeometry:
    try:
        with np.load(path, allow_pickle=False) as stored:
            missing = [name for name in _ARRAYS if name not in stored.files]
            arrays = {name: stored[name] for name in _ARRAYS if name not in missing}
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is not a readable face geometry ({error}); expected a .npz file.") from error
    if missing:
        raise UserError(f"The face geometry {path} lacks {', '.join(missing)}; make the file again.")
    return FaceGeometry(
        neutral=arrays["neutral"].astype(np.float32),
        triangles=arrays["faces"].astype(np.int64),
        material=arrays["material"].astype(np.uint8),
        material_names=tuple(str(name) for name in arrays["material_names"]),
        expression_names=tuple(str(name) for name in arrays["expression_names"]),
        expression_offset=arrays["expression_offset"].astype(np.int64),
        expression_vertex=arrays["expression_vertex"].astype(np.int64),
        expression_delta=arrays["expression_delta"].astype(np.float32),
        identity_delta=arrays["identity_delta"].astype(np.float32),
        landmark68=arrays["landmark68"].astype(np.int64),
    )
