"""What can go wrong between us and an HSM service: one error for each, never a traceback."""

from __future__ import annotations

import re
from typing import Literal

from sscard_ic.base.errors import SscardError, Text
from sscard_ic.keys.remote.replies import (
    Refusal,
)

RemoteKind = Literal[
    "settings",
    "unreachable",
    "timeout",
    "not_tls",
    "untrusted",
    "wrong_host",
    "service_expired",
    "own_certificate",
    "closed",
    "status",
    "reply",
    "other_reply",
    "refused",
]

_LONGEST_WORDS = 200


class RemoteError(SscardError):
    """An HSM service did not answer as it should; ``kind`` says which way, for programs."""

    def __init__(
        self, kind: RemoteKind, what: Text, where: str = "", hint: Text | None = None
    ) -> None:
        super().__init__(what, where=where, hint=hint)
        self.kind: RemoteKind = kind


class RefusedError(RemoteError):
    """The service refused the request with a code and words of its own."""

    def __init__(self, refusal: Refusal, where: str) -> None:
        code, words = _printable(refusal.code), _printable(refusal.text)
        super().__init__(
            "refused",
            Text(
                f"加密机服务拒绝请求：{code} {words}",
                f"the HSM service refused the request: {code} {words}",
            ),
            where,
            Text(
                "与服务方核对地区、算法、密钥地址；卡内没有任何改变",
                "check region, algorithm and key address with its operator; nothing on the card "
                "has changed",
            ),
        )
        self.code = code


def _printable(words: str) -> str:
    """Words of another machine, safe for a terminal."""
    clean = re.sub(r"\s+", " ", "".join(c if c.isprintable() else " " for c in words)).strip()
    return clean if len(clean) <= _LONGEST_WORDS else f"{clean[:_LONGEST_WORDS]}…"
