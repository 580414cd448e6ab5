from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ferda.data.cache import is_prepared
from ferda.data.domain import Domain, UnlabelledDomain, open_domain
from ferda.data.labels import LabelRule
from ferda.data.pack import Pack, Pictures, write_pack
from ferda.errors import UserError
from ferda.expressions import BASIC, EXPRESSIONS
from ferda.faces.crops import CropRule

Maker = Callable[..., Path]
CLASSES = ("happiness", "fear", "neutral")
WHOLE = CropRule(kind="whole", size=8, detect=False)


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    expressions = ["happiness", "contempt", "fear", None, "neutral", "happiness"]
    manifest = pd.DataFrame(
        {
            "file": [f"{name}/{row}.png" for row, name in enumerate(expressions)],
            "expression": expressions,
            "source_label": expressions,
            "split": ["train", "train", "train", "val", "val", "test"],
            "subject": list("aabbcc"),
            "votes_happiness": [8, 1, 0, 5, 1, 9],
            "votes_fear": [2, 0, 9, 5, 0, 1],
        }
    )
    images = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)
    landmarks = np.random.default_rng(1).random((6, 5, 2), dtype=np.float32)
    return write_pack(tmp_path / "pack", images, manifest, landmarks=landmarks)


def test_labels_follow_the_class_list(pack: Pack) -> None:
    domain = Domain(pack, np.arange(6), CLASSES)
    assert domain.labels().tolist() == [0, -1, 1, -1, 2, 0]
    assert Domain(pack, np.arange(6), CLASSES[::-1]).labels().tolist() == [2, -1, 1, -1, 0, 2]
    assert domain.counts() == {"happiness": 2, "fear": 1, "neutral": 1}
    assert domain.soft_labels() is None
    assert (len(domain), domain.size, domain.name) == (6, 8, "pack")


def test_what_has_no_label_is_left_out_and_counted(pack: Pack) -> None:
    domain = Domain(pack, np.arange(6), CLASSES).labelled()
    assert domain.rows.tolist() == [0, 2, 4, 5]
    assert domain.left_out == {"contempt": 1, "unlabelled": 1}
    assert domain.subset("train").left_out == domain.left_out
    assert domain.labelled().left_out == domain.left_out


def test_votes_give_soft_labels(pack: Pack) -> None:
    domain = Domain(pack, np.arange(6), CLASSES, rule=LabelRule("votes", min_votes=5)).labelled()
    assert domain.left_out == {"too few votes": 2}
    soft = domain.soft_labels()
    assert soft is not None
    np.testing.assert_allclose(soft, [[0.8, 0.2, 0], [0, 1, 0], [0.5, 0.5, 0], [0.9, 0.1, 0]], rtol=1e-6)


def test_pictures_are_gathered_by_position_in_the_domain(pack: Pack) -> None:
    domain = Domain(pack, np.array([5, 1, 3]), CLASSES)
    np.testing.assert_array_equal(domain.gather(np.array([2, 0, 2])), pack.images[[3, 5, 3]])
    np.testing.assert_array_equal(domain.landmarks, pack.landmarks[[5, 1, 3]])
    assert domain.manifest["subject"].tolist() == ["c", "a", "b"]


def test_splits(pack: Pack) -> None:
    domain = Domain(pack, np.arange(6), CLASSES)
    assert domain.subset("train").rows.tolist() == [0, 1, 2]
    assert domain.subset("val").name == "pack@val"
    assert domain.subset("all") is domain
    with pytest.raises(UserError, match="no rows of 'test'; its splits: train, val"):
        Domain(pack, np.arange(5), CLASSES).subset("test")


def test_labels_cannot_be_changed_from_outside(pack: Pack) -> None:
    domain = Domain(pack, np.arange(6), CLASSES)
    domain.labels()[:] = 7
    assert domain.labels().max() == 2


def test_a_split_by_subject_keeps_people_apart(pack: Pack) -> None:
    parts = Domain(pack, np.arange(6), CLASSES).split_by_subject({"train": 0.7, "test": 0.3})
    people = [set(part.manifest["subject"]) for part in parts.values()]
    assert not people[0] & people[1]
    assert sum(map(len, parts.values())) == 6


def values(thing: Any, seen: set[int]) -> Iterator[Any]:
    """Everything that can be reached from a thing by attributes, entries and items."""
    if id(thing) in seen or isinstance(thing, type | int | float):
        return
    seen.add(id(thing))
    yield thing
    inner: list[Any] = []
    if isinstance(thing, dict):
        inner = [*thing.keys(), *thing.values()]
    elif isinstance(thing, list | tuple | set):
        inner = list(thing)
    elif type(thing).__module__.startswith("ferda"):
        names = {*vars(thing), *(name for name in dir(type(thing)) if not name.startswith("__"))}
        inner = [getattr(thing, name) for name in names]
    elif isinstance(thing, np.ndarray) and thing.base is not None:
        inner = [thing.base]
    elif callable(thing):
        inner = [
            getattr(thing, "__self__", None),
            *(cell.cell_contents for cell in getattr(thing, "__closure__", None) or ()),
        ]
    for value in inner:
        yield from values(value, seen)


