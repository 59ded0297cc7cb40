"""Loops over numbers and pixels, compiled by numba. Import it only where such a loop runs: it takes 0.3 s."""

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache

_log = logging.getLogger(__name__)


class _SpareCache(FunctionCache):
    """A cache on disk that nothing depends on: where it cannot be read or written, the loop is compiled again."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What was kept for a signature, or None. Logs what it could not read."""
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:  # also pickle's many, of a damaged file
            _log.warning("%s: a compiled loop could not be read (%s); it is compiled again", self.cache_path, error)
            with suppress(OSError):
                self.flush()  # else it could not be kept either
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keeps what was compiled for a signature. Logs what it could not write, as on a full disk."""
        try:
            super().save_overload(sig, data)
        except OSError as error:
            _log.warning("%s: a compiled loop could not be kept (%s); it is compiled again", self.cache_path, error)


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, compiled when it is first called, and kept on disk where there is a place for it.

    Other threads run meanwhile. It uses one core.
    """
    dispatcher: Any = njit(nogil=True)(function)
    with suppress(RuntimeError):  # a place neither beside the module nor in the user's cache folder
        dispatcher._cache = _SpareCache(function)  # as its enable_caching() does, with a cache that may fail
    return dispatcher
