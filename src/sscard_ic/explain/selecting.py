"""SELECT in words, and what it changes (ref 01 §2.3, §11.1, 02 §1.2, 11 §3.2)."""

from __future__ import annotations

from collections.abc import Iterable

from sscard_ic.apdu.masked import Masked
from sscard_ic.base.errors import Text
from sscard_ic.explain.applications import Place, name_words
from sscard_ic.explain.sent import Sent
from sscard_ic.explain.session import Asked, Session, Told
from sscard_ic.explain.tlv import explain_objects, find
from sscard_ic.explain.words import Detail, bytes_of, joined, shown

_BY_FID, _DIRECTORY, _FILE, _PARENT, _BY_NAME = 0x00, 0x01, 0x02, 0x03, 0x04
_NEXT = 0x02

_FID = Text("文件标识符", "file identifier")
_NAME = Text("名称", "name")
_NOT_IN_PROFILE = Text("配置中没有", "not in the profile")
_HIDDEN = Text("未显示的文件", "something hidden")
_REASONS = {
    0x6A82: Text("没有该文件或应用", "there is no such file or application"),
    0x6A81: Text("卡片或应用已锁定，或不支持该功能", "card or application blocked, or no support"),
    0x6283: Text("已选择，但应用已锁定", "selected, but the application is blocked"),
}

_DIRECTORIES = (0x3F, 0xDD, 0xDF)
"""First bytes of the identifiers of directories (ref 01 §2.1)."""

_TOLD = ("50", "9F12", "88", "9F0C")
"""What of file control information belongs into the summary."""


def select(session: Session, sent: Sent, name: Text) -> Asked:
    """SELECT by name or identifier."""
    asked = Asked(name, read=fci, reasons=_REASONS)
    if sent.data.hidden:
        asked.about = _HIDDEN
    elif sent.p1 == _BY_NAME:
        _by_name(session, sent, asked)
    elif sent.p1 == _PARENT:
        _directory(session, asked, session.parent)
        asked.about = Text(f"上级目录 {asked.about.zh}", f"the directory above {asked.about.en}")
    elif not sent.data:
        _directory(session, asked, session.directory_with(0x3F00) or session.names.master_file)
    else:
        _by_identifier(session, sent, asked)
    _learn(session, asked)
    if sent.p2 & 0x03 == _NEXT:
        asked.about = Text(f"下一个 {asked.about.zh}", f"the next {asked.about.en}")
    return asked


def _by_name(session: Session, sent: Sent, asked: Asked) -> None:
    raw = sent.data.head
    place = session.directory_named(raw)
    asked.details = (Detail(_NAME, name_words(raw), sent.data),)
    if place is None:
        words = name_words(raw)
        place = Place("other", words.en, Text("其他应用", "another application"))
    _directory(session, asked, place)


def _by_identifier(session: Session, sent: Sent, asked: Asked) -> None:
    raw = sent.data.head
    fid = int.from_bytes(raw[:2], "big")
    asked.details = (Detail(_FID, None, sent.data),)
    place = session.directory_with(fid)
    if place is not None and (sent.p1 != _FILE or session.known_file(fid) is None):
        _directory(session, asked, place)
    elif sent.p1 == _DIRECTORY or (sent.p1 == _BY_FID and raw[0] in _DIRECTORIES):
        _directory(session, asked, Place("other", f"{fid:04X}", _NOT_IN_PROFILE))
    else:
        asked.about, asked.place = session.file_words(fid), session.path(fid)
        if session.known_file(fid) is None and session.foreign_file(fid) is None:
            asked.about = Text(
                f"{asked.about.zh}（{_NOT_IN_PROFILE.zh}）",
                f"{asked.about.en} ({_NOT_IN_PROFILE.en})",
            )

        def select_file() -> None:
            session.file = fid

        asked.succeeded = select_file


def _directory(session: Session, asked: Asked, place: Place | None) -> None:
    if place is None:
        asked.about = Text("未知", "which is not known")
        return
    asked.about, asked.place = place.words, place.directory
    asked.succeeded = lambda: session.enter(place)


def _learn(session: Session, asked: Asked) -> None:
    """Keep the lists of a bank application that its FCI gives, now or by GET RESPONSE."""
    entering, given = asked.succeeded, []
    entered = False

    def read(data: Masked) -> Told:
        told = fci(data)
        given.append(told.details)
        if entered:
            session.bank.learn(told.details)
        return told

    def succeeded() -> None:
        nonlocal entered
        if entering is not None:
            entering()
        entered = True
        for details in given:
            session.bank.learn(details)

    asked.read, asked.succeeded = read, succeeded


def fci(data: Masked) -> Told:
    """File control information."""
    if not data:
        return Told()
    details = explain_objects(data)
    return Told(_in_short(details) or bytes_of(len(data)), details)


def _in_short(details: Iterable[Detail]) -> Text | None:
    listed = list(details)
    parts = []
    for tag in _TOLD:
        found = find(listed, tag)
        if found is not None:
            value = found.value or shown(found.raw)
            parts.append(Text(f"{found.name.zh} {value.zh}", f"{found.name.en} {value.en}"))
    return joined(parts) if parts else None
