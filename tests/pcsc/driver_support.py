"""Commands and checks of the tests of the PC/SC driver."""

from __future__ import annotations

from sscard_ic.base import Secret
from sscard_ic.reader import Connection
from sscard_ic.reader.errors import ReaderError

CHALLENGE = bytes.fromhex("0084000008")
SSSE = bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")
VERIFY = Secret(bytes.fromhex("0020000003123456"))
DF01 = bytes.fromhex("00A4000002DF01")
PIN_DOOR = bytes.fromhex("00B2012C00")
"""A record that is read only after the PIN."""

SHORT = 0.2
"""Seconds of patience where another program is sure to stay in the way."""


def prove_pin(connection: Connection) -> None:
    """Verify the initial PIN, and see that it opens its door."""
    for command in (SSSE, VERIFY, DF01):
        assert connection.transmit(command)[-2] in (0x61, 0x90)
    assert connection.transmit(PIN_DOOR)[-2] == 0x6C


def assert_forgotten(connection: Connection) -> None:
    for command in (SSSE, DF01):
        assert connection.transmit(command)[-2] == 0x61
    assert connection.transmit(PIN_DOOR) == bytes.fromhex("6982")


def shown(error: ReaderError) -> str:
    """What a person reads; every error has a next step."""
    assert error.hint is not None
    return error.render("zh") + error.render("en")
