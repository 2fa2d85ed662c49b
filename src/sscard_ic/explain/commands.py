"""Which words belong to which command."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sscard_ic.apdu.masked import Masked
from sscard_ic.apdu.names import command_name, without_mac
from sscard_ic.base.errors import Text
from sscard_ic.explain import (
    bank,
    binaries,
    certificate,
    creation,
    globalplatform,
    medical,
    psam,
    records,
    security,
    selecting,
    t514,
)
from sscard_ic.explain.sent import Sent
from sscard_ic.explain.session import Asked, Session
from sscard_ic.explain.words import NO_WORDS, Detail, bytes_of, same

Handler = Callable[[Session, Sent, Text], Asked]

_HANDLERS: Mapping[bytes, Handler] = {
    bytes.fromhex(header): handler
    for header, handler in {
        "0014": t514.write_atr,
        "0020": security.verify,
        "0082": security.external_authenticate,
        "0084": security.get_challenge,
        "0088": security.internal_authenticate,
        "00A4": selecting.select,
        "00B0": binaries.read_binary,
        "00B2": records.read_record,
        "00CA": bank.get_data,
        "00D0": binaries.update_binary,
        "00D2": records.write_record,
        "00D4": creation.write_key,
        "00D6": binaries.update_binary,
        "00DA": bank.get_data,
        "00DC": records.update_record,
        "00E2": records.append_record,
        "8016": security.card_block,
        "8018": security.application_unblock,
        "801A": psam.derive_key,
        "801E": security.application_block,
        "8024": security.pin_service,
        "8040": certificate.generate,
        "804A": certificate.import_session_key,
        "804C": certificate.sign,
        "804E": certificate.decrypt,
        "8050": bank.wallet,
        "8052": bank.wallet,
        "8054": bank.wallet,
        "8058": bank.wallet,
        "805A": bank.wallet,
        "805C": bank.wallet,
        "805E": security.change_pin,
        "8070": psam.init_purchase,
        "8072": psam.verify_mac2,
        "8080": creation.ksa_create,
        "808A": creation.ksa_create,
        "80A8": bank.processing_options,
        "80AE": bank.generate_ac,
        "80C2": certificate.import_key,
        "80C4": certificate.hash_inside,
        "80C9": certificate.export,
        "80CA": bank.get_data,
        "80D4": creation.write_key,
        "80E0": creation.create_file,
        "80E1": t514.delete,
        "80FA": psam.cipher_data,
        "B026": medical.medical,
        "B028": medical.medical,
        "B02A": medical.medical,
        "B02C": medical.medical,
        "B02E": medical.medical,
        "B056": medical.medical,
        "BFC8": creation.get_info,
        "BFDE": psam.deliver_key,
    }.items()
}
"""By class and instruction, the class without the bit of secure messaging."""

_SECRET_INSTRUCTIONS = frozenset({0x20, 0x24, 0x2C, 0x5E, 0xD4, 0xD8, 0xC2, 0x4A})
"""Of any class: commands that carry a PIN or a key. A wrong class does not make them harmless."""

_OWN_CLASSES = 0xB0
"""B0 and BF: the medical account, the PSAM, MCOS; their instructions mean other things."""

_SECRET_HEADERS = frozenset({b"\x80\x00\x00\x00", b"\x80\x00\x00\x02", b"\x80\xe0\x03\x00"})
"""Transport codes of HDOS and T514."""

_PUBLIC_KEY = b"\x80\xc2\x40\x00"
"""IMPORT KEY of a public key; its words see to it that it is one."""

_PLAIN = frozenset(
    bytes.fromhex(header) for header in ("0070", "00C0", "00E4", "800E", "BFCE", "BFFE")
)
"""Commands without words of their own that carry no key and no PIN, but file names at most."""

_IN_DIRECTORY = frozenset(
    bytes.fromhex(header) for header in ("00B0", "00B2", "00D6", "00DC", "00E2")
)
"""Commands on files of the current directory."""

_UNKNOWN = Text("未知命令", "unknown command")
_DATA = Text("数据", "data")


def is_secret(header: bytes) -> bool:
    """Whether the data of a command with this header are a PIN, a key or a transport code."""
    if header[0] & 0xF0 == _OWN_CLASSES or header == _PUBLIC_KEY:
        return False
    return header[1] in _SECRET_INSTRUCTIONS or header in _SECRET_HEADERS


def explain_command(session: Session, sent: Sent) -> Asked:
    """What the command says, here and now."""
    name = command_name(sent.header, session.dialect)
    handler = certificate.handler_here(session, sent.header)
    building = globalplatform.handler_here(session, sent)
    if handler is not None:
        name = name or certificate.SIGN
    elif building is not None:
        name, handler = building
    elif name is not None:
        handler = bank.handler_here(session, sent.header) or _HANDLERS.get(
            without_mac(sent.header[:2])
        )
    secret = is_secret(sent.header)
    if handler is not None and name is not None:
        asked = handler(session, sent, name)
        asked.secret = asked.secret or secret
    else:
        asked = _other(session, sent, name)
    asked.remarks += sent.remarks
    if session.place.assumed and without_mac(sent.header[:2]) in _IN_DIRECTORY:
        place = session.place.directory
        asked.remarks += (
            Text(f"尚未选择目录，按 {place} 解释", f"nothing selected yet, taken for {place}"),
        )
    return asked


def _other(session: Session, sent: Sent, name: Text | None) -> Asked:
    """A command of which no more than its name is known, or not even that.

    Its data may be a key or a PIN: unless it is known as plain they are a length, as in traces.
    """
    plain = name is not None and without_mac(sent.header[:2]) in _PLAIN
    size = len(sent.data)
    about = bytes_of(size) if size else NO_WORDS
    if name is None:
        header = sent.header.hex(" ").upper()
        about = Text(f"{header}，{about.zh}", f"{header}, {about.en}") if size else same(header)
    raw = sent.data if plain else Masked.of(size)
    details = (Detail(_DATA, raw=raw),) if size else ()
    return Asked(name or _UNKNOWN, about, session.place.directory, details, secret=not plain)
