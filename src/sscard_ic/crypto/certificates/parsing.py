"""Bytes → certificate: everything is looked at before anything is believed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509

from sscard_ic.base.errors import Text
from sscard_ic.crypto.certificates import der
from sscard_ic.crypto.certificates.certificate import Certificate
from sscard_ic.crypto.certificates.errors import CertificateError, unreadable
from sscard_ic.crypto.certificates.extensions import read_extensions, understand
from sscard_ic.crypto.certificates.names import DistinguishedName
from sscard_ic.crypto.certificates.pem import from_pem, is_pem
from sscard_ic.crypto.certificates.signing import SM2_WITH_SM3
from sscard_ic.crypto.sm2 import Sm2Error, provider
from sscard_ic.crypto.sm2.forms import public_from_spki, signature_from_der

_VERSION, _EXTENSIONS = 0xA0, 0xA3
_VERSION_3 = bytes.fromhex("020102")
_LONGEST_SERIAL = 20
"""Bytes (RFC 5280 §4.1.2.2)."""
_LABELS = ("CERTIFICATE", "X509 CERTIFICATE")


def parse_certificate(data: bytes) -> Certificate:
    """See :meth:`Certificate.parse`."""
    if not is_pem(data):
        return _parse(cut(data))
    found = from_pem(data, _LABELS)
    if len(found) != 1:
        raise unreadable(
            f"文件中有 {len(found)} 张证书，应为一张",
            f"there are {len(found)} certificates where one was expected",
        )
    return _parse(found[0])


def parse_certificates(data: bytes) -> tuple[Certificate, ...]:
    """See :meth:`Certificate.parse_all`."""
    if not is_pem(data):
        return (parse_certificate(data),)
    found = from_pem(data, _LABELS)
    if not found:
        raise unreadable("PEM 中没有证书", "there is no certificate in the PEM")
    return tuple(_parse(one) for one in found)


def cut(data: bytes) -> bytes:
    """The DER that ``data`` begins with; behind it only 00 is allowed (files of a card)."""
    if not data.strip(b"\x00"):
        raise unreadable("没有证书：内容为空", "no certificate: there is nothing")
    if data[0] != der.SEQUENCE:
        raise unreadable("不是证书", "this is no certificate")
    try:
        size = der.length_of(data)
    except der.DerError:
        size = len(data) + 1
    if size > len(data):
        raise unreadable("证书不完整：被截断", "the certificate is cut")
    if data[size:].strip(b"\x00"):
        raise unreadable("证书之后还有其他数据", "something else follows the certificate")
    return data[:size]


@dataclass(frozen=True, slots=True)
class Frame:
    """The outermost of a certificate or request: content, and r‖s of the signature over it."""

    content: der.Element
    algorithm: bytes
    signature: bytes


def frame(data: bytes) -> Frame:
    """The frame of a signed object; raises ``DerError`` or :class:`CertificateError`."""
    members = der.parts(data)
    if [member.tag for member in members] != [der.SEQUENCE, der.SEQUENCE, der.BIT_STRING]:
        raise der.DerError("不是签名的对象", "no signed object")
    content, algorithm, bits = members
    _require_sm2_with_sm3(algorithm)
    unused, signature = der.read_bits(bits)
    if unused:
        raise der.DerError("签名不是整字节", "the signature has no whole bytes")
    return Frame(content, algorithm.whole, _signature(signature))


def _require_sm2_with_sm3(algorithm: der.Element) -> None:
    """Raise :class:`CertificateError` unless it is SM2 with SM3, parameters absent or NULL."""
    members = der.members(algorithm)
    if not members or members[0].tag != der.OID:
        raise der.DerError("没有算法标识", "no algorithm")
    dotted = der.read_oid(members[0].value)
    if dotted != SM2_WITH_SM3:
        text = Text(
            f"签名算法是 {dotted}，不是 SM2 with SM3",
            f"it is signed with {dotted}, not SM2 with SM3",
        )
        raise CertificateError("unsupported", text, hint=_SM2_NEEDED)
    if [(member.tag, member.value) for member in members[1:]] not in ([], [(der.NULL, b"")]):
        raise der.DerError("算法标识带有不应有的参数", "parameters of an algorithm that has none")


_SM2_NEEDED = Text(
    "社会保障卡只用 SM2 证书；请向发证机构要 SM2 证书",
    "social security cards bear SM2 certificates only: ask the authority for one of these",
)


def read_public(spki: bytes) -> bytes:
    """X‖Y of a SubjectPublicKeyInfo; raises :class:`CertificateError` unless it is a good one."""
    try:
        public = public_from_spki(spki)
    except Sm2Error:
        public = None
    if public is None:
        text = Text("所含公钥不是 SM2 公钥", "the public key enclosed is no SM2 key")
        raise CertificateError("unsupported", text, hint=_SM2_NEEDED)
    try:
        provider().check_public(public)
    except Sm2Error:
        text = Text("所含公钥不在 SM2 曲线上", "the public key enclosed is off the SM2 curve")
        hint = Text("证书损坏或被改动；请重新取得", "it is damaged or was altered: fetch it again")
        raise CertificateError("key", text, hint=hint) from None
    return public


def _parse(data: bytes) -> Certificate:
    try:
        return _read(data)
    except der.DerError as error:
        why = error.text
    raise unreadable(f"证书格式有错误：{why.zh}", f"the certificate is malformed: {why.en}")


def _read(data: bytes) -> Certificate:
    outer = frame(data)
    fields = _fields(outer)
    not_before, not_after = _dates(data)
    extensions = read_extensions(fields.extensions) if fields.extensions else ()
    return Certificate(
        der=data,
        serial=fields.serial,
        subject=DistinguishedName.read(fields.subject),
        issuer=DistinguishedName.read(fields.issuer),
        not_before=not_before,
        not_after=not_after,
        public=read_public(fields.spki),
        extensions=extensions,
        understood=understand(extensions),
        signed=outer.content.whole,
        signature=outer.signature,
    )


@dataclass(frozen=True, slots=True)
class _Fields:
    serial: int
    issuer: bytes
    subject: bytes
    spki: bytes
    extensions: bytes


def _fields(outer: Frame) -> _Fields:
    members = der.elements(outer.content.value)
    if not members or members[0].tag != _VERSION or members[0].value != _VERSION_3:
        text = Text("不是 X.509 第 3 版证书", "it is no certificate of X.509 version 3")
        raise CertificateError("unsupported", text, hint=_SM2_NEEDED)
    if len(members) < 7:
        raise der.DerError("缺少字段", "a field is missing")
    _, number, algorithm, issuer, _, subject, spki, *rest = members
    if algorithm.whole != outer.algorithm:
        raise der.DerError("两处签名算法不一致", "it names two algorithms")
    serial = der.read_integer(number)
    if not serial or len(number.value) > _LONGEST_SERIAL:
        raise der.DerError("序列号为零或过长", "the serial number is zero or too long")
    extensions = [member.value for member in rest if member.tag == _EXTENSIONS]
    return _Fields(
        serial, issuer.whole, subject.whole, spki.whole, extensions[0] if extensions else b""
    )


def _dates(data: bytes) -> tuple[datetime, datetime]:
    try:
        certificate = x509.load_der_x509_certificate(data)
        not_before, not_after = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except (ValueError, x509.InvalidVersion):
        certificate = None
    if certificate is None:
        raise der.DerError("结构不符合 X.509", "its structure is not that of X.509")
    if not_after < not_before:
        text = Text(
            f"有效期颠倒：{_day(not_before)} 至 {_day(not_after)}",
            f"valid from {_day(not_before)} to {_day(not_after)}: upside down",
        )
        raise CertificateError("dates", text, hint=_AUTHORITY_ERROR)
    return not_before, not_after


_AUTHORITY_ERROR = Text("发证机构有误；请重新申请", "the authority made a mistake: ask again")


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d}"


def _signature(data: bytes) -> bytes:
    try:
        return signature_from_der(data)
    except Sm2Error:
        pass
    raise der.DerError("签名不是 SM2 签名", "the signature is no SM2 signature")
