"""Why a certificate is not used."""

from __future__ import annotations

from typing import Literal

from sscard_ic.base.errors import SscardError, Text

Reason = Literal[
    "unreadable",
    "unsupported",
    "key",
    "dates",
    "unknown_issuer",
    "signature",
    "expired",
    "not_yet_valid",
    "authority",
    "extension",
    "content",
    "another_key",
]
"""What kind of fault it is, for programs.

``content``: what a certificate or request was to be built of; ``another_key``: not the card's.
"""


class CertificateError(SscardError):
    """A certificate or request that is not what it should be; names no holder."""

    def __init__(
        self, reason: Reason, what: Text, *, where: str = "", hint: Text | None = None
    ) -> None:
        super().__init__(what, where=where, hint=hint)
        self.reason: Reason = reason


def unreadable(zh: str, en: str) -> CertificateError:
    """The bytes are no certificate."""
    hint = Text(
        "需要 X.509 证书的 DER 或 PEM；读写时可能被截断，请重新取得",
        "an X.509 certificate in DER or PEM is needed; it may have been cut: fetch it again",
    )
    return CertificateError("unreadable", Text(zh, en), hint=hint)
