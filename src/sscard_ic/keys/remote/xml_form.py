"""Messages of an HSM service as XML: MSGNO 9013 and 9011 (ref 02 §6.2, §6.4, 03 §1.8).

=====  ====  ===================================================================================
MSGNO  type  elements of ``<ROOT>``
=====  ====  ===================================================================================
9013   01    AAB301 region, AAZ507 ATR information, AFLAG algorithm, AAZ501 identification code,
             SJS1, SJS2 internal factor and raw data, SJS3, SJS4 external ones
9011   02    AAB301, AAC002, AAZ500, AAZ501, AAC003, AAZ507, AFLAG, KEYADD key address, KEYFAC
             process factor, ODATA raw data
=====  ====  ===================================================================================

Replies are RETCODE and RETTEXT with RESULT1 and RESULT2, or RESULT. Types 03 and 04 have no XML.
AAC002 (ID number), AAZ500 (card number) and AAC003 (name) do not serve the computation: they are
sent empty, or left out, and are passed over when read, as CARDINFO is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from sscard_ic.base.errors import Text
from sscard_ic.base.secret import Secret
from sscard_ic.keys.remote import fields, flat_xml
from sscard_ic.keys.remote.fields import MessageError
from sscard_ic.keys.remote.parts import (
    Message,
)
from sscard_ic.keys.remote.replies import (
    AuthenticationReply,
    BasicReply,
    Refusal,
    Reply,
)
from sscard_ic.keys.remote.requests import (
    AuthenticationRequest,
    BasicRequest,
    Request,
)
from sscard_ic.keys.remote.settings import Personal

_BASIC, _AUTHENTICATION = "9013", "9011"
_NUMBER = "MSGNO"
_CODE, _WORDS = "RETCODE", "RETTEXT"
_IDENTIFICATION = "AAZ501"
_PERSONAL = ("AAC002", "AAZ500", "AAC003")
_HEAD = ("AAB301", "AAC002", "AAZ500", _IDENTIFICATION, "AAC003")
"""How MSGNO 9011 begins."""
_TAGS: dict[type[Message], tuple[str, ...]] = {
    BasicRequest: ("AAB301", "AAZ507", "AFLAG", "AAZ501", "SJS1", "SJS2", "SJS3", "SJS4"),
    AuthenticationRequest: ("AAB301", "AAZ507", "AFLAG", "KEYADD", "KEYFAC", "ODATA"),
    BasicReply: ("RESULT1", "RESULT2"),
    AuthenticationReply: ("RESULT",),
}
_REQUESTS: dict[str, type[BasicRequest] | type[AuthenticationRequest]] = {
    _BASIC: BasicRequest,
    _AUTHENTICATION: AuthenticationRequest,
}
_MAY_BE_MISSING = frozenset({"SJS3", "SJS4", "RESULT2"})
_PASSED_OVER = frozenset({*_PERSONAL, _IDENTIFICATION, "CARDINFO"})
"""Of MSGNO 9011; the identification code is looked at, the others are not."""

R = TypeVar("R", bound=Message)


def has_form(request: Request) -> bool:
    """Whether XML has a form for it."""
    return type(request) in _TAGS


def write_request(request: Request, personal: Personal = "empty") -> Secret:
    """The request; raises ``KeyError`` for a type without this form (:func:`has_form`)."""
    elements = dict(zip(_TAGS[type(request)], request.texts(), strict=True))
    if isinstance(request, BasicRequest):
        return Secret(flat_xml.write({**elements, _NUMBER: _BASIC}))
    if isinstance(request, AuthenticationRequest):
        elements[_IDENTIFICATION] = request.identification_code.hex().upper()
    if personal == "empty":
        elements |= dict.fromkeys(_PERSONAL, "")
    first = {tag: elements.pop(tag) for tag in _HEAD if tag in elements}
    return Secret(flat_xml.write({**first, **elements, _NUMBER: _AUTHENTICATION}))


def read_request(body: bytes) -> Request:
    """The request in ``body``; raises :class:`MessageError`."""
    elements = flat_xml.read(body)
    kind = _REQUESTS.get(elements.pop(_NUMBER, ""))
    if kind is None:
        known = ", ".join(_REQUESTS)
        raise MessageError(
            Text(f"<{_NUMBER}> 应为 {known} 之一", f"<{_NUMBER}> should be one of {known}")
        )
    code = ""
    if kind is AuthenticationRequest:
        code = elements.get(_IDENTIFICATION, "")
        elements = {tag: text for tag, text in elements.items() if tag not in _PASSED_OVER}
    if elements.keys() - set(_TAGS[kind]):
        raise MessageError(
            Text("XML 中有此报文没有的元素", "the XML has elements that this message has not")
        )
    request = _read(kind, elements)
    if code and isinstance(request, AuthenticationRequest):
        checked = fields.CODE.check(code, _place(_IDENTIFICATION))
        return replace(request, identification_code=bytes.fromhex(checked))
    return request


def write_reply(reply: Reply, success: str) -> bytes:
    """The reply with the RETCODE of success; ``KeyError`` for a type without this form."""
    results = dict(zip(_TAGS[type(reply)], reply.texts(), strict=True))
    return flat_xml.write({_CODE: success, _WORDS: "", **results})


def write_refusal(refusal: Refusal) -> bytes:
    """The refusal: RETCODE and RETTEXT alone."""
    return flat_xml.write({_CODE: refusal.code, _WORDS: refusal.text})


def read_reply(body: bytes, kind: type[R], success: str) -> R | Refusal:
    """The reply of one kind in ``body``, or the refusal; raises :class:`MessageError`."""
    elements = flat_xml.read(body)
    code = elements.get(_CODE)
    if code is None:
        raise _missing(_CODE)
    if code != success:
        return Refusal(code, elements.get(_WORDS, ""))
    return _read(kind, elements)


def _read(kind: type[R], elements: dict[str, str]) -> R:
    texts = []
    for tag in _TAGS[kind]:
        text = elements.get(tag)
        if text is None and tag not in _MAY_BE_MISSING:
            raise _missing(tag)
        texts.append(text or "")
    return kind.read(texts, [_place(tag) for tag in _TAGS[kind]])


def _place(tag: str) -> Text:
    return Text(f"<{tag}>", f"<{tag}>")


def _missing(tag: str) -> MessageError:
    return MessageError(Text(f"XML 中没有 <{tag}>", f"the XML has no <{tag}>"))
