"""Opens the domains that a recipe names, and takes the target's labels away before training can see them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ferda.data.cache import is_prepared
from ferda.data.domain import Domain, UnlabelledDomain, open_domain, place_and_split
from ferda.data.normalise import Normalise
from ferda.engine.checkpoint import Preprocessing
from ferda.engine.leak_guard import UNCOMPARED, find_learned, find_seen, refuse
from ferda.engine.recipe_sections import DataRecipe
from ferda.errors import UserError
from ferda.faces.crops import CropRule
from ferda.methods.base import Needs

Count = Callable[[int, int], None]


@dataclass(frozen=True)
class RunDomains:
    """The domains of one run.

    Attributes:
        sources: Labelled rows to learn from.
        holdouts: Labelled rows of the same sources that are never learned from.
        target: Rows without labels to adapt to; None if the recipe names none.
        watch: Rows without labels whose predictions are recorded.
        preprocessing: How pictures will be shown to the trained model.
    """

    sources: tuple[Domain, ...]
    holdouts: tuple[Domain, ...]
    target: UnlabelledDomain | None
    watch: UnlabelledDomain | None
    preprocessing: Preprocessing


def open_run_domains(
    data: DataRecipe, needs: Needs, tell: Callable[[str], None], progress: Count | None = None
) -> RunDomains:
    """Open sources, held-out rows, target and watched rows.

    A source or target without `@split` gives its training split; a source's validation split is held out, or
    a share of its training rows where it has none. `@train:2/10` holds the turn's validating fold out.

    Args:
        data: Names the domains.
        needs: Of the method.
        tell: Gets sentences for the user.
        progress: Called with pictures done and in all while a raw folder is prepared.

    Raises:
        UserError: If a domain is missing or unusable, or the domains do not fit each other.
    """
    if needs.sources and not data.sources:
        raise UserError("The recipe names no source; give labelled faces with --sources.")
    if needs.source_model and data.target is None:
        raise UserError("The recipe names no target; give the faces to adapt to with --target.")
    pairs = [_source(spec, data, progress) for spec in data.sources]
    for source, holdout in pairs:
        counts = "  ".join(f"{name} {count}" for name, count in source.counts().items())
        tell(f"source {source.name}: {len(source)} rows ({counts}), {len(holdout)} held out")
        _tell_left_out(source, tell)
        for reason, count in find_learned([source], holdout).items():
            tell(f"  warning: {count} rows that are held out are {reason}, so source accuracy is too good")
        if empty := [name for name, count in source.counts().items() if count == 0]:
            tell(f"  warning: no row of {', '.join(empty)}; the model cannot learn what it never sees")
    target = (
        None if data.target is None else _open(data.target, data, progress, labelled=False, split="@train")
    )
    if target is not None:
        known = int((target.labels() >= 0).sum())
        labels = f"; the labels of {known} of them are ignored in training" if known else ""
        tell(f"target {target.name}: {len(target)} rows without labels{labels}")
        _tell_left_out(target, tell)
    watch = open_watched(data, progress)
    if watch is not None:
        _guard(data, [source for source, _ in pairs], target, watch, tell)
    cropped = (*(source for source, _ in pairs), *([target] if target else []))
    rules = {CropRule.from_dict(domain.crop) for domain in cropped}
    rules |= {data.crop} if needs.source_model and data.crop is not None else set()
    if len(rules) > 1:
        tell("warning: the domains were cropped by different rules, which is a domain gap of its own")
    shown = target or (pairs[0][0] if pairs else watch)
    assert shown is not None
    normalise = Normalise.named(data.normalise, data.channels)
    return RunDomains(
        sources=tuple(source for source, _ in pairs),
        holdouts=tuple(holdout for _, holdout in pairs),
        target=None if target is None else target.without_labels(),
        watch=None if watch is None else watch.without_labels(),
        preprocessing=Preprocessing(
            crop=CropRule.from_dict(shown.crop),
            size=data.size or shown.size,
            mean=normalise.mean,
            std=normalise.std,
            channels=normalise.channels,
        ),
    )


def notes_on_test(data: DataRecipe, test: Domain, way_on: str | None) -> dict[str, int]:
    """Count test faces that a run or its start learned from, or saw without labels.

    Of the run's domains packs are opened, and what is in the cache; nothing is prepared for this. What is not
    there any more is named.

    Args:
        data: Of the finished run.
        test: What is scored.
        way_on: The words that allow a score on faces that were learned from; None if they are allowed.

    Raises:
        UserError: If they are not.
    """
    specs = dict.fromkeys((*data.sources, *data.start_sources, *filter(None, (data.target,))))
    there = {spec for spec in specs if is_prepared(place_and_split(spec)[0], data.crop)}
    learned_from = [spec for spec in (*data.sources, *data.start_sources) if spec in there]
    sources = [_source(spec, data, None)[0] for spec in learned_from]
    learned = find_learned(sources, test)
    if way_on is not None:
        refuse(learned, sources, test, way_on)
    notes = learned | {f"{UNCOMPARED} {spec}": len(test) for spec in specs if spec not in there}
    if data.target not in there:
        return notes
    return notes | find_seen(_open(data.target, data, None, labelled=False, split="@train"), test)


def notes_on_weights(about: Mapping[str, Any], test: Domain, way_on: str | None) -> dict[str, int]:
    """Count as `notes_on_test` does for the run that some weights are from.

    Args:
        about: What a weights file says of itself; weights of others do not say what they learned from.
        test: What is scored.
        way_on: As for `notes_on_test`.

    Raises:
        UserError: As `notes_on_test` does.
    """
    if "recipe" not in about:
        return {}
    return notes_on_test(DataRecipe.model_validate(about["recipe"]["data"]), test, way_on)


def _guard(
    data: DataRecipe, sources: list[Domain], target: Domain | None, watch: Domain, tell: Callable[[str], None]
) -> None:
    learned = find_learned(sources, watch)
    if not data.allow_leaks:
        refuse(learned, sources, watch, "--set data.allow_leaks=true")
    for reason, count in (learned | find_seen(target, watch)).items():
        tell(f"watched {watch.name}: {count} of {len(watch)} faces are {reason}")


def _tell_left_out(domain: Domain, tell: Callable[[str], None]) -> None:
    for reason, count in domain.left_out.items():
        tell(f"  left out: {count} rows, {reason}")


def _open(spec: str, data: DataRecipe, progress: Count | None, *, labelled: bool, split: str) -> Domain:
    return open_domain(
        spec if _names_split(spec) else spec + split,
        data.classes,
        labelled=labelled,
        rule=data.labels if labelled else None,
        crop=data.crop,
        progress=progress,
    )


def _names_split(spec: str) -> bool:
    return place_and_split(spec)[0] != spec


def _source(spec: str, data: DataRecipe, progress: Count | None) -> tuple[Domain, Domain]:
    place, named = place_and_split(spec)
    if named.startswith("train:"):
        held_out = f"{place}@{named.replace('train', 'val')}"
        source, holdout = (_open(part, data, progress, labelled=True, split="") for part in (spec, held_out))
        return source, holdout
    if not _names_split(spec):
        source = _open(spec, data, progress, labelled=True, split="@train")
        try:
            return source, _open(spec, data, progress, labelled=True, split="@val")
        except UserError:
            # its owner split it, but kept nothing for validation
            pass
    else:
        source = _open(spec, data, progress, labelled=True, split="")
    parts = source.split_by_subject({"train": 1 - data.holdout, "val": data.holdout})
    return parts["train"], parts["val"]


def open_watched(data: DataRecipe, progress: Count | None = None) -> Domain | None:
    """Open the rows whose predictions a run records; None if the recipe names neither watch nor target.

    Training takes them `without_labels`; an evaluation, after the run, may read what labels they have.

    Args:
        data: Names the domains.
        progress: Called with pictures done and in all while a raw folder is prepared.
    """
    spec = data.watch or data.target
    if spec is None:
        return None
    if data.watch is None and not _names_split(spec):
        try:
            return _open(spec, data, progress, labelled=False, split="@test")
        except UserError:
            # an owner's split without a test part: watch all rows
            pass
    return _open(spec, data, progress, labelled=False, split="@all")
