"""A table for a paper: one block a pair, the label-free choice first, the oracle apart and grey."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ferda.benchmarking.summary import Summary

_SPECIAL = {char: f"\\{char}" for char in "&%$#_{}"} | {"~": r"\textasciitilde{}", "\\": r"\textbackslash{}"}
_COLUMNS = ("macro_recall", "macro_f1", "accuracy", "oracle_macro_recall")


def latex_table(summary: Summary) -> str:
    """Return a `table` for the packages booktabs and xcolor.

    The best label-free number of a pair is bold; a dagger marks a gain over the baseline that luck does not
    explain.

    Args:
        summary: What the table has shown.
    """
    lines = [
        r"% \usepackage{booktabs,xcolor}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escaped(summary.table.title)}. Mean $\pm$ standard deviation over seeds, in per cent; "
        r"epochs chosen without target labels, except in the column \emph{oracle}. $\dagger$: better than "
        rf"{escaped(summary.table.baseline)}, $p<0.05$, Holm's correction.}}",
        r"\begin{tabular}{lcccc}",
        r"\toprule",
        r"Method & Macro recall & Macro F1 & Accuracy & \color{gray}oracle recall \\",
    ]
    for pair, part in summary.methods.groupby("pair", sort=False):
        lines += [r"\midrule", rf"\multicolumn{{5}}{{l}}{{{escaped(str(pair))}}} \\"]
        best = {name: part[name].max() for name in _COLUMNS[:3]}
        for _, line in part.iterrows():
            cells = [_number(line, name, is_best=line[name] == best.get(name)) for name in _COLUMNS]
            if line.get("sure", False) and line["gain"] > 0:
                cells[0] += r"$^\dagger$"
            cells[-1] = rf"\color{{gray}}{cells[-1]}"
            lines.append(f"{escaped(str(line['row']))} & {' & '.join(cells)} \\\\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


def escaped(text: str) -> str:
    """Return text that LaTeX prints as it is.

    Args:
        text: Anything.
    """
    return "".join(_SPECIAL.get(char, char) for char in text)


def _number(line: pd.Series[Any], name: str, *, is_best: bool) -> str:
    number = f"{100 * line[name]:.1f}"
    spread = line[f"{name}_sd"]
    shown = rf"\textbf{{{number}}}" if is_best else number
    return shown if pd.isna(spread) else rf"{shown} $\pm$ {100 * spread:.1f}"
