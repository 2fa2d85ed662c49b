"""Certificates that others made: the national SM2 hierarchy."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from sscard_ic.crypto.certificates import Certificate, chain

CHAINS: list[dict[str, Any]] = tomllib.loads(
    (Path(__file__).parents[2] / "vectors" / "certificates.toml").read_text()
)["chains"]


@pytest.mark.parametrize("vector", CHAINS, ids=lambda vector: vector["subjects"][0])
def test_a_published_certificate_is_read(vector: dict[str, Any]) -> None:
    certificates = [Certificate.parse(text.encode()) for text in vector["pem"]]
    assert [str(one.subject) for one in certificates] == vector["subjects"]
    assert {str(one.issuer) for one in certificates} == {vector["subjects"][-1]}
    assert [one.number for one in certificates] == vector["serials"]
    dates = [[one.not_before.isoformat(), one.not_after.isoformat()] for one in certificates]
    assert dates == vector["valid"]
    assert all(one.is_authority for one in certificates)
    assert all(one.key_usage == {"key_cert_sign", "crl_sign"} for one in certificates)
    assert [one.pem() for one in certificates] == [text.lstrip() for text in vector["pem"]]


@pytest.mark.parametrize("vector", CHAINS, ids=lambda vector: vector["subjects"][0])
def test_a_published_chain_verifies(vector: dict[str, Any]) -> None:
    below, root = (Certificate.parse(text.encode()) for text in vector["pem"])
    assert chain(below, (root,), vector["at"]) == (below, root)
    assert below.is_signed_by(root.public)
    assert not below.is_signed_by(below.public)
    assert not below.is_signed_by(root.public, user_id=b"somebody else")
