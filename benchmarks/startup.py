"""What it costs to ask `ferda` something: CPU time of a fresh process, one thread.

    python benchmarks/startup.py

CPU time, because wall time measures the neighbours; medians, because even CPU time has bad days; and beside
each the cost of a Python that does nothing, since ratios travel between machines better than seconds do.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

from about import about

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import ferda": ["-c", "import ferda"],
    "ferda --help": ["-m", "ferda", "--help"],
    "ferda methods": ["-m", "ferda", "methods"],
    "import torch": ["-c", "import torch"],
}
RUNS = 7


def cpu_seconds(words: list[str]) -> float:
    """Run Python once and return the CPU time it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, *words], check=True, capture_output=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure, print a table, write JSON."""
    for words in COMMANDS.values():
        cpu_seconds(words)  # the first run writes byte code
    # one round after the other, so that a busy minute of the machine falls on all
    rounds = [{name: cpu_seconds(words) for name, words in COMMANDS.items()} for _ in range(RUNS)]
    medians = {name: statistics.median(each[name] for each in rounds) for name in COMMANDS}
    idle = medians["python -c pass"]
    for name, seconds in medians.items():
        print(f"{name:16} {seconds:6.2f} s CPU   {seconds / idle:6.1f} times an idle Python")
    result = {"about": about("python benchmarks/startup.py", runs=RUNS), "cpu_seconds": medians}
    path = Path(__file__).parent / "results" / "startup.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
