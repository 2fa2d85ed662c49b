"""CREATE FILE and WRITE KEY in words, of whichever operating system they fit.

That of the profile is tried first; the shape of the data tells the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from sscard_ic.apdu.masked import Masked
from sscard_ic.apdu.names import Dialect
from sscard_ic.base.errors import Text
from sscard_ic.explain import layout, t514
from sscard_ic.explain.applications import MF, name_words
from sscard_ic.explain.card_names import LOCAL
from sscard_ic.explain.cos_tables import (
    FMCOS_FILES,
    FMCOS_KEYS,
    HDOS_FILES,
    HDOS_KEYS,
    KSA_DIRECTORY,
    KSA_FILE,
    KSA_FILES,
    MCOS_FILES,
    MCOS_INFO,
    MCOS_KEYS,
    Kind,
)
from sscard_ic.explain.layout import Field
from sscard_ic.explain.sent import Sent
from sscard_ic.explain.session import Asked, Session, Told
from sscard_ic.explain.words import Detail, same

Builder = Callable[[Session, Sent, Text], Asked | None]
"""A command in words; None where it is not of that operating system."""

_PLAIN, _WITH_MAC = 0x80, 0x84
_FMCOS_KIND, _HDOS_KIND = 0x3F, 0x1F
"""The bits of a type byte that say the kind; the others say how it is protected."""

_LONGEST_NAME = 16
_MCOS_RECORDS = (16, 24)
_MCOS_UPDATE = 0x01
_FMCOS_ADD = 0x01
_BY_P2 = ("fmcos", "timecos")
"""Systems whose WRITE KEY names the key in P2, also when it is enciphered."""

_FMCOS_RECORDS, _FMCOS_PINS = (13, 21), range(7, 14)

_A_KEY = Text("密钥", "a key")
_CIPHERED = Text("密文密钥", "an enciphered key")


# -- CREATE FILE -------------------------------------------------------------------------------


def create_file(session: Session, sent: Sent, name: Text) -> Asked:
    """CREATE FILE of any operating system."""
    return _first(_FILES, session, sent, name) or Asked(name, details=_data(sent))


def _first(
    builders: Mapping[Dialect, Builder], session: Session, sent: Sent, name: Text
) -> Asked | None:
    for dialect in dict.fromkeys((session.dialect, *builders)):
        builder = builders.get(dialect)
        asked = builder(session, sent, name) if builder else None
        if asked is not None:
            return asked
    return None


def _data(sent: Sent) -> tuple[Detail, ...]:
    return (Detail(Text("数据", "data"), raw=sent.data),) if sent.data else ()


def _t514_file(session: Session, sent: Sent, name: Text) -> Asked | None:
    return t514.create(session, sent, name) or t514.other_creation(session, sent, name)


def _mcos_file(session: Session, sent: Sent, name: Text) -> Asked | None:
    kind = MCOS_FILES.get(sent.p2)
    if kind is None or sent.p1 or sent.data.hidden or not _fits(kind.fields, len(sent.data)):
        return None
    fid = int.from_bytes(sent.data.head[:2], "big")
    return _file(session, sent, name, kind, fid)


def _fmcos_file(session: Session, sent: Sent, name: Text) -> Asked | None:
    return _by_type(session, sent, name, FMCOS_FILES, _FMCOS_KIND)


def _hdos_file(session: Session, sent: Sent, name: Text) -> Asked | None:
    return _by_type(session, sent, name, HDOS_FILES, _HDOS_KIND)


def _by_type(
    session: Session, sent: Sent, name: Text, kinds: Mapping[int, Kind], bits: int
) -> Asked | None:
    """A file whose identifier is P1 P2 and whose kind is the first byte of the data."""
    if sent.data.hidden or not sent.data:
        return None
    kind = kinds.get(sent.data.head[0] & bits)
    if kind is None or not _fits(kind.fields, len(sent.data)):
        return None
    return _file(session, sent, name, kind, int.from_bytes(sent.header[2:], "big"))


def _fits(fields: Iterable[Field], size: int) -> bool:
    """Whether so many bytes are the fields, a name of at most 16 bytes included."""
    lengths = [each.length for each in fields]
    fixed, open_ended = sum(lengths), 0 in lengths
    return fixed <= size <= fixed + _LONGEST_NAME if open_ended else size == fixed


def _file(session: Session, sent: Sent, name: Text, kind: Kind, fid: int) -> Asked:
    details = layout.split(sent.data, kind.fields)
    owner = session.directory_with(fid)
    title = owner.words if owner is not None else session.file_words(fid)
    path = owner.directory if owner is not None else session.path(fid)
    about = Text(f"{title.zh}，{kind.name.zh}", f"{title.en}, {kind.name.en}")
    said = kind.name.en == path or title.en.endswith(kind.name.en)
    asked = Asked(name, title if said else about, path, details)
    if fid == MF:
        asked.succeeded = lambda: session.enter(session.names.master_file)
    return asked


def ksa_create(session: Session, sent: Sent, name: Text) -> Asked:
    """Files and directories of a PSAM, dialect KS-A (ref 02 §7.5)."""
    if sent.data.hidden or len(sent.data) < 3:
        return Asked(name, details=_data(sent))
    raw = sent.data.head
    fid = f"{int.from_bytes(raw[:2], 'big'):04X}"
    kind = KSA_FILES.get(raw[2])
    if kind is None:
        # The length of the name stands before it; the rest of its 16 bytes is FF.
        words = name_words(raw[16 : 16 + raw[15]]) if len(raw) > 16 else same("")
        about = Text(f"目录 {fid} {words.zh}", f"directory {fid} {words.en}")
        return Asked(name, about, details=layout.split(sent.data, KSA_DIRECTORY))
    about = Text(f"{fid}，{kind.name.zh}", f"{fid}, {kind.name.en}")
    return Asked(name, about, details=layout.split(sent.data, KSA_FILE))


def get_info(session: Session, sent: Sent, name: Text) -> Asked:
    """GET INFO of MCOS."""
    return Asked(name, read=lambda data: Told(details=layout.split(data, MCOS_INFO)))


# -- WRITE KEY ---------------------------------------------------------------------------------


def write_key(session: Session, sent: Sent, name: Text) -> Asked:
    """WRITE KEY of any operating system; no value of a key is ever shown."""
    asked = _first(_KEYS, session, sent, name)
    if asked is None:
        details = (Detail(_A_KEY, raw=Masked.of(len(sent.data))),) if sent.data else ()
        asked = Asked(name, details=details)
    asked.secret = True
    return asked


def _ciphered(session: Session, sent: Sent, name: Text) -> Asked:
    details = (Detail(_CIPHERED, raw=Masked.of(len(sent.data))),) if sent.data else ()
    directory = session.place.directory
    about = Text(f"{directory} 的密钥", f"a key of {directory}")
    if session.dialect in _BY_P2 and sent.p1 == _FMCOS_ADD:
        label = _label(session, sent.p2)
        about = Text(f"{directory} 的密钥 {label}", f"key {label} of {directory}")
    return Asked(name, about, directory, details)


def _mcos_key(session: Session, sent: Sent, name: Text) -> Asked | None:
    raw = sent.data.head
    if sent.header[0] != _PLAIN or sent.data.hidden or sent.remarks or sent.p1 > _MCOS_UPDATE:
        return None
    kind = MCOS_KEYS.get(raw[0]) if raw else None
    if kind is None or sent.p1 == _MCOS_UPDATE or len(raw) not in _MCOS_RECORDS or not sent.p2:
        return None
    return _key(session, sent, name, kind, raw[1])


def _hdos_key(session: Session, sent: Sent, name: Text) -> Asked | None:
    raw = sent.data.head
    shaped = sent.header[0] == _PLAIN and sent.header[2:] == b"\x00\x00" and 10 <= len(raw) <= 24
    if not shaped or sent.data.hidden or sent.remarks or raw[1] not in HDOS_KEYS:
        return None
    return _key(session, sent, name, HDOS_KEYS[raw[1]], raw[0])


def _fmcos_key(session: Session, sent: Sent, name: Text) -> Asked | None:
    raw = sent.data.head
    if sent.header[0] != _PLAIN or sent.p1 != _FMCOS_ADD or sent.data.hidden or sent.remarks:
        return None
    kind = FMCOS_KEYS.get(raw[0] & _FMCOS_KIND) if raw else None
    lengths = _FMCOS_PINS if raw[:1] == b"\x3a" else _FMCOS_RECORDS
    return _key(session, sent, name, kind, sent.p2) if kind and len(raw) in lengths else None


def _key(session: Session, sent: Sent, name: Text, kind: Kind, identifier: int) -> Asked:
    directory = session.place.directory
    label = _label(session, identifier)
    about = Text(f"{directory} 的{kind.name.zh} {label}", f"{kind.name.en} {label} of {directory}")
    return Asked(name, about, directory, layout.split(sent.data, kind.fields))


def _label(session: Session, identifier: int) -> str:
    """An identifier, and the name of the profile's key that bears it, where only one can.

    00 is that of control keys besides. MCOS stores identifiers of an application without their
    first bit (ref 11 §2.1).
    """
    keys, directory = session.names.keys_in, session.place.directory
    found = keys(directory, identifier) or keys(directory, identifier | LOCAL)
    sure = identifier != 0 and len(found) == 1
    return f"{identifier:02X} ({found[0][0]})" if sure else f"{identifier:02X}"


def _protected_key(session: Session, sent: Sent, name: Text) -> Asked | None:
    return _ciphered(session, sent, name) if sent.header[0] == _WITH_MAC else None


_FILES: dict[Dialect, Builder] = {
    "t514": _t514_file,
    "mcos": _mcos_file,
    "fmcos": _fmcos_file,
    "timecos": _fmcos_file,
    "hdos": _hdos_file,
}
_KEYS: dict[Dialect, Builder] = {
    "t514": t514.write_key,
    "mcos": _mcos_key,
    "fmcos": _fmcos_key,
    "timecos": _fmcos_key,
    "hdos": _hdos_key,
    "psam": _protected_key,
}
