"""Freed memory is kept for the next array: the system gives no new pages."""

import subprocess
import sys

PROGRAM = """
import resource, sys
import numpy as np
from pipelines.memory import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
for _ in range(3):
    np.ones(16_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    np.ones(16_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _new_pages(how: str) -> int:
    ended = subprocess.run([sys.executable, "-c", PROGRAM, how], check=True, capture_output=True, text=True)
    return int(ended.stdout)


def test_freed_memory_is_used_again():
    assert 5 * _new_pages("kept") < _new_pages("given back")  # large pages of the system make even the latter few
