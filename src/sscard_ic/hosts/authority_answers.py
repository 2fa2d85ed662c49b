"""Answers of a certificate authority as JSON, in the form that the settings say (ref 03 §4.3)."""

from __future__ import annotations

import base64
import binascii
import json
import re
import unicodedata
from collections.abc import Callable
from typing import Any

from sscard_ic.base.errors import Text
from sscard_ic.base.secret import Secret
from sscard_ic.codec.digits import decode_cn, encode_cn
from sscard_ic.crypto.certificates import Certificate, CertificateError
from sscard_ic.crypto.enveloped_key import EnvelopedKey, EnvelopedKeyError
from sscard_ic.hosts.authority_errors import HttpAuthorityError, RefusedRequestError
from sscard_ic.hosts.authority_requests import json_object
from sscard_ic.hosts.certificate_authority import CertificateRequest
from sscard_ic.hosts.certificate_settings import AnswerForm
from sscard_ic.keys.certificate_grant import CertificateGrant
from sscard_ic.profile.certificate import CONTROL_KEY_LENGTH

REFUSED = "-1"
"""The status of our own refusals (ref 05 §4.3)."""

_ADMIN_PIN = re.compile(r"[0-9]{8}")
_CODE = re.compile(r"-?[0-9]{1,6}|[A-Za-z]{1,4}[0-9]{1,8}")
_RUN = re.compile(r"[\dA-Za-z+/=*](?:[\W_\dA-Za-z]*[\dA-Za-z+/=*])?")
"""Digits and Latin letters with whatever separates them, up to the next Chinese character."""
_MOST_DIGITS = 5
_REVEALING = re.compile(r"[0-9A-Za-z+/=*]{4,}")
"""Numbers, keys and whatever else may be one of the holder's."""
_LONGEST_WORDS = 100
_HIDDEN = "‹…›"
_HINT = Text(
    "核对 [certificates.http.answer] 与证书机构的接口说明；不要使用该应答",
    "compare [certificates.http.answer] with the authority's interface; the answer is not used",
)


class AnswerReader:
    """Reads the answers to one request; errors name fields and never quote what is in them."""

    def __init__(self, form: AnswerForm, request: CertificateRequest, place: str) -> None:
        self._form = form
        self._request = request
        self._place = place

    def grant(self, body: bytes) -> CertificateGrant:
        """The grant of an answer.

        Raises :class:`RefusedRequestError`, and :class:`HttpAuthorityError` when the answer is no
        JSON object, or a field of it is not there, empty, no text or not what it should be.
        """
        document = json_object(body)
        if document is None:
            raise self._unusable(Text("不是 JSON 对象", "it is no JSON object"))
        self._require_granted(document)
        form = self._form
        fields = _at(document, form.envelope)
        if not isinstance(fields, dict):
            raise self._lacks(form.envelope)
        return CertificateGrant(
            self._value(fields, form.signature_certificate, self._certificate),
            self._value(fields, form.encryption_certificate, self._certificate),
            self._value(fields, form.wrapped_key, _wrapped_key),
            Secret(self._value(fields, form.control_key, self._control_key)),
            Secret(self._value(fields, form.admin_pin, _admin_pin)),
        )

    def refusal(self, body: bytes) -> RefusedRequestError | None:
        """Why an answer with another status of HTTP than 200 refuses, when it says so."""
        document = json_object(body)
        if document is None or not self._form.status:
            return None
        status = _word(_at(document, self._form.status))
        return None if status in (None, self._form.ok) else self._refused(document, status or "")

    def _require_granted(self, document: dict[str, Any]) -> None:
        if not self._form.status:
            return
        status = _word(_at(document, self._form.status))
        if status is None:
            raise self._lacks(self._form.status)
        if status != self._form.ok:
            raise self._refused(document, status)

    def _refused(self, document: dict[str, Any], status: str) -> RefusedRequestError:
        form = self._form
        code = (_word(_at(document, form.code)) if form.code else None) or status
        words = _word(_at(document, form.message)) if form.message else None
        return RefusedRequestError(self._code(code), self._harmless(words or ""), self._place)

    def _code(self, code: str) -> str:
        """A code, unless it may be something of the holder's."""
        personal = self._request.card_number, self._request.social_security_number
        return "" if not _CODE.fullmatch(code) or code in personal else code

    def _harmless(self, words: str) -> str:
        """Words of another machine without the name, and without anything like a number."""
        plain = unicodedata.normalize("NFKC", words)
        plain = "".join(c if c.isprintable() else " " for c in plain)
        name = unicodedata.normalize("NFKC", self._request.name)
        for part in sorted({name, *re.split(r"[\s·•.]+", name)}, key=len, reverse=True):
            if part:
                plain = re.sub(re.escape(part), _HIDDEN, plain, flags=re.IGNORECASE)
        plain = _REVEALING.sub(_HIDDEN, _RUN.sub(_without_number, plain))
        plain = re.sub(r"\s+", " ", plain).strip()
        return plain if len(plain) <= _LONGEST_WORDS else f"{plain[:_LONGEST_WORDS]}…"

    def _value(
        self, fields: dict[str, Any], name: str, decode: Callable[[str], bytes | None]
    ) -> bytes:
        value = fields.get(name)
        if value is None or value == "":
            raise self._lacks(name)
        decoded = decode(value.strip()) if isinstance(value, str) else None
        if decoded is None:
            raise self._unusable(
                Text(f"字段 {name} 的内容不可用", f"what its field {name} holds cannot be used")
            )
        return decoded

    def _certificate(self, text: str) -> bytes | None:
        if self._form.certificate_coding == "base64":
            data = _base64(text)
        else:
            usable = text.isascii() and text.startswith("-----BEGIN")
            data = text.encode("ascii") if usable else None
        if data is None:
            return None
        try:
            return Certificate.parse(data).der
        except CertificateError:
            return None

    def _control_key(self, text: str) -> bytes | None:
        if self._form.control_key_coding == "ascii":
            usable = text.isascii() and text.isprintable() and len(text) == CONTROL_KEY_LENGTH
            return text.encode("ascii") if usable else None
        usable = re.fullmatch(f"[0-9A-Fa-f]{{{2 * CONTROL_KEY_LENGTH}}}", text) is not None
        return bytes.fromhex(text) if usable else None

    def _lacks(self, name: str) -> HttpAuthorityError:
        return self._unusable(Text(f"缺少字段 {name}", f"it lacks the field {name}"))

    def _unusable(self, why: Text) -> HttpAuthorityError:
        what = Text(
            f"证书机构的应答不可用：{why.zh}",
            f"the answer of the certificate authority cannot be used: {why.en}",
        )
        return HttpAuthorityError("answer", what, self._place, _HINT)


