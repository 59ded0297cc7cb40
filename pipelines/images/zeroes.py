"""Zeroes where pixels should be: a file that was laid out in full before its download broke off. Touches no files.

WebP with losses, and AVIF, have no checksum, and zeroes stand for pixels as any bytes do. But they stand for the pixels
of a blank picture, and an encoder needs few of them: libwebp at most one byte for 40 blocks of 16 x 16 px.
"""

import re

_LOSSY = b"VP8 "
_BLOCK_PX, _BLOCKS_A_BYTE, _SPARE = 16, 32, 64
_MAX_END_OF_AVIF = 64  # libavif ends with 16 at most


def require_no_hole_in_webp(data: bytes, width_px: int, height_px: int) -> None:
    """Raises ValueError where more zeroes follow each other than a blank picture of this size has."""
    at = data.find(_LOSSY, 12, 4096)
    if at < 0:
        return  # without losses, zeroes are an error of the codec
    blocks = -(-width_px // _BLOCK_PX) * -(-height_px // _BLOCK_PX)
    limit = blocks // _BLOCKS_A_BYTE + _SPARE
    if hole := re.compile(b"\\0{%d,}" % limit).search(data, at):
        raise ValueError(f"a hole of {hole.end() - hole.start()} zeroes at byte {hole.start()}")


def require_no_hole_in_avif(data: bytes) -> None:
    """Raises ValueError where the file ends with more zeroes than an encoder writes."""
    zeroes = len(data) - len(data.rstrip(b"\0"))
    if zeroes > _MAX_END_OF_AVIF:
        raise ValueError(f"its last {zeroes} bytes are zeroes")
