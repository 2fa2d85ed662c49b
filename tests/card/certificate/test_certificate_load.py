"""What a card is given when it is issued, in the order of the programs (ref 02 §8.9)."""

from __future__ import annotations

import io

import pytest
from tests.card.certificate.bench import (
    ADMIN,
    INITIAL_KEY,
    USER,
    bench,
)
from tests.card.certificate.loading import CARD_NUMBER, NAME, NUMBER, granted, load

from sscard_ic.card import CertificateApplication
from sscard_ic.card.certificate_commands import PLACES
from sscard_ic.crypto.certificates import Certificate
from sscard_ic.crypto.sm2 import message_digest, provider
from sscard_ic.keys.certificate_grant import CertificateGrant
from sscard_ic.keys.certificate_keys import CertificatePin, ControlKey
from sscard_ic.profile.certificate import Purpose
from sscard_ic.reader import open_session
from sscard_ic.reader.connection import TransmissionProtocol

SELECT, CHALLENGE, PROVE, READ, WRITE = "00A4", "0084", "0082", "00B0", "00D6"


def _certificates(grant: CertificateGrant) -> dict[Purpose, bytes]:
    return {
        "signature": grant.signature_certificate,
        "encryption": grant.encryption_certificate,
    }


def check(application: CertificateApplication, grant: CertificateGrant) -> None:
    """The card has it all, and nothing of before."""
    for purpose, written in _certificates(grant).items():
        assert application.certificate(purpose) == written
        assert application.public_key(purpose) == Certificate.parse(written).public
    assert application.accepts_pin("user", USER)
    assert not application.accepts_pin("admin", ADMIN)
    assert application.accepts_pin("admin", CertificatePin(grant.admin_pin))
    for place in PLACES:
        assert not application.accepts_control_key(place, INITIAL_KEY)
        assert application.accepts_control_key(place, ControlKey(grant.control_key))
    signature = Certificate.parse(grant.signature_certificate).public
    digest = message_digest(signature, b"proof")
    assert provider().verify(signature, digest, application.sign(b"proof"))
    cipher = provider().encrypt(Certificate.parse(grant.encryption_certificate).public, b"proof")
    assert application.decrypt(cipher).reveal() == b"proof"


@pytest.mark.parametrize("protocol", ["T=0", "T=1"])
@pytest.mark.parametrize("challenge", [8, 16])
@pytest.mark.parametrize(("block", "padded"), [(112, 0), (250, 1020)])
def test_the_whole_load(
    protocol: TransmissionProtocol, challenge: int, block: int, padded: int
) -> None:
    made = bench(
        protocol=protocol, challenge=challenge, write_block=block, padded_certificate=padded
    )
    grant = granted(made.application)
    application = made.again()
    load(application, grant)
    heads = made.heads()
    lengths = [max(len(der), padded) for der in _certificates(grant).values()]
    writes = sum(-(-length // block) for length in lengths)
    expected = [
        *[CHALLENGE, "0020"] * 2,
        *["804E", *["00C0"] * (protocol == "T=0"), "804A", "80C2", "80C2"],
        *[SELECT, *[WRITE] * -(-lengths[0] // block)],
        *[SELECT, *[WRITE] * -(-lengths[1] // block)],
        *[CHALLENGE, "845E"],
        *[SELECT, CHALLENGE, PROVE, CHALLENGE, "84D4"] * 2,
    ]
    assert [head[:4] for head in heads] == expected
    assert len(heads) == 22 + writes + (protocol == "T=0")
    check(made.again(), grant)


def test_the_exchanges_at_their_fewest() -> None:
    """The floor: one exchange for each command that changes, proves or fetches something."""
    made = bench(protocol="T=1", write_block=250)
    grant = granted(made.application)
    assert len(made.sent()) == 2 + 3
    load(made.again(), grant)
    lengths = [len(grant.signature_certificate), len(grant.encryption_certificate)]
    assert all(500 < length <= 750 for length in lengths)
    assert len(made.sent()) == 22 + 2 * 3


def test_a_trace_of_it_holds_no_secret_and_nobody() -> None:
    """Nothing of what the wire carried: PINs, keys, their proofs, session key, certificates."""
    made, out = bench(), io.StringIO()
    session = open_session(made.wire, trace=out, reader="virtual")
    application = CertificateApplication(session, made.model)
    grant = granted(application)
    load(application, grant)
    check(application, grant)
    trace = out.getvalue().lower().replace(" ", "")
    carried = {raw[1]: raw[5:] for raw in made.sent()}
    for ins in (0x20, 0x82, 0x4E, 0x4A, 0xC2, 0xD4, 0x5E, 0x4C, 0xD6):
        assert len(carried[ins]) >= 16, f"{ins:02X} was not sent"
        assert carried[ins][-16:].hex() not in trace, f"{ins:02X}"
    session_key = carried[0x4A][2:]
    persons = [NAME.encode().hex(), CARD_NUMBER.encode().hex(), NUMBER.encode().hex()]
    secrets = [session_key, grant.control_key.reveal(), grant.admin_pin.reveal()]
    secrets += [grant.signature_certificate[:16], grant.encryption_certificate[-16:]]
    for each in [*persons, *(value.hex() for value in secrets)]:
        assert each not in trace
    assert made.model.name.hex() in trace
