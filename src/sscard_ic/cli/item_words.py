"""Values of items as a person reads them."""

from __future__ import annotations

import hashlib

from sscard_ic.cli.common import tr
from sscard_ic.profile import Item
from sscard_ic.profile.values import Value, part_name


def value_words(item: Item, value: Value, longest: int) -> str:
    """The value with its meaning; each part of a constructed one with its name.

    Plain bytes longer than ``longest`` digits are told by length and the beginning of their
    SHA-256, by which two of them are told apart.
    """
    if value.parts:
        titles = {part_name(part): part for part in item.items}
        told = [
            f"{tr(titles[name].zh, titles[name].en)} {_with_meaning(part)}"
            for name, part in value.parts.items()
            if part.is_set and name in titles
        ]
        return tr("；", "; ").join(told)
    if item.format == "b" and len(value.text) > longest:
        digest = hashlib.sha256(value.raw).hexdigest()[:8].upper()
        size = len(value.raw)
        return tr(f"{size} 字节，SHA-256 {digest}…", f"{size} bytes, SHA-256 {digest}…")
    return _with_meaning(value)


def _with_meaning(value: Value) -> str:
    if value.meaning is None:
        return value.text
    return f"{value.text}  {tr(value.meaning.zh, value.meaning.en)}"
