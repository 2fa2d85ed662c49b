"""What an issuing region adds: identity of its cards, rules of its batches, its return file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sscard_ic.profile.fields import HexBytes, Strict, Title
from sscard_ic.profile.medical import MedicalSettlement


class Issuer(Title):
    """The issuing region."""

    division_code: str = Field(pattern=r"^\d{6}$")
    """GB/T 2260, or a code of the ministry (ref 05 §7.1)."""
    environment: Literal["test", "production"]
    """Test cards and keys never mix with those of production."""
    algorithm: Literal["01", "03"] = "01"
    """Algorithm flag of the card keys: 01 3DES, 03 SM4 (ref 02 §2.4)."""
    initialising_institution: str = Field(pattern=r"^\d{24}$")
    """SSSE EF05 item 04, 24 digits (ref 01 §9.4)."""


class Identity(Strict):
    """Where card serial and ATR historical bytes come from."""

    mode: Literal["allotted"] = "allotted"
    historical_prefix: HexBytes = Field(min_length=7, max_length=7)
    """Historical bytes T1-T7 of the issued card; T8-TD follow from region and serial."""
    serial_first: int = 1
    """Range of the card serials, with the next one."""
    serial_last: int = 0xFFFFFFFF
    authentication_code: Literal["irk_mac", "unset"] = "irk_mac"
    """Bytes 13-16 of the card identification code: MAC under IRK with IV 0, or FF (ref 11 §5.5)."""


class Validity(Strict):
    """Date of expiry (ref 01 §9.5)."""

    years: int = 10
    """Years from issue to expiry."""
    ends: Literal["same_day", "day_before"] = "same_day"
    """The same day, or the day before."""


class PinPolicy(Strict):
    """The initial PIN of a sealed card; a published default, changed at activation."""

    initial: str = Field(default="123456", pattern=r"^\d{4,12}$")
    digits: int = Field(default=6, ge=4, le=12)
    forbidden_new: tuple[str, ...] = ("123456", "000000", "111111", "888888")
    """PINs that nobody may choose."""


class Terminal(Strict):
    """How terminals of the region use keys of several groups (ref 01 §10.6, §16, 11 §2.2)."""

    key_group: int = Field(default=1, ge=1, le=255)
    """The group (version) of every key that has several."""
    ea_version_byte: Literal["never", "other_groups", "with_group"] = "other_groups"
    """When the version ends the data of an authentication: never (Lc 10), for every group but
    the first, or with every key that has groups (Lc 11)."""

    def sends_version(self, group: int, groups: int) -> bool:
        """Whether the version byte goes with ``group`` of a key that has so many ``groups``."""
        if groups == 1 or self.ea_version_byte == "never":
            return False
        return self.ea_version_byte == "with_group" or group != 1


class CardRules(Strict):
    """Choices about item values."""

    category: Literal["constant", "by_age"] = "constant"
    """Card category (T11): always 3, or by the holder's age."""
    name_split: Literal["byte", "character"] = "byte"
    """Where a long name goes on in the extension: at byte 30, or before a cut character."""
    nationality: Literal["everybody", "foreigners"] = "everybody"
    """Whose nationality is written."""


class BankRules(Strict):
    """Rules about the bank's application on a card that comes with one (ref 05 §0)."""

    number_digits: int = Field(default=6, ge=3, le=19)
    """So many digits of the number on the card must be those of the row: the BIN, or all."""
    prefixes: tuple[Annotated[str, Field(pattern=r"^\d{3,19}$")], ...] = ()
    """What numbers of the region's banks begin with; rows need a number where there are none."""


class BatchRules(Strict):
    """Rules a row must satisfy (ref 05 §6, 13 §8)."""

    on_refused: Literal["rows", "file"] = "rows"
    """A refused row stops that row, or the whole file."""
    photo_from_age: int = 7
    """Age from which a photo is asked for."""
    guardian_below_age: int = 16
    """Age below which a guardian is asked for."""
    photo_longest_side: int = 4096
    """Pixels."""
    photo_max_bytes: int = 1_000_000


class ReturnFile(Strict):
    """The return file (ref 03 §4.2)."""

    encoding: str = "gb18030"
    newline: Literal["\r\n", "\n"] = "\r\n"
    separator: str = ","
    reset_code: Literal["atr", "historical"] = "atr"
    failed_stage: str = "制卡"
    """What the column of the failed stage says."""
    reason_bytes: int = 50
    """Room for the reasons of a refusal."""
    columns: tuple[tuple[str, str], ...]
    """Pairs of column title and the value it shows."""


class Region(Strict):
    """All that a region profile adds to a national one."""

    issuer: Issuer
    identity: Identity
    validity: Validity = Validity()
    pin: PinPolicy = PinPolicy()
    terminal: Terminal = Terminal()
    medical_settlement: MedicalSettlement = MedicalSettlement()
    card: CardRules = CardRules()
    bank: BankRules = BankRules()
    batch: BatchRules = BatchRules()
    return_file: ReturnFile
