"""A process that works on a search; its order stands on standard input."""

import sys

from ferda.tuning.processes import work

sys.exit(work(sys.stdin.read()))
