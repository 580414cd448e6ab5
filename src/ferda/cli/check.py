"""`ferda check`: what would make a score dishonest, looked for before anybody trains."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ferda.cli.screen import AsJson, counting, remark, say, show_json, show_table

if TYPE_CHECKING:
    import pandas as pd

    from ferda.data.checking import Check, PackCheck

#: Pairs that are shown; --out writes all.
_SHOWN = 10


def check(
    packs: Annotated[list[Path], typer.Argument(help="Packs that are used together, sources first.")],
    out: Annotated[Path | None, typer.Option("--out", help="Write all pairs into this CSV file.")] = None,
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", help="The official data set that the first pack is."),
    ] = None,
    pictures: Annotated[
        bool, typer.Option(help="Look for near copies: cut out, lit or saved otherwise, or mirrored.")
    ] = True,
    within: Annotated[
        bool, typer.Option("--within", help="Also look for copies within a split, which are no leak.")
    ] = False,
    exclude: Annotated[
        bool, typer.Option("--exclude", help="Take the training side of each pair out of use.")
    ] = False,
    include_all: Annotated[
        bool, typer.Option("--include-all", help="First take back into use what was taken out.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare counts with the official table, and find what training and test, or two data sets, share."""
    from ferda.data.checking import check_packs

    with counting("pictures") as progress:
        found = check_packs(
            packs,
            known_as=dataset,
            pictures=pictures,
            within=within,
            afresh=include_all,
            progress=progress,
        )
    if out is not None:
        _write(found.pairs, out)
    left = found.exclude() if exclude else found
    if as_json:
        show_json(_document(found, left))
    else:
        _show(found, exclude)
        say("Clean." if left.is_clean else "Not clean.")
    if not left.is_clean:
        raise typer.Exit(1)


def _document(found: Check, left: Check) -> dict[str, Any]:
    from ferda.data.leaks import summarise

    return {
        "packs": [
            {
                "name": name,
                "path": one.pack.path,
                "rows": len(one.pack),
                "excluded_before": one.excluded,
                "to_exclude": len(found.excess[name]),
                "counts": one.counts.reset_index(),
                "official": one.official,
                "warnings": one.warnings,
            }
            for name, one in found.packs.items()
        ],
        "shared": summarise(found.pairs),
        "pairs": found.pairs,
        "is_clean": left.is_clean,
    }


def _show(found: Check, is_excluded: bool) -> None:
    from ferda.data.leaks import summarise

    for name, one in found.packs.items():
        _show_pack(name, one)
    if len(found.pairs):
        table = summarise(found.pairs)
        show_table(
            ("a", "b", "how", "pairs", "rows a", "rows b", "mirrored", "labels differ"),
            [(f"{row[0]}@{row[1]}", f"{row[2]}@{row[3]}", *row[4:]) for row in table.to_numpy().tolist()],
            title="shared",
        )
        say("")
        columns = ["how", "file_a", "expression_a", "file_b", "expression_b", "likeness"]
        _show_frame(found.pairs[columns].head(_SHOWN))
        if len(found.pairs) > _SHOWN:
            remark(f"{len(found.pairs) - _SHOWN} more pairs; --out pairs.csv writes all.")
    for name, rows in found.excess.items():
        if is_excluded and len(rows):
            say(f"{name}: {len(rows)} rows are out of use now; --include-all takes them back.")
        elif len(rows):
            say(f"{name}: --exclude would take {len(rows)} rows out of use.")


def _show_pack(name: str, one: PackCheck) -> None:
    table = one.counts.reset_index() if one.official is None else one.official
    _show_frame(table, name)
    if one.excluded:
        say(f"{one.excluded} of {len(one.pack)} rows are out of use and not looked at.")
    for warning in one.warnings:
        say(warning)
    say("")


def _show_frame(table: pd.DataFrame, title: str = "") -> None:
    names = [str(column).replace("_", " ") for column in table]
    show_table(names, table.to_numpy().tolist(), title=title)


def _write(pairs: pd.DataFrame, out: Path) -> None:
    from ferda.errors import UserError
    from ferda.files import replacing

    try:
        with replacing(out) as temporary:
            pairs.to_csv(temporary, index=False)
    except OSError as error:
        raise UserError(f"Cannot write {out}: {error.strerror or error}.") from error
    remark(f"{len(pairs)} pairs are in {out}")
