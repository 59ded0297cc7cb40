"""How many bytes a zlib stream stands for, without holding them, or more than a picture needs. Touches no files."""

import zlib
from collections.abc import Iterable

_PACKED_BYTES, _UNPACKED_BYTES = 1 << 16, 1 << 20


def inflated_bytes(parts: Iterable[bytes | memoryview], *, at_most: int) -> tuple[int, bool]:
    """The number of bytes in a stream of several parts, and whether its end and its checksum were seen.

    Stops as soon as there are more than `at_most` bytes. Raises zlib.error where the stream is damaged before that.
    """
    stream, found = zlib.decompressobj(), 0
    for part in parts:
        for at in range(0, len(part), _PACKED_BYTES):  # what is not consumed is copied each time
            waiting: bytes | memoryview = part[at : at + _PACKED_BYTES]
            while waiting and not stream.eof and found <= at_most:
                # One more than is wanted, for the checksum is read only when there is room for more.
                found += len(stream.decompress(waiting, min(_UNPACKED_BYTES, at_most + 1 - found)))
                waiting = stream.unconsumed_tail
            if stream.eof or found > at_most:
                return found, stream.eof
    return found, False
