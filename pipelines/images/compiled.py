"""Loops over numbers and pixels, compiled by numba. Import it only where such a loop runs: it takes 0.3 s."""

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, compiled when it is first called, and kept on disk where there is a place for it.

    Other threads run meanwhile. It uses one core.
    """
    try:
        return njit(cache=True, nogil=True)(function)
    except RuntimeError:  # neither beside the module nor in the user's cache folder
        return njit(nogil=True)(function)
