"""The tables of a COS dialect: how a blank is built up, and what is open about it (ref 11)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from sscard_ic.crypto.secure_messaging import Method
from sscard_ic.profile.access import AccessRule
from sscard_ic.profile.fields import HexByte, HexBytes, HexWord, Strict
from sscard_ic.profile.structure import File, Key, Structure

PrefixBytes = Annotated[HexBytes, Field(min_length=7, max_length=7)]
"""Historical bytes T1-T7."""


KeyTypeName = Literal["master", "pin", "mac", "external", "internal", "purchase", "load", "tac"]
"""What a record in a key file is for."""


class KeyTypes(Strict):
    """Type bytes of key records."""

    master: HexByte
    pin: HexByte
    mac: HexByte
    external: HexByte
    internal: HexByte
    load: HexByte
    """DLK; this and the two that follow are keys of the medical account (ref 12)."""
    purchase: HexByte
    """DPK."""
    tac: HexByte
    """DTK."""

    def of(self, use: KeyTypeName) -> int:
        """The type byte of keys of one use."""
        value: int = getattr(self, use)
        return value


class Features(Strict):
    """What the chip offers a reader; a reader must not rely on any of it."""

    sfi: bool = True
    """READ and UPDATE may address a file by its short identifier."""
    all_records: bool = True
    """READ RECORD with P2 low bits 101 answers all records from P1."""
    by_tag: bool = True
    """READ and UPDATE RECORD by tag."""
    wrong_le: Literal["6Cxx", "short"] = "6Cxx"
    """Answer to a wrong Le: 6Cxx, or the data cut or short."""
    protocol: Literal["T=0", "T=1"] = "T=0"
    """Of the contact face; the contactless one is seen as T=1."""
    contactless: bool = True
    """The chip has a contactless face."""
    application_unblock: bool = True
    """APPLICATION UNBLOCK, which the standard's list of commands has not (ref 02 §1.1)."""


class Settings(Strict):
    """What the reference leaves open about every COS; each is listed in docs/assumptions.md."""

    key_counter: HexByte = 0x33
    """Error counter byte of key records: high nibble maximum, low nibble left."""
    pin_counter: HexByte = 0x33
    """The same for the PIN."""
    key_record_sm4: HexByte = Field(default=0x03, ge=0x02)
    """Algorithm byte of the key records of SM4 keys; 00 and 01 are those of 3DES and DES."""
    fci_algorithm: bool = True
    """On an SM4 card A5 of the SSSE's FCI also carries 9F0C 86 03."""
    key_loading: Literal["plain", "enciphered", "enciphered_mac"] = "enciphered"
    """In which form a chip of the maker takes keys."""
    write_block: int = Field(default=128, ge=1, le=255)
    """Bytes of one UPDATE BINARY."""
    key_exists: HexWord = 0x6985
    """Answer to WRITE KEY of a key that is there already."""
    file_exists: HexWord = 0x6A80
    """Answer to CREATE FILE of an identifier that is there already."""
    ea_second_half: Literal["any", "challenge"] = "any"
    """Whether the second half of EXTERNAL AUTHENTICATE must be the card's own challenge."""
    ea_second_half_refusal: HexWord = 0x6A80
    """Answer to another second half, where it must be the challenge."""
    challenge: Literal["until_used", "next_command"] = "until_used"
    """How long a challenge lives: until it is used, or for the next command only."""
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


class Messaging(Strict):
    """Secure messaging, PIN service and locks, as far as the reference leaves them open.

    Each is listed in docs/assumptions.md, as the settings above are.
    """

    secure_messaging: Method = "card_key"
    """Key and start value of MAC and encipherment: variant B, A or C of ref 02 §4.2."""
    message_challenge: Literal[4, 8, 16] = 8
    """Bytes of the challenge that a terminal draws for a MAC; 16 with SM4 only."""
    mac_missing: HexWord = 0x6987
    """Answer to a plain command where the rule asks for a MAC."""
    unasked_mac: Literal["checked", "refused"] = "checked"
    """A MAC that no rule asks for: checked with the directory's STK, or answered 6882."""
    mac_failure_counts: bool = True
    """A wrong MAC costs the key a try."""
    answer_mac: Literal["data", "none"] = "data"
    """The answer of a READ with MAC ends with a MAC over its data, or has none."""
    pin_reset_p2: HexByte = Field(default=0x01, ge=0x01)
    """P2 of PIN CHANGE/UNBLOCK that sets a new PIN; 00 unblocks."""
    pin_service_key: Literal["mac", "unlock_pin"] = "mac"
    """MAC key of PIN CHANGE/UNBLOCK: the STK, or the key that unlocks the PIN (PUK)."""
    pin_service_needs_puk: bool = True
    """PIN CHANGE/UNBLOCK asks for the authentication of the PUK before."""
    block_needs_key: bool = True
    """APPLICATION and CARD BLOCK ask for the lock level of their directory (BK, LK) besides."""
    blocked_select: HexWord = 0x6283
    """Answer to SELECT of a temporarily blocked application, which is current then."""
    blocked_command: HexWord = 0x6985
    """Answer to commands in a temporarily blocked application."""
    blocked_permanently: HexWord = 0x9303
    """Answer to everything in a permanently blocked application, SELECT of it included."""
    blocked_card: HexWord = 0x6A81
    """Answer of a blocked card to every command."""
    contactless_historical: Literal["same"] | PrefixBytes = "same"
    """Historical bytes T1-T7 of the contactless face; T8-TD are those of the contact face."""


class Dialect(Strict):
    """What is common to the COS dialects; the builder and the interpreter bear its ``name``."""

    stays_open: ClassVar[bool] = True
    """Whether directories take everything until the personalization of the card ends."""
    proof_replaces: ClassVar[bool] = False
    """Whether the proof of a key or PIN takes the place of that of the key before it."""
    name: str
    key_types: KeyTypes
    factory_historical: HexBytes = Field(min_length=7, max_length=7)
    """Historical bytes T1-T7 of the blank."""
    factory_key: HexBytes | None = None
    """The key that opens a blank, where the maker's manual publishes it; else the maker's own."""
    features: Features = Features()
    settings: Settings = Settings()
    messaging: Messaging = Messaging()

    @property
    def contactless_prefix(self) -> bytes | None:
        """T1-T7 of the contactless face where they are not those of the contact face."""
        historical = self.messaging.contactless_historical
        return None if isinstance(historical, str) else historical

    def carries(self, structure: Structure, directory: str, rule: AccessRule) -> bool:
        """Whether the bytes of a file in ``directory`` can say ``rule``.

        What they cannot say belongs to the chip's mask; the file is then created closed.
        """
        raise NotImplementedError

    def carries_append(self, file: File) -> bool:
        """Whether the bytes of ``file`` can say who may add records to it."""
        return file.append in (None, file.update)

    def carries_use(self, structure: Structure, key: Key) -> bool:
        """Whether the bytes of a key record can say who may use the key."""
        return key.usable.kind == "free" and key.usable.mac is None
