"""From the words of ``--reader`` to a connection or a slot."""

from __future__ import annotations

import os
from pathlib import Path

from sscard_ic.base.errors import InputError, Text
from sscard_ic.base.resources import home_dir
from sscard_ic.profile import load
from sscard_ic.reader.connection import Connection, Slot
from sscard_ic.reader.virtual import deck_of, new_blank, open_virtual

ENVIRONMENT = "SSCARD_READER"

CARD_FORMS = Text(
    "可用写法：virtual:文件、virtual:new:卡规范（一张新空白卡）",
    "write virtual:FILE or virtual:new:PROFILE (a new blank)",
)
DECK_FORMS = Text(
    "可用写法：virtual:dir:目录（一叠卡）、virtual:new:卡规范（新空白卡，要多少有多少）",
    "write virtual:dir:DIR (a deck) or virtual:new:PROFILE (as many new blanks as needed)",
)


def reader_spec(explicit: str | None, forms: Text = CARD_FORMS) -> str:
    """The reader asked for: the option, else ``SSCARD_READER``; an error when there is neither.

    ``forms`` are the ways to write it that the command takes.
    """
    spec = explicit or os.environ.get(ENVIRONMENT)
    if not spec:
        raise InputError(Text("没有指定读写器", "no reader given"), where="--reader", hint=forms)
    return spec


def open_connection(spec: str) -> Connection:
    """The card of a reader: ``virtual:FILE`` or ``virtual:new:PROFILE`` (a fresh blank)."""
    kind, rest = _split(spec, CARD_FORMS)
    if kind == "new":
        return open_virtual(new_blank(load(rest), home_dir() / "cards"))
    if kind == "file":
        return open_virtual(Path(rest))
    raise InputError(
        Text("此命令一次只用一张卡", "this command works on one card"), where=spec, hint=CARD_FORMS
    )


def open_slot(spec: str) -> Slot:
    """The slot of a reader, through which many cards pass."""
    kind, rest = _split(spec, DECK_FORMS)
    if kind == "dir":
        return deck_of(Path(rest))
    if kind == "new":
        profile = load(rest)
        return deck_of(home_dir() / "cards", lambda folder: new_blank(profile, folder))
    raise InputError(
        Text("此命令需要一叠卡", "this command needs a deck of cards"), where=spec, hint=DECK_FORMS
    )


def _split(spec: str, forms: Text) -> tuple[str, str]:
    head, _, rest = spec.partition(":")
    if head != "virtual" or not rest:
        raise InputError(Text("不认识的读写器", "unknown reader"), where=spec, hint=forms)
    for kind in ("dir", "new"):
        if rest.startswith(f"{kind}:"):
            return kind, rest[len(kind) + 1 :]
    return "file", rest
