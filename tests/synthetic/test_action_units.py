import numpy as np
import pytest

from ferda.errors import UserError
from ferda.expressions import BASIC
from ferda.synthetic.action_units import ACTION_UNITS, EXPRESSION_UNITS, draw_weights, gaze_weights

EXACT = {"asymmetry": 0.0, "extras": 0, "intensity": (1.0, 1.0)}


def test_every_basic_expression_has_its_table():
    assert set(EXPRESSION_UNITS) == set(BASIC)
    assert all(unit in ACTION_UNITS for table in EXPRESSION_UNITS.values() for unit in table)
    tables = [tuple(sorted(table.items())) for table in EXPRESSION_UNITS.values()]
    assert len(set(tables)) == len(BASIC)


def test_happiness_smiles_with_the_eyes_and_nothing_frowns():
    weights = draw_weights("happiness", np.random.default_rng(0), **EXACT)
    assert {"mouthSmile_L", "mouthSmile_R", "cheekRaiser_L", "cheekSquint_R"} <= set(weights)
    assert not any(name.startswith(("mouthFrown", "browDown")) for name in weights)
    assert 0.8 <= weights["mouthSmile_L"] <= 1.15


def test_without_asymmetry_both_sides_are_equal():
    for expression in BASIC:
        weights = draw_weights(expression, np.random.default_rng(1), **EXACT)
        assert all(
            value == weights[name[:-1] + "R"] for name, value in weights.items() if name.endswith("_L")
        )


def test_asymmetry_is_slight():
    generator = np.random.default_rng(2)
    draws = [draw_weights("happiness", generator, extras=0) for _ in range(400)]
    ratio = np.array([draw["mouthSmile_L"] / draw["mouthSmile_R"] for draw in draws])
    assert abs(np.median(ratio) - 1) < 0.05
    assert 0.1 < np.log(ratio).std() < 0.35


def test_intensity_scales_the_table():
    weak, strong = (
        np.mean([
            draw_weights("surprise", np.random.default_rng(k), extras=0, intensity=(level, level))["jawOpen"]
            for k in range(50)
        ])
        for level in (0.5, 1.0)
    )  # fmt: skip
    assert strong == pytest.approx(2 * weak)


def test_neutral_moves_only_by_small_extras():
    weights = draw_weights("neutral", np.random.default_rng(3))
    assert 3 <= len(weights) <= 6
    assert max(weights.values()) < 0.25


def test_an_expression_without_a_table_is_refused():
    with pytest.raises(UserError, match="contempt"):
        draw_weights("contempt", np.random.default_rng(0))


def test_both_eyes_look_the_same_way():
    assert gaze_weights(0.5, 0.0) == {"eyeLookOut_R": 0.5, "eyeLookIn_L": 0.5}
    assert gaze_weights(0.0, -0.3) == {"eyeLookDown_L": 0.3, "eyeLookDown_R": 0.3}
    assert gaze_weights(0.0, 0.0) == {}
