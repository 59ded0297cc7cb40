"""Gray, edge and line pictures of panels at 512 x 512, against the bare calls of OpenCV that they need."""

import cv2
import numpy as np

from benchmarks.comics import comics_name, pages_of
from benchmarks.rounds import in_turns
from benchmarks.row import Row, check_equal, row_of_times
from pipelines.images.decode import decode_picture
from pipelines.images.seen import XDOG_EPSILON, XDOG_K, XDOG_P, XDOG_PHI, resize_square
from pipelines.params import VariantParams
from pipelines.variants import DILATE_KERNELS_PX, XDOG_SIGMAS_PX, derive

TARGET, SIDE_PX = 1.25, 512
KINDS = ("gray", "edge", "line")
_PARAMS = VariantParams()


def run(quick: bool) -> list[Row]:
    """One row: all variants of some panels."""
    cv2.setNumThreads(1)
    pictures = squares(4 if quick else 16)
    check(pictures)
    bare = _Bare()
    times = in_turns(
        {
            "OpenCV's calls": lambda: [bare.variants(rgb) for rgb in pictures],
            "ours": lambda: [derive(kind, pictures, _PARAMS) for kind in KINDS],
        },
        rounds=2 if quick else 7,
    )
    each = 1e3 * times["ours"].cpu_s / len(pictures)
    facts = {"comics": comics_name(), "pictures": len(pictures), "milliseconds_a_panel": round(each, 2)}
    name = "gray, edge and line variants at 512 x 512"
    return [row_of_times(name, times, ours="ours", peer="OpenCV's calls", target=TARGET, facts=facts)]


def squares(count: int) -> np.ndarray:
    """Pages, squashed: uint8 RGB (N, SIDE_PX, SIDE_PX, 3)."""
    paths = pages_of("pepper-carrot")
    chosen = [paths[place] for place in np.linspace(0, len(paths) - 1, count).astype(int)]
    return np.stack([resize_square(decode_picture(path.read_bytes(), name=path.name), SIDE_PX) for path in chosen])


def check(pictures: np.ndarray) -> None:
    """Compares with the bare calls; and XDoG with float64, within one gray level off its jump at epsilon."""
    bare = _Bare()
    ours = np.concatenate([derive(kind, pictures, _PARAMS) for kind in KINDS], axis=1)
    for rgb, found in zip(pictures, ours, strict=True):
        check_equal(np.array_equal(found, np.stack(bare.variants(rgb))), True, "variants")
        for place, sigma in enumerate(XDOG_SIGMAS_PX, start=2):
            small, large = (
                cv2.GaussianBlur(rgb.astype(np.float64), (0, 0), width, borderType=cv2.BORDER_REFLECT)
                for width in (sigma, XDOG_K * sigma)
            )
            s = small - XDOG_P * large
            lines = np.where(s < XDOG_EPSILON, 1, 1 + np.tanh(XDOG_PHI * s)) * 127.5 @ [0.299, 0.587, 0.114]
            is_on_jump = np.abs(s - XDOG_EPSILON).min(axis=-1) < 1e-5
            off = np.abs(found[place] - np.rint(lines))[~is_on_jump].max()
            check_equal(bool(off <= 1), True, f"XDoG with sigma {sigma}, {off} gray levels away,")


class _Bare:
    """The calls alone, with all memory at hand."""

    def __init__(self) -> None:
        shape = (SIDE_PX, SIDE_PX, 3)
        self._floats, self._small, self._large = (np.empty(shape, np.float32) for _ in range(3))
        self._one, self._bytes = np.empty(shape[:2], np.float32), np.empty(shape, np.uint8)

    def variants(self, rgb: np.ndarray) -> list[np.ndarray]:
        gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        found = [gray, cv2.Canny(gray, _PARAMS.canny_low, _PARAMS.canny_high, apertureSize=_PARAMS.canny_aperture)]
        np.copyto(self._floats, rgb)
        for sigma in XDOG_SIGMAS_PX:
            for blurred, width in ((self._small, sigma), (self._large, XDOG_K * sigma)):
                cv2.GaussianBlur(self._floats, (0, 0), width, dst=blurred, borderType=cv2.BORDER_REFLECT)
            cv2.addWeighted(self._small, XDOG_PHI, self._large, -XDOG_P * XDOG_PHI, 0, dst=self._small)
            cv2.threshold(self._small, XDOG_PHI * XDOG_EPSILON, 0, cv2.THRESH_TOZERO, dst=self._small)
            np.tanh(self._small, out=self._small)
            cv2.cvtColor(self._small, cv2.COLOR_RGB2GRAY, dst=self._one)
            found.append(cv2.convertScaleAbs(self._one, alpha=127.5, beta=127.5))
        for kernel in DILATE_KERNELS_PX:
            cv2.dilate(rgb, np.ones((kernel, kernel), np.uint8), dst=self._bytes)
            cv2.absdiff(self._bytes, rgb, dst=self._bytes)
            cv2.bitwise_not(self._bytes, dst=self._bytes)
            found.append(cv2.cvtColor(self._bytes, cv2.COLOR_RGB2GRAY))
        return found
