"""The certificate authority as a terminal sees it (ref 05 §4.2-4.4, 03 §4.3)."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Literal, Protocol

from sscard_ic.base.errors import InputError, SscardError, Text
from sscard_ic.crypto import sm2
from sscard_ic.crypto.sm2.model import PUBLIC_LENGTH
from sscard_ic.keys.certificate_grant import CertificateGrant
from sscard_ic.keys.inventory import Environment

RequestField = Literal[
    "name",
    "card_number",
    "social_security_number",
    "public_key",
    "region",
    "reference",
    "algorithm",
]

_LONGEST_NAME = 50
"""Characters; a card holds 50 bytes of a name (ref 01 §4.2)."""
_UNWRITABLE = frozenset({"Cc", "Cs"})
"""Categories of Unicode: control characters, halves of characters."""
_CARD_NUMBER = re.compile(r"[0-9A-Z]{9}")
_SOCIAL_SECURITY_NUMBER = re.compile(r"[0-9A-Z]{18}")
_REGION = re.compile(r"[0-9]{6}")
_REFERENCE = re.compile(r"[!-~]{1,64}")

_FIELDS: dict[RequestField, Text] = {
    "name": Text("姓名", "the name of the holder"),
    "card_number": Text("社保卡号", "the card number"),
    "social_security_number": Text("社会保障号码", "the social security number"),
    "public_key": Text("签名公钥", "the signature public key"),
    "region": Text("行政区划代码", "the division code"),
    "reference": Text("业务流水号", "the reference of the request"),
    "algorithm": Text("算法", "the algorithm"),
}
_RULES: dict[RequestField, Text] = {
    "name": Text(
        "应为 1 至 50 个字符，不含控制字符",
        "1 to 50 characters are expected, no control characters",
    ),
    "card_number": Text(
        "应为 9 位数字或大写字母", "9 characters are expected, digits and capital letters"
    ),
    "social_security_number": Text(
        "应为 18 位数字或大写字母", "18 characters are expected, digits and capital letters"
    ),
    "public_key": Text(
        "应为 64 字节 X‖Y，且在 SM2 曲线上", "64 bytes X‖Y of a point of the SM2 curve are expected"
    ),
    "region": Text("应为 6 位数字", "6 digits are expected"),
    "reference": Text(
        "应为 1 至 64 个可打印 ASCII 字符", "1 to 64 printable ASCII characters are expected"
    ),
    "algorithm": Text("只支持 SM2", "SM2 is the only one"),
}


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """Who holds the card, and the public key that it generated."""

    name: str = field(repr=False)
    card_number: str = field(repr=False)
    """9 characters."""
    social_security_number: str = field(repr=False)
    """18 characters."""
    public_key: bytes
    """Signature public key X‖Y, 64 bytes."""
    region: str
    """Division code, 6 digits."""
    reference: str
    """Names the request; the same one asked again gets an equivalent answer."""
    algorithm: str = "SM2"

    def require_usable(self) -> None:
        """Raise :class:`RequestError` for the first field that no authority can use."""
        for name, usable in self._usable():
            if not usable:
                raise RequestError(name, empty=not getattr(self, name))

    def _usable(self) -> tuple[tuple[RequestField, bool], ...]:
        holder = usable_holder(self.name, self.card_number, self.social_security_number)
        return (
            *holder.items(),
            ("public_key", _is_public(self.public_key)),
            ("region", bool(_REGION.fullmatch(self.region))),
            ("reference", bool(_REFERENCE.fullmatch(self.reference))),
            ("algorithm", self.algorithm == "SM2"),
        )


class RequestError(InputError):
    """A field of a request is empty or wrong; ``field`` says which, the value is not quoted."""

    def __init__(self, name: RequestField, *, empty: bool) -> None:
        what, rule = _FIELDS[name], _RULES[name]
        if empty:
            head = Text(f"证书请求缺少{what.zh}", f"the certificate request lacks {what.en}")
        else:
            head = Text(
                f"证书请求中的{what.zh}无效", f"{what.en} in the certificate request is not usable"
            )
        super().__init__(
            Text(f"{head.zh}：{rule.zh}", f"{head.en}: {rule.en}"),
            hint=Text(
                "检查持卡人数据和卡内公钥；尚未向证书机构发送",
                "check the data of the holder and the key of the card; nothing has been sent",
            ),
        )
        self.field: RequestField = name
        self.empty = empty


class AuthorityError(SscardError):
    """A certificate authority refused, was not reached, or gave no complete answer.

    ``again`` says whether the same request may succeed later, unchanged.
    """

    def __init__(
        self, what: Text, *, where: str = "", hint: Text | None = None, again: bool = False
    ) -> None:
        super().__init__(what, where=where, hint=hint)
        self.again = again


class CertificateAuthority(Protocol):
    """Who answers for certificates; safe for use from several threads."""

    @property
    def name(self) -> str:
        """For people: where it is asked."""
        ...

    @property
    def environment(self) -> Environment:
        """Whose cards it serves."""
        ...

    @property
    def trusted(self) -> tuple[bytes, ...]:
        """Certificates (DER) that its own are checked against: roots and what is below them."""
        ...

    def register(self, request: CertificateRequest) -> CertificateGrant:
        """Two certificates, wrapped key, control key and administrator PIN for the card.

        Raises :class:`RequestError` before anything is sent, and :class:`AuthorityError` when it
        refuses, is not reached, or its answer is not complete. Whether the answer fits the request
        is for the asker to check.
        """
        ...


def usable_holder(
    name: str, card_number: str, social_security_number: str
) -> dict[RequestField, bool]:
    """Which of the fields of a holder an authority can use."""
    return {
        "name": _is_name(name),
        "card_number": bool(_CARD_NUMBER.fullmatch(card_number)),
        "social_security_number": bool(_SOCIAL_SECURITY_NUMBER.fullmatch(social_security_number)),
    }


def _is_name(name: str) -> bool:
    if not name.strip() or len(name) > _LONGEST_NAME:
        return False
    return not any(unicodedata.category(character) in _UNWRITABLE for character in name)


def _is_public(public: bytes) -> bool:
    if len(public) != PUBLIC_LENGTH:
        return False
    try:
        sm2.provider().check_public(public)
    except sm2.Sm2Error:
        return False
    return True
