"""Preprocessing equals training's, faces keep their picture, and no picture disappears."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from ferda.batch import Output
from ferda.errors import UserError
from ferda.faces.align import template
from ferda.faces.crops import CropRule, crop_face
from ferda.faces.detect import Face
from ferda.faces.images import UnreadableImage
from ferda.inference import inputs
from ferda.inference.predictor import Predictor
from ferda.methods.base import Method, MethodConfig, Needs

CLASSES = ("sadness", "neutral", "happiness")


class Brightness(Method):
    """Three classes by how bright the picture is: dark, middle, bright. Remembers what it was shown."""

    def __init__(self, config: MethodConfig | None = None, classes: int = 3, sources: int = 1) -> None:
        super().__init__(config or MethodConfig(), classes, sources)
        self.shown: list[tuple[Tensor, Tensor | None]] = []

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> Output:
        assert not self.training
        self.shown.append((images, landmarks))
        brightness = images.mean((1, 2, 3))[:, None]
        logits = -20 * (brightness - torch.linspace(0, 1, self.classes)).abs()
        return Output(logits, brightness)


class NeedsPoints(Brightness):
    needs = Needs(landmarks=True)


class Detector:
    """Finds the faces of a picture by the value of its first pixel."""

    def __init__(self, faces: dict[int, list[Face]]) -> None:
        self.faces = faces
        self.calls = 0

    def __call__(self, images: Sequence[np.ndarray]) -> list[list[Face]]:
        self.calls += 1
        return [self.faces.get(int(image[0, 0, 0]), []) for image in images]


def flat(value: int, height: int = 60, width: int = 80) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def face(left: float = 20, top: float = 10, side: float = 30, score: float = 0.9) -> Face:
    points = template(112) * side / 112 + (left, top)
    return Face((left, top, side, side), score, points.astype(np.float32))


@pytest.fixture
def detector() -> Detector:
    """One face in pictures of value 0 to 99, two in 100 to 199, none above."""
    faces = {value: [face()] for value in range(100)}
    faces |= {value: [face(), face(50, 20, 20, 0.8)] for value in range(100, 200)}
    return Detector(faces)


def predictor(detector: Detector, kind: str = "box", **options: object) -> Predictor:
    rule = options.pop("crop", CropRule(kind, size=32))
    return Predictor(options.pop("method", Brightness()), CLASSES, rule, detector=detector, **options)


def test_each_face_is_named_and_stays_with_its_picture(detector: Detector) -> None:
    found = predictor(detector)([flat(0), flat(130), flat(255), flat(99)])
    assert [(one.input, one.face_id) for one in found] == [("0", 0), ("1", 0), ("1", 1), ("3", 0)]
    assert [one.expression for one in found] == ["sadness", "neutral", "neutral", "neutral"]
    assert found[2].box == (50, 20, 20, 20)
    assert found[2].detection_score == 0.8
    assert found[2].landmarks is not None and found[2].landmarks.shape == (5, 2)
    for one in found:
        assert tuple(one.probabilities) == CLASSES
        assert sum(one.probabilities.values()) == pytest.approx(1, abs=1e-5)
        assert one.confidence == max(one.probabilities.values()) == one.probabilities[one.expression]


class Short(Brightness):
    """Says which format its products are in; its logits are numbers that bf16 does not have."""

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> Output:
        product = images.new_full((len(images), 1), 1.001) @ images.new_ones(1, 3)
        self.dtype = product.dtype
        return Output(product * torch.arange(3), product)


def test_precision_is_exact_unless_asked(detector: Detector) -> None:
    said = {}
    for wanted, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        method = Short()
        (answer,) = predictor(detector, method=method, precision=wanted)(flat(0))
        assert method.dtype == dtype
        said[wanted] = list(answer.probabilities.values())
    (answer,) = predictor(detector, method=Short())(flat(0))
    assert list(answer.probabilities.values()) == said["fp32"] != said["bf16"]
    assert said["bf16"] == pytest.approx(said["fp32"], abs=1e-2)
    assert sum(said["bf16"]) == pytest.approx(1, abs=1e-6)  # the softmax is not shortened
    with pytest.raises(UserError, match="did you mean 'bf16'"):
        predictor(detector, precision="bf61")


class Feels(Brightness):
    """Bright is pleased, dark is excited."""

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> Output:
        output = super().forward(images, landmarks)
        bright = output.features[:, 0]
        return Output(output.logits, output.features, {"affect": torch.stack([bright, -bright], 1)})


def test_valence_and_arousal_stay_with_their_face(detector: Detector, tmp_path: Path) -> None:
    asked = predictor(detector, method=Feels(), batch=2)
    found = asked([flat(0), flat(130), flat(255), flat(99)])
    assert [one.valence for one in found] == pytest.approx([0, 130 / 255, 130 / 255, 99 / 255], abs=0.01)
    assert all(one.arousal == -one.valence for one in found if one.valence is not None)
    Image.fromarray(flat(130)).save(tmp_path / "a.png")
    assert asked.table(tmp_path / "a.png")["arousal"].tolist() == pytest.approx([-130 / 255] * 2, abs=0.01)
    silent = predictor(detector)
    assert silent(flat(0))[0].valence is None
    assert "valence" not in silent.table(tmp_path / "a.png")


def test_one_picture_or_path_or_many(detector: Detector, tmp_path: Path) -> None:
    Image.fromarray(flat(130)).save(tmp_path / "a.png")
    ask = predictor(detector)
    for source in (flat(130), tmp_path / "a.png", str(tmp_path / "a.png"), [flat(130)], iter([flat(130)])):
        assert len(ask(source)) == 2
    assert ask(tmp_path / "a.png")[0].input == str(tmp_path / "a.png")
    assert ask([]) == []
    with pytest.raises(UnreadableImage):
        ask(tmp_path / "b.png")


def test_the_model_sees_what_training_showed_it(detector: Detector) -> None:
    """Cut by the rule, resized by the view, normalised: as a pack's rows are, step by step."""
    method = Brightness()
    rule = CropRule("box", size=48)
    picture = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    picture[0, 0] = 5
    mean, std = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)
    predictor(detector, method=method, crop=rule, size=32, mean=mean, std=std)(picture)
    images, landmarks = method.shown[-1]
    crop, points = crop_face(picture, face(), rule)
    small = torch.nn.functional.interpolate(
        torch.from_numpy(crop).permute(2, 0, 1)[None].float(), (32, 32), mode="bilinear", antialias=True
    )
    expected = (small / 255 - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    torch.testing.assert_close(images, expected)
    assert landmarks is not None
    np.testing.assert_allclose(landmarks[0], points * 32 / 48, atol=0.5)


@pytest.mark.parametrize("batch", [1, 2, 64])
def test_batches_change_nothing(detector: Detector, batch: int) -> None:
    pictures = [flat(value) for value in range(0, 200, 20)]
    method = Brightness()
    found = predictor(detector, method=method, batch=batch).predict(pictures)
    alone = [predictor(detector).predict([one])[0] for one in pictures]
    assert max(len(images) for images, _ in method.shown) <= batch
    for faces, same in zip(found, alone, strict=True):
        for one, other in zip(faces, same, strict=True):
            assert one.probabilities == pytest.approx(other.probabilities, abs=1e-6)


def test_a_picture_without_a_face_gives_none_or_is_judged_whole(detector: Detector) -> None:
    assert predictor(detector).predict([flat(255)]) == [[]]
    ((found,),) = predictor(detector, fallback="whole").predict([flat(255)])
    assert found.expression == "happiness"
    assert found.box is None and found.landmarks is None and found.detection_score is None


def test_a_model_of_whole_pictures_judges_whole_pictures(detector: Detector) -> None:
    ask = predictor(detector, "whole")
    assert [len(faces) for faces in ask.predict([flat(0), flat(130), flat(255)])] == [1, 1, 1]
    assert ask.predict([flat(130)])[0][0].box is None
    assert detector.calls == 0


def test_detect_makes_it_judge_the_faces_of_a_scene(detector: Detector) -> None:
    method = Brightness()
    ask = predictor(detector, "whole", detect=True, method=method)
    scene = flat(130)
    scene[:] = 250
    scene[0, 0] = 130
    scene[5:45, 15:55] = 0
    first, second = ask.predict([scene])[0]
    assert first.expression == "sadness", "the box is cut out, so only the dark patch is seen"
    assert second.box == (50, 20, 20, 20)
    assert ask.crop.kind == "box"


def test_without_detection_every_picture_is_a_face(detector: Detector) -> None:
    ((found,),) = predictor(detector, "aligned", detect=False).predict([flat(255)])
    assert found.expression == "happiness" and found.box is None
    assert detector.calls == 0


def test_a_whole_picture_gets_landmarks_if_the_model_needs_them(detector: Detector) -> None:
    method = NeedsPoints()
    found = predictor(detector, "whole", method=method).predict([flat(130), flat(255)])
    assert [len(faces) for faces in found] == [1, 1]
    landmarks = method.shown[-1][1]
    assert landmarks is not None
    np.testing.assert_allclose(landmarks[0], face().landmarks * (32 / 80, 32 / 60), atol=1e-3)
    assert landmarks[1].isnan().all()


def test_options_that_make_no_sense(detector: Detector) -> None:
    with pytest.raises(UserError, match="fallback"):
        predictor(detector, fallback="skip")
    with pytest.raises(UserError, match="at least one"):
        predictor(detector, batch=0)


def test_a_table_has_a_row_for_every_picture(detector: Detector, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name, value in {"b.png": 130, "a.PNG": 0, "deep/c.png": 255}.items():
        Image.fromarray(flat(value)).save(tmp_path / name)
    (tmp_path / "d.jpg").touch()
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / ".hidden.png").touch()
    told: list[tuple[int, int]] = []
    table = predictor(detector).table(tmp_path, progress=lambda done, total: told.append((done, total)))
    assert [Path(name).name for name in table["input"]] == ["a.PNG", "b.png", "b.png", "d.jpg", "c.png"]
    assert table["expression"].tolist() == ["sadness", "neutral", "neutral", None, None]
    assert table["face_id"].fillna(-1).tolist() == [0, 0, 1, -1, -1]
    assert table["note"].tolist() == [None, None, None, "unreadable: the file is empty", "no face found"]
    assert told[-1] == (4, 4)


def test_a_table_does_not_hold_all_pictures_at_once(
    detector: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        Image.fromarray(flat(number)).save(tmp_path / f"{number}.png")
    whole = predictor(detector).table(tmp_path)
    before = detector.calls
    monkeypatch.setattr(inputs, "_PIXELS_AT_ONCE", 2 * 60 * 80)
    assert predictor(detector).table(tmp_path).equals(whole)
    assert detector.calls == before + 3


def test_inputs_are_taken_once_in_order_and_a_gone_one_is_kept(detector: Detector, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        Image.fromarray(flat(0)).save(tmp_path / name)
    table = predictor(detector).table([tmp_path / "b.png", tmp_path / "gone.png", tmp_path])
    assert [Path(name).name for name in table["input"]] == ["b.png", "gone.png", "a.png"]
    assert table["note"].tolist() == [None, "unreadable: there is no such file", None]


@pytest.mark.parametrize("given", ["gone.png", ["gone.png", "lost"], [], "empty"])
def test_no_picture_at_all_is_said(detector: Detector, tmp_path: Path, given: str | list[str]) -> None:
    (tmp_path / "empty").mkdir()
    paths = tmp_path / given if isinstance(given, str) else [tmp_path / one for one in given]
    with pytest.raises(UserError, match="There is no picture at"):
        predictor(detector).table(paths)


def test_an_answer_that_is_not_sure_enough_names_no_expression(tmp_path: Path) -> None:
    rule = CropRule("whole", size=32, detect=False)
    pictures = [flat(0), flat(90)]
    sure, torn = (faces[0] for faces in Predictor(Brightness(), CLASSES, rule).predict(pictures))
    assert (sure.expression, torn.expression) == ("sadness", "neutral") and torn.confidence < sure.confidence
    limit = (sure.confidence + torn.confidence) / 2
    careful = Predictor(Brightness(), CLASSES, rule, least=limit)
    assert [faces[0].expression for faces in careful.predict(pictures)] == ["sadness", "unsure"]
    assert careful.predict(pictures)[1][0].probabilities == torn.probabilities
    with pytest.raises(UserError, match="between 0 and 1"):
        Predictor(Brightness(), CLASSES, rule, least=1.5)
