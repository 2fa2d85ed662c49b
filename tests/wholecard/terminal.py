"""A terminal for tests: the bare commands that go where an item is, prove, read and write."""

from __future__ import annotations

import secrets
from functools import cache

from tests.wholecard.whole_cards import PIN, historical

from sscard_ic.keys import CardKey, SoftwareVault, published_keys
from sscard_ic.profile import CardProfile, Located
from sscard_ic.simulator import Chip


@cache
def _published(profile: CardProfile) -> SoftwareVault:
    return published_keys(profile.keys)


class Terminal:
    """Sends commands to a chip and answers with status word and data."""

    def __init__(self, chip: Chip, profile: CardProfile) -> None:
        self.chip = chip
        self.profile = profile
        self.keys = _published(profile)
        self.sent = 0

    def send(self, head: str, body: bytes = b"", le: int | None = None) -> tuple[int, bytes]:
        """One command: header in hex, data, Le; 6Cxx repeated, waiting data fetched."""
        self.sent += 1
        raw = bytes.fromhex(head) + (bytes((len(body),)) + body if body else b"")
        raw += b"" if le is None else bytes((le & 0xFF,))
        answer = self.chip.transmit(raw)
        if len(answer) == 2 and answer[0] == 0x6C and le is not None:
            answer = self.chip.transmit(raw[:-1] + answer[1:2])
        if len(answer) == 2 and answer[0] == 0x61:
            answer = self.chip.transmit(bytes((0x00, 0xC0, 0, 0, answer[1])))
        return int.from_bytes(answer[-2:], "big"), answer[:-2]

    def enter(self, directory: str) -> int:
        """SELECT by DF name."""
        return self.send("00A40400", self.profile.structure.directories[directory].name)[0]

    def verify(self, pin: bytes = PIN) -> int:
        """VERIFY."""
        return self.send("00200000", pin)[0]

    def challenge(self) -> bytes:
        """GET CHALLENGE of 8 bytes."""
        sw, data = self.send("00840000", le=8)
        assert sw == 0x9000
        return data

    def card_key(self, name: str, version: int) -> CardKey:
        """The name of a key of the card under test."""
        assert self.profile.region is not None
        return CardKey(
            name,
            version,
            self.profile.region.issuer.division_code,
            historical(self.profile)[-8:],
            self.profile.key_algorithm(name),
        )

    def cryptogram(self, name: str, version: int, challenge: bytes, text: bytes) -> bytes:
        """What proves a key."""
        return self.keys.cryptogram(self.card_key(name, version), challenge, text)

    def authenticate(self, name: str, version: int | None = None) -> int:
        """EXTERNAL AUTHENTICATE with a key of the profile."""
        key = self.profile.keys[name]
        challenge, text = self.challenge(), secrets.token_bytes(8)
        body = self.cryptogram(name, version or 1, challenge, text) + text
        body += b"" if version is None else bytes((version,))
        return self.send(f"008200{key.id:02X}", body)[0]

    def read(self, place: Located, length: int = 200) -> tuple[int, bytes]:
        """The record of an item, or the first bytes of a transparent file."""
        if place.file.structure == "transparent":
            sw, _ = self.send("00A40200", bytes.fromhex(place.file_name))
            assert sw == 0x9000
            return self.send("00B00000", le=min(length, place.item.length))
        return self.send(f"00B2{place.number:02X}{place.sfi << 3 | 4:02X}", le=256)

    def update(self, place: Located, stored: bytes) -> int:
        """Write a record, or the first bytes of a transparent file."""
        if place.file.structure == "transparent":
            sw, _ = self.send("00A40200", bytes.fromhex(place.file_name))
            assert sw == 0x9000
            return self.send("00D60000", stored)[0]
        return self.send(f"00DC{place.number:02X}{place.sfi << 3 | 4:02X}", stored)[0]
