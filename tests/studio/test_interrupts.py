"""Ctrl-C reaches the command wherever it falls."""

import subprocess
import sys

import pytest

_FALLS_INTO_A_CALLBACK = """
import signal, sys, time, weakref
from studio.interrupts import raise_lost_interrupts

signal.signal(signal.SIGINT, signal.default_int_handler)
if {mended}:
    raise_lost_interrupts()

class Thing: pass

thing = Thing()
watched = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGINT))
try:
    del thing
    time.sleep({patience_s})
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize(("mended", "status", "words"), [(True, 130, ""), (False, 0, "KeyboardInterrupt")])
def test_an_interrupt_that_python_would_forget_comes_again(mended: bool, status: int, words: str):
    code = _FALLS_INTO_A_CALLBACK.format(mended=mended, patience_s=30 if mended else 0)
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == status
    assert words in ended.stderr
    assert bool(ended.stderr) == bool(words)


def test_other_errors_in_callbacks_are_still_told():
    code = """
import weakref
from studio.interrupts import raise_lost_interrupts

class Thing: pass

raise_lost_interrupts()
thing = Thing()
watched = weakref.ref(thing, lambda _: 1 / 0)
del thing
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0
    assert "ZeroDivisionError" in ended.stderr
