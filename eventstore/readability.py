"""Checks that an encoded payload can be decoded, without decoding all of it.

Theory of operation. Construction is not validated: an event with a field of the wrong type can be encoded,
but never decoded. Decoding a quote takes 200 ns, half as long as appending it. But market data has long runs
of records with the same layout, and it is enough to decode one record of such a run.

A msgpack record has *shape* bytes (lengths of arrays and texts, types of numbers) and *contents* (the values
of numbers and texts). If all records of a run have the same shape bytes, all are equally long. Then the slice
``payload[place::size]`` holds the same byte of every record, and comparing its bytes takes 1 ns per record.

Records count as alike by these rules:

- Shape bytes and the tag must be equal. The tag decides the types of all other fields.
- Contents may differ if the decoder accepts any contents there. To find that out, the first record is decoded
  with extreme contents. If they are refused (the text of an enum or a ``Decimal``), contents must be equal.
- Values of one byte (small whole numbers, ``True``, ``None``) may differ, if the first record can be decoded
  with each value that occurs.

Runs shorter than ``ALIKE_EVENTS``, and everything after them, are decoded. Nothing is remembered between
calls, and no payload is accepted that the decoder would refuse.
"""

import msgspec

from eventstore.block import array_header_bytes
from kernel.events import AnyEvent

ALIKE_EVENTS = 256
"""The shortest run that is not decoded. Finding its layout takes as long as decoding a hundred quotes."""

_decode_all = msgspec.msgpack.Decoder(list[AnyEvent]).decode
_decode_one = msgspec.msgpack.Decoder(AnyEvent).decode


_ARRAY, _TEXT, _NUMBER, _ONE_BYTE = range(4)

_ONE_BYTE_VALUES = (*range(0x80), *range(0xE0, 0x100), 0xC0, 0xC2, 0xC3)
"""Small whole numbers, ``None``, ``False``, ``True``."""

_NUMBER_BYTES = {0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
"""For the first byte of a float or whole number: how many bytes follow."""

_HEADS: dict[int, tuple[int, int, int]] = {
    **dict.fromkeys(_ONE_BYTE_VALUES, (_ONE_BYTE, 0, 0)),
    **{head: (_NUMBER, 0, size) for head, size in _NUMBER_BYTES.items()},
    **{0x90 + length: (_ARRAY, 0, length) for length in range(16)},
    **{0xA0 + length: (_TEXT, 0, length) for length in range(32)},
    0xD9: (_TEXT, 1, 0),
    0xDA: (_TEXT, 2, 0),
    0xDB: (_TEXT, 4, 0),
    0xDC: (_ARRAY, 2, 0),
    0xDD: (_ARRAY, 4, 0),
}
"""For the first byte of an item: its kind, how many bytes of length follow, and its length if that is 0."""

_EXTREMES = (b"\x00" * 8, b"\xff" * 8)
"""Extreme contents of numbers. As floats: 0 and NaN. As whole numbers: 0, and the greatest or -1."""

_TAG_ITEM = 2
"""The place of the tag among a record's items: after the array that holds all fields."""

_ODD_TEXT = b"\x01"
"""A character that occurs in no enum and in no number."""


class _Layout(msgspec.Struct):
    """The places of a record's bytes, counted from its beginning.

    - ``fixed``: bytes that must be equal in all records of a run.
    - ``one_byte``: values of one byte.
    - ``numbers`` and ``texts``: contents.
    """

    size: int = 0
    fixed: list[int] = []
    one_byte: list[int] = []
    numbers: list[range] = []
    texts: list[range] = []


def check_readable(payload: bytes, count: int) -> None:
    """Raise ``msgspec.DecodeError`` unless each of the ``count`` events of an encoded list can be decoded.

    ``payload`` comes from msgspec's encoder: well-formed, and its texts are UTF-8.
    """
    place, left = array_header_bytes(payload), count
    while left >= ALIKE_EVENTS:
        alike, size = _alike(payload, place)
        if alike < ALIKE_EVENTS:
            break
        place += alike * size
        left -= alike
    if left == count:
        _decode_all(payload)
    elif left:
        _decode_rest(payload, place, left=left)


def _decode_rest(payload: bytes, place: int, *, left: int) -> None:
    try:
        _decode_all(b"\xdd" + left.to_bytes(4, "big") + payload[place:])
    except msgspec.DecodeError:
        _decode_all(payload)  # raises the same, with the event's place in the whole list
        raise


def _alike(payload: bytes, start: int) -> tuple[int, int]:
    """How many records from ``start`` on are like the first and so decodable, and the size of each."""
    layout = _layout_at(payload, start)
    if layout is None:
        return 0, 0
    size = layout.size
    record = payload[start : start + size]
    if not _is_readable(record):
        return 0, 0
    end = len(payload)
    for place in layout.fixed + _fixed_contents(record, layout):
        column = payload[start + place : end : size]
        if column != column[:1] * len(column):
            end = start + size * _length_of(column, column[:1])
    for place in layout.one_byte:
        column = payload[start + place : end : size]
        if column != column[:1] * len(column):
            end = start + size * _length_of(column, _readable_values(record, place, frozenset(column)))
    return (end - start) // size, size


def _length_of(column: bytes, allowed: bytes) -> int:
    """The length of the column's beginning that has only ``allowed`` bytes."""
    return len(column) - len(column.lstrip(allowed))


def _readable_values(record: bytes, place: int, values: frozenset[int]) -> bytes:
    """The bytes among ``values`` that are values of one byte which the field at a place accepts."""
    here = [range(place, place + 1)]
    return bytes(
        value
        for value in values
        if value in _ONE_BYTE_VALUES and _is_readable(_replaced(record, here, bytes((value,))))
    )


def _fixed_contents(record: bytes, layout: _Layout) -> list[int]:
    """The places of contents that must be equal in all records."""
    places: list[int] = []
    if not all(_is_readable(_replaced(record, layout.numbers, extreme)) for extreme in _EXTREMES):
        places += [place for number in layout.numbers for place in number]
    for text in layout.texts:
        if not _is_readable(_replaced(record, [text], _ODD_TEXT * len(text))):
            places += text
    return places


def _replaced(record: bytes, places: list[range], contents: bytes) -> bytes:
    """The record with other contents at some places, cut to their lengths."""
    changed = bytearray(record)
    for place in places:
        changed[place.start : place.stop] = contents[: len(place)]
    return bytes(changed)


def _is_readable(record: bytes) -> bool:
    try:
        _decode_one(record)
    except msgspec.DecodeError:
        return False
    return True


def _layout_at(payload: bytes, start: int) -> _Layout | None:
    """The layout of the record at ``start``; ``None`` if it has items of other kinds than ``_HEADS``."""
    layout = _Layout()
    place, items, items_left = 0, 0, 1
    while items_left:
        head = payload[start + place]
        if head not in _HEADS:
            return None
        kind, width, length = _HEADS[head]
        body = place + 1 + width
        if width:
            length = int.from_bytes(payload[start + place + 1 : start + body], "big")
        items, items_left = items + 1, items_left - 1
        if items == _TAG_ITEM:
            layout.fixed.extend(range(place, body + length))
        elif kind is _ONE_BYTE:
            layout.one_byte.append(place)
        else:
            layout.fixed.extend(range(place, body))
        if kind is _ARRAY:
            items_left += length
            length = 0
        elif kind is _NUMBER:
            layout.numbers.append(range(body, body + length))
        elif kind is _TEXT:
            layout.texts.append(range(body, body + length))
        place = body + length
    layout.size = place
    return layout
