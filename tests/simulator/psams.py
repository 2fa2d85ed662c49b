"""PSAMs to test on: built up command by command, with the arithmetic of the reference."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from tests.simulator.cards import Card, Randomness

from sscard_ic.apdu.psam import KeyHeader
from sscard_ic.crypto import des
from sscard_ic.crypto.mac import retail_mac
from sscard_ic.profile.loader import load_psam
from sscard_ic.profile.psam import PsamProfile
from sscard_ic.simulator.psam.factory import blank_psam

TRANSPORT = bytes.fromhex("01020304050607081112131415161718")
"""ref 02 §7.5, KS-A."""

SERIAL = bytes.fromhex("0000000000A1")
MF = "00A40000023F00"
ADF = "00A40000 02DF01".replace(" ", "")
BY_AID = "00A4040006D15600000590"
SM4 = "00A404000F7378332E73682EC9E7BBE1B1A3D5CF"
CREATE_MF = (
    "808A00002A3F001000FFFF01000082FF81FFFFFF0F7378312E73682EC9E7BBE1B1A3D5CFFF00180100010002030300"
)
CREATE_ADF = (
    "808000002ADF012000FFFF00000482FF81FFFFFF06D15600000590FFFFFFFFFFFFFFFFFFFF00180100010002030300"
)
MASTER = bytes.fromhex("D0" * 16)
OWNERS = {1: bytes.fromhex("D1" * 16), 2: bytes.fromhex("D2" * 16), 3: bytes.fromhex("D3" * 16)}
"""Keys of the test PSAM itself: DF-MK, KID 01, 02, 03."""


@cache
def _profile(name: str) -> PsamProfile:
    return load_psam(name)


def with_settings(settings: dict[str, Any] | None = None, name: str = "psam/urumqi") -> PsamProfile:
    """A profile of the package with other settings."""
    profile = _profile(name)
    dialect = profile.model.dialect
    changed = dialect.model_copy(
        update={"settings": dialect.settings.model_copy(update=settings or {})}
    )
    return replace(profile, model=profile.model.model_copy(update={"dialect": changed}))


@dataclass
class PsamCard(Card):
    """A PSAM with its source of randomness."""

    def protected(self, head: str, plain: bytes = b"", under: bytes = TRANSPORT) -> str:
        """A command with enciphered data, if any, and a MAC after a challenge; its APDU."""
        challenge = bytes.fromhex(self.data("0084000008"))
        data = b""
        if plain:
            block = bytes((len(plain),)) + plain
            if len(block) % 8:
                block += b"\x80" + bytes(-(len(block) + 1) % 8)
            data = des.encrypt(under, block)
        covered = bytes.fromhex(head) + bytes((len(data) + 4,)) + data
        return (covered + retail_mac(under, covered, challenge)).hex().upper()

    def load(
        self, usage: int, key_id: int, value: bytes, *, file: int = 0x11, algorithm: int = 0
    ) -> str:
        """Load a key; the status word."""
        record = bytes(KeyHeader(usage, key_id, algorithm)) + value
        return self.sw(self.protected(f"84D400{file:02X}", record))

    def end(self) -> str:
        """End the personalization of the current directory; the status word."""
        return self.sw(self.protected("841C0000"))

    def prove(self, key_id: int, key: bytes) -> str:
        """EXTERNAL AUTHENTICATE with a key of the PSAM; the status word."""
        challenge = bytes.fromhex(self.data("0084000008"))
        return self.sw(f"008200{key_id:02X}08{des.encrypt(key, challenge).hex()}")

    def must(self, *apdus: str) -> None:
        """Commands that have to succeed."""
        for apdu in apdus:
            assert self.sw(apdu.replace(" ", "")) == "9000", apdu


def blank(profile: PsamProfile | None = None, *, path: Path | None = None) -> PsamCard:
    """A powered blank with the transport key of ref 02 §7.5."""
    randomness = Randomness()
    chip = blank_psam(
        profile or with_settings(), SERIAL, path=path, transport_key=TRANSPORT, entropy=randomness
    )
    chip.power_on()
    return PsamCard(chip, randomness)


def open_psam(profile: PsamProfile | None = None, *, path: Path | None = None) -> PsamCard:
    """With MF, ADF and their files, before any card key is loaded; the ADF is current."""
    card = blank(profile, path=path)
    card.must(
        CREATE_MF,
        "80800000 08 0001 34 00 0040 00 02",
        "80800000 08 0015 31 00 000F 00 02",
        "80800000 08 0016 31 00 0006 00 02",
        "80800000 08 EF11 30 30 0034 FF 04",
        "00A4000002 0016",
        "00D6000006 990100000001",
        CREATE_ADF,
        ADF,
        "80800000 08 0019 31 00 0004 00 FF",
        "80800000 08 001A 31 00 000A 00 11",
        "80800000 08 001B 31 00 000A 00 12",
        "80800000 08 001C 31 00 000A 00 13",
        "80800000 08 0011 30 30 0180 FF 11",
        "80800000 08 0012 30 30 0060 FF 12",
        "80800000 08 0013 30 30 0060 FF 13",
        "00A4000002 0019",
        "00D6000004 00000005",
    )
    for key_id, value in {0: MASTER, **OWNERS}.items():
        assert card.load(0, key_id, value) == "9000"
    return card


def psam(*keys: tuple[int, int, bytes, int], profile: PsamProfile | None = None) -> PsamCard:
    """A closed PSAM with these keys (usage, identifier, value, algorithm) in file 0011.

    After a reset, its ADF is current.
    """
    card = open_psam(profile)
    for usage, key_id, value, algorithm in keys:
        assert card.load(usage, key_id, value, algorithm=algorithm) == "9000"
    assert card.end() == "9000"
    card.must(MF)
    assert card.end() == "9000"
    card.reset()
    card.must(ADF)
    return card
