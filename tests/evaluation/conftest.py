"""A small world without a network: domains whose faces are drawn, and models whose skill is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ferda.evaluation.scoring import evaluation_of
from ferda.expressions import BASIC


@dataclass
class FakePack:
    """Pictures of discs whose colour is the class."""

    manifest: pd.DataFrame
    crop: dict[str, Any] = field(default_factory=lambda: {"kind": "aligned"})
    description: dict[str, Any] = field(default_factory=lambda: {"unusable": 2, "no_face": 7})
    side: int = 64

    def gather(self, rows):
        y, x = np.mgrid[: self.side, : self.side] / self.side - 0.5
        face = np.hypot(x * 1.25, y) < 0.42
        eyes = np.hypot(np.abs(x) - 0.14, y + 0.08) < 0.04
        images = []
        for row in rows:
            generator = np.random.default_rng(int(row))
            bend = generator.uniform(-1.6, 1.6)
            mouth = (np.abs(y - 0.2 + bend * x**2) < 0.018) & (np.abs(x) < 0.16)
            shade = 1 - 0.8 * np.hypot(x - 0.1, y + 0.1)
            skin = generator.uniform(0.35, 1.0) * np.array([1.0, 0.82, 0.7])
            image = np.where(face[..., None], shade[..., None] * skin, generator.uniform(0.2, 0.7))
            image[eyes | mouth] = 0.1
            images.append((255 * np.clip(image, 0, 1)).astype(np.uint8))
        return np.stack(images)


@dataclass
class FakeDomain:
    """What `ferda.data.domain.Domain` promises, and no more."""

    name: str
    pack: FakePack
    rows: np.ndarray
    classes: tuple[str, ...] = BASIC
    left_out: dict[str, int] = field(default_factory=dict)

    def labels(self):
        position = {name: place for place, name in enumerate(self.classes)}
        names = self.pack.manifest["expression"].iloc[self.rows]
        return np.array([position.get(name, -1) for name in names], np.int64)


def make_domain(
    name="street", faces=400, seed=0, subjects=0, shares=(1.2, 0.5, 0.6, 3, 1.4, 1.2, 2), **columns
):
    generator = np.random.default_rng(seed)
    shares = np.asarray(shares, float)
    labels = generator.choice(len(BASIC), faces, p=shares / shares.sum())
    expression = np.array(BASIC, object)[labels]
    expression[:4] = None
    manifest = pd.DataFrame(
        {
            "file": [f"{name}/{i:05d}.jpg" for i in range(faces)],
            "expression": expression,
            "subject": [f"s{i % subjects:02d}" for i in range(faces)] if subjects else None,
            "note": [None if i % 40 else "no face found" for i in range(faces)],
            **columns,
        }
    )
    # rows in another order than the pack, as a split would have them
    return FakeDomain(name, FakePack(manifest), np.arange(faces)[::-1].copy())


def answers_for(domain, skill, seed=0, pull=3):
    """Probabilities of a model that knows `skill` of the truth, and is drawn towards one class."""
    generator = np.random.default_rng(seed)
    labels = domain.labels()
    logits = generator.normal(size=(len(labels), len(domain.classes)))
    known = labels >= 0
    logits[known, labels[known]] += 4 * skill
    logits[:, pull] += 2.2 * (1 - skill)
    table = np.exp(1.6 * logits)
    return (table / table.sum(1, keepdims=True)).astype(np.float32)


def make_features(domain, skill, shift, seed=0, width=24):
    generator = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(len(domain.classes), width)) * 1.1 * skill
    labels = np.maximum(domain.labels(), 0)
    return (centres[labels] + generator.normal(size=(len(labels), width)) + shift).astype(np.float32)


def make_evaluation(domain, skill, model="aglrls", seed=0, **options):
    features = make_features(domain, skill, 0.0)
    chosen = options.pop("selected_by", "im, epoch 7")
    return evaluation_of(
        domain,
        answers_for(domain, skill, seed),
        model=model,
        selected_by=chosen,
        features=features,
        **options,
    )


def make_journal(stages=("source", "adapt"), steps=300):
    generator = np.random.default_rng(0)
    rows = []
    for stage in stages:
        for step in range(10, steps + 1, 10):
            task = 1.9 * np.exp(-step / 120) + 0.1 + generator.normal() * 0.05
            named = {"loss/task": task}
            if stage == "adapt":
                named |= {
                    "loss/domain": 0.69 + generator.normal() * 0.02,
                    "loss/pseudo": 0.8 * np.exp(-step / 200),
                }
            epoch = 1 + step // 101
            rows.append(
                {"stage": stage, "epoch": epoch, "step": step, "images_per_second": 300.0, "rate": 0.01}
                | {"loss": sum(named.values())}
                | named
            )
    return pd.DataFrame(rows)


def make_scores(stages=("source", "adapt"), epochs=8):
    rows = []
    for stage in stages:
        for epoch in range(1, epochs + 1):
            rise = 1 - np.exp(-epoch / 3)
            row = {"stage": stage, "epoch": epoch, "step": epoch * 40, "source_accuracy": 0.5 + 0.36 * rise}
            row |= {"entropy": -1.2 + 0.5 * rise, "im": 0.6 + 0.5 * rise - 0.01 * epoch, "snd": 4 + rise}
            row["selected"] = "im" if epoch == 7 else None
            rows.append(row)
    return pd.DataFrame(rows)


@pytest.fixture(scope="session")
def world():
    """The builders above, for tests that need other worlds than the usual one."""
    return SimpleNamespace(
        domain=make_domain,
        answers=answers_for,
        features=make_features,
        evaluation=make_evaluation,
        journal=make_journal,
        scores=make_scores,
    )


@pytest.fixture(scope="session")
def street():
    return make_domain("street", 400, subjects=20, camera=["north", "south"] * 200)


@pytest.fixture(scope="session")
def studio():
    return make_domain("studio", 300, seed=1)


@pytest.fixture(scope="session")
def adapted(street):
    return make_evaluation(street, 0.5, groups=["camera"], resamples=300)


@pytest.fixture(scope="session")
def baseline(street):
    return make_evaluation(
        street, 0.3, "source_only", seed=5, selected_by="source_accuracy, epoch 8", resamples=300
    )


@pytest.fixture(scope="session")
def at_home(studio):
    return make_evaluation(studio, 0.8, "source_only", resamples=300)
