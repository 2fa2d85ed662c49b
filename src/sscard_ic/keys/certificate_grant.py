"""What a certificate authority grants for one card, as it is kept until the card bears it."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field

from sscard_ic.base.secret import Secret


@dataclass(frozen=True, slots=True)
class CertificateGrant:
    """Two certificates, a wrapped key, and what the card is locked with afterwards (05 §4.4).

    New administrator PIN and control key are kept before the card is given them: a card whose
    control key nobody knows is lost.
    """

    signature_certificate: bytes = field(repr=False)
    """DER; names the holder."""
    encryption_certificate: bytes = field(repr=False)
    """DER; names the holder."""
    wrapped_key: bytes = field(repr=False)
    """Encryption key pair as ENVELOPEDKEYBLOB (ref 02 §8.4)."""
    control_key: Secret
    """16 bytes, for ADF and DDF."""
    admin_pin: Secret
    """BCD, 4 bytes."""

    def to_json(self) -> bytes:
        """The grant for a place that seals it; holds key and PIN in the clear."""
        fields = {
            "signature_certificate": self.signature_certificate,
            "encryption_certificate": self.encryption_certificate,
            "wrapped_key": self.wrapped_key,
            "control_key": self.control_key.reveal(),
            "admin_pin": self.admin_pin.reveal(),
        }
        return json.dumps(
            {name: base64.b64encode(value).decode("ascii") for name, value in fields.items()}
        ).encode()

    @classmethod
    def from_json(cls, data: bytes) -> CertificateGrant:
        """The grant of :meth:`to_json`."""
        values = {name: base64.b64decode(text) for name, text in json.loads(data).items()}
        return cls(
            values["signature_certificate"],
            values["encryption_certificate"],
            values["wrapped_key"],
            Secret(values["control_key"]),
            Secret(values["admin_pin"]),
        )
