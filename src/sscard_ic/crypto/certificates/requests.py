"""Certificate requests, PKCS#10 (RFC 2986), signed by SM2 with SM3."""

from __future__ import annotations

from dataclasses import dataclass, field

from sscard_ic.base.errors import Text
from sscard_ic.crypto.certificates import der
from sscard_ic.crypto.certificates.errors import CertificateError
from sscard_ic.crypto.certificates.names import DistinguishedName
from sscard_ic.crypto.certificates.pem import from_pem, is_pem, to_pem
from sscard_ic.crypto.certificates.signing import Sign, signed_object, verifies
from sscard_ic.crypto.sm2 import DEFAULT_USER_ID
from sscard_ic.crypto.sm2.forms import public_to_spki

_VERSION_1 = bytes.fromhex("020100")
_ATTRIBUTES = 0xA0
_NO_ATTRIBUTES = bytes((_ATTRIBUTES, 0))
_LABELS = ("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")


@dataclass(frozen=True, slots=True)
class Request:
    """A request whose signature was verified: its sender holds the private key."""

    der: bytes = field(repr=False)
    subject: DistinguishedName = field(repr=False)
    public: bytes
    """X‖Y, 64 bytes."""

    def pem(self) -> str:
        """In PEM."""
        return to_pem(_LABELS[0], self.der)


def build_request(
    subject: DistinguishedName, public: bytes, sign: Sign, *, user_id: bytes = DEFAULT_USER_ID
) -> bytes:
    """A request (DER) for a certificate of ``subject`` with the public key X‖Y.

    ``sign`` answers r‖s of a digest of 32 bytes with the private key that belongs to it.
    """
    content = der.sequence(_VERSION_1, subject.der, public_to_spki(public), _NO_ATTRIBUTES)
    return signed_object(content, public, sign, user_id)


def parse_request(data: bytes, *, user_id: bytes = DEFAULT_USER_ID) -> Request:
    """The request in ``data``, DER or PEM, its signature verified.

    Raises :class:`CertificateError` for everything else; attributes are not looked at.
    """
    found = from_pem(data, _LABELS) if is_pem(data) else [data]
    if len(found) != 1:
        raise _unreadable(Text("PEM 中应有一个证书请求", "the PEM has to hold one request"))
    try:
        return _read(found[0], user_id)
    except der.DerError as error:
        why = error.text
    raise _unreadable(why)


def _read(data: bytes, user_id: bytes) -> Request:
    from sscard_ic.crypto.certificates.parsing import frame, read_public

    outer = frame(data)
    members = der.elements(outer.content.value)
    tags = [member.tag for member in members]
    if tags != [der.INTEGER, der.SEQUENCE, der.SEQUENCE, _ATTRIBUTES]:
        raise der.DerError("不是证书请求的各项", "its parts are not those of a request")
    version, subject, key, attributes = members
    if version.whole != _VERSION_1:
        raise der.DerError("版本不认识", "its version is unknown")
    der.elements(attributes.value)
    public = read_public(key.whole)
    if not verifies(public, outer.content.whole, outer.signature, user_id):
        raise CertificateError("signature", _BAD_SIGNATURE, hint=_SIGN_AGAIN)
    return Request(data, DistinguishedName.read(subject.whole), public)


_BAD_SIGNATURE = Text("证书请求的签名不正确", "the signature of the request is wrong")
_SIGN_AGAIN = Text(
    "请用与公钥成对的私钥重新签署；用户标识须相同",
    "sign it anew with the private key of its public key, and with the same user identifier",
)


def _unreadable(why: Text) -> CertificateError:
    return CertificateError(
        "unreadable",
        Text(
            f"不是证书请求，或已损坏：{why.zh}",
            f"this is no certificate request, or it is damaged: {why.en}",
        ),
        hint=Text("需要 PKCS#10 的 DER 或 PEM", "PKCS#10 in DER or PEM is needed"),
    )
