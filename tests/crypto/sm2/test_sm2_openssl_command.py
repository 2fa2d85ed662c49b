"""The `openssl` command as a third opinion, on files in its own forms."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.support.sm2_backends import PAIR, both
from tests.support.sm2_pem import private_from_pem, private_to_der, private_to_pem, public_from_pem

from sscard_ic.crypto.sm2 import Sm2, forms, message_digest

_MESSAGE = b"a file that is signed"
_DIST_ID = ["-sigopt", "distid:1234567812345678"]


def _openssl(*arguments: str) -> bytes:
    return subprocess.run(["openssl", *arguments], capture_output=True, check=True).stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The test key pair in PEM, and a message."""
    (tmp_path / "private.pem").write_bytes(private_to_pem(PAIR))
    (tmp_path / "public.pem").write_text(forms.public_to_pem(PAIR.public))
    (tmp_path / "message").write_bytes(_MESSAGE)
    return tmp_path


@both
def test_it_verifies_our_signature(sm2: Sm2, folder: Path) -> None:
    digest = message_digest(PAIR.public, _MESSAGE)
    (folder / "signature").write_bytes(forms.signature_to_der(sm2.sign(PAIR.private, digest)))
    told = _openssl(
        "dgst", "-sm3", "-verify", f"{folder}/public.pem", *_DIST_ID,
        "-signature", f"{folder}/signature", f"{folder}/message",
    )  # fmt: skip
    assert told.strip() == b"Verified OK"


@both
def test_we_verify_its_signature(sm2: Sm2, folder: Path) -> None:
    der = _openssl("dgst", "-sm3", "-sign", f"{folder}/private.pem", *_DIST_ID, f"{folder}/message")
    signature = forms.signature_from_der(der)
    assert sm2.verify(PAIR.public, message_digest(PAIR.public, _MESSAGE), signature)
    assert not sm2.verify(PAIR.public, message_digest(PAIR.public, _MESSAGE, b"x"), signature)


@both
def test_it_decrypts_our_ciphertext(sm2: Sm2, folder: Path) -> None:
    (folder / "cipher").write_bytes(forms.cipher_to_der(sm2.encrypt(PAIR.public, _MESSAGE)))
    plain = _openssl(
        "pkeyutl", "-decrypt", "-inkey", f"{folder}/private.pem", "-in", f"{folder}/cipher"
    )
    assert plain == _MESSAGE


@both
def test_we_decrypt_its_ciphertext(sm2: Sm2, folder: Path) -> None:
    der = _openssl(
        "pkeyutl", "-encrypt", "-pubin", "-inkey", f"{folder}/public.pem",
        "-in", f"{folder}/message",
    )  # fmt: skip
    assert sm2.decrypt(PAIR.private, forms.cipher_from_der(der)).reveal() == _MESSAGE


def test_its_files_are_ours(folder: Path) -> None:
    private = f"{folder}/private.pem"
    # Written anew by openssl: the same bytes.
    pem = _openssl("pkcs8", "-topk8", "-nocrypt", "-in", private)
    assert pem == private_to_pem(PAIR)
    der = _openssl("pkcs8", "-topk8", "-nocrypt", "-in", private, "-outform", "DER")
    assert der == private_to_der(PAIR)
    assert _openssl("pkey", "-in", private, "-pubout").decode() == forms.public_to_pem(PAIR.public)
    spki = _openssl("pkey", "-in", private, "-pubout", "-outform", "DER")
    assert spki == forms.public_to_spki(PAIR.public)


@both
def test_its_key_is_read(sm2: Sm2, tmp_path: Path) -> None:
    path = tmp_path / "made.pem"
    path.write_bytes(_openssl("genpkey", "-algorithm", "SM2"))
    private = private_from_pem(path.read_bytes())
    told = _openssl("pkey", "-in", str(path), "-pubout").decode()
    assert sm2.public_of(private) == public_from_pem(told)
