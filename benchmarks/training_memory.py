"""Peak memory of a training over the size of its pictures, each in a process of its own.

python -m benchmarks.scaling training_memory
"""

import subprocess
import sys

from benchmarks.curve import Curve

RECIPE, BATCH = "two_stage_pix2pix", 4
_ONE = """
import sys, tempfile
from pathlib import Path
import torch
from benchmarks.peak_memory import peak_mb
from benchmarks.training_step import Family, _step, _training
torch.set_num_threads(1)
with tempfile.TemporaryDirectory() as name:
    training = _training(Family(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])), Path(name), precision="auto")
    for _ in range(2):
        _step(training)
sys.stdout.write("\\n" + str(peak_mb()))
"""


def curves(quick: bool) -> list[Curve]:
    """The memory of two steps, with the networks, their gradients and Adam's moments."""
    sides = (64, 128) if quick else (64, 128, 192, 256, 384, 512)
    points = [(float(side), _peak_mb(side)) for side in sides]
    return [
        Curve(
            name=f"training, {RECIPE}, batch {BATCH}",
            size="side of a picture in pixels",
            cost="peak MB",
            points=points,
            fitted_from=0.0 if quick else 256.0,
        )
    ]


def _peak_mb(side: int) -> float:
    command = [sys.executable, "-c", _ONE, RECIPE, str(side), str(BATCH)]
    found = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return float(found.stdout.splitlines()[-1])
