"""OpenSSL's opinion of a card: its signatures, ciphertexts for it, its certificates."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.card.certificate.bench import ADMIN, USER, bench
from tests.card.certificate.loading import CARD_NUMBER, NAME, granted, load
from tests.support.sm2_pem import public_from_pem

from sscard_ic.card import CertificateApplication
from sscard_ic.crypto.certificates import Certificate
from sscard_ic.crypto.sm2 import forms
from sscard_ic.hosts.test_authority import TestAuthority
from sscard_ic.keys.certificate_grant import CertificateGrant
from sscard_ic.profile.certificate import Purpose

Argument = str | Path
DEFAULT_ID = "1234567812345678"
PURPOSES = pytest.mark.parametrize("purpose", ["signature", "encryption"])
DURING_ITS_LIFE = int(datetime(2030, 1, 1, tzinfo=UTC).timestamp())


def openssl(*arguments: Argument, data: bytes = b"") -> bytes:
    """What the command answers; fails when it refuses."""
    done = _run(arguments, data)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def _run(arguments: Sequence[Argument], data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = ["openssl", *map(str, arguments)]
    return subprocess.run(command, input=data, capture_output=True, check=False)


@dataclass(frozen=True)
class Issued:
    """A card with its certificates, on a session whose user PIN is verified."""

    application: CertificateApplication
    grant: CertificateGrant
    folder: Path

    def file(self, name: str, content: bytes | str) -> Path:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def public_key(self, purpose: Purpose) -> Path:
        """The public key that the card tells, as PEM."""
        public = self.application.public_key(purpose)
        assert public is not None
        return self.file(f"{purpose}.pub.pem", forms.public_to_pem(public))

    def certificate(self, purpose: Purpose) -> Path:
        """The certificate that the card bears, as DER."""
        der = self.application.certificate(purpose)
        assert der is not None
        return self.file(f"{purpose}.der", der)


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Issued:
    made = bench()
    grant = granted(made.application)
    load(made.application, grant)
    application = made.again()
    application.verify_pin("user", USER)
    return Issued(application, grant, tmp_path_factory.mktemp("openssl"))


@pytest.mark.parametrize("user_id", [DEFAULT_ID, "ALICE123@YAHOO.COM"])
@pytest.mark.parametrize("message", [b"", b"abc", "社会保障卡".encode() * 1000])
def test_it_verifies_the_card_s_signatures(card: Issued, message: bytes, user_id: str) -> None:
    signature = card.application.sign(message, user_id.encode())
    written = card.file("signature", forms.signature_to_der(signature))
    key = card.public_key("signature")
    verify: Sequence[Argument] = ["dgst", "-sm3", "-verify", key, "-sigopt", f"distid:{user_id}"]
    signed = card.file("message", message)
    assert b"Verified OK" in openssl(*verify, "-signature", written, signed)
    other = card.file("other", message + b"!")
    assert _run([*verify, "-signature", written, other]).returncode == 1


def test_it_verifies_them_with_the_certificate(card: Issued) -> None:
    """With the public key that it takes out of the certificate itself."""
    signature = forms.signature_to_der(card.application.sign(b"message"))
    der = card.certificate("signature")
    key = card.file("of-certificate.pem", openssl("x509", "-inform", "DER", "-in", der, "-pubkey"))
    verify: Sequence[Argument] = ["dgst", "-sm3", "-verify", key, "-sigopt", f"distid:{DEFAULT_ID}"]
    written = card.file("signature2", signature)
    assert b"Verified OK" in openssl(*verify, "-signature", written, data=b"message")


@pytest.mark.parametrize("length", [1, 16, 32, 151])
def test_the_card_decrypts_what_it_wrapped(card: Issued, length: int) -> None:
    """For the key that the card tells, and for its certificate: a session key and others."""
    message = bytes(range(length))
    der = card.certificate("encryption")
    certificate = card.file("encryption.pem", openssl("x509", "-inform", "DER", "-in", der))
    recipients: Sequence[tuple[Argument, ...]] = [
        ("-pubin", "-inkey", card.public_key("encryption")),
        ("-certin", "-inkey", certificate),
    ]
    for recipient in recipients:
        wrapped = openssl("pkeyutl", "-encrypt", *recipient, data=message)
        cipher = forms.cipher_from_der(wrapped)
        assert card.application.decrypt(cipher).reveal() == message


def test_the_card_decrypts_with_its_signature_key_too(card: Issued) -> None:
    """So the authority wraps the session key of the envelope."""
    key = card.public_key("signature")
    wrapped = openssl("pkeyutl", "-encrypt", "-pubin", "-inkey", key, data=b"\x3c" * 16)
    opened = card.application.decrypt(forms.cipher_from_der(wrapped), "signature")
    assert opened.reveal() == b"\x3c" * 16


@PURPOSES
def test_it_reads_the_certificates(card: Issued, purpose: Purpose) -> None:
    text = openssl(
        "x509", "-inform", "DER", "-in", card.certificate(purpose), "-noout", "-text",
        "-nameopt", "utf8,sep_comma_plus",
    ).decode()  # fmt: skip
    assert "Signature Algorithm: SM2-with-SM3" in text
    assert f"CN={NAME}" in text
    assert CARD_NUMBER in text
    usages = {
        "signature": "Digital Signature, Non Repudiation",
        "encryption": "Key Encipherment, Data Encipherment",
    }
    assert usages[purpose] in text
    der = card.certificate(purpose)
    key = openssl("x509", "-inform", "DER", "-in", der, "-noout", "-pubkey")
    assert public_from_pem(key.decode()) == card.application.public_key(purpose)


@PURPOSES
def test_it_verifies_the_certificates(card: Issued, purpose: Purpose) -> None:
    """Step by step: the command gives the identifier of the signer to the last one alone."""
    root, operating = map(Certificate.parse, TestAuthority().trusted)
    root_file = card.file("root.pem", root.pem())
    operating_file = card.file("operating.pem", operating.pem())
    verify = ["verify", "-vfyopt", f"distid:{DEFAULT_ID}", "-attime", str(DURING_ITS_LIFE)]
    by_root: Sequence[Argument] = [*verify, "-CAfile", root_file]
    by_operating: Sequence[Argument] = [*verify, "-partial_chain", "-trusted", operating_file]
    leaf = card.file(
        "leaf.pem", openssl("x509", "-inform", "DER", "-in", card.certificate(purpose))
    )
    assert b": OK" in openssl(*by_root, operating_file)
    assert b": OK" in openssl(*by_operating, leaf)
    assert _run([*by_root, leaf]).returncode != 0
    der = bytearray(card.certificate(purpose).read_bytes())
    der[-1] ^= 1
    forged = card.file("forged.pem", openssl("x509", "-inform", "DER", data=bytes(der)))
    assert _run([*by_operating, forged]).returncode != 0


def test_the_administrator_pin_is_that_of_the_grant(card: Issued) -> None:
    assert not card.application.accepts_pin("admin", ADMIN)
