"""How T514 builds up a blank, in words (ref 11 §5)."""

from __future__ import annotations

from sscard_ic.apdu.masked import Masked
from sscard_ic.base.errors import Text
from sscard_ic.explain import layout
from sscard_ic.explain.applications import MF, name_words
from sscard_ic.explain.layout import Field, field, reserved
from sscard_ic.explain.sent import Sent
from sscard_ic.explain.session import Asked, Session
from sscard_ic.explain.statuses import Reasons
from sscard_ic.explain.words import Detail, bytes_of, same
from sscard_ic.profile.structure import KeyUse

_HEADER = 16
_RECORD = 24
_KEY_HEADER = 8
_NEVER, _FREE, _MASTER = 0xEF, 0x00, 0xFF
_AND = 4

_KINDS = {
    0xC3: Text("内部文件", "internal"),
    0xC4: Text("透明", "transparent"),
    0xC5: Text("定长记录", "fixed records"),
    0xC6: Text("变长记录", "variable records"),
    0xC7: Text("循环记录", "cyclic records"),
    0xD6: Text("目录文件", "directory records"),
}
_DIRECTORY_KINDS = {0x01: Text("DDF", "DDF"), 0x02: Text("ADF", "ADF")}

_CREATE_REASONS: Reasons = {
    0x6982: Text("目录已结束，需要其主控密钥", "the directory is ended: needs its control key"),
    0x6A80: Text("参数错误，或标识符已存在", "wrong parameters, or the identifier exists"),
    0x6985: Text("此状态不允许建立", "nothing can be created in this state"),
}
_KEY_REASONS: Reasons = {
    0x6985: Text("该密钥已存在", "the key is there already"),
    0x6A82: Text("没有密钥文件", "there is no key file"),
    0x6982: Text("需要主控密钥", "needs the control key"),
    0x6988: Text("MAC 错误", "the MAC is wrong"),
}
_TRANSPORT_REASONS: Reasons = {
    0x6985: Text("卡片已完成个人化", "the card is finished"),
    0x6983: Text("传输码已锁定", "the transport code is locked"),
}
_ENDED: Reasons = {0x6985: Text("该目录已结束", "the directory has been ended")}


# -- CREATE FILE -------------------------------------------------------------------------------


def create(session: Session, sent: Sent, name: Text) -> Asked | None:
    """CREATE FILE; None where the data are not of this operating system."""
    data = sent.data
    if sent.header[2:] != b"\x01\x00" or len(data) < _HEADER:
        return None
    if data.hidden:
        return Asked(name, Text("未显示的文件", "something hidden"), reasons=_CREATE_REASONS)
    raw = data.head
    if raw[7] in _DIRECTORY_KINDS:
        return _directory(session, data, name)
    if raw[7] in _KINDS:
        return _file(session, data, name)
    return None


def _file(session: Session, data: Masked, name: Text) -> Asked:
    raw = data.head
    fid = int.from_bytes(raw[5:7], "big")
    title = session.file_words(fid)
    logic = raw[10]
    read = _right(session, raw[12], raw[13], logic >> 4)
    write = _right(session, raw[14], raw[15], logic & 0x0F)
    size = int.from_bytes(raw[3:5], "big")
    kind = _KINDS[raw[7]]
    about = Text(
        f"{title.zh}，{kind.zh}，{size} 字节，读：{read.zh}，写：{write.zh}",
        f"{title.en}, {kind.en}, {bytes_of(size).en}, read: {read.en}, update: {write.en}",
    )
    fields = (
        reserved(3),
        field("大小", "size", 2, layout.number),
        field("文件标识符", "file identifier", 2),
        field("类型", "type", 1, lambda _: kind),
        reserved(1),
        field("短标识符", "SFI", 1),
        field("读写逻辑", "logic of read and update", 1, _logic),
        field("记录长度", "record length", 1, _record_length),
        field("读权限", "read right", 2, lambda _: read),
        field("写权限", "update right", 2, lambda _: write),
    )
    details = layout.split(data, fields)
    return Asked(name, about, session.path(fid), details, reasons=_CREATE_REASONS)


def _logic(raw: bytes) -> Text:
    said = {0: Text("或", "or"), _AND: Text("与", "and")}
    other = Text("未知", "unknown")
    read, update = said.get(raw[0] >> 4, other), said.get(raw[0] & 0x0F, other)
    return Text(f"读 {read.zh}，写 {update.zh}", f"read {read.en}, update {update.en}")


def _record_length(raw: bytes) -> Text:
    return Text("变长", "variable") if raw[0] == 0xFF else layout.number(raw)


