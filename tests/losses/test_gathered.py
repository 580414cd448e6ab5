"""Losses over statistics of a batch or of two domains give two processes the gradient of one."""

from __future__ import annotations

from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
import torch
from torch import Tensor, distributed, multiprocessing

from ferda.losses.adversarial import DomainCritic
from ferda.losses.affect import AffectLoss
from ferda.losses.attention_diversity import AttentionDiversityLoss
from ferda.losses.attracting_dispersing import DispersingLoss
from ferda.losses.class_balance import ClassBalanceLoss
from ferda.losses.class_confusion import ClassConfusionLoss
from ferda.losses.class_kernel import ConditionalMMDLoss, ReweightedMMDLoss
from ferda.losses.conditional import ConditionalAdversarialLoss
from ferda.losses.coral import CoralLoss
from ferda.losses.discriminative_kernel import likeness
from ferda.losses.diversity import DiversityLoss
from ferda.losses.dual_alignment import Branch, DualAlignmentLoss
from ferda.losses.feature_norm import HardFeatureNormLoss
from ferda.losses.joint_information import JointCritic, JointInformationLoss
from ferda.losses.joint_mmd import JointMMDLoss
from ferda.losses.local_mmd import LocalMMDLoss
from ferda.losses.marginal_entropy import MarginalEntropyLoss
from ferda.losses.mmd import LinearMMDLoss, LinearTimeMMDLoss, MMDLoss
from ferda.losses.moment_distance import MomentDistanceLoss
from ferda.losses.multi_view import MultiViewClusteringLoss, VotingLoss
from ferda.losses.nuclear_norm import NuclearNormLoss
from ferda.losses.sliced_wasserstein import SlicedWassersteinLoss
from ferda.memory.class_shares import ClassShares
from ferda.memory.epoch_means import EpochMeans
from ferda.memory.learning_status import LearningStatus
from ferda.memory.prototypes import Prototypes
from ferda.memory.rows import FeatureBank

ROWS, PROCESSES = 8, 2


def of_one_batch(rows: slice) -> dict[str, Tensor]:
    """Gradients of a weight from the rows of one process, and the memory after one step."""
    torch.manual_seed(0)
    inputs = torch.randn(2, ROWS, 5, dtype=torch.float64)[:, rows]
    critic = DomainCritic(4 * 6, hidden=8).double().eval()
    weight = torch.randn(5, 10, dtype=torch.float64).requires_grad_()
    source, target = ((rows @ weight).split([6, 4], 1) for rows in inputs)
    classes = torch.tensor([[0, 0, 1, 2, 3, 1, 0, 2], [1, 0, 3, 0, 2, 2, 0, 1]])[:, rows]
    pairs, information = JointCritic(6, 4, hidden=8).double(), JointInformationLoss()
    # the valid ones the other way round instead of by chance
    information.permutation = lambda valid: (len(valid) * ~valid - torch.arange(len(valid))).argsort()
    losses = {
        "attention": AttentionDiversityLoss()([source[0][..., None, None], target[0][..., None, None]]),
        "marginal": MarginalEntropyLoss()(target[1]),
        "balance": ClassBalanceLoss()(target[1]),
        "sliced": SlicedWassersteinLoss()(torch.stack([source[1], target[1]])),
        "dispersing": DispersingLoss()(target[1].softmax(1)),
        "information": information(pairs, (source[0], classes[0]), (target[0], classes[1])),
        "cdan_e": ConditionalAdversarialLoss()(critic, source, target),
        "mcc": ClassConfusionLoss()(target[1]),
        "bnm": NuclearNormLoss()(target[1]),
        "hafn": HardFeatureNormLoss()(target[0]),
        "affect": AffectLoss()(torch.stack([source[0][:, :2], target[1][:, :2]]), inputs[0][:, :2]),
        "diversity": DiversityLoss(gamma=0.1)(torch.stack([source[0], target[0]])),
    }
    found = {k: torch.autograd.grad(v, weight, retain_graph=True)[0] for k, v in losses.items()}
    memory = LearningStatus(heads=2, classes=4)
    memory.start(ROWS)
    labels = torch.arange(2 * ROWS).reshape(2, ROWS)[:, rows] % 4
    memory.remember(torch.arange(ROWS)[rows], labels, labels != 3)
    bank = FeatureBank(6, 4)
    bank.fill(features=torch.zeros(ROWS, 6), probabilities=torch.zeros(ROWS, 4))
    bank.write(torch.arange(ROWS)[rows], features=target[0], probabilities=target[1])
    remembered = {"table": memory.table.clone(), "status": memory.refresh().clone()}
    return found | remembered | {"bank": bank.features.clone()}


