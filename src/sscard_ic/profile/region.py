"""What an issuing region adds: identity of its cards, rules of its batches, its return file."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sscard_ic.profile.fields import HexBytes, Strict, Title


class Issuer(Title):
    """The issuing region."""

    division_code: str = Field(pattern=r"^\d{6}$")
    environment: Literal["test", "production"]
    algorithm: Literal["01"] = "01"
    """Algorithm flag of the card keys: 01 3DES (ref 02 §2.4)."""
    initialising_institution: str = Field(pattern=r"^\d{24}$")
    """SSSE EF05 item 04, 24 digits (ref 01 §9.4)."""


class Identity(Strict):
    """Where card serial and ATR historical bytes come from."""

    mode: Literal["allotted"] = "allotted"
    historical_prefix: HexBytes = Field(min_length=7, max_length=7)
    """Historical bytes T1-T7 of the issued card; T8-TD follow from region and serial."""
    serial_first: int = 1
    serial_last: int = 0xFFFFFFFF
    authentication_code: Literal["irk_mac", "unset"] = "irk_mac"
    """Bytes 13-16 of the card identification code: MAC under IRK with IV 0, or FF (ref 11 §5.5)."""


class Validity(Strict):
    """Date of expiry (ref 01 §9.5)."""

    years: int = 10
    ends: Literal["same_day", "day_before"] = "same_day"


class PinPolicy(Strict):
    """The initial PIN of a sealed card; a published default, changed at activation."""

    initial: str = Field(default="123456", pattern=r"^\d{4,12}$")
    digits: int = Field(default=6, ge=4, le=12)
    forbidden_new: tuple[str, ...] = ("123456", "000000", "111111", "888888")


class CardRules(Strict):
    """Choices about item values."""

    category: Literal["constant", "by_age"] = "constant"
    """Card category (T11): always 3, or by the holder's age."""
    name_split: Literal["byte", "character"] = "byte"
    nationality: Literal["everybody", "foreigners"] = "everybody"


class BatchRules(Strict):
    """Rules a row must satisfy (ref 05 §6, 13 §8)."""

    on_refused: Literal["rows", "file"] = "rows"
    photo_from_age: int = 7
    guardian_below_age: int = 16
    photo_longest_side: int = 4096
    photo_max_bytes: int = 1_000_000


class ReturnFile(Strict):
    """The return file (ref 03 §4.2)."""

    encoding: str = "gb18030"
    newline: Literal["\r\n", "\n"] = "\r\n"
    separator: str = ","
    reset_code: Literal["atr", "historical"] = "atr"
    failed_stage: str = "制卡"
    reason_bytes: int = 50
    columns: tuple[tuple[str, str], ...]
    """Pairs of column title and the value it shows."""


class Region(Strict):
    """All that a region profile adds to a national one."""

    issuer: Issuer
    identity: Identity
    validity: Validity = Validity()
    pin: PinPolicy = PinPolicy()
    card: CardRules = CardRules()
    batch: BatchRules = BatchRules()
    return_file: ReturnFile