def _right(session: Session, parent: int, current: int, logic: int) -> Text:
    """A right in words: levels in the parent and in the current directory (ref 11 §5.2)."""
    if (parent, current) == (_FREE, _FREE):
        return Text("自由", "free")
    if _NEVER in (parent, current):
        return Text("禁止", "never")
    above = session.names.parent(session.place.directory)
    terms = []
    if parent:
        terms.append(_level(session, above.directory if above else "", parent))
    if current:
        terms.append(_level(session, session.place.directory, current))
    zh, en = (" 与 ", " and ") if logic == _AND else (" 或 ", " or ")
    return Text(zh.join(term.zh for term in terms), en.join(term.en for term in terms))


def _level(session: Session, directory: str, byte: int) -> Text:
    """A level, by the keys that were written with it."""
    if byte == _MASTER:
        return Text("主控密钥", "the control key")
    upper, lower = byte >> 4, byte & 0x0F
    names = session.levels.get((directory, upper), []) if upper == lower else []
    if names:
        return same("/".join(names))
    span = f"{upper}" if upper == lower else f"{lower}-{upper}"
    return Text(f"{directory} 级别 {span}", f"level {span} of {directory or 'the parent'}")


def _directory(session: Session, data: Masked, name: Text) -> Asked:
    raw = data.head
    fid = int.from_bytes(raw[5:7], "big")
    kind = same("MF") if fid == MF else _DIRECTORY_KINDS[raw[7]]
    owner = session.names.directory_named(raw[_HEADER:]) or session.directory_with(fid)
    title = owner.words if owner else same(f"{fid:04X}")
    own_kind = owner is not None and owner.directory == kind.en
    lock = _level(session, owner.directory if owner else "", raw[1]) if raw[1] else _OPEN
    fields = (
        reserved(1),
        field("锁定级别", "lock level", 1, lambda _: lock),
        field("建立权限", "create right", 1),
        field("删除权限", "delete right", 1),
        field("算法", "algorithm", 1),
        field("文件标识符", "file identifier", 2),
        field("类型", "type", 1, lambda _: kind),
        reserved(1),
        field("随子目录锁定", "locked with its child", 1, layout.number),
        field("FCI 文件", "FCI file", 1),
        reserved(2),
        field("密钥文件", "key file", 1),
        reserved(1),
        field("交易文件", "transaction file", 1),
        field("名称", "name", 0, name_words),
    )
    about = title if own_kind else Text(f"{kind.zh} {title.zh}", f"{kind.en} {title.en}")
    asked = Asked(name, about, owner.directory if owner else "", reasons=_CREATE_REASONS)
    asked.details = layout.split(data, fields)
    if fid == MF:
        # A new MF is the current directory; others are selected first (ref 11 §5.4).
        asked.succeeded = lambda: session.enter(session.names.master_file)
    return asked


_OPEN = Text("无", "none")


def delete(session: Session, sent: Sent, name: Text) -> Asked:
    """DELETE FILE by its identifier."""
    if sent.data.hidden or len(sent.data) != 2:
        return Asked(name)
    fid = int.from_bytes(sent.data.head, "big")
    place = session.directory_with(fid)
    return Asked(name, place.words if place else session.file_words(fid))


# -- WRITE KEY ---------------------------------------------------------------------------------

_TYPES: dict[int, tuple[Text, tuple[KeyUse, ...]]] = {
    0x00: (Text("主控密钥", "control key"), ("master",)),
    0x01: (Text("密码", "PIN"), ()),
    0x07: (Text("MAC 密钥", "MAC key"), ("mac",)),
    0x08: (Text("账户划入密钥", "load key"), ("load",)),
    0x09: (Text("消费密钥", "purchase key"), ("purchase",)),
    0x0A: (Text("TAC 密钥", "TAC key"), ("tac",)),
    0x0D: (Text("外部认证密钥", "external authentication key"), ("external",)),
    0x0E: (Text("内部认证密钥", "internal authentication key"), ("internal",)),
}
_PIN, _CONTROL = 0x01, 0x00
_LONGEST_VALUE = 16


def write_key(session: Session, sent: Sent, name: Text) -> Asked | None:
    """WRITE KEY; the value is never shown. None where the data are not of this system."""
    ciphered = sent.header[0] in (0x80, 0x84)
    if sent.header[3] != 0 or sent.header[2] > 1 or (ciphered and len(sent.plain) != 32):
        return None
    asked = Asked(name, _somewhere(session), session.place.directory, secret=True)
    asked.reasons = _KEY_REASONS
    if ciphered or not _is_record(sent):
        what = Text("密文密钥", "an enciphered key") if ciphered else Text("密钥", "a key")
        asked.details = (Detail(what, raw=Masked.of(len(sent.data))),) if sent.data else ()
        return asked
    raw = sent.plain.head
    title, uses = _TYPES[raw[0]]
    found = session.names.keys_in(session.place.directory, raw[1], *uses) if uses else []
    label = found[0][0] if found else ""
    asked.about = _key_about(session, raw, label)
    asked.details = layout.split(sent.plain, _key_fields(raw, title))
    level = raw[6] & 0x0F
    named = "PIN" if raw[0] == _PIN else label
    if named and raw[6] and raw[0] != _CONTROL:
        asked.succeeded = lambda: _learn(session, level, named)
    return asked


