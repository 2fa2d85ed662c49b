"""From the words of ``--reader`` to a connection, a slot, or several slots.

=========================  ==================================================================
``virtual:FILE``           the card in an image file; ``virtual:contactless:FILE``: by its
                           contactless face
``virtual:new:PROFILE``    a new virtual blank; as a slot: as many as are needed
``virtual:dir:DIR``        a deck: the images of a folder, one after the other; slots only
``replay:FILE``            a recorded session as a card; ``replay:tolerant:FILE``: in any order
``psam``                   the PC/SC reader that ``SSCARD_PSAM`` names
``all``                    every PC/SC reader but the PSAM's; slots only
anything else              a PC/SC reader: its name, a part of it, or its number
nothing                    ``SSCARD_READER``, else the only PC/SC reader, or the only one with a
                           card in it
=========================  ==================================================================
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from sscard_ic.base.errors import InputError, Text
from sscard_ic.base.resources import home_dir
from sscard_ic.profile import load
from sscard_ic.reader.choice import PSAM_ENVIRONMENT, SeenReader, choose_all, choose_reader
from sscard_ic.reader.connection import Connection, Slot
from sscard_ic.reader.errors import BindingMissing, NoReader, NoService, ProtocolMismatch
from sscard_ic.reader.pcsc import (
    Access,
    PcscSlot,
    ProtocolChoice,
    ReaderMonitor,
    ReaderState,
    open_pcsc,
)
from sscard_ic.reader.pcsc.connection import PATIENCE
from sscard_ic.reader.pcsc.failures import service_silent
from sscard_ic.reader.pcsc.worker import TookTooLong, Worker
from sscard_ic.reader.replay import open_replay
from sscard_ic.reader.virtual import deck_of, new_blank, open_virtual

ENVIRONMENT = "SSCARD_READER"

ALL = "all"

Tell = Callable[[Text], None]
"""Takes words for the person who puts the cards in."""


def nobody(text: Text) -> None:
    """Tells nobody."""


_CARD_FORMS = Text(
    "可用写法：读写器的名称或编号、virtual:文件、virtual:new:卡规范、replay:文件",
    "write the name or number of a reader, virtual:FILE, virtual:new:PROFILE or replay:FILE",
)
_DECK_FORMS = Text(
    "可用写法：读写器的名称或编号、all、virtual:dir:目录（一叠卡）、virtual:new:卡规范",
    "write the name or number of a reader, all, virtual:dir:DIR (a deck) or virtual:new:PROFILE",
)

_Kind = Literal["pcsc", "file", "contactless", "new", "dir", "replay", "tolerant"]
_PREFIXES: dict[str, _Kind] = {
    "virtual:dir:": "dir",
    "virtual:new:": "new",
    "virtual:contactless:": "contactless",
    "virtual:": "file",
    "replay:tolerant:": "tolerant",
    "replay:": "replay",
}


def reader_spec(explicit: str | None) -> str | None:
    """The words for a reader: the option, else ``SSCARD_READER``; None when there are neither."""
    return explicit or os.environ.get(ENVIRONMENT) or None


def list_readers() -> tuple[ReaderState, ...]:
    """The PC/SC readers in the order of their numbers.

    Raises :class:`ReaderError`; a service that takes the question and does not answer it is one.
    """
    worker = Worker()
    try:
        return worker.call(_look_around, PATIENCE)
    except TookTooLong:
        raise service_silent() from None
    finally:
        worker.end()


def _look_around() -> tuple[ReaderState, ...]:
    with ReaderMonitor() as monitor:
        return monitor.readers()


def _seen() -> tuple[SeenReader, ...]:
    return tuple(SeenReader(state.name, state.card != "absent") for state in list_readers())


def is_recording(explicit: str | None) -> bool:
    """Whether the words name a recorded session: what happens in it happens to no card."""
    return (reader_spec(explicit) or "").strip().startswith("replay:")


def open_connection(
    spec: str | None = None,
    *,
    access: Access = "shared",
    protocol: ProtocolChoice = "any",
    psam: str | None = None,
) -> Connection:
    """The card of one reader, powered; ``spec`` as in ``--reader``.

    ``access`` concerns PC/SC readers alone: a virtual card has one user anyway. ``psam`` is the
    full name of the reader with the PSAM, where it is not the one that ``SSCARD_PSAM`` names.
    Raises :class:`ReaderError` for what reader and card do, :class:`InputError` for the words.
    """
    asked = reader_spec(spec) or ""
    kind, rest = _parse(asked, _CARD_FORMS)
    if kind == "dir" or (kind == "pcsc" and rest.casefold() == ALL):
        raise InputError(
            Text("此命令一次只用一张卡", "this command works on one card"),
            where=asked,
            hint=_CARD_FORMS,
        )
    if kind == "pcsc":
        return open_pcsc(_chosen(rest, psam), access=access, protocol=protocol)
    return _speaking(_in_process(kind, rest), protocol, asked)


def open_slot(spec: str | None = None, *, tell: Tell = nobody) -> Slot:
    """The slot of one reader, through which many cards pass; see :func:`open_slots`."""
    (slot,) = open_slots([spec] if spec else [], tell=tell)
    return slot


def open_slots(specs: Iterable[str] = (), *, tell: Tell = nobody) -> list[Slot]:
    """The slots of several readers, in the order of the words; ``all``: in that of the service.

    Without words: what ``SSCARD_READER`` says, else the PC/SC reader that is meant by nothing.
    ``tell`` gets words for the person who puts cards in. Raises :class:`InputError` when two words
    mean one reader or one folder, for two stations must not reach for one card.
    """
    asked = list(specs) or [reader_spec(None) or ""]
    places = [place for words in asked for place in _places(words, tell)]
    keys = [place.key for place in places]
    for place in places:
        if keys.count(place.key) > 1:
            raise InputError(
                Text("同一读写器或目录写了两次", "the same reader or folder is named twice"),
                where=place.key,
                hint=Text(
                    "每台读写器、每个目录只写一次；几叠虚拟卡请用几个不同的 virtual:dir:目录",
                    "name each reader and folder once; for several decks of virtual cards write "
                    "virtual:dir:DIR with a folder for each",
                ),
            )
    return [place.open() for place in places]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where cards come from: full name of a reader, or path of a folder; and how to open it."""

    key: str
    open: Callable[[], Slot]


