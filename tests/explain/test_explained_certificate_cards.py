"""Certificates loaded onto a virtual card, in words: every exchange explained, no secret told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO

import pytest

from sscard_ic.apdu.trace import Damage, scan
from sscard_ic.base import Secret
from sscard_ic.card import CertificateApplication, WrongCertificatePin
from sscard_ic.card.certificate_commands import CertificateRefused
from sscard_ic.crypto.certificates import DistinguishedName, Signer, build_certificate
from sscard_ic.crypto.enveloped_key import EnvelopedKey, seal
from sscard_ic.crypto.sm2 import KeyPair, provider
from sscard_ic.explain import Detail, Explainer, Explanation
from sscard_ic.explain.traces import explain_events
from sscard_ic.keys.certificate_keys import CertificatePin, ControlKey
from sscard_ic.profile import load
from sscard_ic.reader import open_session
from sscard_ic.reader.trace import TraceWriter
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.simulator import blank

USER, ADMIN = CertificatePin.of("123456"), CertificatePin.of("12345678")
NEW_ADMIN = CertificatePin.of("80142536")
OLD_KEY = ControlKey(Secret(bytes.fromhex("00112233445566778899AABBCCDDEEFF")))
NEW_KEY_BYTES = bytes.fromhex("5AA5C33C0FF01EE12DD24BB478878718")
HOLDER = "示例持卡人"
MESSAGE = b"what the card deciphers"


def certificate(public: bytes, signer: Signer) -> bytes:
    """A certificate of a holder who does not exist."""
    return build_certificate(
        DistinguishedName.of(("C", "CN"), ("CN", HOLDER)),
        public,
        signer,
        not_before=datetime(2026, 1, 2, tzinfo=UTC),
        not_after=datetime(2036, 1, 1, tzinfo=UTC),
        key_usage=("digital_signature",),
    )


def load_card(connection: TraceWriter, own: KeyPair) -> None:
    """What issuing does to the application, refusals included; ``own`` is the encryption pair."""
    model = load("urumqi").structure.certificates
    assert model is not None
    authority = provider().generate()
    signer = Signer(
        DistinguishedName.of(("C", "CN"), ("CN", "示例运营CA")),
        authority.public,
        lambda digest: provider().sign(authority.private, digest),
    )
    card = CertificateApplication(open_session(connection), model)
    with pytest.raises(CertificateRefused):
        card.generate_key()
    with pytest.raises(WrongCertificatePin):
        card.verify_pin("user", ADMIN)
    card.verify_pin("user", USER)
    card.verify_pin("admin", ADMIN)
    public = card.generate_key()
    card.import_encryption_key(EnvelopedKey.parse(seal(public, own)))
    card.write_certificate("signature", certificate(public, signer))
    card.write_certificate("encryption", certificate(own.public, signer))
    assert card.certificate("signature") != card.certificate("encryption")
    card.sign_digest(bytes(32))
    assert card.decrypt(provider().encrypt(own.public, MESSAGE)).reveal() == MESSAGE
    card.change_pin("admin", ADMIN, NEW_ADMIN)
    card.replace_control_key("application", OLD_KEY, ControlKey(Secret(NEW_KEY_BYTES)))
    card.replace_control_key("environment", OLD_KEY, ControlKey(Secret(NEW_KEY_BYTES)))
    assert not card.accepts_control_key("application", OLD_KEY)


def trace_of(*, with_secrets: bool) -> tuple[list[Explanation], str, KeyPair]:
    """The session in words, as text and with the pair that it brought."""
    out, own = StringIO(), provider().generate()
    chip = blank(load("urumqi"), bytes.fromhex("0000000000E1"))
    connection = TraceWriter(VirtualConnection(chip), out, with_secrets=with_secrets)
    load_card(connection, own)
    connection.close()
    events = [event for event in scan(out.getvalue().encode()) if not isinstance(event, Damage)]
    told = list(explain_events(events, Explainer(load("urumqi"))))
    return told, out.getvalue().replace(" ", ""), own


def words_of(told: Explanation) -> Iterator[str]:
    """Every word and every byte of an explanation."""

    def of(details: tuple[Detail, ...]) -> Iterator[str]:
        for each in details:
            yield each.name.en
            yield str(each.raw).replace(" ", "")
            yield from (text.en for text in (each.value, *each.remarks) if text is not None)
            yield from of(each.parts)

    for text in (told.summary, told.meaning, *told.remarks):
        if text is not None:
            yield text.en
    yield f"{told.command}{told.data}".replace(" ", "")
    yield from of(told.details)
    yield from of(told.answer)


_LINES = (
    "SELECT PKI certificate environment → 22 bytes available",
    "GENERATE KEY PAIR PKI.ADF1.0012 signature public key and PKI.ADF1.0013 signature private key",
    "VERIFY the user PIN → the user PIN is wrong, 5 tries left",
    "VERIFY the user PIN",
    "VERIFY the admin PIN",
    "IMPORT SESSION KEY SM4, slot 10",
    "IMPORT KEY PKI.ADF1.0014 encryption public key",
    "UPDATE BINARY PKI.ADF1.0018 signature certificate, bytes 0 to 111",
    "GET RESPONSE of SM2 SIGN PKI.ADF1.0013 signature private key → 64 bytes",
    "CHANGE PIN the admin PIN",
    "WRITE KEY the control key of PKI.ADF1, a new one",
    "WRITE KEY the control key of PKI, a new one",
    "EXTERNAL AUTHENTICATE the control key of PKI.ADF1 "
    "→ the control key of PKI.ADF1 is wrong, 5 tries left",
)


@pytest.mark.parametrize("with_secrets", [False, True], ids=["trace", "live"])
def test_every_exchange_is_explained(with_secrets: bool) -> None:
    told, _, _ = trace_of(with_secrets=with_secrets)
    lines = [each.summary.en for each in told]
    assert [line for line in _LINES if line not in lines] == []
    imported = (
        "IMPORT KEY PKI.ADF1.0015 encryption private key"
        if with_secrets
        else "IMPORT KEY the private encryption key"
    )
    assert imported in lines
    assert [line for line in lines if "unknown" in line or "not in the profile" in line] == []
    refused = [each for each in told if each.sw == 0x6982]
    assert [each.meaning.en for each in refused if each.meaning] == [
        "needs user PIN; nothing verified so far"
    ]
    whole = [line for line in lines if "the certificate is whole" in line]
    # Written and read back, both of them; a trace hides what certificates say.
    assert len(whole) == (4 if with_secrets else 0)
    assert all("issued by 示例运营CA, valid 2026-01-02 to 2036-01-01" in line for line in whole)


@pytest.mark.parametrize("with_secrets", [False, True], ids=["trace", "live"])
def test_no_secret_and_no_holder_is_told(with_secrets: bool) -> None:
    told, trace, own = trace_of(with_secrets=with_secrets)
    words = [word for each in told for word in words_of(each)]
    hidden = [
        NEW_KEY_BYTES.hex().upper(),
        "00112233445566778899AABBCCDDEEFF",
        own.private.reveal().hex().upper(),
        MESSAGE.hex().upper(),
    ]
    for secret in hidden:
        assert not any(secret in word for word in words)
    said = [each.summary.zh + each.summary.en for each in told]
    assert not any(HOLDER in line for line in said)
    assert with_secrets or MESSAGE.hex().upper() not in trace
