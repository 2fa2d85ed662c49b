"""SM2 (GB/T 32918) by a library of the machine, and the digests that it signs.

Public keys, signatures and ciphertexts as DER and PEM: :mod:`sscard_ic.crypto.sm2.forms`.
"""

from sscard_ic.crypto.sm2.identity import message_digest, z_value
from sscard_ic.crypto.sm2.model import DEFAULT_USER_ID, KeyPair, Sm2, Sm2Error
from sscard_ic.crypto.sm2.provider import Backend, provider, providers

__all__ = [
    "DEFAULT_USER_ID",
    "Backend",
    "KeyPair",
    "Sm2",
    "Sm2Error",
    "message_digest",
    "provider",
    "providers",
    "z_value",
]
