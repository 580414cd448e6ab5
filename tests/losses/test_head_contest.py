from __future__ import annotations

import torch

from ferda.batch import Update
from ferda.losses.discrepancy import HeadDiscrepancyLoss
from ferda.losses.head_contest import HeadContest


def test_the_updates_and_what_each_minimises() -> None:
    contest = HeadContest(HeadDiscrepancyLoss(), weight=0.5, repeats=2)
    updates = contest.updates("heads", "features")
    assert updates == (
        Update("task"),
        Update("disagree", ("heads",)),
        Update("agree_1", ("features",)),
        Update("agree_2", ("features",)),
    )
    logits = torch.tensor(
        [[[0.0, 0.0]], [[9.0, 9.0 + torch.log(torch.tensor(3.0))]]]
    )  # 1/2, 1/2 and 1/4, 3/4
    task = {"task": torch.tensor(2.0)}
    found = [contest(update.name, task, logits) for update in updates]
    assert found[0] == task
    assert set(found[1]) == {"task", "disagreement"} and set(found[2]) == set(found[3]) == {"discrepancy"}
    torch.testing.assert_close(found[1]["disagreement"], torch.tensor(-0.125))
    torch.testing.assert_close(found[2]["discrepancy"], torch.tensor(0.125))
