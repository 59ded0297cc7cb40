"""GIF files: whether the pixels of the first frame are all there, and no more than that. Touches no files.

A damaged stream of codes goes on as other codes; Pillow takes it as soon as enough pixels came out, and goes on with
the codes of the next frame where they did not.
"""

from PIL import ImageFile

_WIDTH = 4096  # of the picture that codes are tried on; any number would do
_MAX_BLOCK_BYTES = 255


def require_whole_frame(data: bytes) -> None:
    """Raises ValueError where the codes of the first frame stand for more or fewer pixels than the frame has."""
    wanted, bits, packed = _first_frame(data)
    if not wanted:
        raise ValueError("its first frame has no pixels")
    if not _fill(packed, bits, wanted):
        raise ValueError(f"its codes are damaged: fewer than {wanted} pixels")
    if _fill(packed, bits, wanted + 1):
        raise ValueError(f"its codes are damaged: more than {wanted} pixels")


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


def _fill(packed: bytes, bits: int, count: int) -> bool:
    """True where LZW codes, up to their end or to the first that is none, stand for `count` pixels or more.

    Pillow knows whether a picture is full, and no number. So it gets one that is full with `count` pixels: its first
    ones are given as codes of one pixel each, after which the table is cleared. See GIF89a, appendix F.
    """
    if not 1 <= bits <= 11:
        raise ValueError(f"codes of {bits} bits")
    height = -(-count // _WIDTH)
    clear, width = 1 << bits, bits + 1
    one_pixel = sum(clear << at * width for at in range(1, 8)).to_bytes(width, "little")  # 8 codes, in whole bytes
    codes = one_pixel * (height * _WIDTH - count) + packed
    size = b"".join(side.to_bytes(2, "little") for side in (_WIDTH, height))
    parser = ImageFile.Parser()
    parser.feed(b"GIF89a" + size + b"\x80\0\0" + bytes(6) + b"\x2c\0\0\0\0" + size + b"\0" + bytes([bits]))
    assert parser.decoder is not None
    blocks = (codes[at : at + _MAX_BLOCK_BYTES] for at in range(0, len(codes), _MAX_BLOCK_BYTES))
    try:
        parser.feed(b"".join(bytes([len(block)]) + block for block in blocks))
    except OSError:  # a code that is none
        return False
    return bool(parser.finished)
