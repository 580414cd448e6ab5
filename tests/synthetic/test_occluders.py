from dataclasses import replace

import numpy as np
import pytest

from ferda.synthetic.domains import STUDIO
from ferda.synthetic.draws import draw_person, draw_shot
from ferda.synthetic.occluders import draw_occluder
from ferda.synthetic.renderer import FaceRenderer
from ferda.synthetic.shot import Occluder


@pytest.mark.parametrize("kind", ["glasses", "sunglasses", "hand", "strands"])
def test_an_occluder_hides_part_of_the_face_and_moves_no_truth(head, kind):
    renderer = FaceRenderer(head, size=80, supersample=2)
    person = draw_person(STUDIO, 0, seed=0, modes=4)
    shot = replace(draw_shot(STUDIO, "neutral", 0, seed=0), occluders=())
    bare = renderer.render(person, shot)
    covered = renderer.render(person, replace(shot, occluders=(Occluder(kind, 7),)))
    share = (np.abs(bare.image.astype(int) - covered.image).sum(-1) > 12).mean()
    assert 0.002 < share < 0.45
    assert np.array_equal(bare.points68, covered.points68)


def test_sunglasses_darken_the_eyes(head):
    renderer = FaceRenderer(head, size=80, supersample=2)
    person = draw_person(STUDIO, 1, seed=0, modes=4)
    shot = replace(draw_shot(STUDIO, "neutral", 1, seed=0), occluders=())
    bare = renderer.render(person, shot)
    dark = renderer.render(person, replace(shot, occluders=(Occluder("sunglasses", 3),)))
    for x, y in bare.points[:2].astype(int):
        window = slice(y - 3, y + 4), slice(x - 3, x + 4)
        assert dark.image[window].mean() < bare.image[window].mean() - 20


def test_an_unknown_occluder_is_our_own_mistake(head):
    shot = draw_shot(STUDIO, "neutral", 0, seed=0)
    person = draw_person(STUDIO, 0, seed=0, modes=4)
    points = head.neutral[head.landmark68]
    with pytest.raises(ValueError, match="umbrella"):
        draw_occluder(np.zeros((32, 32, 3), np.float32), Occluder("umbrella", 0), person, shot.camera, points)
