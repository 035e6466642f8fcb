from __future__ import annotations

import asyncio
import dataclasses
import enum
import os
import random
import re
import select
import socket
import struct
import threading
import time
import typing

_int = int # fields may have these names
_str = str
_bytes = bytes
_bool = bool
_float = float
_list = list
_dict = dict
_field = dataclasses.field
_M = typing.TypeVar("_M", bound="Message")
_C = typing.TypeVar("_C", bound="Client")
_A = typing.TypeVar("_A", bound="AsyncClient")


# ---- messages -----------------------------------------------------------------------------------
#
# Protobuf's encoding (protobuf.dev, "Encoding") by a table of fields for each message. Unknown fields are passed over, both ways of
# repeated numbers are read, and nothing is reserved for a length that is merely claimed.

DEPTH_MAX = 100 # messages in each other
BYTES_MAX = 16 * 1024 * 1024 - 1024 # of a message: with its envelope the wire takes 16 MiB

_RANGE = {"int32": (-1 << 31, (1 << 31) - 1), "sint32": (-1 << 31, (1 << 31) - 1), "sfixed32": (-1 << 31, (1 << 31) - 1),
          "uint32": (0, (1 << 32) - 1), "fixed32": (0, (1 << 32) - 1), "int64": (-1 << 63, (1 << 63) - 1),
          "sint64": (-1 << 63, (1 << 63) - 1), "sfixed64": (-1 << 63, (1 << 63) - 1), "uint64": (0, (1 << 64) - 1),
          "fixed64": (0, (1 << 64) - 1), "enum": (-1 << 31, (1 << 31) - 1)}
_FIXED = {"double": struct.Struct("<d"), "float": struct.Struct("<f"), "fixed32": struct.Struct("<I"), "sfixed32": struct.Struct("<i"),
          "fixed64": struct.Struct("<Q"), "sfixed64": struct.Struct("<q")}
_WIRE = {"string": 2, "bytes": 2, "message": 2, **{kind: 1 if form.size == 8 else 5 for kind, form in _FIXED.items()}} # else 0
_ZERO: dict[str, object] = {"string": "", "bytes": b"", "bool": False, "double": 0.0, "float": 0.0, "message": None} # else 0


class _Field(typing.NamedTuple):
    number: int
    name: str
    kind: str
    label: str = "plain" # optional, required, repeated, packed, map
    of: typing.Any = None # class of a message or enum; of a map: (field of keys, field of values)
    oneof: str = ""
    is_closed: bool = False


def _varint(value: int) -> bytes:
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
        shift += 7
    raise Malformed("a number is cut off or too long")


def _wrong(where: str, value: object) -> "Invalid":
    return Invalid(f"{where}: {str(value)[:40]!r} does not fit")


def _encode_value(field: _Field, value: typing.Any, where: str, depth: int) -> bytes:
    kind = field.kind
    if kind == "message":
        if not isinstance(value, field.of):
            raise _wrong(where, value)
        data: bytes = value._encode(depth + 1, where)
        return _varint(len(data)) + data
    if kind == "string":
        if not isinstance(value, str) or "\0" in value:
            raise _wrong(where, value)
        try:
            data = str.encode(value)
        except UnicodeEncodeError:
            raise _wrong(where, ascii(value)) from None
        return _varint(len(data)) + data
    if kind == "bytes":
        if not isinstance(value, (bytes, bytearray, memoryview)):
            raise _wrong(where, value)
        return _varint(len(value)) + bytes(value)
    if kind == "bool":
        if not isinstance(value, (bool, int)):
            raise _wrong(where, value)
        return b"\1" if value else b"\0"
    if kind in ("double", "float"):
        try:
            return _FIXED[kind].pack(value)
        except (struct.error, OverflowError, TypeError):
            raise _wrong(where, value) from None
    low, high = _RANGE[kind]
    if not isinstance(value, int) or not low <= value <= high:
        raise _wrong(where, value)
    if kind in _FIXED:
        return _FIXED[kind].pack(value)
    if kind in ("sint32", "sint64"):
        value = value << 1 if value >= 0 else ~(value << 1)
    return _varint(value & 0xFFFFFFFFFFFFFFFF)


