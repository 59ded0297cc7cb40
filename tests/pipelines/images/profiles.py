"""Profiles of gray and of ink, as programs embed them."""

import struct
from collections.abc import Callable
from itertools import product

_D50 = struct.pack(">3i", *(round(65536 * one) for one in (0.9642, 1.0, 0.8249)))


def gray_profile(gamma: float) -> bytes:
    """An ICC profile of gray whose light is the level to a power."""
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": b"curv" + struct.pack(">IIH", 0, 1, round(256 * gamma))})


def ink_profile(lab_of: Callable[[tuple[int, ...]], tuple[int, int, int]]) -> bytes:
    """An ICC profile of CMYK ink: a table (lut8Type, ICC.1:2022, 10.10) of the 16 ways to print an ink in full or not.

    lab_of: L in 0..100, and a and b, of cyan, magenta, yellow and black, each 0 or 1. Between them it is linear.
    """
    same = struct.pack(">9i", *(65536 * one for one in (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    table = b""
    for inks in product((0, 1), repeat=4):
        lightness, a, b = lab_of(inks)
        table += bytes([round(lightness * 2.55), a + 128, b + 128])
    levels = bytes(range(256))
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + same + 4 * levels + table + 3 * levels
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": lut})


def _profile(kind: bytes, space: bytes, seen_in: bytes, contents: dict[bytes, bytes]) -> bytes:
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 1) + bytes(79),
        b"wtpt": b"XYZ " + bytes(4) + _D50,
        **contents,
    }
    body, table, at = b"", struct.pack(">I", len(tags)), 128 + 4 + 12 * len(tags)
    for tag, content in tags.items():
        table += tag + struct.pack(">II", at + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = struct.pack(">I4sI4s4s4s", at + len(body), b"", 0x02400000, kind, space, seen_in)
    return (head + struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp").ljust(68, b"\0") + _D50 + bytes(48) + table + body