def of_domains(rows: slice) -> dict[str, Tensor]:
    """Gradients of a weight from the rows of one process, and a memory after one step."""
    torch.manual_seed(0)
    inputs = torch.randn(2, ROWS, 5, dtype=torch.float64)[:, rows]
    labels = torch.arange(ROWS)[rows] % 3
    weight = torch.randn(5, 9, dtype=torch.float64).requires_grad_()
    source, target = (Branch(*(rows @ weight).split([6, 3], 1)) for rows in inputs)
    losses = {
        "mmd": MMDLoss()(source.features, target.features),
        "linear_time": LinearTimeMMDLoss()(source.features, target.features),
        "linear": LinearMMDLoss()(source.features, target.features),
        "joint": JointMMDLoss()([source.features, source.logits], [target.features, target.logits]),
        "moments": MomentDistanceLoss()([source.features], target.features),
        "coral": CoralLoss()(source.features, target.features),
        "local": LocalMMDLoss()(source.features, target.features, labels, target.logits.softmax(1)),
        "dual": DualAlignmentLoss()(source, labels, target),
        "reweighted": ReweightedMMDLoss()(source.features, target.features, 1.0 + labels),
        "conditional": ConditionalMMDLoss()(source.features, target.features, labels, labels, 3),
        "likeness": torch.stack(likeness(source.features, target.features, labels, 3)).prod(),
        "clustering": MultiViewClusteringLoss()(source.logits, target.logits),
        "voting": VotingLoss(0.6)(source.logits, target.logits),
    }
    found = {k: torch.autograd.grad(v, weight, retain_graph=True)[0] for k, v in losses.items()}
    memory = Prototypes(domains=1, classes=3, width=6)
    memory.update(0, source.features.float(), labels)
    epoch = EpochMeans(classes=3, width=6)
    epoch.remember(source.features.float(), labels)
    shares = ClassShares(classes=3)
    shares.count(labels)
    memories = {"means": memory.means.clone(), "sums": epoch.sums.clone(), "counts": shares.source.clone()}
    return found | memories


Parts = dict[str, list[dict[str, Tensor]]]
#: What is computed, and what of it is a memory that both processes must hold alike.
CASES = {
    "one batch": (of_one_batch, {"table", "status", "bank"}),
    "two domains": (of_domains, {"means", "sums", "counts"}),
}


def work(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=PROCESSES
    )
    rows = slice(rank * ROWS // PROCESSES, (rank + 1) * ROWS // PROCESSES)
    for case, (results, _) in CASES.items():
        torch.save(results(rows), Path(folder) / f"{case} {rank}.pt")
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory, forks: ForkServerContext) -> Parts:
    """What each process found, by case."""
    folder = tmp_path_factory.mktemp("gathered")
    multiprocessing.start_processes(
        work, args=(str(folder),), nprocs=PROCESSES, start_method=forks.get_start_method()
    )
    return {
        case: [torch.load(folder / f"{case} {rank}.pt", weights_only=True) for rank in range(PROCESSES)]
        for case in CASES
    }


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_two_processes_equal_one(case: str, parts: Parts) -> None:
    results, memories = CASES[case]
    for name, expected in results(slice(None)).items():
        assert expected.any(), name
        if name in memories:
            assert all(torch.equal(part[name], expected) for part in parts[case]), name
        else:
            torch.testing.assert_close(sum(part[name] for part in parts[case]) / PROCESSES, expected)
