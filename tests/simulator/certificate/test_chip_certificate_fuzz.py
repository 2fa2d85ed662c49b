"""Random commands: always a status word, and nothing that the PINs protect."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.simulator.certificate.certificate_cards import (
    ADF,
    ADMIN,
    ADMIN_PIN,
    DDF,
    CertificateCard,
    application,
    issued_card,
)

HEADERS = [
    "00A40000", "00A40400", "00A40402", "00B00000", "00B00100", "00D60000", "00D607F0",
    "00840000", "00820000", "00200181", "00200100", "845E0181", "845E0100", "84D40100",
    "80C40103", "80400000", "80C98200", "80C98280", "804E0001", "804A0210", "80C24000",
    "80C2C001", "804C0001",
]  # fmt: skip
FILES = ["0012", "0013", "0014", "0015", "0018", "0019", "DF01", "DDF3", "3F00"]
TAGS = ["C002", "C202", "C110", "C120", "CA40", "CB20", "C1820070", "C181", "C1"]

pieces = st.one_of(
    st.sampled_from([*FILES, *TAGS]).map(bytes.fromhex),
    st.binary(max_size=40),
    st.sampled_from([bytes(32), b"\xff" * 32, b"\x01" * 64]),
)
bodies = st.lists(pieces, max_size=6).map(b"".join)
lengths = st.none() | st.integers(0, 255)


@st.composite
def commands(draw: st.DrawFn) -> bytes:
    """A header that the card knows, often; a body in whose length one cannot trust."""
    header = draw(st.sampled_from(HEADERS).map(bytes.fromhex) | st.binary(min_size=4, max_size=4))
    body = draw(bodies)[:255]
    le = draw(lengths)
    lc = bytes((len(body),)) if body else b""
    tail = b"" if le is None else bytes((le,))
    return header + lc + body + tail


def is_answer(answer: bytes) -> bool:
    return len(answer) >= 2 and answer[-2] >> 4 in (6, 9)


@settings(max_examples=60, deadline=None)
@given(st.lists(commands() | st.binary(max_size=30), min_size=1, max_size=25), st.booleans())
@example([bytes.fromhex("804E000106C2020013C100")], True)
@example([bytes.fromhex("00A4040000")], True)
def test_every_command_is_answered(sent: list[bytes], verified: bool) -> None:
    card = application(user=verified)
    if verified:
        assert card.verify(ADMIN, ADMIN_PIN) == "9000"
        assert card.authenticate() == "9000"
    for command in sent:
        assert is_answer(card.chip.transmit(command)), command.hex()
    card.reset()
    assert card.sw(ADF) == "9000"


@settings(max_examples=40, deadline=None)
@given(st.lists(commands(), min_size=1, max_size=40))
def test_nobody_changes_files_and_secrets_without_a_proof(sent: list[bytes]) -> None:
    card = issued_card()
    assert card.sw(ADF) == "9000"
    before = secrets_and_files(card)
    for command in sent:
        card.chip.transmit(command)
    assert secrets_and_files(card) == before


def secrets_and_files(card: CertificateCard) -> dict[str, object]:
    """All but the tries."""
    return {name: state for name, state in card.states.items() if not name.endswith("/tries")}


def test_every_header_is_answered() -> None:
    """CLA and INS with P1 P2 00, in both directories."""
    card = application(user=True)
    for place in (ADF, DDF):
        for cla in (0x00, 0x04, 0x80, 0x84, 0x90, 0xB0, 0xFF):
            for ins in range(0x100):
                assert card.sw(place) == "9000"
                assert is_answer(card.chip.transmit(bytes((cla, ins, 0, 0, 0x10))))
