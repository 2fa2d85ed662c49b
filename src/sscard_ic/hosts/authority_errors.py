"""What can go wrong between us and a certificate authority that is asked by HTTP."""

from __future__ import annotations

from typing import Literal

from sscard_ic.base.errors import Text
from sscard_ic.hosts.authority_codes import meaning_of
from sscard_ic.hosts.certificate_authority import AuthorityError
from sscard_ic.keys.remote.errors import RemoteKind

AnswerKind = Literal["settings", "status", "answer", "refused"]
"""Files that cannot be used, a status of HTTP, an answer that is not complete, a refusal."""


class HttpAuthorityError(AuthorityError):
    """The authority did not answer as it should; ``kind`` says which way, for programs."""

    def __init__(
        self,
        kind: RemoteKind | AnswerKind,
        what: Text,
        where: str = "",
        hint: Text | None = None,
        *,
        again: bool = False,
    ) -> None:
        super().__init__(what, where=where, hint=hint, again=again)
        self.kind: RemoteKind | AnswerKind = kind


class RefusedRequestError(HttpAuthorityError):
    """The authority refused the request with ``code``; ``words`` are its own, made harmless."""

    def __init__(self, code: str, words: str, where: str) -> None:
        meaning = meaning_of(code)
        zh, en = (meaning.text.zh, meaning.text.en) if meaning else ("原因未知", "reason unknown")
        tail = f" “{words}”" if words else ""
        again = meaning.again if meaning else False
        super().__init__(
            "refused",
            Text(
                f"证书机构拒绝了请求：{code or '（无代码）'} {zh}{tail}",
                f"the certificate authority refused the request: {code or '(no code)'}, {en}{tail}",
            ),
            where,
            _AGAIN if again else _NOT_AGAIN,
            again=again,
        )
        self.code = code


_AGAIN = Text(
    "稍后以同一流水号重试；若每次如此，请联系证书机构",
    "try again later with the same reference; if it does so every time, ask the authority",
)
_NOT_AGAIN = Text(
    "与证书机构核对持卡人数据、卡号与设置；卡内没有任何改变",
    "check the data of the holder, the card number and the settings with the authority; nothing "
    "on the card has changed",
)
