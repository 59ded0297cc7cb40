"""GIF files: whether the pixels of the first frame are all there, and no more than that. Touches no files.

A damaged stream of codes goes on as other codes; Pillow takes it as soon as enough pixels came out.
"""

_MAX_CODES = 4096


def require_whole_frame(data: bytes) -> None:
    """Raises ValueError where the codes of the first frame stand for more or fewer pixels than the frame has."""
    wanted, bits, packed = _first_frame(data)
    found = _pixels_of(packed, bits, at_most=wanted + 1)
    if found != wanted:
        seen = f"{found} of {wanted} pixels" if found < wanted else f"more than {wanted} pixels"
        raise ValueError(f"its codes are damaged: {seen}")


def _first_frame(data: bytes) -> tuple[int, int, bytes]:
    """The frame's number of pixels, the bits of its smallest code, and its codes."""
    at = 13 + _table_bytes(data[10])
    while data[at] == 0x21:  # extensions
        _, at = _blocks(data, at + 2)
    if data[at] != 0x2C:
        raise ValueError("no frame follows its head")
    width, height = (int.from_bytes(data[place : place + 2], "little") for place in (at + 5, at + 7))
    start = at + 10 + _table_bytes(data[at + 9])
    packed, _ = _blocks(data, start + 1)
    return width * height, data[start], packed


def _table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _blocks(data: bytes, at: int) -> tuple[bytes, int]:
    """The content of the blocks from a place on, and the place after them. Raises IndexError where they are cut off."""
    found = []
    while size := data[at]:
        found.append(data[at + 1 : at + 1 + size])
        at += 1 + size
    return b"".join(found), at + 1


def _pixels_of(packed: bytes, bits: int, *, at_most: int) -> int:
    """The number of pixels that LZW codes stand for, up to the first code that is none. See GIF89a, appendix F."""
    if not 1 <= bits <= 11:
        raise ValueError(f"codes of {bits} bits")
    clear = 1 << bits
    lengths = [1] * clear + [0, 0]  # in pixels, of what each code stands for
    width, count, before, waiting, have = bits + 1, 0, 0, 0, 0
    for byte in packed:
        waiting |= byte << have
        have += 8
        while have >= width:
            code = waiting & ((1 << width) - 1)
            waiting >>= width
            have -= width
            if code == clear:
                del lengths[clear + 2 :]
                width, before = bits + 1, 0
                continue
            if code == clear + 1 or code > len(lengths) or (not before and code > clear):
                return count
            if before and len(lengths) < _MAX_CODES:
                lengths.append(before + 1)
                if len(lengths) == 1 << width and width < 12:
                    width += 1
            if code >= len(lengths):
                return count
            before = lengths[code]
            count += before
            if count >= at_most:
                return count
    return count