def grant_answer(grant: CertificateGrant, form: AnswerForm) -> Secret:
    """The answer that grants; it holds key and PIN."""
    key = grant.control_key.reveal()
    fields = {
        form.signature_certificate: _certificate_text(grant.signature_certificate, form),
        form.encryption_certificate: _certificate_text(grant.encryption_certificate, form),
        form.wrapped_key: base64.b64encode(grant.wrapped_key).decode("ascii"),
        form.control_key: (
            key.decode("ascii") if form.control_key_coding == "ascii" else key.hex().upper()
        ),
        form.admin_pin: decode_cn(grant.admin_pin.reveal()),
    }
    document: dict[str, Any] = {}
    _put(document, form.status, form.ok)
    for name, text in fields.items():
        _put(document, f"{form.envelope}.{name}" if form.envelope else name, text)
    return Secret(json.dumps(document).encode())


def refusal_answer(code: str, words: str, form: AnswerForm) -> bytes:
    """The answer that refuses with a code and words, which must name nobody."""
    document: dict[str, Any] = {}
    _put(document, form.message, words)
    _put(document, form.code, code)
    _put(document, form.status, REFUSED if form.code else code)
    return json.dumps(document, ensure_ascii=False).encode("utf-8")


def _put(document: dict[str, Any], path: str, value: str) -> None:
    *tables, name = path.split(".")
    if not name:
        return
    for table in tables:
        document = document.setdefault(table, {})
    document[name] = value


def _at(document: dict[str, Any], path: str) -> Any:
    """What stands at ``path``; None for nothing."""
    value: Any = document
    for name in path.split(".") if path else ():
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _word(value: Any) -> str | None:
    """Text or a whole number as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value).strip()


def _base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(re.sub(r"\s", "", text), validate=True)
    except (ValueError, binascii.Error):
        return None


def _wrapped_key(text: str) -> bytes | None:
    blob = _base64(text)
    if blob is None:
        return None
    try:
        EnvelopedKey.parse(blob)
    except EnvelopedKeyError:
        return None
    return blob


def _admin_pin(text: str) -> bytes | None:
    return encode_cn(text, len(text) // 2) if _ADMIN_PIN.fullmatch(text) else None


def _without_number(run: re.Match[str]) -> str:
    """Nothing of a run that may be a number, in whatever groups it was written."""
    digits = sum(character.isdecimal() for character in run[0])
    return _HIDDEN if digits > _MOST_DIGITS else run[0]


def _certificate_text(der: bytes, form: AnswerForm) -> str:
    if form.certificate_coding == "pem":
        return Certificate.parse(der).pem()
    return base64.b64encode(der).decode("ascii")