def _decode_value(field: _Field, wire: int, data: bytes, at: int, end: int, depth: int) -> tuple[typing.Any, int]:
    """One value; for what has a length, data[at:end] is all of it."""
    kind = field.kind
    if wire == 2:
        if kind == "message":
            return field.of._decode(data, at, end, depth + 1, None), end
        if kind == "bytes":
            return bytes(data[at:end]), end
        try:
            text = str(data[at:end], "utf-8")
        except UnicodeDecodeError:
            raise Malformed(f"{field.name} is no UTF-8") from None
        if "\0" in text:
            raise Malformed(f"{field.name} holds a NUL")
        return text, end
    if wire in (1, 5):
        form = _FIXED[kind]
        if at + form.size > end:
            raise Malformed("a field is cut off")
        return form.unpack_from(data, at)[0], at + form.size
    value, at = _read_varint(data, at, end)
    if kind == "bool":
        return value != 0, at
    if kind in ("sint32", "sint64"):
        value = value & 0xFFFFFFFF if kind == "sint32" else value
        return value >> 1 ^ -(value & 1), at
    if kind in ("uint32", "uint64"):
        return value & 0xFFFFFFFF if kind == "uint32" else value, at
    bits = 64 if kind == "int64" else 32
    value &= (1 << bits) - 1
    value -= (value >> bits - 1) << bits
    if kind == "enum":
        try:
            return field.of(value), at
        except ValueError:
            return value, at # a newer number: kept as it is
    return value, at


def _skip(data: bytes, wire: int, at: int, end: int, number: int, depth: int) -> int:
    if wire == 0:
        return _read_varint(data, at, end)[1]
    if wire == 2:
        size, at = _read_varint(data, at, end)
        at += size
    elif wire in (1, 5):
        at += 8 if wire == 1 else 4
    elif wire == 3 and depth < DEPTH_MAX:
        while True:
            tag, at = _read_varint(data, at, end)
            if tag & 7 == 4:
                if tag >> 3 != number:
                    raise Malformed("a group ends as another one")
                return at
            at = _skip(data, tag & 7, at, end, tag >> 3, depth + 1)
    else:
        raise Malformed(f"wire type {wire}")
    if at > end:
        raise Malformed("a field is cut off")
    return at


