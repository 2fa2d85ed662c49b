"""A made-up holder who asks for certificates."""

from __future__ import annotations

from typing import Any

from sscard_ic.crypto.sm2 import KeyPair, provider
from sscard_ic.hosts.certificate_authority import CertificateRequest

NAME, CARD_NUMBER, NUMBER, REGION = "张三", "D2143569X", "11010519491231002X", "210203"
"""Examples of the standard (ref 01 §9.2, §9.3)."""


def request_for(pair: KeyPair | None = None, **changes: Any) -> CertificateRequest:
    """The request of the made-up holder for the public key of ``pair``."""
    fields: dict[str, Any] = {
        "name": NAME,
        "card_number": CARD_NUMBER,
        "social_security_number": NUMBER,
        "public_key": (pair or provider().generate()).public,
        "region": REGION,
        "reference": "2024-000001",
    }
    return CertificateRequest(**(fields | changes))
