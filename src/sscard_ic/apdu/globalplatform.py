"""Commands of the card manager and of applications that are built up (ref 04 §7.1-7.4, §7.9).

They are built without a MAC and in the class 80; a secure channel changes both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sscard_ic.apdu.command import ApduError, Command
from sscard_ic.apdu.iso import READ_ALL
from sscard_ic.codec.tlv import TlvError, encode_ber

CLASS, SECURE_CLASS = 0x80, 0x84
CHALLENGE_LENGTH = 8
INITIALIZE_UPDATE, EXTERNAL_AUTHENTICATE = 0x50, 0x82
STORE_DATA, DELETE, INSTALL, GET_STATUS = 0xE2, 0xE4, 0xE6, 0xF2
INSTALL_AND_SELECTABLE = 0x0C
LAST, ENCIPHERED = 0x80, 0x60
"""P1 of STORE DATA: the last one; its data groups are enciphered."""
_LONGEST_DATA = 255
_MAC_LENGTH, _BLOCK = 8, 8
_APPLICATIONS = 0x40
_NEXT = 0x01
_AID = 0x4F
_SHORTEST_AID, _LONGEST_AID = 5, 16


def initialize_update(key_version: int, host_challenge: bytes) -> Command:
    """INITIALIZE UPDATE; ``key_version`` 00 takes the keys that the card has (ref 04 §7.3)."""
    if len(host_challenge) != CHALLENGE_LENGTH:
        raise ApduError(f"a challenge has {CHALLENGE_LENGTH} bytes")
    return Command(CLASS, INITIALIZE_UPDATE, key_version, 0x00, host_challenge, READ_ALL)


def external_authenticate(level: int, cryptogram: bytes) -> Command:
    """EXTERNAL AUTHENTICATE; ``cryptogram`` is the host's, the MAC follows it (ref 04 §7.3)."""
    return Command(SECURE_CLASS, EXTERNAL_AUTHENTICATE, level, 0x00, cryptogram)


@dataclass(frozen=True, slots=True)
class Installation:
    """Names and parameters of INSTALL (ref 04 §7.9)."""

    package: bytes
    module: bytes
    instance: bytes
    privileges: int
    parameters: bytes
    """Data objects, beginning with C9."""
    token: bytes = b""

    def __bytes__(self) -> bytes:
        parts = (
            *(self.package, self.module, self.instance),
            *(bytes((self.privileges,)), self.parameters, self.token),
        )
        return b"".join(bytes((len(part),)) + part for part in parts)

    @classmethod
    def parse(cls, data: bytes) -> Installation:
        """Raises :class:`TlvError` for data of another structure."""
        parts = list(_lengths(data))
        names = parts[:3]
        sound = len(parts) == _PARTS and len(parts[3]) == 1
        if not sound or any(not _SHORTEST_AID <= len(name) <= _LONGEST_AID for name in names):
            raise TlvError("not the data of INSTALL")
        return cls(parts[0], parts[1], parts[2], parts[3][0], parts[4], parts[5])


_PARTS = 6


def install(installation: Installation) -> Command:
    """INSTALL [for install and make selectable] of one instance."""
    data = bytes(installation)
    return Command(CLASS, INSTALL, INSTALL_AND_SELECTABLE, 0x00, data, READ_ALL)


def delete(aid: bytes) -> Command:
    """DELETE of one instance with all its data."""
    return Command(CLASS, DELETE, 0x00, 0x00, encode_ber(_AID, aid), READ_ALL)


def get_status(*, more: bool = False) -> Command:
    """GET STATUS of all applications; ``more``: go on after 6310."""
    return Command(
        CLASS, GET_STATUS, _APPLICATIONS, _NEXT if more else 0x00, encode_ber(_AID), READ_ALL
    )


def store_data(block: int, data: bytes, *, last: bool, enciphered: bool) -> Command:
    """STORE DATA; ``block`` counts from 0 and wraps at 256 (ref 04 §7.4)."""
    p1 = (LAST if last else 0) | (ENCIPHERED if enciphered else 0)
    return Command(CLASS, STORE_DATA, p1, block & 0xFF, data)


def room(level: int) -> int:
    """Bytes of data that a short command holds at a security level (00, 01, 03)."""
    if not level:
        return _LONGEST_DATA
    beside_mac = _LONGEST_DATA - _MAC_LENGTH
    # Enciphered data are one byte longer at least, and whole blocks.
    return beside_mac if level == 1 else beside_mac // _BLOCK * _BLOCK - 1


@dataclass(frozen=True, slots=True)
class Installed:
    """One application that GET STATUS lists."""

    aid: bytes
    state: int
    """Life cycle: 07 once it can be selected; what comes later is the application's own."""
    privileges: int


def parse_status(data: bytes) -> tuple[Installed, ...]:
    """What GET STATUS answers: length, AID, state, privileges; :class:`TlvError` when cut."""
    listed, at = [], 0
    while at < len(data):
        end = at + 1 + data[at]
        if end + 2 > len(data):
            raise TlvError("the list of applications is cut")
        listed.append(Installed(data[at + 1 : end], data[end], data[end + 1]))
        at = end + 2
    return tuple(listed)


def _lengths(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        end = at + 1 + data[at]
        if end > len(data):
            raise TlvError("a field is cut")
        yield data[at + 1 : end]
        at = end