def _learn(session: Session, level: int, name: str) -> None:
    names = session.levels.setdefault((session.place.directory, level), [])
    if name not in names:
        names.append(name)


def _is_record(sent: Sent) -> bool:
    """Whether the data are a key record in clear: else what looks like its header may be a key."""
    raw = sent.plain.head
    return (
        not sent.plain.hidden
        and not sent.remarks
        and len(raw) == _RECORD
        and raw[0] in _TYPES
        and 0 < raw[7] <= _LONGEST_VALUE
    )


def _somewhere(session: Session) -> Text:
    directory = session.place.directory
    return Text(f"{directory} 的密钥", f"a key of {directory}")


def _key_about(session: Session, raw: bytes, label: str) -> Text:
    """Key, group and level; of a PIN its level and that of the key that unblocks it."""
    directory = session.place.directory
    title = _TYPES[raw[0]][0]
    if raw[0] == _CONTROL:
        return Text(f"{directory} 的主控密钥", f"the control key of {directory}")
    if raw[0] == _PIN:
        return Text(
            f"{directory} 的密码，级别 {raw[6] & 0x0F}",
            f"the PIN of {directory}, level {raw[6] & 0x0F}",
        )
    named = label or f"{raw[1]:02X}"
    group = Text(f"第 {raw[2]} 组", f"group {raw[2]}")
    level = Text(f"，级别 {raw[6] & 0x0F}", f", level {raw[6] & 0x0F}") if raw[6] else same("")
    return Text(
        f"{named} {group.zh}，{title.zh}{level.zh}", f"{named} {group.en}, {title.en}{level.en}"
    )


def _key_fields(raw: bytes, title: Text) -> tuple[Field, ...]:
    pin = raw[0] == _PIN
    algorithm = (
        field("解锁密钥级别", "level of the unblocking key", 1, _nibble)
        if pin
        else field("算法", "algorithm", 1, layout.one_of(_ALGORITHMS))
    )
    return (
        field("类型", "type", 1, lambda _: title),
        field("标识", "identifier", 1),
        field("密钥组（版本）", "key group (version)", 1, layout.number),
        field("修改权限", "change right", 1),
        field("错误计数器", "error counter", 1, _counter),
        algorithm,
        field("级别", "level", 1, _nibble),
        field("长度", "length", 1, layout.number),
        Field(Text("密钥值", "value"), 0, secret=True),
    )


_ALGORITHMS = {0: same("3DES"), 1: same("DES"), 3: same("SM4")}


def _nibble(raw: bytes) -> Text:
    return Text("主控", "control") if raw[0] == _MASTER else same(str(raw[0] & 0x0F))


def _counter(raw: bytes) -> Text:
    tries, left = raw[0] >> 4, raw[0] & 0x0F
    return Text(f"最多 {tries} 次，剩 {left} 次", f"at most {tries} tries, {left} left")


# -- the others --------------------------------------------------------------------------------

_END, _TRANSPORT, _SERIAL = 0x02, 0x03, 0x05


def other_creation(session: Session, sent: Sent, name: Text) -> Asked | None:
    """What else P1 makes of CREATE FILE (ref 11 §5.1)."""
    if sent.p2:
        return None
    if sent.p1 == _END and not sent.data:
        about = session.place.words
        return Asked(name, about, session.place.directory, reasons=_ENDED)
    if sent.p1 == _TRANSPORT and len(sent.data) == 8:
        details = (Detail(Text("传输码密文", "cryptogram"), raw=Masked.of(8)),)
        return Asked(name, details=details, reasons=_TRANSPORT_REASONS, secret=True)
    if sent.p1 == _SERIAL and len(sent.data) == 8:
        fields = (reserved(2), field("T8-TD", "T8-TD", 6))
        return Asked(name, details=layout.split(sent.data, fields))
    return None


_ATR_HEAD = (
    field("TS", "TS", 1),
    field("T0", "T0", 1),
    field("TB1", "TB1", 1),
    field("TC1", "TC1", 1),
    field("历史字节 T1-T7", "historical bytes T1-T7", 7),
)


def write_atr(session: Session, sent: Sent, name: Text) -> Asked:
    """WRITE ATR: its first 11 bytes."""
    return Asked(name, details=layout.split(sent.data, _ATR_HEAD) if sent.data else ())
