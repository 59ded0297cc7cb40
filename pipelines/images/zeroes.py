"""Zeroes where pixels should be: a file that was laid out in full before its download broke off. Touches no files.

WebP with losses, and AVIF, have no checksum, and zeroes stand for pixels as any bytes do. But they stand for the pixels
of a blank picture, and an encoder needs few of them: libwebp at most one byte for 40 blocks of 16 x 16 px.
"""

from collections.abc import Iterator

_BLOCK_PX, _BLOCKS_A_BYTE, _SPARE = 16, 32, 64
_MAX_END_OF_AVIF = 64  # libavif ends with 16 at most


def require_no_hole_in_webp(data: bytes, width_px: int, height_px: int) -> None:
    """Raises ValueError where more zeroes follow each other than a blank picture of this size has."""
    blocks = -(-width_px // _BLOCK_PX) * -(-height_px // _BLOCK_PX)
    limit = blocks // _BLOCKS_A_BYTE + _SPARE
    for kind, start, end in _webp_chunks(data, 12, len(data)):
        # Without losses ("VP8L"), zeroes are an error of the codec.
        if kind == b"VP8 " and (hole := data.find(bytes(limit), start, end)) >= 0:
            raise ValueError(f"a hole of {limit} zeroes or more at byte {hole}")


def _webp_chunks(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of the content of each chunk, wherever it stands, also in frames of an animation.

    The pixels stand behind profiles and alpha of any length (WebP Container Specification, RFC 9649, 2.7).
    """
    while at + 8 <= end:
        kind, start = data[at : at + 4], at + 8
        at = start + int.from_bytes(data[at + 4 : start], "little")
        yield kind, start, min(at, end)
        if kind == b"ANMF":
            yield from _webp_chunks(data, start + 16, min(at, end))
        at += at % 2 ^ start % 2  # each is padded to an even length


def require_no_hole_in_avif(data: bytes) -> None:
    """Raises ValueError where the file ends with more zeroes than an encoder writes."""
    zeroes = len(data) - len(data.rstrip(b"\0"))
    if zeroes > _MAX_END_OF_AVIF:
        raise ValueError(f"its last {zeroes} bytes are zeroes")
