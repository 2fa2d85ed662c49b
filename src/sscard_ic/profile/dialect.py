"""The tables of a COS dialect: how a blank is built up, and what is open about it (ref 11)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sscard_ic.profile.fields import HexByte, HexBytes, HexWord, Strict


class FileTypes(Strict):
    """Type bytes of CREATE FILE."""

    internal: HexByte
    transparent: HexByte
    fixed: HexByte
    variable: HexByte
    cyclic: HexByte
    directory: HexByte


class KeyTypes(Strict):
    """Type bytes of key records."""

    master: HexByte
    pin: HexByte
    mac: HexByte
    external: HexByte
    internal: HexByte


class InternalFiles(Strict):
    """Identifiers of the files that the COS itself uses."""

    keys: HexWord
    fci: HexWord
    directory: HexWord


class Features(Strict):
    """What the chip offers a reader; a reader must not rely on any of it."""

    sfi: bool = True
    """READ and UPDATE may address a file by its short identifier."""
    all_records: bool = True
    """READ RECORD with P2 low bits 101 answers all records from P1."""
    by_tag: bool = True
    """READ and UPDATE RECORD by tag."""
    wrong_le: Literal["6Cxx", "short"] = "6Cxx"
    protocol: Literal["T=0", "T=1"] = "T=0"


class Settings(Strict):
    """What the reference leaves open (ref 11 §12); each is listed in docs/assumptions.md."""

    key_counter: HexByte = 0x33
    """Error counter byte of key records: high nibble maximum, low nibble left."""
    pin_counter: HexByte = 0x33
    key_change_right: HexByte = 0xEF
    """Byte 4 of the key header."""
    key_loading: Literal["plain", "enciphered", "enciphered_mac"] = "enciphered"
    fresh_after_reset: bool = True
    """A directory that has not been ended stays open after a reset."""
    transport_code_after_end: HexWord = 0x6985
    create_after_end: HexWord = 0x6982
    already_ended: HexWord = 0x6985
    """Answer to the end command in a directory that has been ended."""
    write_block: int = Field(default=128, ge=1, le=255)
    """Bytes of one UPDATE BINARY."""
    key_exists: HexWord = 0x6985
    file_exists: HexWord = 0x6A80
    ea_second_half: Literal["any", "challenge"] = "any"
    """Whether the second half of EXTERNAL AUTHENTICATE must be the card's own challenge."""
    ea_second_half_refusal: HexWord = 0x6A80
    challenge: Literal["until_used", "next_command"] = "until_used"
    mixed_all: Literal["refuse", "truncate"] = "refuse"
    """"All records" over a file with a closed record: 6982, or only the records before it."""
    cyclic_update_appends: bool = True
    """UPDATE RECORD with P2 low bits 011 appends to a cyclic file."""
    cyclic_number_one: Literal["adds", "replaces"] = "adds"
    """UPDATE RECORD of number 1 of a cyclic file adds a record, or overwrites the newest."""
    sfi_selects: bool = True
    """A file addressed by its short identifier becomes the current one."""
    change_pin_verifies: bool = False
    """A successful CHANGE PIN also counts as VERIFY."""
    transport_counter: HexByte = 0x33
    """Tries of the transport code: high nibble maximum, low nibble left."""
    atr_after_end: HexWord = 0x6985
    """Answer to a change of the ATR once the MF is ended."""
    reserve_space: int = 0
    """Bytes added to the size of variable files."""


class Dialect(Strict):
    """One COS dialect: tables and settings; the builder and the interpreter bear its ``name``."""

    name: Literal["t514"]
    file_types: FileTypes
    key_types: KeyTypes
    internal_files: InternalFiles
    factory_historical: HexBytes = Field(min_length=7, max_length=7)
    """Historical bytes T1-T7 of the blank."""
    features: Features = Features()
    settings: Settings = Settings()
