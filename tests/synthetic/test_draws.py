from dataclasses import asdict

import numpy as np
import pytest

from ferda.errors import UserError
from ferda.expressions import BASIC
from ferda.synthetic.domains import CCTV, CLASS_MIXES, DOMAINS, STREET, STUDIO, domain_style
from ferda.synthetic.draws import draw_person, draw_shot, subject_name


def test_the_same_numbers_draw_the_same_person_and_picture():
    assert str(draw_person(STREET, 3, seed=1, modes=20)) == str(draw_person(STREET, 3, seed=1, modes=20))
    assert str(draw_shot(STREET, "fear", 5, seed=1)) == str(draw_shot(STREET, "fear", 5, seed=1))
    assert str(draw_shot(STREET, "fear", 5, seed=1)) != str(draw_shot(STREET, "fear", 6, seed=1))
    assert str(draw_shot(STREET, "fear", 5, seed=1)) != str(draw_shot(STREET, "fear", 5, seed=2))


def test_people_of_different_domains_and_seeds_differ():
    faces = [
        draw_person(style, number, seed=seed, modes=20).identity
        for style in DOMAINS.values()
        for number in range(5)
        for seed in (0, 1)
    ]
    apart = [np.abs(a - b).max() for k, a in enumerate(faces) for b in faces[:k]]
    assert min(apart) > 0.1
    assert len({subject_name(style, number) for style in DOMAINS.values() for number in range(5)}) == 15


def test_pictures_keep_the_ranges_of_their_domain():
    shots = [draw_shot(CCTV, BASIC[k % 7], k, seed=0) for k in range(60)]
    assert all(shot.degradation.grey for shot in shots)
    for shot in shots:
        assert CCTV.resolution[0] <= shot.degradation.resolution <= CCTV.resolution[1]
        assert CCTV.noise[0] <= shot.degradation.noise <= CCTV.noise[1]
        assert CCTV.fill[0] <= shot.camera.fill <= CCTV.fill[1]
        assert np.linalg.norm(shot.light.key_direction) == pytest.approx(1, abs=1e-5)
    pitch = np.degrees(np.mean([shot.camera.pitch for shot in shots]))
    assert pitch == pytest.approx(CCTV.look_down, abs=4)


def test_the_street_turns_heads_farther_than_the_studio():
    spread = {
        style.name: np.degrees(
            np.std([draw_shot(style, "neutral", k, seed=0).camera.yaw for k in range(120)])
        )
        for style in (STUDIO, STREET)
    }
    assert spread["studio"] < 8 < 11 < spread["street"]


def test_class_mixes_name_every_basic_expression():
    assert all(set(mix) == set(BASIC) and min(mix.values()) > 0 for mix in CLASS_MIXES.values())
    assert sum(CLASS_MIXES["long_tailed"].values()) == pytest.approx(1)


def test_an_unknown_domain_is_refused_with_the_nearest_name():
    assert domain_style("street") is STREET
    with pytest.raises(UserError, match="did you mean 'studio'"):
        domain_style("studioo")


def test_styles_are_plain_records():
    assert asdict(STUDIO)["name"] == "studio"
