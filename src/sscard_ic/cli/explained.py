"""Explanations for a person, line by line, and as JSON for a program."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from rich.cells import cell_len

from sscard_ic.apdu.masked import Masked
from sscard_ic.apdu.trace import command_text
from sscard_ic.base.errors import Text
from sscard_ic.cli.common import language, tr
from sscard_ic.explain import Detail, Explanation

LONGEST = 64
"""Characters of bytes on a line; longer ones are cut, with their length. JSON has them whole."""

_MARGIN = " " * 12
_WIDEST = 40
"""Columns that names are filled up to, so that values stand below one another."""


def lines(
    explained: Explanation, number: str = "", *, brief: bool = False, bare: bool = False
) -> Iterator[str]:
    """One explanation: a line that says it all, and unless ``brief`` its bytes and their parts.

    ``bare`` leaves the bytes out, where they have been shown.
    """
    status = "" if explained.sw is None or explained.kind == "status word" else str(explained.sw)
    remarks = _remarks(explained.remarks)
    yield f"{number:>4}  {status:4}  {_say(explained.summary)}{remarks}".rstrip()
    if brief:
        return
    data = short(str(explained.data), len(explained.data))
    if explained.command and not bare:
        yield f"{_MARGIN}> {short(command_text(explained.command), len(explained.command))}"
    elif explained.data and explained.details and not bare:
        yield f"{_MARGIN}{data}"
    yield from _details(explained.details, f"{_MARGIN}  ")
    if explained.data and (explained.command or not explained.details) and not bare:
        yield f"{_MARGIN}< {data}"
    yield from _details(explained.answer, f"{_MARGIN}  ")


def short(text: str, size: int) -> str:
    """Bytes on one line."""
    if len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST // 2]}… ({size} {tr('字节', 'bytes')})"


def _details(details: Iterable[Detail], margin: str) -> Iterator[str]:
    listed = list(details)
    labels = [_label(each) for each in listed]
    width = min(max(map(cell_len, labels), default=0), _WIDEST)
    for each, label in zip(listed, labels, strict=True):
        value = _value(each)
        space = " " * max(width - cell_len(label), 0)
        yield f"{margin}{label}{space}  {value}{_remarks(each.remarks)}".rstrip()
        yield from _details(each.parts, f"{margin}    ")


def _label(detail: Detail) -> str:
    name = _say(detail.name)
    return f"{detail.tag} {name}" if detail.tag else name


def _value(detail: Detail) -> str:
    """The words of a part; its bytes where there are none, unless its own parts say them."""
    if detail.value is not None:
        return _say(detail.value)
    if detail.parts:
        return ""
    return short(str(detail.raw), len(detail.raw))


def _remarks(remarks: Iterable[Text]) -> str:
    said = [_say(remark) for remark in remarks]
    return f"  ({'; '.join(said)})" if said else ""


def _say(text: Text) -> str:
    return text.to(language())


# -- for a program ---------------------------------------------------------------------------


def to_json(explained: Explanation) -> dict[str, Any]:
    """An explanation by the names of its parts (docs/explain.md)."""
    return {
        "type": explained.kind,
        "summary": _both(explained.summary),
        "name": _both(explained.name),
        "place": explained.place,
        "command": _bytes(explained.command, command_text),
        "details": [_detail_json(each) for each in explained.details],
        "data": _bytes(explained.data, str),
        "answer": [_detail_json(each) for each in explained.answer],
        "sw": None if explained.sw is None else str(explained.sw),
        "meaning": _both(explained.meaning),
        "remarks": [_both(each) for each in explained.remarks],
    }


def _detail_json(detail: Detail) -> dict[str, Any]:
    return {
        "tag": detail.tag,
        "name": _both(detail.name),
        "value": _both(detail.value),
        "bytes": str(detail.raw),
        "remarks": [_both(each) for each in detail.remarks],
        "parts": [_detail_json(each) for each in detail.parts],
    }


def _both(text: Text | None) -> dict[str, str] | None:
    return None if text is None else {"zh": text.zh, "en": text.en}


def _bytes(raw: Masked, write: Any) -> str:
    return str(write(raw)) if raw else ""
