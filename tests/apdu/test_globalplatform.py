"""Commands of the card manager, byte by byte (ref 04 §7.1-7.4, §7.9, 15 §6.4)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sscard_ic.apdu import Command
from sscard_ic.apdu import globalplatform as gp
from sscard_ic.apdu.command import ApduError
from sscard_ic.codec.tlv import TlvError

_PAYMENT = gp.Installation(
    bytes.fromhex("A000000333010130"),
    bytes.fromhex("A0000003330101"),
    bytes.fromhex("A000000333010101"),
    0x10,
    bytes.fromhex("C90120"),
)
_AIDS = st.binary(min_size=5, max_size=16)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (gp.initialize_update(0, bytes(8)), "8050000008000000000000000000"),  # 15 §6.4
        (gp.initialize_update(1, b"12345678"), "8050010008313233343536373800"),
        (gp.external_authenticate(1, bytes(8)), "84820100080000000000000000"),  # without MAC
        (
            gp.install(_PAYMENT),  # 04 §7.9, batch 2
            "80E60C002108A00000033301013007A000000333010108A000000333010101011003C901200000",
        ),
        (gp.delete(_PAYMENT.instance), "80E400000A4F08A00000033301010100"),
        (gp.get_status(), "80F24000024F0000"),
        (gp.get_status(more=True), "80F24001024F0000"),
        (
            gp.store_data(0, b"\x90\x10\x02\x03\x03", last=False, enciphered=False),
            "80E20000059010020303",
        ),
        (
            gp.store_data(3, b"\x90\x10\x02\x03\x03", last=True, enciphered=False),
            "80E28003059010020303",
        ),
        (gp.store_data(256, b"\x01", last=False, enciphered=True), "80E260000101"),
    ],
    ids=lambda value: value[:12] if isinstance(value, str) else "",
)
def test_bytes(command: Command, expected: str) -> None:
    assert bytes(command).hex().upper() == expected


def test_a_challenge_of_another_length() -> None:
    with pytest.raises(ApduError, match="8 bytes"):
        gp.initialize_update(0, bytes(7))


@given(_AIDS, _AIDS, _AIDS, st.integers(0, 255), st.binary(max_size=40), st.binary(max_size=8))
def test_an_installation_is_read_as_it_was_written(
    package: bytes, module: bytes, instance: bytes, privileges: int, more: bytes, token: bytes
) -> None:
    made = gp.Installation(package, module, instance, privileges, b"\xc9" + more, token)
    assert gp.Installation.parse(bytes(made)) == made
    with pytest.raises(TlvError):
        gp.Installation.parse(bytes(made)[:-1] if token else bytes(made) + b"\x05")


def test_applications_are_listed() -> None:
    data = bytes.fromhex("08A000000333010101 0F10 0E315041592E5359532E4444463031 0700")
    listed = gp.parse_status(data)
    assert [(each.aid[:1], each.state, each.privileges) for each in listed] == [
        (b"\xa0", 0x0F, 0x10),
        (b"1", 0x07, 0x00),
    ]
    for cut in (data[:-1], data[:-2], data[:5]):
        with pytest.raises(TlvError):
            gp.parse_status(cut)
    assert gp.parse_status(b"") == ()


@pytest.mark.parametrize(("level", "room"), [(0, 255), (1, 247), (3, 239)])
def test_room_beside_the_channel(level: int, room: int) -> None:
    assert gp.room(level) == room
