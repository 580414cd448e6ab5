"""One optimiser for a method, its parameters in the groups that the method names."""

from __future__ import annotations

import torch
from torch import nn

from ferda.batch import Progress, Update
from ferda.engine.recipe_sections import StageRecipe
from ferda.engine.schedules import Schedule
from ferda.errors import UserError, nearest
from ferda.methods.base import Method, ParameterGroup


def build_optimiser(method: Method, settings: StageRecipe, stage: str) -> torch.optim.Optimizer:
    """Make the optimiser of a stage. Each parameter group carries its base rate and its schedule.

    Args:
        method: Its `parameter_groups` name modules with factors; all other parameters form the group `rest`.
        settings: Of the stage.
        stage: Its name.

    Raises:
        UserError: If the recipe names a group that the method does not have.
    """
    declared = list(method.parameter_groups(stage))
    known = [group.name for group in declared] + ["rest"]
    for name in settings.groups:
        if name not in known:
            raise UserError(
                f"training.groups.{name}: no such group{nearest(name, known)} (known: {', '.join(known)})"
            )
    taken: set[int] = set()
    groups = []
    for group in (*declared, ParameterGroup("rest", ("",))):
        parameters = _parameters(method, group.modules, taken)
        if parameters:
            own = settings.groups.get(group.name)
            rate = settings.rate * group.rate if own is None or own.rate is None else own.rate
            decay = settings.decay * group.decay if own is None or own.decay is None else own.decay
            schedule = own.schedule if own is not None and own.schedule is not None else settings.schedule
            groups.append(
                {
                    "params": parameters,
                    "lr": rate,
                    "weight_decay": decay,
                    "name": group.name,
                    "base_rate": rate,
                    "schedule": schedule.model_dump_json(),
                }
            )
    if settings.optimiser == "sgd":
        return torch.optim.SGD(
            groups, lr=settings.rate, momentum=settings.momentum, nesterov=settings.nesterov
        )
    kind = torch.optim.Adam if settings.optimiser == "adam" else torch.optim.AdamW
    return kind(groups, lr=settings.rate, betas=(settings.momentum, 0.999), amsgrad=settings.amsgrad)


def set_rates(optimiser: torch.optim.Optimizer, progress: Progress) -> float:
    """Give every group the rate of this step; return the first group's.

    Args:
        optimiser: Made by `build_optimiser`.
        progress: Where the stage stands.
    """
    for group in optimiser.param_groups:
        group["lr"] = group["base_rate"] * Schedule.model_validate_json(group["schedule"]).factor(progress)
    return float(optimiser.param_groups[0]["lr"])


def withhold(method: Method, update: Update) -> None:
    """Take the gradient from what an update does not train: an optimiser skips what has none.

    Args:
        method: With gradients.
        update: Names what it trains.
    """
    if not update.trains:
        return
    kept = {id(weight) for child in update.trains for weight in method.get_submodule(child).parameters()}
    for weight in method.parameters():
        if id(weight) not in kept:
            weight.grad = None


def _parameters(method: Method, modules: tuple[str, ...], taken: set[int]) -> list[nn.Parameter]:
    found = []
    for name in modules:
        for parameter in method.get_submodule(name).parameters():
            if parameter.requires_grad and id(parameter) not in taken:
                taken.add(id(parameter))
                found.append(parameter)
    return found
