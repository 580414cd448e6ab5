"""Pictures in, rows out: equal to the predictor's, whatever is sent beside them, and nothing is kept."""

from __future__ import annotations

import base64
import io
import runpy
import struct
import threading
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from ferda.faces.crops import CropRule
from ferda.inference.predictor import Predictor
from ferda.methods import method_class

here = runpy.run_path(str(Path(__file__).parent / "conftest.py"))
picture, tiny_predictor, CLASSES = here["picture"], here["tiny_predictor"], here["CLASSES"]


def bomb(width: int, height: int) -> bytes:
    """A PNG that says it has so many pixels, and holds none."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    )


def send(client: TestClient, *files: bytes, names: Sequence[str] | None = None, **fields: str) -> list[dict]:
    names = names or [f"{number}.png" for number in range(len(files))]
    answer = client.post(
        "/predict", files=[("images", one) for one in zip(names, files, strict=True)], data=fields
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["rows"]


def test_rows_are_those_of_the_prediction_table(client: TestClient, tmp_path: Path) -> None:
    values = (15, 25, 5, 250)
    for value in values:
        (tmp_path / f"{value}.png").write_bytes(picture(value))
    files = [tmp_path / f"{value}.png" for value in values]
    table = tiny_predictor().table(files)
    rows = send(client, *(file.read_bytes() for file in files), names=[str(file) for file in files])
    assert list(rows[0]) == ["picture", *table.columns]
    assert [row["picture"] for row in rows] == [0, 1, 1, 2, *[3] * 25]
    for row, (_, expected) in zip(rows, table.iterrows(), strict=True):
        for name, value in expected.items():
            if isinstance(value, float):
                assert (row[name] is None) if np.isnan(value) else row[name] == pytest.approx(value, abs=1e-5)
            else:
                assert row[name] == value or (row[name] is None and str(value) in ("<NA>", "None"))


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (b"", "empty"),
        (b"hello", "no picture"),
        (picture(15)[:60], "damaged"),
        (picture(15, "JPEG", (400, 400))[:900], "damaged"),
        (bomb(50_000, 50_000), "too many pixels"),
        (bomb(8_000, 8_000), "64,000,000"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no picture"),
    ],
)
def test_a_bad_picture_is_a_row_and_spoils_no_other(client: TestClient, bad: bytes, why: str) -> None:
    first, wrong, last = send(client, picture(15), bad, picture(15))
    assert first["expression"] == last["expression"] == "sadness"
    assert wrong["expression"] is None and wrong["note"].startswith("unreadable: ") and why in wrong["note"]


def test_names_are_echoed_and_touch_no_disk(client: TestClient, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    names = ["../../etc/passwd", "/tmp/a.png", "..", "häppy 😀.png"]
    rows = send(client, *[picture(15)] * 4, names=names)
    assert [row["input"] for row in rows] == names
    assert sorted(tmp_path.rglob("*")) == before and not Path("/tmp/a.png").exists()


def test_many_pixels_are_unpacked_in_turns(make) -> None:
    rows = send(make(held_pixels=100), *[picture(15)] * 5)  # each alone has more
    assert [row["expression"] for row in rows] == ["sadness"] * 5


def refused(answer, status: int, words: str) -> None:
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["error"] and words in answer.json()["error"]


def test_too_much_is_refused(make) -> None:
    client = make(request_bytes=10_000, pictures=2)
    refused(client.post("/predict", files=[("images", picture(15))] * 3), 413, "2 files")
    refused(client.post("/predict", files={"images": bytes(20_000)}), 413, "10,000 bytes")
    assert client.post("/predict", files=[("images", picture(15))] * 2).status_code == 200


def test_reading_ends_where_the_limit_is(make) -> None:
    """Nobody says how long the body is; no more than the limit is read of it."""
    taken = []

    def endless() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="images"; filename="a"\r\n\r\n'
        for _ in range(1000):
            taken.append(1)
            yield bytes(1000)

    client = make(request_bytes=10_000)
    answer = client.post(
        "/predict", content=endless(), headers={"Content-Type": "multipart/form-data; boundary=x"}
    )
    refused(answer, 413, "10,000 bytes")


def test_what_is_no_form_is_refused(client: TestClient) -> None:
    refused(client.post("/predict", json={"image": 1}), 415, "multipart/form-data")
    refused(client.post("/predict"), 415, "multipart/form-data")
    refused(client.post("/predict", files={"a": b""}, data={"path": "/etc"}), 400, "model")
    broken = {"content": b"--x\r\nnonsense", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}
    refused(client.post("/predict", **broken), 400, "form")
    refused(client.get("/predict"), 405, "method")
    refused(client.post("/predict", data={"model": "a"}, files=[]), 415, "multipart")


def test_a_model_is_chosen_by_name(make) -> None:
    def opened(path: Path) -> Predictor:
        made = tiny_predictor()
        made.classes = CLASSES if path.name == "hall" else ("anger", "fear", "disgust")
        return made

    runs = ("runs/hall", "other/hall", "street/best.safetensors", "runs/v1.5", "yard.onnx")
    client = make(opened, runs=tuple(map(Path, runs)))
    names = [model["name"] for model in client.get("/models").json()["models"]]
    assert names == ["hall", "hall-2", "street", "v1.5", "yard"]
    assert send(client, picture(15))[0]["expression"] == "sadness"
    assert send(client, picture(15), model="street")[0]["expression"] == "anger"
    wrong = client.post("/predict", files={"images": picture(15)}, data={"model": "stret"})
    refused(wrong, 404, "did you mean 'street'")


class Slow:
    """Holds pictures until it is let go."""

    def __init__(self) -> None:
        self.has_begun, self.may_end = threading.Event(), threading.Event()

    def __call__(self, _: Path) -> Predictor:
        made = tiny_predictor()
        inner = made._detector

        def waits(images: Sequence[np.ndarray]) -> list:
            self.has_begun.set()
            assert self.may_end.wait(60)
            return inner(images)

        made._detector = waits
        return made


def test_more_requests_than_the_limit_are_told_to_come_back(make) -> None:
    slow = Slow()
    client = make(slow, requests=1)
    answers: list = []
    thread = threading.Thread(target=lambda: answers.append(send(client, picture(15))))
    thread.start()
    assert slow.has_begun.wait(60)
    second = client.post("/predict", files={"images": picture(15)})
    refused(second, 429, "Too many requests")
    assert int(second.headers["Retry-After"]) >= 1
    assert client.get("/health").status_code == 200
    slow.may_end.set()
    thread.join()
    assert answers[0][0]["expression"] == "sadness"
    assert client.post("/predict", files={"images": picture(15)}).status_code == 200


def test_an_answer_that_takes_too_long_is_given_up(make) -> None:
    slow = Slow()
    client = make(slow, seconds=0.2)
    answer = client.post("/predict", files={"images": picture(15)})
    refused(answer, 503, "0.2 seconds")
    slow.may_end.set()


def test_a_mistake_of_ours_is_a_sentence(make) -> None:
    def opened(_: Path) -> Predictor:
        made = tiny_predictor()
        made._detector = lambda images: 1 / 0
        return made

    refused(make(opened).post("/predict", files={"images": picture(15)}), 500, "not yours")


def test_an_explanation_is_a_picture_of_places(make) -> None:
    kind = method_class("source_only")
    method = kind(kind.Config(backbone="small_cnn"), 3, 1)
    client = make(lambda _: Predictor(method, CLASSES, CropRule("whole", size=48)))
    noise = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    answer = client.post("/explain", files={"image": buffer.getvalue()}, data={"about": "happy"})
    assert answer.status_code == 200, answer.text
    (face,) = answer.json()["faces"]
    kind, _, data = face["overlay"].partition(",")
    assert kind == "data:image/png;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (224, 224)
    assert face["about"] == "happiness" and face["expression"] in CLASSES
    said = send(client, buffer.getvalue())[0]
    assert said["confidence"] == pytest.approx(face["confidence"], abs=1e-4)
    refused(client.post("/explain", files={"image": b"junk"}), 422, "no picture")
    refused(client.post("/explain", files={"image": bomb(50_000, 50_000)}), 422, "too many pixels")
    wrong = client.post("/explain", files={"image": picture(15)}, data={"about": "boredom"})
    refused(wrong, 422, "boredom")
    refused(client.post("/explain", files=[("image", picture(15))] * 2), 413, "1 files")


class Exported:
    """Answers as the tiny model does, but has no network of torch that could be asked why."""

    def __init__(self) -> None:
        inner = tiny_predictor()
        self.classes, self.crop, self.loaded = inner.classes, inner.crop, None
        self.cut, self.answer, self.predict = inner.cut, inner.answer, inner.predict


def test_an_exported_model_answers_and_says_that_it_cannot_be_explained(make) -> None:
    client = make(lambda _: Exported(), runs=(Path("hall.onnx"),))
    (row,) = send(client, picture(15))
    assert row["expression"] == "sadness"
    refused(client.post("/explain", files={"image": picture(15)}), 422, "exported")
    assert client.get("/models").json()["models"][0]["method"] is None


def test_what_is_counted(client: TestClient) -> None:
    send(client, picture(25), picture(15))
    client.get("/nowhere/secret-name")
    text = client.get("/metrics").text
    assert 'ferda_faces_total{model="hall"} 3.0' in text
    assert 'ferda_requests_total{route="/predict",status="200"} 1.0' in text
    assert 'route="other",status="404"' in text and "secret-name" not in text
    assert "ferda_pass_pictures_sum 2.0" in text
