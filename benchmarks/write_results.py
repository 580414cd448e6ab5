"""Writes RESULTS.md, and the table in the README, from the JSON files in `results/`. No table is typed.

python benchmarks/write_results.py
"""

from __future__ import annotations

import json
from pathlib import Path

from sections import (
    adapt,
    data,
    demo,
    figure,
    landmark_noise,
    loader,
    near_copies,
    predict,
    real_pairs,
    serve,
    speed,
    startup,
    validators,
    video,
)
from sections.cells import ORDER, spread

HERE = Path(__file__).parent
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"


def main() -> None:
    """Write the page."""
    made_by = "Made by `python benchmarks/write_results.py` from `benchmarks/results/*.json`"
    parts = [f"# Results\n\n{made_by} and the remarks in `benchmarks/notes/`."]
    sections = {
        "demo_table": demo,
        "real_pairs": real_pairs,
        "validators": validators,
        "adapt": adapt,
        "speed": speed,
        "predict": predict,
        "data": data,
        "loader": loader,
        "landmark_noise": landmark_noise,
        "near_copies": near_copies,
        "serve": serve,
        "startup": startup,
        "video": video,
    }
    for name, section in sections.items():
        path = HERE / "results" / f"{name}.json"
        if path.is_file():
            parts.append(section.section(json.loads(path.read_text(encoding="utf-8"))))
    if (path := HERE / "results" / "real_pairs.json").is_file():
        figure.draw(json.loads(path.read_text(encoding="utf-8")), HERE / "figures" / "real_pairs.svg")
    for path in sorted((HERE / "notes").glob("*.md")):
        parts.append(path.read_text(encoding="utf-8").strip())
    (HERE / "RESULTS.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    readme = HERE.parent / "README.md"
    text = readme.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    readme.write_text(f"{before}{BEGIN}\n{short()}\n{END}{after}", encoding="utf-8")


def short() -> str:
    """Return the README's table: macro recall on the target, chosen without its labels."""
    columns: dict[str, dict[str, list[float]]] = {}
    path = HERE / "results" / "demo_table.json"
    if path.is_file():
        found = json.loads(path.read_text(encoding="utf-8"))
        for row in [row for run in found["seeds"] for row in run["table"]]:
            name = row["model"].removesuffix(" (chosen)").replace(" ", "_")
            columns.setdefault("studio → cctv (rendered)", {}).setdefault(name, []).append(row["target"])
    path = HERE / "results" / "real_pairs.json"
    if path.is_file():
        titles = {"fer2013-lfw": "FER2013 → LFW", "lfw-fer2013": "LFW → FER2013"}
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            place = columns.setdefault(titles[cell["pair"]], {}).setdefault(cell["method"], [])
            place.append(cell["im"]["macro_recall"])
    methods = [name for name in ORDER if any(name in column for column in columns.values())]
    if not methods:
        return "Nothing was measured yet: `make bench`."
    lines = [f"| macro recall | {' | '.join(columns)} |", "|---|" + "---|" * len(columns)]
    for name in methods:
        cells = [spread(column[name]) if name in column else "" for column in columns.values()]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
