"""Protobuf by hand: just enough to speak to a cell without any code of ours or Google's.

encode([(1, 5), (2, "text"), (3, b"bytes")]) -> bytes; decode(bytes) -> {number: [values]}, where a
value is an int (varint, fixed) or bytes (length-delimited).
"""
import struct


def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


class Fixed64(int):
    """An integer that is sent as fixed64."""


def encode(fields):
    out = b""
    for number, value in fields:
        if isinstance(value, Fixed64):
            out += varint(number << 3 | 1) + struct.pack("<Q", value)
        elif isinstance(value, float):
            out += varint(number << 3 | 1) + struct.pack("<d", value)
        elif isinstance(value, int):
            out += varint(number << 3 | 0) + varint(value)
        else:
            data = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(data)) + data
    return out


def read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def decode(data):
    found, at = {}, 0
    while at < len(data):
        key, at = read_varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = read_varint(data, at)
        elif kind == 1:
            value, at = struct.unpack_from("<Q", data, at)[0], at + 8
        elif kind == 2:
            size, at = read_varint(data, at)
            if at + size > len(data):
                raise ValueError("a field is longer than its message")
            value, at = data[at:at + size], at + size
        elif kind == 5:
            value, at = struct.unpack_from("<I", data, at)[0], at + 4
        else:
            raise ValueError(f"wire type {kind}")
        found.setdefault(number, []).append(value)
    return found


def double_of(fixed):
    """The double that a decoded fixed64 stands for."""
    return struct.unpack("<d", struct.pack("<Q", fixed))[0]


def first(message, number, default=0):
    return message.get(number, [default])[0]
