import pytest
import torch

from ferda.errors import UserError
from ferda.methods import create_method


def test_a_method_is_an_ordinary_module() -> None:
    method = create_method("dann", classes=5, sources=2, backbone="small_cnn", critic_hidden=8).eval()
    output = method(torch.randn(2, 3, 32, 32))
    assert output.logits.shape == (2, 5) and (method.classes, method.sources) == (5, 2)


def test_all_wrong_settings_are_named() -> None:
    with pytest.raises(UserError, match=r"critic_hiden.*ferda show dann") as caught:
        create_method("dann", classes=5, critic_hiden=8, dropout=2.0)
    assert "dropout" in str(caught.value)
