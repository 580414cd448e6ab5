"""`ferda fit`: train a method on labelled sources so that it works on faces without labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ferda.cli.screen import AsJson, remark, say, show_json, show_table

if TYPE_CHECKING:
    from ferda.engine.recipe import Recipe


def fit(
    method: Annotated[
        str, typer.Argument(help="A method ('ferda methods' lists them) or your own .py file.")
    ],
    sources: Annotated[
        list[str] | None,
        typer.Option(
            "--sources", help="Labelled domains: packs, folders, tables or synthetic:NAME. One or more."
        ),
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", help="The domain to adapt to. Its labels are never read.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--start",
            help="A run whose weights to start from; a method without sources needs one.",
        ),
    ] = None,
    recipe: Annotated[
        str | None, typer.Option("--recipe", help="A recipe by name or path; the method's own by default.")
    ] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Changes to the recipe: training.epochs=5 data.size=48.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Run folder; runs/METHOD-1 and so on by default.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    weights: Annotated[
        Path | None,
        typer.Option("--weights", help="Start weights: a face recogniser's file, say (method.weights)."),
    ] = None,
    download: Annotated[
        bool,
        typer.Option("--download", help="Fetch ImageNet weights for a backbone timm/NAME from the internet."),
    ] = False,
    select: Annotated[
        str | None,
        typer.Option(
            "--select",
            help="What chooses the checkpoint: im, bnm, class_ami, dev, ensv, entropy, mixval, rankme, snd, "
            "source_accuracy, source_rmse, or last.",
        ),
    ] = None,
    devices: Annotated[int, typer.Option("--devices", min=1, help="Processes that train together.")] = 1,
    nodes: Annotated[
        int, typer.Option("--nodes", min=1, help="Machines, each started by SLURM or torchrun.")
    ] = 1,
    accelerator: Annotated[str, typer.Option("--accelerator", help="auto, cpu, cuda or mps.")] = "auto",
    precision: Annotated[str | None, typer.Option("--precision", help="auto, fp32, bf16 or fp16.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Decides weights, batches and views.")] = None,
    log: Annotated[
        list[str] | None,
        typer.Option("--log", help="Where curves go besides the journal: tensorboard, wandb, mlflow."),
    ] = None,
    report: Annotated[bool, typer.Option(help="Write report.html into the run folder at the end.")] = True,
    as_json: AsJson = False,
) -> None:
    """Train METHOD and keep the checkpoint that a label-free validator chooses."""
    from ferda.backbones.weights import reports_to
    from ferda.engine.fit import fit as train
    from ferda.engine.recipe import recipe_for

    wanted = {"select": select, "precision": precision, "seed": seed}
    options = [f"training.{key}={value}" for key, value in wanted.items() if value is not None]
    changes = [*options, *_start(weights, download), *(changes or [])]
    resolved = recipe_for(method, recipe, sources=sources or (), target=target, start=start, changes=changes)
    _check_download(resolved, download)
    with reports_to(lambda report: remark(f"start weights {report.source}: {report}")):
        run = train(
            resolved,
            out,
            resume=resume,
            devices=devices,
            nodes=nodes,
            accelerator=accelerator,
            loggers=log or ("tensorboard",),
        )
    if report:
        from ferda.evaluation.study import report_run

        remark(f"The report is in {report_run(run)}")
    kept = run.scores[run.scores["selected"].notna()].to_dict("records")
    if as_json:
        show_json({"run": run.folder, "kept": kept, "recipe": run.recipe.to_dict()})
        return
    for row in kept:
        show_table(("kept checkpoint", ""), row.items())
    say(f"{run.folder}")
    remark(f"Evaluate it with: ferda evaluate {run.folder} --on DOMAIN")


def _start(weights: Path | None, download: bool) -> list[str]:
    """Changes to the recipe that say where the backbone's weights come from."""
    from ferda.errors import UserError

    if weights is not None and download:
        raise UserError("Start weights come from --weights or by --download, not from both.")
    if weights is not None:
        return [f"method.weights={json.dumps(str(weights))}"]
    return ["method.backbone_options.download=true"] if download else []


def _check_download(recipe: Recipe, is_allowed: bool) -> None:
    """Nothing is fetched unless the command says so, whatever a recipe says; and only timm's is known."""
    from ferda.errors import UserError

    config = recipe.method.config()
    backbone = str(getattr(config, "backbone", "none"))
    if getattr(config, "backbone_options", {}).get("download") and not is_allowed:
        raise UserError("The recipe fetches weights from the internet; allow it with --download.")
    if is_allowed and not backbone.startswith("timm/"):
        raise UserError(
            f"--download fetches the weights of a backbone timm/NAME, this recipe has {backbone}; give the "
            "file of any other with --weights."
        )
