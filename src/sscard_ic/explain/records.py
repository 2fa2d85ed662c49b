"""Commands on the records of a file in words (ref 01 §11.1, §11.2, 11 §3.2, §5.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from sscard_ic.apdu.masked import Masked
from sscard_ic.base.errors import Text
from sscard_ic.explain.applications import Place
from sscard_ic.explain.card_names import FileNames
from sscard_ic.explain.items import explain_records, shapes
from sscard_ic.explain.sent import MAC, Sent
from sscard_ic.explain.session import NO_REASONS, Asked, Session, Told
from sscard_ic.explain.tlv import explain_objects
from sscard_ic.explain.words import NO_WORDS, Detail, count, joined, shown
from sscard_ic.profile.access import AccessRule
from sscard_ic.profile.structure import Located

BY_NUMBER, ALL_UPWARDS, ALL_DOWNWARDS = 0x04, 0x05, 0x06
_FIRST_WITH_TAG, _LAST_WITH_TAG, _NEXT_WITH_TAG, _PREVIOUS = 0x00, 0x01, 0x02, 0x03

MAC_NAME = Text("MAC", "MAC")
CIPHERED = Text("密文", "enciphered data")
_NEW_RECORD = Text("新记录", "a new record")
REASONS = {
    0x6981: Text("命令与文件结构不符", "the command does not suit the structure of the file"),
    0x6986: Text("没有当前文件，先选择", "no current file: SELECT it first"),
    0x6A82: Text("没有该文件", "there is no such file"),
    0x6A83: Text("没有该记录", "the file has no such record"),
    0x6700: Text("长度与记录不符", "the length does not suit the record"),
    0x6A85: Text("Lc 与 TLV 结构不符", "Lc does not agree with tag and length"),
    0x6988: Text("MAC 错误", "the MAC is wrong"),
    0x6987: Text("缺少 MAC", "the MAC is missing"),
}


def read_record(session: Session, sent: Sent, name: Text) -> Asked:
    """READ RECORD by number or tag, or of all records."""
    fid = _file(session, sent.p2 >> 3)
    file = session.known_file(fid)
    mode = sent.p2 & 0x07
    place = _place(file, mode, sent.p1)
    asked = Asked(name, _about(session, fid, file, place, mode, sent.p1), reasons=REASONS)
    asked.place = place.path if place else session.path(fid)
    asked.rule = place.read if place else _strictest(file)
    asked.details = mac_of(sent)
    if session.place.application == "payment system":
        asked.reasons = NO_REASONS
    asked.succeeded = selects(session, fid)
    first = sent.p1 if mode in (BY_NUMBER, ALL_UPWARDS) else None
    asked.read = lambda data: _told(session, fid, data, first, sent.secure)
    return asked


def _told(session: Session, fid: int | None, data: Masked, first: int | None, secure: bool) -> Told:
    """The records of an answer."""
    if not data:
        return Told()
    mac: tuple[Detail, ...] = ()
    if secure and session.names.profile.dialect.messaging.answer_mac == "data":
        mac = (Detail(MAC_NAME, raw=data.cut(max(len(data) - MAC, 0), len(data))),)
        data = data.cut(0, len(data) - MAC)
    if session.place.application in ("bank", "payment system"):
        details = explain_objects(data)
    else:
        details = explain_records(session.names, _file_of(session, fid, data), data, first)
    return Told(summary(details), details + mac)


def _file_of(session: Session, fid: int | None, data: Masked) -> FileNames | None:
    """The file that was read; nothing selected yet, its tags may tell that it is another one."""
    file = session.known_file(fid)
    if not session.place.assumed:
        return file
    wanted = shapes(data)
    if not wanted or (file is not None and wanted <= file.shapes):
        return file
    fitting = [
        each
        for each in session.names.files_shaped(wanted)
        if fid is None or each.places[0].fid & 0x1F == fid & 0x1F
    ]
    if len(fitting) != 1:
        return file
    directory = session.names.places[fitting[0].places[0].directory_name]
    session.place = Place(directory.application, directory.directory, directory.title, assumed=True)
    return fitting[0]


def update_record(session: Session, sent: Sent, name: Text) -> Asked:
    """UPDATE RECORD by number or tag, also where it adds a record."""
    fid = _file(session, sent.p2 >> 3)
    file = session.known_file(fid)
    mode = sent.p2 & 0x07
    adds = mode in (_NEXT_WITH_TAG, _PREVIOUS) and sent.p1 == 0
    place = None if adds else _place(file, mode, sent.p1)
    about = (
        _joined(session.file_words(fid), _NEW_RECORD)
        if adds
        else _about(session, fid, file, place, mode, sent.p1)
    )
    number = sent.p1 if mode == BY_NUMBER and not adds else None
    return _writing(session, sent, name, fid, about, place, number)


def append_record(session: Session, sent: Sent, name: Text) -> Asked:
    """APPEND RECORD to a file by its short identifier, or to the current one."""
    fid = _file(session, sent.p2 >> 3)
    about = _joined(session.file_words(fid), _NEW_RECORD)
    return _writing(session, sent, name, fid, about, None, None)


def _writing(
    session: Session,
    sent: Sent,
    name: Text,
    fid: int | None,
    about: Text,
    place: Located | None,
    number: int | None,
) -> Asked:
    file = session.known_file(fid)
    asked = Asked(name, about, reasons=REASONS)
    asked.place = place.path if place else session.path(fid)
    data = sent.plain
    if sent.secure and not data.hidden and not _is_record(data.head, file):
        asked.details = (Detail(CIPHERED, raw=data), *mac_of(sent))
    else:
        details = explain_records(session.names, file, data, number)
        asked.details = (*details, *mac_of(sent))
        asked.about = _equals(about, details)
    if place is not None:
        asked.rule = place.update
    elif file is not None:
        asked.rule = file.file.append or file.file.update
    asked.succeeded = selects(session, fid)
    return asked


def write_record(session: Session, sent: Sent, name: Text) -> Asked:
    """WRITE RECORD: T514 fills its FCI file with it (ref 11 §5.4)."""
    fid = _file(session, sent.p2 & 0x1F)
    about = Text(f"FCI 文件，记录 {sent.p1}", f"FCI file, record {sent.p1}")
    head = sent.data.head
    if sent.data.hidden or len(head) < 5 or head[0] != 0x70:
        return Asked(name, about, details=(Detail(Text("数据", "data"), raw=sent.data),))
    owner = session.directory_with(int.from_bytes(head[2:4], "big"))
    if owner is not None:
        about = _joined(about, owner.words)
    details = (
        Detail(Text("目录", "directory"), owner.words if owner else None, sent.data.cut(2, 4)),
        *explain_objects(sent.data.cut(5, len(head))),
    )
    return Asked(name, about, session.path(fid), details)


# -- where ------------------------------------------------------------------------------------


def _file(session: Session, sfi: int) -> int | None:
    return session.fid_by_sfi(sfi) if sfi else session.file


def _place(file: FileNames | None, mode: int, p1: int) -> Located | None:
    """The item that a command names."""
    if file is None:
        return None
    if mode == BY_NUMBER:
        return file.by_number.get(p1)
    return file.by_tag.get(p1) if mode < BY_NUMBER else None


def _about(
    session: Session,
    fid: int | None,
    file: FileNames | None,
    place: Located | None,
    mode: int,
    p1: int,
) -> Text:
    if place is not None and file is not None:
        if file.file.structure == "cyclic":
            newest = Text("（最新）", " (the newest)") if p1 == 1 else NO_WORDS
            return _joined(file.title, Text(f"记录 {p1}{newest.zh}", f"record {p1}{newest.en}"))
        return Text(f"{place.path} {place.item.zh}", f"{place.path} {place.item.en}")
    return _joined(session.file_words(fid), _which(mode, p1))


def _which(mode: int, p1: int) -> Text:
    tag = f"{p1:02X}"
    match mode:
        case 0x04:
            return Text(f"记录 {p1}", f"record {p1}")
        case 0x05 if p1 == 1:
            return Text("全部记录", "all records")
        case 0x05:
            return Text(f"记录 {p1} 起全部", f"all records from {p1} on")
        case 0x06:
            return Text(f"从最后一条到记录 {p1}", f"all records from the last one back to {p1}")
        case 0x00:
            return Text(f"首条标签 {tag}", f"the first record with tag {tag}")
        case 0x01:
            return Text(f"末条标签 {tag}", f"the last record with tag {tag}")
        case 0x02:
            return Text(f"下一条标签 {tag}", f"the next record with tag {tag}")
        case 0x03:
            return Text(f"上一条标签 {tag}", f"the previous record with tag {tag}")
    return Text(f"方式 {mode}", f"mode {mode}")


def _joined(first: Text, second: Text) -> Text:
    return Text(f"{first.zh}，{second.zh}", f"{first.en}, {second.en}")


def selects(session: Session, fid: int | None) -> Callable[[], None]:
    """A file addressed by its short identifier becomes the current one."""

    def change() -> None:
        session.file = fid

    return change


def _strictest(file: FileNames | None) -> AccessRule | None:
    """The rule that may refuse a reading of all records."""
    if file is None:
        return None
    rules = [place.read for place in file.places]
    return next((rule for rule in rules if rule.kind != "free"), file.file.read)


# -- what -------------------------------------------------------------------------------------


def _is_record(raw: bytes, file: FileNames | None) -> bool:
    """Whether data look like a record of the file, not like a cryptogram."""
    if file is not None and not file.file.tagged:
        return len(raw) == file.places[0].item.length
    return len(raw) >= 2 and raw[1] == len(raw) - 2


def mac_of(sent: Sent) -> tuple[Detail, ...]:
    return (Detail(MAC_NAME, raw=sent.mac),) if sent.secure and sent.data else ()


def _equals(about: Text, details: Iterable[Detail]) -> Text:
    """What is written, where it is one item."""
    listed = list(details)
    value = summary(listed) if len(listed) == 1 and not listed[0].raw.hidden else None
    if value is None:
        return about
    return Text(f"{about.zh} = {value.zh}", f"{about.en} = {value.en}")


def _leaves(detail: Detail) -> Iterator[Text]:
    """The values of the parts of an object, at any depth."""
    for part in detail.parts:
        if part.value is not None:
            yield part.value
        yield from _leaves(part)


def summary(details: Iterable[Detail]) -> Text | None:
    """The value of one record, the number of several."""
    listed = list(details)
    if len(listed) > 1:
        return count(len(listed), "record", "条记录")
    if not listed:
        return None
    only = listed[0]
    if only.value is None and only.parts and not only.raw.hidden:
        return joined(_leaves(only)) if any(_leaves(only)) else only.name
    return only.value or (shown(only.raw) if only.raw else only.name)
