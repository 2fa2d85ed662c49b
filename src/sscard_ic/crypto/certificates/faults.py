"""What is wrong with a chain, in words; holders are not named, authorities are."""

from __future__ import annotations

from datetime import UTC, datetime

from sscard_ic.base.errors import Text
from sscard_ic.crypto.certificates.certificate import Certificate
from sscard_ic.crypto.certificates.errors import CertificateError
from sscard_ic.crypto.certificates.names import DistinguishedName

_ASK = Text(
    "请向发证机构核实，必要时重新申请", "ask the authority about it, and for a new one if need be"
)
_ALTERED = Text(
    "证书可能被改动，或受信证书不是这个发证机构的；请核对两者",
    "it may have been altered, or the trusted certificate is not of this authority: compare them",
)


def describe(certificate: Certificate) -> Text:
    """An authority by its name, a holder's certificate by its serial number."""
    if certificate.is_authority and (name := certificate.common_name):
        name = _printable(name)
        return Text(f"发证机构“{name}”的证书", f"the certificate of the authority '{name}'")
    return Text(
        f"证书（序列号 {certificate.number}）",
        f"the certificate with the serial number {certificate.number}",
    )


def expired(certificate: Certificate) -> CertificateError:
    """Its last moment is over."""
    who, end = describe(certificate), _moment(certificate.not_after)
    hint = Text("请申请新证书；并检查本机时间", "ask for a new one; check the clock here, too")
    return CertificateError(
        "expired", Text(f"{who.zh}已于 {end} 过期", f"{who.en} expired on {end}"), hint=hint
    )


def not_yet_valid(certificate: Certificate) -> CertificateError:
    """Its first moment is still to come."""
    who, start = describe(certificate), _moment(certificate.not_before)
    hint = Text("请检查本机时间；或等到生效以后", "check the clock here, or wait until then")
    text = Text(f"{who.zh}自 {start} 起才有效", f"{who.en} is not valid before {start}")
    return CertificateError("not_yet_valid", text, hint=hint)


def unknown_extension(certificate: Certificate, oid: str) -> CertificateError:
    """A critical extension that nobody here understands."""
    who = describe(certificate)
    text = Text(
        f"{who.zh}有不认识的关键扩展 {oid}", f"{who.en} has the critical extension {oid}: unknown"
    )
    return CertificateError("extension", text, hint=_ASK)


def bad_signature(certificate: Certificate, issuer: Certificate) -> CertificateError:
    """The key of the named issuer did not sign it."""
    who = describe(certificate)
    if issuer == certificate:
        text = Text(f"{who.zh}的自签名不正确", f"{who.en} is not signed by itself as it says")
    else:
        by = describe(issuer)
        text = Text(
            f"{who.zh}的签名与{by.zh}不符", f"{who.en} is not signed with the key of {by.en}"
        )
    return CertificateError("signature", text, hint=_ALTERED)


def unknown_issuer(certificate: Certificate, *, same_name: bool) -> CertificateError:
    """Nobody among the trusted issued it."""
    who = describe(certificate)
    hint = Text(
        "请把该发证机构的证书直至根证书加入受信证书；来源须可靠",
        "add the certificates of its authority up to the root to the trusted ones, from a source "
        "that can be relied on",
    )
    if certificate.is_self_issued:  # the issuer's name may be a person's here
        text = Text(f"{who.zh}是自签证书，不在受信证书中", f"{who.en} is self-signed, not trusted")
    elif same_name:
        name = _name(certificate.issuer)
        text = Text(
            f"{who.zh}的签发者“{name}”不受信：受信证书中的同名机构用的是另一个密钥",
            f"the issuer of {who.en} is not trusted: the trusted '{name}' has another key",
        )
    else:
        name = _name(certificate.issuer)
        text = Text(
            f"{who.zh}的签发者“{name}”不在受信证书中",
            f"the issuer of {who.en} is not trusted: '{name}'",
        )
    return CertificateError("unknown_issuer", text, hint=hint)


def no_authority(issuer: Certificate) -> CertificateError:
    """It issued another one and may not."""
    who = describe(issuer)
    text = Text(
        f"{who.zh}不是发证机构证书，不能签发", f"{who.en} issued another, yet is no authority's"
    )
    return CertificateError("authority", text, hint=_ASK)


def signs_no_certificates(issuer: Certificate) -> CertificateError:
    """Its key usage lacks the signing of certificates."""
    who = describe(issuer)
    text = Text(
        f"{who.zh}的密钥用途不含证书签发", f"the key usage of {who.en} lacks the signing of others"
    )
    return CertificateError("authority", text, hint=_ASK)


def too_deep(issuer: Certificate, limit: int) -> CertificateError:
    """More authorities below it than its path length allows."""
    who = describe(issuer)
    text = Text(
        f"{who.zh}之下只允许 {limit} 级发证机构",
        f"{who.en} allows {limit} authorities below it, and there are more",
    )
    return CertificateError("authority", text, hint=_ASK)


def too_long(certificate: Certificate, limit: int) -> CertificateError:
    """No root within the longest chain that is followed."""
    who = describe(certificate)
    text = Text(
        f"{who.zh}的证书链超过 {limit} 张",
        f"the chain of {who.en} has more than {limit} certificates",
    )
    return CertificateError("authority", text, hint=_ASK)


def _name(name: DistinguishedName) -> str:
    return _printable(name.get("CN") or str(name))


def _printable(text: str) -> str:
    """Names come from outside: nothing in them may steer a terminal."""
    return "".join(char if char.isprintable() else "�" for char in text)


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
