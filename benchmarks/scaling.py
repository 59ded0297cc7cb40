"""How costs grow: measures every curve, fits its exponent, and draws it for `docs/performance.md`.

    python -m benchmarks.scaling [NAME ...] [--quick]

Minutes to an hour, so it is no part of `make bench`. The points are kept in `benchmarks/results/scaling.json`; a run of
some curves leaves the others as they were.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from benchmarks.curve import Curve
from benchmarks.results import FOLDER, commit, machine

CURVES: dict[str, str] = {
    "scrape": "scrape",
