"""The orders of classes that programs and data sets number by, against what their specifications say."""

from __future__ import annotations

import pytest

from ferda.errors import UserError
from ferda.expressions import BASIC, CLASS_ORDERS, class_order


@pytest.mark.parametrize(
    ("order", "initials"),
    [
        *(
            (name, "su fe di ha sa an ne")
            for name in ("raf-db", "cd-fer", "aglrls", "agra", "la-cmfer", "osa")
        ),
        *((name, "ne ha sa su fe di an co") for name in ("affectnet", "ddamfn", "esr")),
        ("manet", "ne ha sa su fe di an"),
        ("fer2013", "an di fe ha sa su ne"),
        ("expw", "an di fe ha sa su ne"),
        ("ferplus", "ne ha su sa an di fe co"),
        ("esr-ck", "an di fe ha sa su co ne"),
    ],
)
def test_named_orders(order: str, initials: str) -> None:
    assert class_order(order) == CLASS_ORDERS[order] == class_order(initials.split())


def test_an_order_is_complete() -> None:
    assert all(set(BASIC) <= set(order) and len(set(order)) == len(order) for order in CLASS_ORDERS.values())


def test_an_order_may_be_listed() -> None:
    assert (
        class_order("Happy, sad,fear")
        == class_order(["happy", "sad", "fear"])
        == class_order(["happy,sad", "fear"])
    )


@pytest.mark.parametrize(
    ("order", "sentence"),
    [
        ("rafdb", "did you mean 'raf-db'"),
        ("happy", "at least two"),
        ("happy,happy,sad", "more than once"),
        ("happy,hapy", "'hapy' is not an expression"),
        ("", "at least two"),
    ],
)
def test_wrong_orders(order: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        class_order(order)
