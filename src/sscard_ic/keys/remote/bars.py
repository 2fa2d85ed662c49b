"""Messages of an HSM service as text between bars (ref 05 appendix A).

A request is its type and its fields, a reply its fields alone; each is followed by ``|``::

    02|region|ATR info|algorithm|key address|process factor|raw data|
    authentication data and raw data|

ASCII; hexadecimal digits in capitals, small ones are read too; a line end behind the last bar is
passed over. The external part of type 01 is empty in both (``…|||``, ``A||``) for cards without
it; a reply may also leave it out (``A|``, ref 03 §1.8).

How a service refuses is not told anywhere: ours answers ``code|words|`` in UTF-8 and says by the
status of HTTP that it is a refusal.
"""

from __future__ import annotations

from typing import TypeVar

from sscard_ic.base.errors import Text
from sscard_ic.base.secret import Secret
from sscard_ic.keys.remote.fields import MessageError
from sscard_ic.keys.remote.parts import (
    Message,
)
from sscard_ic.keys.remote.replies import (
    BasicReply,
    Refusal,
    Reply,
)
from sscard_ic.keys.remote.requests import (
    REQUESTS,
    Request,
)

BAR = "|"

R = TypeVar("R", bound=Message)


def write_request(request: Request) -> Secret:
    """The request, which may carry a PIN."""
    return Secret(_joined(request.TYPE, *request.texts()))


def read_request(body: bytes) -> Request:
    """The request in ``body``; raises :class:`MessageError`."""
    kind, *texts = _split(_ascii(body))
    message = REQUESTS.get(kind)
    if message is None:
        known = ", ".join(REQUESTS)
        raise MessageError(
            Text(
                f"第 1 项（业务类型）应为 {known} 之一",
                f"field 1 (business type) should be one of {known}",
            )
        )
    return _read(message, texts, before=1)


def write_reply(reply: Reply) -> bytes:
    """The reply."""
    return _joined(*reply.texts())


def read_reply(body: bytes, kind: type[R]) -> R:
    """The reply of one kind in ``body``; raises :class:`MessageError`."""
    texts = _split(_ascii(body))
    if kind is BasicReply and len(texts) == 1:
        texts.append("")
    return _read(kind, texts, before=0)


def write_refusal(refusal: Refusal) -> bytes:
    """The refusal, its words without bars and line ends."""
    words = " ".join(refusal.text.replace(BAR, "/").split())
    return f"{refusal.code}|{words}|".encode()


def read_refusal(body: bytes) -> Refusal:
    """The refusal in ``body``; raises :class:`MessageError`."""
    try:
        texts = _split(body.decode())
    except UnicodeDecodeError:
        raise _not_text() from None
    if len(texts) != 2:
        raise _count(2, len(texts))
    return Refusal(*texts)


def _joined(*texts: str) -> bytes:
    return "".join(f"{text}{BAR}" for text in texts).encode("ascii")


def _ascii(body: bytes) -> str:
    try:
        return body.decode("ascii")
    except UnicodeDecodeError:
        raise _not_text() from None


def _split(text: str) -> list[str]:
    *texts, rest = text.removesuffix("\n").removesuffix("\r").split(BAR)
    if rest or not texts:
        raise MessageError(
            Text("报文应以竖线“|”结束", 'a message ends with a vertical bar "|"'),
        )
    return texts


def _read(kind: type[R], texts: list[str], before: int) -> R:
    wanted = len(kind.FIELDS)
    if len(texts) != wanted:
        raise _count(before + wanted, before + len(texts))
    numbers = range(before + 1, before + 1 + wanted)
    return kind.read(texts, [Text(f"第 {n} 项", f"field {n}") for n in numbers])


def _not_text() -> MessageError:
    return MessageError(
        Text("报文含有不允许的字节", "the message has bytes that no such text has"),
    )


def _count(wanted: int, found: int) -> MessageError:
    return MessageError(
        Text(f"报文应有 {wanted} 项，实有 {found} 项", f"{wanted} fields are needed, not {found}"),
    )
