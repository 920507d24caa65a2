"""Reads the column `_rest` of a pool's Delta table: the undeclared fields.

    from undeclared import fields
    fields(cell)  # {"page": "/start", "took.ms": 12, "tags": ["a", 1]}

The form is that of docs/delta.md. Nothing but the standard library is needed.
"""

import datetime
import struct
import uuid

TEXT, DATE, DATE_TIME, UUID, ARRAY, OBJECT = 0x30, 0x40, 0x50, 0x60, 0x70, 0x80
NULL, BOOLEAN, NUMBER = 0x00, 0x10, 0x20


def fields(cell, deleted=None):
    """The undeclared fields of a row by their paths, from its cell of `_rest`.

    A row without any has no cell: for None the answer is empty. `deleted` is
    the member `tidegate.deleted` of the column's metadata, where it has one:
    what was deleted is left out.
    """
    parts = list(frames(cell or b"", "<I"))
    named = (
        (called(path.decode(), deleted or {}), encoded)
        for path, encoded in zip(parts[::2], parts[1::2], strict=True)
    )
    return {path: value(encoded) for path, encoded in named if path is not None}


def called(column, deleted):
    """The path that stands for a name of `_rest`; None for a deleted one."""
    path, mark, number = column.rpartition("._")
    if not mark:
        path, number = column, "0"
    names = path.split(".")
    above = (".".join(names[: count + 1]) for count in range(len(names)))
    last = max((deleted.get(name, 0) for name in above), default=0)
    return path if last == int(number) else None


def value(encoded):
    """The value of one field, with the type that it was sent with."""
    tag, rest = encoded[0], encoded[1:]
    if tag == NULL:
        return None
    if tag == BOOLEAN:
        return rest != b"\0"
    if tag == NUMBER:
        return number(rest)
    if tag == TEXT:
        return rest.decode()
    if tag == DATE:
        days = int.from_bytes(rest, "big") - 2**31
        return datetime.date(1970, 1, 1) + datetime.timedelta(days=days)
    if tag == DATE_TIME:
        micros = int.from_bytes(rest, "big") - 2**63
        epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
        return epoch + datetime.timedelta(microseconds=micros)
    if tag == UUID:
        return uuid.UUID(bytes=bytes(rest))
    if tag == ARRAY:
        return [value(element) for element in frames(rest, ">I")]
    if tag == OBJECT:
        parts = list(frames(rest, ">I"))
        names, values = parts[::2], parts[1::2]
        return {n.decode(): value(v) for n, v in zip(names, values, strict=True)}
    raise ValueError(f"a value with the unknown tag {tag:#x}")


def number(rest):
    """A whole number with every digit, or a float."""
    bits = int.from_bytes(rest[:8], "big")
    bits = bits ^ 1 << 63 if bits >> 63 else bits ^ (1 << 64) - 1
    (below,) = struct.unpack(">d", bits.to_bytes(8, "big"))
    if not below.is_integer() or abs(below) > 2.0**127 or below == 2.0**127:
        return below
    return int(below) + int.from_bytes(rest[8:], "big")


def frames(content, length):
    """The parts of `content`, each behind its length."""
    at = 0
    while at < len(content):
        (size,) = struct.unpack_from(length, content, at)
        at += 4 + size
        if at > len(content):
            raise ValueError("a part is longer than what it is in")
        yield content[at - size : at]
