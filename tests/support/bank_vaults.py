"""A vault in memory with the keys that the vectors of ref 04 §6.8 and §7 begin with."""

from __future__ import annotations

from pathlib import Path

from sscard_ic.base import SystemClock
from sscard_ic.base.secret import Secret
from sscard_ic.keys import SoftwareVault
from sscard_ic.keys.hierarchy import RootKey
from sscard_ic.keys.inventory import Use

KMC = bytes.fromhex("404142434445464748494A4B4C4D4E4F")
"""Test KMC of ref 04 §7.2."""
TRANSPORT = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
MASTERS: dict[str, tuple[Use, str]] = {
    "BANK-AC": ("bank_cryptogram", "31313131313131314040404040404040"),
    "BANK-MAC": ("bank_mac", "40404040404040405151515151515151"),
    "BANK-ENC": ("bank_encipherment", "51515151515151516161616161616161"),
}


def bank_vault(kmc: bytes = KMC) -> SoftwareVault:
    """The keys of one bank, for 3DES and SM4, as test keys."""
    clock = SystemClock()
    now = clock.now()
    roots = [RootKey("BANK-KMC", 1, "bank", "card_manager", now, Secret(kmc))]
    for algorithm in ("3des", "sm4"):
        for name, (use, value) in MASTERS.items():
            secret = Secret(bytes.fromhex(value))
            roots.append(RootKey(name, 1, "bank", use, now, secret, algorithm))
        transport = Secret(TRANSPORT)
        roots.append(RootKey("BANK-TK", 1, "bank", "bank_transport", now, transport, algorithm))
    return SoftwareVault(Path("keys of the vectors"), "test", roots, Secret(bytes(32)), clock)