def test_nothing_that_an_unlabelled_domain_reaches_knows_a_label(pack: Pack) -> None:
    domain = Domain(pack, np.arange(6), CLASSES)
    reached = list(values(domain.without_labels(), set()))
    assert any(value is pack.images for value in reached)  # the walk does get to the bottom
    assert not any(isinstance(value, pd.DataFrame | pd.Series | Domain | Pack) for value in reached)
    words = [value for value in reached if isinstance(value, str)]
    assert not set(words) & set(EXPRESSIONS)
    arrays = [value for value in reached if isinstance(value, np.ndarray)]
    labels = domain.labels()
    assert not any(value.shape == labels.shape and np.array_equal(value, labels) for value in arrays)
    # The same walk does find the labels where they are.
    assert any(isinstance(value, pd.DataFrame) for value in values(domain, set()))


def test_an_unlabelled_domain_has_the_same_pictures(pack: Pack) -> None:
    domain = Domain(pack, np.array([4, 2]), CLASSES)
    bare = domain.without_labels()
    np.testing.assert_array_equal(bare.gather(np.arange(2)), domain.gather(np.arange(2)))
    np.testing.assert_array_equal(bare.landmarks, domain.landmarks)
    assert (len(bare), bare.size, bare.crop, bare.name) == (2, 8, pack.crop, "pack")
    assert not hasattr(bare, "labels")
    assert not hasattr(bare, "manifest")
    assert type(bare.pack) is Pictures
    with pytest.raises(ValueError, match="knows more"):
        UnlabelledDomain(pack, np.arange(2), "x")


def test_a_pack_is_opened_by_its_folder(pack: Pack) -> None:
    domain = open_domain(pack.path, CLASSES)
    assert (len(domain), domain.left_out) == (4, {"contempt": 1, "unlabelled": 1})
    assert len(open_domain(pack.path, CLASSES, labelled=False)) == 6
    assert open_domain(f"{pack.path}@val", CLASSES).rows.tolist() == [4]
    assert open_domain(f"{pack.path}@all", CLASSES, labelled=False).name == "pack"
    with pytest.raises(UserError, match="no reader's options"):
        open_domain(pack.path, CLASSES, label="x")


def test_a_path_may_hold_an_at(tree: Maker) -> None:
    root = tree(["happy/a.png", "sad/b.png"], name="me@home")
    assert len(open_domain(str(root), crop=WHOLE)) == 2
    with pytest.raises(UserError, match="nothing at"):
        open_domain(f"{root}@tests", crop=WHOLE)


def test_raw_data_is_prepared_into_the_cache_once(
    tree: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, picture: Callable[..., bytes]
) -> None:
    monkeypatch.setenv("FERDA_CACHE", str(tmp_path / "cache"))
    root = tree(["happy/a.png", "sad/b.png", "sad/c.png"])
    seen: list[tuple[int, int]] = []

    def open_it(crop: CropRule = WHOLE) -> Domain:
        return open_domain(root, crop=crop, progress=lambda done, total: seen.append((done, total)))

    assert not is_prepared(str(root), WHOLE)
    domain = open_it()
    assert is_prepared(str(root), WHOLE) and is_prepared(str(domain.pack.path))
    assert domain.name == "tree"
    assert domain.counts()["sadness"] == 2
    assert domain.pack.path.parent == tmp_path / "cache"
    assert open_it().pack.path == domain.pack.path
    assert seen == [(3, 3), (3, 3)]
    (domain.pack.path / "images.npy").write_bytes(b"damaged")
    assert len(open_it()) == 3
    other = open_it(CropRule(kind="whole", size=9, detect=False))
    assert other.pack.path != domain.pack.path
    (root / "sad/b.png").write_bytes(picture(42))
    assert not is_prepared(str(root), WHOLE) and not is_prepared(str(root / "nowhere"))
    assert open_it().pack.path != domain.pack.path
    assert len(list((tmp_path / "cache").iterdir())) == 3


def test_unlabelled_data_can_only_be_a_target(tree: Maker) -> None:
    root = tree(["a.png", "b.png"], name="camera")
    assert len(open_domain(root, crop=WHOLE, labelled=False).without_labels()) == 2
    with pytest.raises(UserError, match="can be a target"):
        open_domain(root, crop=WHOLE)


def test_data_without_splits_gets_the_same_ones_every_time(tree: Maker) -> None:
    root = tree([f"{name}/{row}.png" for name in ("happy", "sad") for row in range(20)], name="plain")
    parts = [open_domain(f"{root}@{split}", crop=WHOLE).rows for split in ("train", "val", "test")]
    again = open_domain(f"{root}@test", ("sad", "happy"), crop=WHOLE).rows
    assert [len(part) for part in parts] == [28, 4, 8]
    assert sorted(np.concatenate(parts)) == list(range(40))
    np.testing.assert_array_equal(again, parts[2])


@pytest.mark.slow
def test_an_embedded_domain_opens_with_its_own_landmarks() -> None:
    domain = open_domain("synthetic:studio@train")
    assert set(domain.classes) == set(BASIC)
    assert min(domain.counts().values()) > 0
    assert np.isfinite(domain.landmarks).all()
    assert domain.name == "studio@train"
    with pytest.raises(UserError, match="'studo' is not an embedded domain"):
        open_domain("synthetic:studo")
