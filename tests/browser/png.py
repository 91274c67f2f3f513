"""Reads the PNG files that browsers write (8 bits a channel, not interlaced), without a library."""

import collections
import struct
import zlib

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def _chunks(data):
    if data[:8] != _SIGNATURE:
        raise ValueError("not a PNG file")
    at = 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += 12 + length


def _paeth(a, b, c):
    estimate = a + b - c
    distances = abs(estimate - a), abs(estimate - b), abs(estimate - c)
    return (a, b, c)[distances.index(min(distances))]


def _unfiltered(kind, row, above, step):
    """Undoes a filter of PNG (specification, section 9): in place, `row` is a bytearray."""
    if kind == 1:
        for i in range(step, len(row)):
            row[i] = (row[i] + row[i - step]) & 255
    elif kind == 2:
        for i, b in enumerate(above):
            row[i] = (row[i] + b) & 255
    elif kind == 3:
        for i, b in enumerate(above):
            row[i] = (row[i] + ((row[i - step] if i >= step else 0) + b) // 2) & 255
    elif kind == 4:
        for i, b in enumerate(above):
            left, corner = (row[i - step], above[i - step]) if i >= step else (0, 0)
            row[i] = (row[i] + _paeth(left, b, corner)) & 255
    return row


def colours(data):
    """(width, height, Counter of (red, green, blue)) of an image."""
    width = height = step = 0
    packed = b""
    for name, body in _chunks(data):
        if name == b"IHDR":
            width, height, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", body)
            if depth != 8 or kind not in (2, 6) or interlaced:
                raise ValueError(f"depth {depth}, colour type {kind}, interlaced {interlaced}: not read here")
            step = 3 if kind == 2 else 4
        elif name == b"IDAT":
            packed += body
    raw = zlib.decompress(packed)
    counts = collections.Counter()
    above = bytearray(width * step)
    for y in range(height):
        start = y * (width * step + 1)
        above = _unfiltered(raw[start], bytearray(raw[start + 1 : start + 1 + width * step]), above, step)
        counts.update(zip(above[0::step], above[1::step], above[2::step]))
    return width, height, counts
