"""READ and UPDATE BINARY in the certificate application in words (ref 02 §8.1, §8.2)."""

from __future__ import annotations

from sscard_ic.apdu.masked import Masked
from sscard_ic.base.errors import Text
from sscard_ic.explain import layout
from sscard_ic.explain.binaries import about, address
from sscard_ic.explain.certificate_state import length_of
from sscard_ic.explain.layout import field
from sscard_ic.explain.records import REASONS, selects
from sscard_ic.explain.sent import Sent
from sscard_ic.explain.session import Asked, Session, Told
from sscard_ic.explain.statuses import Reasons
from sscard_ic.explain.words import Detail, bytes_of, joined, printable

_COORDINATES = 64
_PUBLIC_KEY = (
    field("头部", "header", 2),
    field("X 坐标", "X", 32),
    field("Y 坐标", "Y", 32),
)
_CERTIFICATE = Text("证书", "certificate")
_FILLING = Text("填充", "filling")
_UNSET = Text("尚未写入", "nothing written yet")
_NO_PRIVATE_KEY = Text("私钥永不可读写", "a private key is never read or written by this command")
_REASONS: Reasons = {
    **REASONS,
    0x6A82: Text("文件不存在或为空", "there is no such file, or it is empty"),
    0x6B00: Text("偏移超出文件", "the offset is beyond the end of the file"),
    0x6A84: Text("文件放不下", "the file has no room for it"),
}


def public_key(data: Masked) -> tuple[Detail, ...]:
    """X and Y, with the two bytes before them where they are there."""
    if _is_blank(data):
        return (Detail(Text("公钥", "public key"), _UNSET, data),)
    return layout.split(data, _PUBLIC_KEY[1:] if len(data) == _COORDINATES else _PUBLIC_KEY)


def read_binary(session: Session, sent: Sent, name: Text) -> Asked:
    """READ BINARY: a public key, or a piece of a certificate."""
    fid, offset = address(session, sent)
    asked = Asked(name, about(session, fid, offset, None), session.path(fid))
    asked.reasons = _reasons(session, fid, "read")
    asked.succeeded = selects(session, fid)
    asked.read = lambda data: _told(session, fid, offset, data)
    return asked


def _told(session: Session, fid: int | None, offset: int, data: Masked) -> Told:
    if not data:
        return Told()
    if fid in _public_files(session) and offset == 0:
        details = public_key(data)
        return Told(details[0].value or bytes_of(len(data)), details)
    if fid not in _certificate_files(session):
        return Told(bytes_of(len(data)), (Detail(Text("数据", "data"), raw=data),))
    if offset == 0 and _is_blank(data):
        return Told(_UNSET, (Detail(_CERTIFICATE, _UNSET, data),))
    piece = _piece(session, fid, offset, data)
    whole = _completed(session, fid, offset, data)
    session.certificate.keep(fid, offset, data)
    return Told(whole or piece.value, (piece,))


def update_binary(session: Session, sent: Sent, name: Text) -> Asked:
    """UPDATE BINARY: a piece of a certificate."""
    fid, offset = address(session, sent)
    data = sent.plain
    asked = Asked(name, about(session, fid, offset, len(data)), session.path(fid))
    asked.reasons = _reasons(session, fid, "update")
    select = selects(session, fid)
    if fid not in _certificate_files(session):
        asked.details = (Detail(Text("数据", "data"), raw=data),) if data else ()
        asked.succeeded = select
        return asked
    asked.details = (_piece(session, fid, offset, data),)
    asked.read = lambda _: Told(_completed(session, fid, offset, data))

    def written() -> None:
        session.certificate.keep(fid, offset, data)
        if select is not None:
            select()

    asked.succeeded = written
    return asked


def _public_files(session: Session) -> tuple[int, ...]:
    files = session.certificates.files
    return files.signature_public, files.encryption_public


def _certificate_files(session: Session) -> tuple[int, ...]:
    files = session.certificates.files
    return files.signature_certificate, files.encryption_certificate


def _reasons(session: Session, fid: int | None, operation: str) -> Reasons:
    """What a refusal means: the rule of the file."""
    files, rules = session.certificates.files, session.certificates.rules
    state = session.certificate
    if fid in (files.signature_private, files.encryption_private):
        security = _NO_PRIVATE_KEY
    elif fid in _certificate_files(session):
        rule = rules.read_certificate if operation == "read" else rules.update_certificate
        security = state.missing(rule)
    elif fid in _public_files(session) and operation == "read":
        security = state.missing(rules.read_public)
    else:
        return _REASONS
    return {**_REASONS, 0x6982: security}


# -- certificates --------------------------------------------------------------------------------


def _piece(session: Session, fid: int, offset: int, data: Masked) -> Detail:
    """Where in the certificate these bytes stand."""
    seen = session.certificate.contents.get(fid, b"") if offset else data.head
    size, total = bytes_of(len(data)), length_of(seen)
    if offset and _is_blank(data) and (total is None or offset >= total):
        return Detail(_FILLING, size, data)
    if total is None:
        where = Text(f"{size.zh}，偏移 {offset}", f"{size.en} at offset {offset}")
    else:
        where = Text(
            f"{total} 字节中的 {size.zh}，偏移 {offset}",
            f"{size.en} at offset {offset} of {total}",
        )
    return Detail(_CERTIFICATE, where, data)


def _completed(session: Session, fid: int, offset: int, data: Masked) -> Text | None:
    """What the certificate says, where these bytes are its last ones; never who holds it."""
    content = session.certificate.with_piece(fid, offset, data) if offset else data.head
    total = length_of(content)
    if total is None or not offset < total <= offset + len(data) or len(content) < total:
        return None
    whole = Text(f"证书完整，{total} 字节", f"the certificate is whole, {total} bytes")
    return joined((whole, *_facts(content[:total])))


def _facts(der: bytes) -> tuple[Text, ...]:
    """Issuer and validity."""
    # Only whole certificates need the parser, which takes its time to load.
    from sscard_ic.crypto.certificates import Certificate, CertificateError

    try:
        certificate = Certificate.parse(der)
    except CertificateError:
        return (Text("但不是 SM2 证书", "but not one with SM2"),)
    first, last = f"{certificate.not_before:%Y-%m-%d}", f"{certificate.not_after:%Y-%m-%d}"
    issuer = printable(certificate.issuer.get("CN") or "-")
    return (
        Text(f"由 {issuer} 签发", f"issued by {issuer}"),
        Text(f"有效期 {first} 至 {last}", f"valid {first} to {last}"),
    )


def _is_blank(data: Masked) -> bool:
    head = data.head
    return not data.hidden and (not head.strip(b"\x00") or not head.strip(b"\xff"))
