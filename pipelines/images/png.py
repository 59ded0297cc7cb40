"""PNG files: every chunk's checksum, all rows of pixels, and what the file says of its colours. Touches no files.

Pillow checks neither the checksums of pixels nor that a stream of pixels goes on to the last row.
"""

import zlib
from collections.abc import Iterator

from pipelines.images.inflate import inflated_bytes

_SIGNATURE_BYTES = 8
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def png_chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """The chunks up to the end, with their kinds. Raises ValueError where one is cut off or its checksum is wrong."""
    view, at = memoryview(data), _SIGNATURE_BYTES
    while True:
        size, kind = int.from_bytes(view[at : at + 4]), bytes(view[at + 4 : at + 8])
        end = at + 12 + size
        if end > len(data):
            raise ValueError("it is cut off")
        if zlib.crc32(view[at + 4 : end - 4]) != int.from_bytes(view[end - 4 : end]):
            raise ValueError(f"the checksum of its part {kind.decode('latin-1')!r} is wrong")
        yield kind, view[at + 8 : end - 4]
        if kind == b"IEND":
            return
        at = end


def require_all_rows(data: bytes) -> None:
    """Raises ValueError where the stream of pixels ends before the last row, which decoders leave black."""
    chunks = list(png_chunks(data))
    wanted = _stream_bytes(bytes(chunks[0][1]))
    found, _ = inflated_bytes((content for kind, content in chunks if kind == b"IDAT"), at_most=wanted)
    if found < wanted:
        raise ValueError(f"its rows end after {100 * found // wanted} % of the picture")


def _stream_bytes(header: bytes) -> int:
    """The size of the unpacked stream: each row with its filter's number."""
    width, height = int.from_bytes(header[:4]), int.from_bytes(header[4:8])
    depth, color, is_interlaced = header[8], header[9], header[12]
    passes = _ADAM7 if is_interlaced else ((0, 0, 1, 1),)
    sizes = ((-(-(width - x) // dx), -(-(height - y) // dy)) for x, y, dx, dy in passes)
    bits = depth * _CHANNELS[color]
    return sum(h * (1 + -(-w * bits // 8)) for w, h in sizes if w > 0 and h > 0)