class Message:
    """What all messages have. Two are equal when all their fields are."""
    __slots__ = ()
    _fields: typing.ClassVar[tuple[_Field, ...]] = ()
    _numbers: typing.ClassVar[dict[int, _Field]] = {}

    def encode(self) -> bytes:
        """The bytes on the wire, equal for equal messages. Invalid: a value does not fit its field; Limit: past BYTES_MAX."""
        data = self._encode(1, type(self).__name__)
        if len(data) > BYTES_MAX:
            raise Limit(f"{type(self).__name__} has {len(data)} bytes, more than {BYTES_MAX}")
        return data

    @classmethod
    def decode(cls: type[_M], data: bytes) -> _M:
        """Read what encode() of this or another version wrote. Malformed: it is none."""
        return cls._decode(data, 0, len(data), 1, None)

    def which(self, oneof: str) -> str | None:
        """The name of the field of `oneof` that is set."""
        for field in self._fields:
            if field.oneof == oneof and getattr(self, field.name) is not None:
                return field.name
        return None

    def _encode(self, depth: int, where: str) -> bytes:
        if depth > DEPTH_MAX:
            raise Limit(f"{where}: messages are more than {DEPTH_MAX} deep")
        out: list[bytes] = []
        oneofs: set[str] = set()
        for field in self._fields:
            value, label = getattr(self, field.name), field.label
            if value is None:
                if label == "required":
                    raise Invalid(f"{where}.{field.name} is required")
                continue
            place = f"{where}.{field.name}"
            if label in ("plain", "optional", "required"):
                if label == "plain" and not value and (value == _ZERO.get(field.kind, 0)) and str(value) != "-0.0":
                    continue
                if field.oneof:
                    if field.oneof in oneofs:
                        raise Invalid(f"{place}: another field of {field.oneof} is set too")
                    oneofs.add(field.oneof)
                out += (_varint(field.number << 3 | _WIRE.get(field.kind, 0)), _encode_value(field, value, place, depth))
            elif label == "map":
                self._encode_map(field, value, place, depth, out)
            elif label == "packed":
                if value:
                    data = b"".join([_encode_value(field, item, place, depth) for item in value])
                    out += (_varint(field.number << 3 | 2), _varint(len(data)), data)
            else:
                tag = _varint(field.number << 3 | _WIRE.get(field.kind, 0))
                for item in value:
                    out += (tag, _encode_value(field, item, place, depth))
        return b"".join(out)

    @staticmethod
    def _encode_map(field: _Field, value: dict[typing.Any, typing.Any], place: str, depth: int, out: list[bytes]) -> None:
        if not isinstance(value, dict):
            raise _wrong(place, value)
        key, of = field.of
        entries = []
        for name, item in value.items():
            data = [_varint(1 << 3 | _WIRE.get(key.kind, 0)), _encode_value(key, name, place, depth),
                    _varint(2 << 3 | _WIRE.get(of.kind, 0)), _encode_value(of, item, place, depth + 1)]
            entries.append(b"".join(data))
        for entry in sorted(entries): # in one order, whatever the order of a dict
            out += (_varint(field.number << 3 | 2), _varint(len(entry)), entry)

    @classmethod
    def _decode(cls: type[_M], data: bytes, at: int, end: int, depth: int, into: _M | None) -> _M:
        if depth > DEPTH_MAX:
            raise Malformed(f"messages are more than {DEPTH_MAX} deep")
        self = cls() if into is None else into
        numbers = cls._numbers
        while at < end:
            tag, at = _read_varint(data, at, end)
            wire, field = tag & 7, numbers.get(tag >> 3)
            if tag >> 3 == 0 or tag >> 32 or wire == 4:
                raise Malformed(f"tag {tag}")
            size = end
            if field is not None and wire == 2:
                size, at = _read_varint(data, at, end)
                size += at
                if size > end:
                    raise Malformed(f"{field.name} is cut off")
            if field is None:
                at = _skip(data, wire, at, end, tag >> 3, depth)
            elif wire == _WIRE.get(field.kind, 0) or field.label == "map" and wire == 2:
                at = self._take(field, wire, data, at, size, depth)
            elif wire == 2 and field.label in ("repeated", "packed") and field.kind not in ("string", "bytes", "message"):
                while at < size:
                    value, at = _decode_value(field, _WIRE.get(field.kind, 0), data, at, size, depth)
                    self._add(field, value)
            else: # of another type than this version's: passed over like an unknown one
                at = size if wire == 2 else _skip(data, wire, at, end, tag >> 3, depth)
        for field in cls._fields:
            if field.label == "required" and getattr(self, field.name) is None:
                raise Malformed(f"{field.name} is required")
        return self

    def _add(self, field: _Field, value: typing.Any) -> None:
        if not (field.is_closed and not isinstance(value, field.of)):
            getattr(self, field.name).append(value)

    def _take(self, field: _Field, wire: int, data: bytes, at: int, end: int, depth: int) -> int:
        if field.label == "map":
            key, of = field.of
            name: typing.Any = _ZERO.get(key.kind, 0)
            item: typing.Any = of.of() if of.kind == "message" else of.of(0) if of.kind == "enum" and not of.is_closed else _ZERO.get(of.kind, 0)
            while at < end:
                tag, at = _read_varint(data, at, end)
                if tag >> 3 == 0 or tag >> 32:
                    raise Malformed(f"tag {tag}")
                part = {1: key, 2: of}.get(tag >> 3)
                stop = end
                if part is not None and tag & 7 == _WIRE.get(part.kind, 0):
                    if tag & 7 == 2:
                        size, at = _read_varint(data, at, end)
                        stop = at + size
                        if stop > end:
                            raise Malformed(f"{field.name} is cut off")
                    value, at = _decode_value(part, tag & 7, data, at, stop, depth + 1)
                    name, item = (value, item) if part is key else (name, value)
                else:
                    at = _skip(data, tag & 7, at, end, tag >> 3, depth)
            getattr(self, field.name)[name] = item
            return end
        before = getattr(self, field.name) if field.kind == "message" and field.label not in ("repeated", "packed") else None
        if before is not None: # twice one field: what both have is put together
            field.of._decode(data, at, end, depth + 1, before)
            return end
        value, at = _decode_value(field, wire, data, at, end, depth)
        if field.label in ("repeated", "packed"):
            self._add(field, value)
        elif not (field.is_closed and not isinstance(value, field.of)):
            if field.oneof:
                for other in self._fields:
                    if other.oneof == field.oneof:
                        setattr(self, other.name, None)
            setattr(self, field.name, value)
        return at


def _describe(of: type[Message], *fields: _Field) -> None:
    of._fields = fields
    of._numbers = {field.number: field for field in fields}