def _places(asked: str, tell: Tell) -> list[_Place]:
    kind, rest = _parse(asked, _DECK_FORMS)
    if kind == "dir":
        folder = Path(rest)
        return [_Place(str(folder.resolve()), partial(deck_of, folder))]
    if kind == "new":
        profile = load(rest)
        folder = home_dir() / "cards"
        deck = partial(deck_of, folder, lambda hopper: new_blank(profile, hopper))
        return [_Place(str(folder.resolve()), deck)]
    if kind != "pcsc":
        raise InputError(
            Text("此命令需要一叠卡", "this command needs a deck of cards"),
            where=asked,
            hint=_DECK_FORMS,
        )
    if rest.casefold() == ALL:
        names = choose_all(_seen(), os.environ.get(PSAM_ENVIRONMENT))
    else:
        names = (_chosen(rest),)
    return [_Place(name, partial(PcscSlot, name, tell=tell)) for name in names]


def _parse(asked: str, forms: Text) -> tuple[_Kind, str]:
    words = asked.strip()
    for prefix, kind in _PREFIXES.items():
        if words.startswith(prefix):
            rest = words.removeprefix(prefix)
            if rest:
                return kind, rest
            break
    else:
        if words not in ("virtual", "replay"):
            return "pcsc", words
    raise InputError(Text("不认识的读写器", "unknown reader"), where=asked, hint=forms)


def _chosen(words: str, psam: str | None = None) -> str:
    """The full name of the PC/SC reader that ``words`` mean."""
    try:
        return choose_reader(words, _seen(), psam or os.environ.get(PSAM_ENVIRONMENT))
    except (BindingMissing, NoService, NoReader) as error:
        if words and (hint := _form_of_path(Path(words))):
            raise InputError(
                Text("这是文件或目录，不是读写器", "this is a file or a folder, not a reader"),
                where=words,
                hint=Text(f"请写 {hint}", f"write {hint}"),
            ) from error
        raise


def _form_of_path(path: Path) -> str | None:
    """How ``path`` is written when it is what it looks like; None when it looks like a name."""
    if path.is_dir():
        return f"virtual:dir:{path}"
    if path.suffix == ".trace":
        return f"replay:{path}"
    if path.suffix == ".img" or path.is_file():
        return f"virtual:{path}"
    return None


def _in_process(kind: _Kind, rest: str) -> Connection:
    """A card that needs no reader."""
    if kind == "new":
        return open_virtual(new_blank(load(rest), home_dir() / "cards"))
    path = Path(rest)
    if kind not in ("file", "contactless"):
        return open_replay(path, tolerant=kind == "tolerant")
    if path.is_dir():
        raise InputError(
            Text("这是目录，此命令只用一张卡", "a folder, but this command works on one card"),
            where=rest,
            hint=Text("请写其中的一个映像文件", "name one of the images in it"),
        )
    return open_virtual(path, interface="contact" if kind == "file" else "contactless")


def _speaking(connection: Connection, protocol: ProtocolChoice, asked: str) -> Connection:
    if protocol in ("any", connection.protocol):
        return connection
    spoken = connection.protocol
    connection.close()
    raise ProtocolMismatch(
        Text(f"此卡只用 {spoken}，不支持 {protocol}", f"this card speaks {spoken}, not {protocol}"),
        where=asked,
        hint=Text("去掉 --protocol", "leave --protocol out"),
    )
