"""Band by band gives what the whole gives."""

import numpy as np
import pytest

from pipelines.images.bands import by_bands


@pytest.mark.parametrize("shape", [(1, 1), (3, 2_000_001), (4_321, 1_000), (2_000, 1_000)])
def test_bands_give_the_whole(shape):
    first = np.arange(shape[0] * shape[1], dtype=np.uint32).reshape(shape)
    second = first[:, :1].astype(np.uint8)
    seen: list[int] = []

    def work(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        seen.append(first.size)
        return np.stack([first + second, first], axis=2)

    assert (by_bands(work, first, second) == np.stack([first + second, first], axis=2)).all()
    assert max(seen) <= max(2_000_000, shape[1])
