"""Reads TensorFlow event files without TensorFlow.

An event file is a TFRecord file of `Event` messages. Both formats are fixed for good, and little of them is
needed, so that the process which compares two runs need not import TensorFlow to see what is on disk.
"""

from __future__ import annotations

import hashlib
import heapq
import re
import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

# A field of a message: an int for varints, bytes for everything else.
_Fields = dict[int, list["int | bytes"]]

_PLUGIN_KINDS = {"scalars": "scalar", "histograms": "histogram", "images": "image", "text": "text"}
_V1_KINDS = {2: "scalar", 4: "image", 5: "histogram", 6: "audio", 8: "tensor"}
# Messages other than summaries: what a graph or a profile looks like may change with every rewrite, that it
# was recorded may not, so these carry no digest.
_MARKS = {4: "graph", 7: "session_log", 9: "meta_graph"}
_FLOAT, _DOUBLE = 1, 2


class Record(NamedTuple):
    """One value of an event file: an `Event` that doesn't know its folder yet."""

    time: float
    tag: str
    step: int
    kind: str
    value: str
    digest: str


def read_folder(files: Iterable[Path]) -> list[Record]:
    """Reads the event files of one folder.

    Args:
        files: the event files.

    Returns:
        Their records, merged by time; a file's own order is never changed.
    """
    plugins: dict[str, str] = {}
    series = [list(_records(path, plugins)) for path in sorted(files, key=natural)]
    return list(heapq.merge(*series, key=lambda record: record.time))


def natural(path: Path) -> list[tuple[int, str]]:
    """A key that sorts paths with their numbers as numbers."""
    return [(int(part or 0), text) for text, part in re.findall(r"(\D*)(\d*)", str(path))]


def _records(path: Path, plugins: dict[str, str]) -> Iterator[Record]:
    for data in _tfrecords(path.read_bytes()):
        event = _fields(data)
        (time,) = struct.unpack("<d", _bytes(event, 1, bytes(8)))
        step = _signed(_int(event, 2))
        for summary in event.get(5, []):
            for value in _fields(_as_bytes(summary)).get(1, []):
                yield _summary_value(_fields(_as_bytes(value)), time, step, plugins)
        for number, kind in _MARKS.items():
            if number in event:
                yield Record(time, "", step, kind, "", "")
        if 8 in event:
            tag = _bytes(_fields(_bytes(event, 8)), 1).decode("utf-8", "replace")
            yield Record(time, tag, step, "run_metadata", "", "")


def _tfrecords(data: bytes) -> Iterator[bytes]:
    """The records of a TFRecord file; one that was cut off by the end of the process is not on disk."""
    start = 0
    while start + 12 <= len(data):
        (length,) = struct.unpack_from("<Q", data, start)
        end = start + 12 + length
        if end + 4 > len(data):
            return
        yield data[start + 12 : end]
        start = end + 4


def _summary_value(value: _Fields, time: float, step: int, plugins: dict[str, str]) -> Record:
    tag = _bytes(value, 1).decode("utf-8", "replace")
    plugin = _bytes(_fields(_bytes(_fields(_bytes(value, 9)), 1)), 1).decode("utf-8", "replace")
    # A v1 writer leaves the metadata out of all but the first event of a tag.
    plugin = plugins.setdefault(tag, plugin) if plugin or tag in plugins else ""
    number = next((n for n in _V1_KINDS if n in value), None)
    kind = _PLUGIN_KINDS.get(plugin, plugin) or (_V1_KINDS[number] if number else "empty")
    payload = b"" if number is None else _as_bytes(value[number][-1])
    text = None
    if number == 2:
        text = _number(payload, _FLOAT)
    elif number == 8:
        tensor = _fields(payload)
        # The same value can be spelled as raw bytes or as a list of numbers.
        content = _bytes(tensor, 4) or b"".join(map(_as_bytes, tensor.get(5, []) + tensor.get(6, [])))
        dtype = _int(tensor, 1)
        if kind == "scalar" and dtype in (_FLOAT, _DOUBLE):
            payload, text = content, _number(content, dtype)
        elif kind == "text":
            strings = [_as_bytes(item) for item in tensor.get(8, [])]
            text = ", ".join(repr(item.decode("utf-8", "replace")) for item in strings)[:200]
    digest = hashlib.sha256(payload).hexdigest()[:16]
    return Record(time, tag, step, kind, f"{len(payload)} bytes" if text is None else text, digest)


def _number(content: bytes, dtype: int) -> str:
    if dtype == _DOUBLE:
        return repr(struct.unpack("<d", content)[0]) if len(content) == 8 else "0.0"
    if len(content) != 4:
        return "0.0"
    (number,) = struct.unpack("<f", content)
    # Nine digits tell any two float32 apart.
    return f"{number:.9g}"


def _fields(data: bytes) -> _Fields:
    """Decodes one protocol buffer message."""
    fields: _Fields = defaultdict(list)
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        wire = key & 7
        if wire == 0:
            number, position = _varint(data, position)
            fields[key >> 3].append(number)
            continue
        if wire == 2:
            length, position = _varint(data, position)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise ValueError(f"not an event file: wire type {wire}")
        fields[key >> 3].append(data[position : position + length])
        position += length
    return dict(fields)


def _varint(data: bytes, position: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position
        shift += 7


def _signed(number: int) -> int:
    return number - (1 << 64) if number >= 1 << 63 else number


def _int(fields: _Fields, number: int) -> int:
    value = fields.get(number, [0])[-1]
    return value if isinstance(value, int) else 0


def _bytes(fields: _Fields, number: int, default: bytes = b"") -> bytes:
    return _as_bytes(fields.get(number, [default])[-1])


def _as_bytes(value: int | bytes) -> bytes:
    return value if isinstance(value, bytes) else b""
