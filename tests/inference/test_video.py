"""A video's table: one row a face and frame, people under their numbers, and the same after a kill."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from multiprocessing.context import ForkServerContext as Forks
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ferda.errors import UserError
from ferda.faces.detect import Face
from ferda.faces.images import UnreadableImage
from ferda.inference import video as module
from ferda.inference import video_judging
from ferda.inference.asking import Asking
from ferda.inference.face import PredictedFace
from ferda.inference.frames import Frame
from ferda.inference.smoothing import Smoother
from ferda.inference.table import columns, unusable, write_table
from ferda.inference.video import VideoOptions, video_table

Write = Callable[..., Path]

#: People of the drawn films, by the colour of their square; RGB.
PEOPLE = {"red": (220, 30, 30), "green": (30, 200, 60), "blue": (40, 60, 230)}


def drawn(
    people: dict[str, tuple[int, int]], background: int = 10, size: tuple[int, int] = (64, 96)
) -> np.ndarray:
    """A frame with a square of 16 pixels for each person, given its left and top; later ones are in front."""
    frame = np.full((*size, 3), background, np.uint8)
    for name, (left, top) in people.items():
        frame[max(top, 0) : top + 16, max(left, 0) : left + 16] = PEOPLE[name]
    return frame


class Squares(Asking):
    """Finds the squares, and is the happier the further to the right one is."""

    classes = ("happiness", "neutral")

    def __init__(self) -> None:
        self.judged = 0

    def predict(
        self, images: Sequence[np.ndarray], names: Sequence[str] | None = None
    ) -> list[list[PredictedFace]]:
        self.judged += len(images)
        return [self._faces(image, name) for image, name in zip(images, names or images, strict=True)]

    def _faces(self, image: np.ndarray, name: object) -> list[PredictedFace]:
        faces = []
        for colour in PEOPLE.values():
            rows, columns = (np.abs(image.astype(int) - colour).max(2) < 40).nonzero()
            if len(rows) >= 64:
                left, top = int(columns.min()), int(rows.min())
                box = (left, top, int(columns.max()) + 1 - left, int(rows.max()) + 1 - top)
                share = left / image.shape[1]
                face = Face(box, 0.9, np.zeros((5, 2), np.float32))
                faces.append(
                    PredictedFace.of(str(name), len(faces), face, self.classes, np.array([share, 1 - share]))
                )
        return faces


@pytest.fixture
def squares() -> Squares:
    """A predictor that costs nothing."""
    return Squares()


def crossing(count: int = 33) -> list[np.ndarray]:
    """Red walks right, green walks left in front of it; blue comes when they have met, in another scene."""
    frames = []
    for number in range(count):
        people = {"red": (2 * number, 20), "green": (78 - 2 * number, 26)}
        frames.append(drawn({"blue": (40, 20)}, 160) if number >= 30 else drawn(people))
    return frames


def numbers(table: pd.DataFrame, name: str) -> set[int]:
    """Face ids of a person, known by the height of its box."""
    top = {"red": 20, "green": 26}[name]
    return set(table.loc[(table["box_y"] == top) & (table["frame"] < 30), "face_id"])


def test_a_row_a_face_and_frame(film: Write, squares: Squares) -> None:
    path = film([drawn({"red": (10, 20)}), drawn({}), drawn({"red": (12, 20), "blue": (60, 30)})])
    table = squares.video(path)
    assert table.columns.tolist() == columns(squares.classes)
    assert table["input"].tolist() == [str(path)] * 4
    assert table["frame"].tolist() == [0, 1, 2, 2]
    assert table["time_s"].tolist() == pytest.approx([0, 0.1, 0.2, 0.2])
    assert table["face_id"].fillna(-1).tolist() == [0, -1, 0, 1]
    assert table["note"].tolist() == [None, "no face found", None, None]
    assert table["p_happiness"].dropna().tolist() == pytest.approx([10 / 96, 12 / 96, 60 / 96])


def test_people_who_cross_keep_their_numbers_and_a_cut_makes_new_ones(film: Write, squares: Squares) -> None:
    table = squares.video(film(crossing()))
    assert len(numbers(table, "red")) == len(numbers(table, "green")) == 1
    assert numbers(table, "red") != numbers(table, "green")
    assert set(table.loc[table["frame"] >= 30, "face_id"]) == {2}
    alone = squares.video(film(crossing()), track=False)
    assert set(alone.loc[alone["frame"] >= 30, "face_id"]) == {0}, "then it only counts the faces of a frame"


def test_one_leaves_another_comes_and_a_miss_is_bridged(film: Write, squares: Squares) -> None:
    frames = [drawn({"red": (20, 20)})] * 3 + [drawn({})] * 3 + [drawn({"red": (22, 20)})] * 2
    frames += [drawn({"blue": (22, 20)})] * 2
    assert squares.video(film(frames))["face_id"].dropna().tolist() == [0] * 5 + [1] * 2


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_step_takes_every_nth_frame_and_keeps_numbers(film: Write, squares: Squares, step: int) -> None:
    table = squares.video(film(crossing(28)), step=step, start_s=0.3, end_s=2.4)
    assert table["frame"].unique().tolist() == list(range(3, 24, step))
    assert len(numbers(table, "red")) == len(numbers(table, "green")) == 1
    assert squares.judged == len(range(3, 24, step))


def test_smoothed_answers_stand_beside_the_raw_ones(film: Write, squares: Squares) -> None:
    path = film(crossing())
    raw, smooth = squares.video(path), squares.video(path, smooth_s=0.5)
    assert smooth[raw.columns].equals(raw), "what the model said is not touched"
    assert smooth.columns.tolist() == columns(squares.classes, smooth=True)
    smoother = Smoother(0.5)
    for _, row in smooth.iterrows():
        expected = smoother(row["face_id"], row["time_s"], np.array([row["p_happiness"]]))[0]
        assert row["smooth_p_happiness"] == pytest.approx(expected)
        shares = {name: row[f"smooth_p_{name}"] for name in squares.classes}
        assert row["smooth_confidence"] == max(shares.values()) == shares[row["smooth_expression"]]
    assert (smooth["smooth_p_happiness"] - raw["p_happiness"]).abs().max() > 0.05
    with pytest.raises(UserError, match="needs tracking"):
        squares.video(path, smooth_s=0.5, track=False)


def test_columns_do_not_depend_on_what_is_seen(film: Write, squares: Squares) -> None:
    table = squares.video(film([drawn({})] * 3), smooth_s=0.5)
    assert table.columns.tolist() == columns(squares.classes, smooth=True)
    assert table["note"].tolist() == ["no face found"] * 3


def test_pieces_change_nothing_and_bound_what_is_held(
    film: Write, squares: Squares, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, whole, held = film(crossing()), squares.video(film(crossing())), []
    predict = squares.predict
    monkeypatch.setattr(squares, "predict", lambda images, names: held.append(len(images)) or predict(images))
    monkeypatch.setattr(video_judging, "_PIXELS_AT_ONCE", 5 * 64 * 96)
    monkeypatch.setattr(module, "_ROWS_AT_ONCE", 7)
    assert squares.video(path).drop(columns="input").equals(whole.drop(columns="input"))
    assert held == [5] * 6 + [3]


def test_who_looks_on_sees_frames_and_smoothed_faces(film: Write, squares: Squares) -> None:
    seen: list[tuple[int, float, int, float]] = []
    told: list[tuple[int, int]] = []

    def see(number: int, time: float, image: np.ndarray, faces: list[PredictedFace]) -> None:
        assert image.shape == (64, 96, 3)
        seen.extend((number, time, face.face_id, face.probabilities["happiness"]) for face in faces)

    path = film(crossing())
    table = squares.video(path, smooth_s=0.3, see=see, progress=lambda *counts: told.append(counts))
    wanted = table[["frame", "time_s", "face_id", "smooth_p_happiness"]].itertuples(index=False, name=None)
    assert seen == list(wanted)
    assert told[-1] == (33, 33) and told[0] == (16, 33)


def test_a_video_that_breaks_off_keeps_what_was_read_and_says_where(film: Write, squares: Squares) -> None:
    noisy = np.random.default_rng(0).integers(0, 20, (30, 64, 96, 3), dtype=np.uint8)
    path = film([np.where(drawn({"red": (9, 9)}) > 30, drawn({"red": (9, 9)}), noise) for noise in noisy])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    table = squares.video(path)
    assert 5 < table["expression"].notna().sum() == len(table) - 1
    assert table["note"].iloc[-1].startswith("unreadable: the video breaks off at")
    assert unusable(table)["file"].tolist() == [str(path)]
    assert table["frame"].iloc[-1] == len(table) - 1


def test_a_video_that_cannot_be_read_is_an_error_alone_and_a_row_among_others(
    film: Write, squares: Squares, tmp_path: Path
) -> None:
    (tmp_path / "bad.mp4").write_text("no video")
    with pytest.raises(UnreadableImage, match="holds no video"):
        squares.video(tmp_path / "bad.mp4")
    good = film([drawn({"red": (9, 9)})] * 2)
    table = squares.table([tmp_path / "bad.mp4", good], video=VideoOptions(smooth_s=1.0))
    assert table["face_id"].fillna(-1).tolist() == [-1, 0, 0]
    assert "holds no video" in table["note"].iloc[0]
    assert table.columns.tolist() == columns(squares.classes, smooth=True)


class StoppedError(Exception):
    """Ends a run."""


def killed(path: Path, parts: Path, at: int) -> None:
    """A run that is killed while it judges its `at`-th piece."""
    squares = Squares()
    predict, calls = squares.predict, []

    def broken(images: Sequence[np.ndarray], names: Sequence[str] | None = None) -> list:
        calls.append(None)
        if len(calls) == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return predict(images, names)

    squares.predict = broken  # type: ignore[method-assign]
    squares.video(path, smooth_s=0.5, parts=parts)


def test_a_killed_run_goes_on_to_the_same_file(
    film: Write, squares: Squares, tmp_path: Path, forks: Forks
) -> None:
    path, parts = film(crossing(60)), tmp_path / "parts"
    process = forks.Process(target=killed, args=(path, parts, 3))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    with parts.open("ab") as file:
        file.write(b'[{"number":32,"time_s":3.2,"fa')  # a kill in the middle of writing
    resumed = squares.video(path, smooth_s=0.5, parts=parts)
    assert squares.judged == 60 - 32, "what was kept is not judged again"
    whole = Squares().video(path, smooth_s=0.5)
    for suffix in (".csv", ".jsonl", ".parquet"):
        write_table(resumed, tmp_path / f"resumed{suffix}")
        write_table(whole, tmp_path / f"whole{suffix}")
        assert (tmp_path / f"resumed{suffix}").read_bytes() == (tmp_path / f"whole{suffix}").read_bytes()
    again = squares.video(path, smooth_s=0.5, parts=parts)
    assert squares.judged == 28 and again.equals(resumed), "a run that was done is all kept"


def test_who_looks_on_sees_kept_frames_too(film: Write, squares: Squares, tmp_path: Path) -> None:
    path, seen = film(crossing(40)), []
    whole: list[tuple[int, int, list[int]]] = []

    def see_into(rows: list) -> Callable[..., None]:
        return lambda number, _, image, faces: rows.append(
            (number, int(image.sum()), [face.face_id for face in faces])
        )

    def stop(number: int, *_: object) -> None:
        if number == 20:
            raise StoppedError

    with pytest.raises(StoppedError):
        squares.video(path, see=stop, parts=tmp_path / "parts")
    squares.video(path, see=see_into(seen), parts=tmp_path / "parts")
    assert squares.judged == 40
    Squares().video(path, see=see_into(whole))
    assert seen == whole


@pytest.mark.parametrize("change", ["range", "video"])
def test_parts_of_anything_else_are_forgotten(
    film: Write, squares: Squares, tmp_path: Path, change: str
) -> None:
    path, parts = film(crossing(20)), tmp_path / "parts"
    squares.video(path, parts=parts)
    if change == "video":
        os.utime(path, (1, 1))
    table = squares.video(path, parts=parts, step=2 if change == "range" else 1)
    assert squares.judged == 20 + (10 if change == "range" else 20)
    assert table.equals(squares.video(path, step=2 if change == "range" else 1))


class Live:
    """A camera that is interrupted when its frames are used up."""

    is_live, name, total, broken = True, "camera:0", 0, None

    def __init__(self, frames: Sequence[np.ndarray]) -> None:
        self._frames = frames

    def frames(self, skip: int = 0) -> object:
        for number, image in enumerate(self._frames):
            yield Frame(3 * number, 0.1 * number, image)
        raise KeyboardInterrupt


def test_an_interrupted_camera_gives_what_it_saw(
    squares: Squares, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_opened", lambda *_: Live([drawn({"red": (9, 9)})] * 4))
    table = squares.table("camera:0", video=VideoOptions(parts=lambda _: tmp_path / "parts"))
    assert table["frame"].tolist() == [0, 3, 6, 9] and set(table["face_id"]) == {0}
    assert table["input"].unique().tolist() == ["camera:0"]
    assert not (tmp_path / "parts").exists(), "a camera cannot be seen again"
    monkeypatch.setattr(module, "_opened", lambda *_: Live([]))
    with pytest.raises(UserError, match="no frame before it was stopped"):
        squares.video("camera:0")


@pytest.mark.parametrize("source", ["clip.mp4", "camera:0"])
def test_who_takes_a_video_for_a_picture_is_told(squares: Squares, source: str) -> None:
    with pytest.raises(UserError, match=r"is no picture; predictor\.video\("):
        squares(source)


def test_a_camera_is_judged_alone(squares: Squares, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="alone"):
        squares.table(["camera:0", str(tmp_path)])
    with pytest.raises(UserError, match="There is no camera at 'camera:99'"):
        squares.table("camera:99")


def test_pictures_patterns_and_videos_stand_in_the_order_given(
    film: Write, squares: Squares, tmp_path: Path
) -> None:
    from PIL import Image

    for name in ("b.png", "a.png"):
        Image.fromarray(drawn({"red": (9, 9)})).save(tmp_path / name)
    path, told = film([drawn({"red": (9, 9)})] * 2), []
    table = squares.table([path, str(tmp_path / "*.png")], progress=lambda *counts: told.append(counts))
    assert [Path(name).name for name in table["input"]] == ["film.mkv"] * 2 + ["a.png", "b.png"]
    assert table["frame"].fillna(-1).tolist() == [0, 1, -1, -1]
    assert told == [(2, 2), (4, 4)]
    assert [Path(name).name for name in squares.table(tmp_path)["input"]] == ["a.png", "b.png"] + [
        "film.mkv"
    ] * 2


def test_video_table_is_what_video_gives(film: Write, squares: Squares) -> None:
    path = film(crossing(5))
    assert video_table(squares, str(path), step=2).equals(squares.video(path, step=2))
