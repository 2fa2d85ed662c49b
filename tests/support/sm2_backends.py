"""Both libraries for SM2, which every machine that runs the tests has, and their known answers."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from sscard_ic.base.secret import Secret
from sscard_ic.crypto.sm2 import KeyPair, Sm2, providers

VECTORS: dict[str, Any] = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "crypto_sm2.toml").read_text("utf-8")
)

BACKENDS: dict[str, Sm2] = {
    backend.name: backend.sm2 for backend in providers() if backend.sm2 is not None
}
OPENSSL, GMALG = BACKENDS["openssl"], BACKENDS["gmalg"]

both = pytest.mark.parametrize("sm2", [OPENSSL, GMALG], ids=["openssl", "gmalg"])
crossed = pytest.mark.parametrize(
    ("one", "other"), [(OPENSSL, GMALG), (GMALG, OPENSSL)], ids=["openssl-gmalg", "gmalg-openssl"]
)


def vector(table: str, *names: str) -> bytes:
    """Values of one table, joined."""
    return b"".join(bytes.fromhex(VECTORS[table][name]) for name in names)


PAIR = KeyPair(Secret(vector("pair", "private")), vector("pair", "x", "y"))
SIGNATURE = vector("signature", "r", "s")
DIGEST = vector("signature", "e")
CIPHER = vector("encryption", "c1", "c3", "c2")
MESSAGE = VECTORS["encryption"]["message"].encode()
P = int.from_bytes(vector("curve", "p"), "big")
N = int.from_bytes(vector("curve", "n"), "big")


def number(value: int) -> bytes:
    """32 bytes."""
    return value.to_bytes(32, "big")
