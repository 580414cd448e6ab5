"""The three tables of a recipe and their fields: what a run computes, and nothing that changes no number."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ferda.data.bagging import Bag
from ferda.data.balance import SourceBalance
from ferda.data.labels import LabelRule
from ferda.data.view_options import StrongView, WeakView, preset
from ferda.engine.schedules import Schedule
from ferda.errors import UserError, nearest
from ferda.expressions import BASIC, class_list
from ferda.faces.crop_names import named_crop
from ferda.faces.crops import CropRule
from ferda.methods import method_class
from ferda.methods.base import MethodConfig, Sampling
from ferda.selection import list_validators


class Checked(BaseModel):
    """Base of all tables: unknown keys are errors, values cannot change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class MethodRecipe(BaseModel):
    """Name of a method, and whatever its own `Config` takes.

    Attributes:
        name: A built-in method or a path to a Python file.
    """

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str

    @property
    def settings(self) -> dict[str, Any]:
        """The method's own settings, unchecked."""
        return dict(self.model_extra or {})

    def config(self) -> MethodConfig:
        """The method's own settings, checked."""
        return method_class(self.name).Config(**self.settings)


class DataRecipe(Checked):
    """The domains of a run, and how their pictures are shown.

    Attributes:
        sources: Packs, folders or tables of labelled faces; `@train` and the like pick a split.
        target: The same, of faces whose labels are never read; None for a method that needs no target.
        watch: Domain whose predictions are recorded after every epoch, without its labels; None takes the
            target's test split where there is one, else the target.
        classes: The model's class list.
        labels: Which labels of the sources are learned: a column, or `votes` for soft labels.
        crop: How faces are cut out of data that is not a pack yet: settings, or the name of a crop as for
            `ferda prepare`; None takes aligned faces of 112 pixels.
        size: Side in pixels of the pictures that the model sees; None keeps the pack's.
        normalise: Mean and standard deviation: `imagenet`, `half` or `none`.
        channels: Order of colours that the model sees; `bgr` is for weights of programs that read so.
        weak: The training view of every domain: settings, or the name of a preset.
        strong: The second view of the target, for methods that compare two; likewise.
        resident: Keep the pictures of sources and target on the training device, as bytes; no number changes.
        holdout: Share of a source's rows kept for its own validation where no split is given.
        allow_leaks: Train although test faces, or people of the same pack, are learned from.
        excluded: Rows of each pack that `ferda check --exclude` took out; a run writes it into its recipe.
        start_sources: What the start of a run without sources learned from; a run writes it, likewise.
    """

    sources: tuple[str, ...] = ()
    target: str | None = None
    watch: str | None = None
    classes: tuple[str, ...] = BASIC
    labels: LabelRule = LabelRule()
    crop: CropRule | None = None
    size: int | None = Field(default=None, ge=16, le=1024)
    normalise: Literal["imagenet", "half", "none"] = "imagenet"
    channels: Literal["rgb", "bgr"] = "rgb"
    weak: WeakView = WeakView()
    strong: StrongView = StrongView()
    resident: bool = False
    holdout: float = Field(default=0.15, gt=0, lt=1)
    allow_leaks: bool = False
    excluded: dict[str, int] = {}
    start_sources: tuple[str, ...] = ()

    @field_validator("sources", "classes", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("weak", "strong", mode="before")
    @classmethod
    def _preset(cls, value: Any) -> Any:
        try:
            return preset(value) if isinstance(value, str) else value
        except UserError as error:
            raise ValueError(str(error)) from error

    @field_validator("crop", mode="before")
    @classmethod
    def _crop(cls, value: Any) -> Any:
        try:
            return named_crop(value)
        except UserError as error:
            raise ValueError(str(error)) from error

    @field_validator("classes")
    @classmethod
    def _names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return class_list(value)
        except UserError as error:
            raise ValueError(str(error)) from error


class GroupRecipe(Checked):
    """What one of a method's parameter groups does otherwise than the rest.

    Attributes:
        rate: Learning rate; None keeps the method's factor on the stage's rate.
        decay: Weight decay; None keeps the method's factor on the stage's decay.
        schedule: Its own course of the rate; None follows the stage's.
    """

    rate: float | None = Field(default=None, ge=0)
    decay: float | None = Field(default=None, ge=0)
    schedule: Schedule | None = None


class StageRecipe(Checked):
    """Settings that may differ between the stages of a method.

    Attributes:
        epochs: Passes.
        epoch_steps: Steps a pass: a number, or `longest` (the largest domain once) or `sources` (the
            largest source once).
        batch: Rows of each source in a step, over all processes.
        target_batch: Rows of the target in a step; None takes `batch`.
        optimiser: `sgd` (Nesterov if `nesterov`), `adam` or `adamw`.
        rate: Learning rate.
        momentum: Momentum of SGD, first beta of Adam.
        nesterov: Nesterov's form of SGD's momentum.
        amsgrad: Adam's second moment never falls (Reddi et al., ICLR 2018).
        sam: Radius of sharpness-aware minimisation (Foret et al., ICLR 2021), which passes every batch
            twice: the second gradient is taken where the loss near by is worst. None for none.
        sam_on: Which losses are climbed (the second gradient is of all): `all`, or the `task` alone, which is
            smooth domain adversarial training (SDAT, Rangwani et al., ICML 2022, with a radius of 0.02).
        decay: Weight decay.
        schedule: Course of the rate within the stage.
        groups: Deviations for the method's named parameter groups.
        clip: Largest norm of the gradient; None does not clip.
        sampling: `joint`, `pooled` or `round_robin`; None takes what the method declares.
        balance: `none`, `class_balanced`, `class_cap`, or `quadrant_cap` (of valence and arousal), for the
            sources.
        class_cap: Rows of a class in one pass, for `class_cap`; of a quadrant, for `quadrant_cap`.
        bag: Learn from some of the sources' people only: `{folds: 10, places: [1, 2, 3]}` deals all people to
            ten folds and takes three of those that the source has.
    """

    epochs: int = Field(default=20, ge=1)
    epoch_steps: int | Literal["longest", "sources"] = "longest"
    batch: int = Field(default=32, ge=1)
    target_batch: int | None = Field(default=None, ge=1)
    optimiser: Literal["sgd", "adam", "adamw"] = "sgd"
    rate: float = Field(default=0.01, gt=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    nesterov: bool = False
    amsgrad: bool = False
    sam: float | None = Field(default=None, gt=0)
    sam_on: Literal["all", "task"] = "all"
    decay: float = Field(default=5e-4, ge=0)
    schedule: Schedule = Schedule()
    groups: dict[str, GroupRecipe] = {}
    clip: float | None = Field(default=None, gt=0)
    sampling: Sampling | None = None
    balance: SourceBalance = "none"
    class_cap: int | None = Field(default=None, ge=1)
    bag: Bag | None = None


class TrainingRecipe(StageRecipe):
    """How a run trains. What stands here holds for every stage that `stages` does not change.

    Attributes:
        stages: Deviations by stage name, any field of a stage.
        start: Run folder or weights file whose fitting weights the method starts from.
        seed: Decides weights, batches, views and dropout.
        precision: `auto` takes bf16 or fp16 where hardware and network gain, else fp32; it asks the network
            for depthwise convolutions, whose training bf16 slows down on a CPU.
        channels_last: Memory layout that convolutions like.
        ema: Decay of an exponential moving average of the weights, which is then what is scored and kept.
        target_norm: Score and keep the weights with batch norm's statistics of the target (AdaBN), from
            `score_rows` of its rows; worth a try whenever cameras differ.
        select: The validator that chooses the checkpoint, or `last`.
        guard: Largest loss of source accuracy, against the best epoch, at which a checkpoint may be chosen.
            Without sources it may be chosen while it uses at least half as many classes as the start.
        score_rows: Rows of each domain that are scored after an epoch.
        save_every: Steps between two saves within an epoch.
        log_every: Steps between two rows of the journal.
    """

    stages: dict[str, dict[str, Any]] = {}
    start: str | None = None
    seed: int = Field(default=0, ge=0)
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    channels_last: bool = True
    ema: float | None = Field(default=None, gt=0, lt=1)
    target_norm: bool = False
    select: str = "im"
    guard: float = Field(default=0.05, ge=0)
    score_rows: int = Field(default=2000, ge=1)
    save_every: int = Field(default=500, ge=1)
    log_every: int = Field(default=10, ge=1)

    @field_validator("select")
    @classmethod
    def _validator(cls, value: str) -> str:
        known = [*list_validators(), "last"]
        if value not in known:
            raise ValueError(f"no such validator{nearest(value, known)} (known: {', '.join(known)})")
        return value

    def stage(self, name: str) -> StageRecipe:
        """The settings of one stage."""
        common = {key: getattr(self, key) for key in StageRecipe.model_fields}
        return StageRecipe.model_validate({**common, **self.stages.get(name, {})})
