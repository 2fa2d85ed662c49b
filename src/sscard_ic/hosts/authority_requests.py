"""Certificate requests as bytes of HTTP, in the form that the settings say (ref 03 §4.3)."""

from __future__ import annotations

import base64
import binascii
import json
from urllib.parse import parse_qsl, urlencode

from sscard_ic.base.secret import Secret
from sscard_ic.crypto.sm2.model import PUBLIC_LENGTH
from sscard_ic.hosts.certificate_authority import CertificateRequest
from sscard_ic.hosts.certificate_settings import RequestForm

_POINT = b"\x04"
_MOST_FIELDS = 64


def content_type(form: RequestForm) -> str:
    """The header Content-Type."""
    kind = "application/json" if form.body == "json" else "application/x-www-form-urlencoded"
    return f"{kind}; charset=utf-8"


def encode_request(request: CertificateRequest, form: RequestForm) -> Secret:
    """The body of a request; it names the holder."""
    fields = {
        form.name: request.name,
        form.card_number: request.card_number,
        form.social_security_number: request.social_security_number,
        form.region: request.region,
        form.public_key: _public_text(request.public_key, form),
        form.algorithm: form.algorithm_value,
        form.reference: request.reference,
        **form.constants,
    }
    fields.pop("", None)
    if form.body == "form":
        return Secret(urlencode(fields).encode("ascii"))
    return Secret(json.dumps(fields, ensure_ascii=False).encode("utf-8"))


def decode_request(body: bytes, form: RequestForm) -> CertificateRequest | None:
    """The request of a body, not looked at any further; None when it has another form.

    Fields that are not there are empty; a public key that cannot be decoded, too.
    """
    fields = _form_fields(body) if form.body == "form" else _json_fields(body)
    if fields is None:
        return None
    algorithm = fields.get(form.algorithm, "") if form.algorithm else form.algorithm_value
    return CertificateRequest(
        name=fields.get(form.name, ""),
        card_number=fields.get(form.card_number, ""),
        social_security_number=fields.get(form.social_security_number, ""),
        public_key=_public(fields.get(form.public_key, ""), form),
        region=fields.get(form.region, ""),
        reference=fields.get(form.reference, ""),
        algorithm="SM2" if algorithm == form.algorithm_value else algorithm,
    )


def json_object(body: bytes) -> dict[str, object] | None:
    """The JSON object in ``body``; None for anything else.

    The errors of the parser hold the whole text, so that none of them leaves this place.
    """
    try:
        value = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _json_fields(body: bytes) -> dict[str, str] | None:
    value = json_object(body)
    if value is None or not all(isinstance(text, str) for text in value.values()):
        return None
    return {name: str(text) for name, text in value.items()}


def _form_fields(body: bytes) -> dict[str, str] | None:
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        return None
    fields = dict(pairs)
    return fields if len(fields) == len(pairs) else None


def _public_text(public: bytes, form: RequestForm) -> str:
    point = _POINT + public if form.public_key_point == "04xy" else public
    if form.public_key_coding == "base64":
        return base64.b64encode(point).decode("ascii")
    return point.hex().upper()


def _public(text: str, form: RequestForm) -> bytes:
    try:
        if form.public_key_coding == "base64":
            point = base64.b64decode(text, validate=True)
        else:
            point = bytes.fromhex(text)
    except (ValueError, binascii.Error):
        return b""
    if form.public_key_point == "xy":
        return point
    return point[1:] if point[:1] == _POINT and len(point) == PUBLIC_LENGTH + 1 else b""
