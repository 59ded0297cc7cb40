"""Profiles of gray, as programs embed them."""

import struct

_D50 = struct.pack(">3i", *(round(65536 * one) for one in (0.9642, 1.0, 0.8249)))


def gray_profile(gamma: float) -> bytes:
    """An ICC profile of gray whose light is the level to a power."""
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 1) + bytes(79),
        b"wtpt": b"XYZ " + bytes(4) + _D50,
        b"kTRC": b"curv" + struct.pack(">IIH", 0, 1, round(256 * gamma)),
    }
    body, table, at = b"", struct.pack(">I", len(tags)), 128 + 4 + 12 * len(tags)
    for kind, content in tags.items():
        table += kind + struct.pack(">II", at + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = struct.pack(">I4sI4s4s4s", at + len(body), b"", 0x02400000, b"mntr", b"GRAY", b"XYZ ")
    return (head + struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp").ljust(68, b"\0") + _D50 + bytes(48) + table + body
