"""The demo's table over several seeds: what a camera costs a studio model, and what adaptation wins back.

    python benchmarks/demo_table.py --out runs/demo_table --jobs 2

Each seed is one `ferda demo --controls`: source-only on `synthetic:studio`, then an adaptation to
`synthetic:cctv`, its checkpoint chosen by information maximisation on the unlabelled target; and source-only
trained on for as many steps, as a control. Finished seeds are kept.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from about import about


def main() -> None:
    """Run the missing seeds, then write the table's numbers as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("runs/demo_table"))
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results/demo_table.json"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--jobs", type=int, default=1)
    wanted = parser.parse_args()
    with ThreadPoolExecutor(wanted.jobs) as pool:
        results = list(pool.map(lambda seed: run_seed(wanted.out, seed), wanted.seeds))
    command = "python benchmarks/demo_table.py"
    wanted.json.parent.mkdir(parents=True, exist_ok=True)
    table = [{"seed": seed, **result} for seed, result in zip(wanted.seeds, results, strict=True)]
    wanted.json.write_text(json.dumps({"about": about(command), "seeds": table}, indent=1) + "\n", "utf-8")
    print(f"{len(table)} seeds in {wanted.json}")


def run_seed(out: Path, seed: int) -> dict[str, object]:
    """Run one demo in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "ferda",
        "demo",
        "--controls",
        "--out",
        str(out / str(seed)),
        "--seed",
        str(seed),
        "--json",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    result: dict[str, object] = json.loads(done.stdout)
    result.pop("report")
    return result


if __name__ == "__main__":
    main()
