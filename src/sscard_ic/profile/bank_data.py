"""Files of kind ``bank_data``: how a bank's data preparation writes the data of its cards.

A container says how the bytes of a file are arranged; that is code (``issuance.bank.files``). What
differs from bank to bank is here. Source: ref 04 §7.5, §7.6, §7.10, 15 §4; what they leave open is
listed in ``docs/assumptions.md``.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import Field, model_validator

from sscard_ic.base.problems import Unusable
from sscard_ic.profile.fields import HexBytes, HexWord, Strict, Title
from sscard_ic.profile.financial import Instance

Container = Literal["items", "modules", "batch", "record", "sections", "lines"]
"""银联数据 and 中信; 华腾; 深圳华信; the record of EMV CPS; sections of tags; lines of groups."""
ByteOrder = Literal["little", "big"]
GroupLength = Literal["escaped", "one", "two"]
"""Length of a group: 1 byte or FF and 2 bytes, always 1 byte, always 2 bytes."""

_Pair = Annotated[tuple[HexWord, ...], Field(min_length=2, max_length=2)]


class Items(Strict):
    """A list of names, then for each card one item for each name (ref 04 §7.10 b)."""

    magic: str = ""
    """How the file begins."""
    header: int = Field(default=8596, ge=0)
    """Bytes before the number of names, with the magic."""
    header_length: Literal["unread", "file", "rest"] = "unread"
    """What the last 8 bytes of the header count, if anything: the file, or what follows them."""
    byte_order: ByteOrder = "little"
    group_length: GroupLength = "escaped"
    names: Literal["binding", "free"] = "binding"
    """Whether the name DGIxxxx must agree with the number in the item."""


class Modules(Strict):
    """Cards with modules 000PRN, 000MAG and 000EMV (ref 04 §7.10 b)."""

    byte_order: ByteOrder = "big"
    group_length: GroupLength = "one"
    list_unit: Literal["bytes", "groups"] = "bytes"
    """What the length before a list of groups counts."""


class Batch(Strict):
    """A header of 216 bytes, then records of modules; the chip's is the second one."""

    byte_order: ByteOrder = "big"
    group_length: GroupLength = "two"
    chip_identifier: int = Field(default=7, ge=1, le=16)
    """Characters of the identifier of the chip's module; those of the first one are 7."""
    chip_digits: int = Field(default=7, ge=1, le=16)
    """Digits of its length."""


class CpsRecord(Strict):
    """The machine-independent record of EMV CPS."""

    processing: Literal["empty", "unread"] = "empty"
    """Lists of the processing steps, whose form no public text tells: they must be empty, or are
    passed over."""
    group_length: GroupLength = "escaped"


class Sections(Strict):
    """Text: a section for each group, a line ``tag=TLV`` for each object."""

    template: Literal["as_needed", "never"] = "as_needed"
    """Whether template 70 is added to records of files 1-10 that come without it."""
    places: dict[str, HexWord] = Field(default={})
    """Numbers of groups in sections that are not called DGIxxxx."""


class SecretGroups(Strict):
    """Groups that hold keys or a PIN."""

    groups: tuple[HexWord, ...] = Field(min_length=1)
    """Numbers on the card."""
    under: Literal["3des", "sm4", "nothing"]
    """Algorithm of the transport key that they come under; ``nothing``: in the clear."""
    filled: Literal["none", "always"] = "none"
    """Whether 80 00… was added before they were enciphered."""


class BankData(Title):
    """One format of files, and what is done with its groups before they go on a card."""

    container: Container
    encoding: Literal["utf-8", "gb18030"] = "gb18030"
    """Of names and of text."""
    items: Items = Items()
    modules: Modules = Modules()
    batch: Batch = Batch()
    record: CpsRecord = CpsRecord()
    sections: Sections = Sections()
    aid: HexBytes = Field(default=bytes.fromhex("A000000333010101"), min_length=5, max_length=16)
    """Of the payment application where the file says none: unless its directories name another."""
    applications: dict[str, Instance] = Field(default={})
    """Whose group an item or section is, by its name; others are of the payment application."""
    drop: tuple[str, ...] = ()
    """Names or numbers that do not go on the card; ``*`` stands for any characters."""
    rename: dict[HexWord, HexWord] = Field(default={})
    """Number in the file to number on the card."""
    exchange: tuple[_Pair, ...] = ()
    """Pairs of groups that stand in the place of each other."""
    precede: tuple[_Pair, ...] = ()
    """Pairs of which the first must reach the card before the second."""
    last: tuple[HexWord, ...] = ()
    """The first of these that is there goes to the end when the file ends with a group that is
    sent enciphered (ref 04 §7.6)."""
    secret: tuple[SecretGroups, ...] = ()

    @model_validator(mode="after")
    def _each_once(self) -> BankData:
        secret = [number for each in self.secret for number in each.groups]
        exchanged = [number for pair in self.exchange for number in pair]
        for numbers in (secret, exchanged):
            twice = sorted({f"{each:04X}" for each in numbers if numbers.count(each) > 1})
            if twice:
                listed = ", ".join(twice)
                raise Unusable(f"分组重复：{listed}", f"a group stands twice: {listed}")
        return self

    def dropped(self, *names: str) -> bool:
        """Whether a group with these names does not go on the card."""
        return any(fnmatchcase(name, each) for name in names for each in self.drop)

    def number_on_card(self, number: int) -> int:
        """The number that a group of the payment application gets."""
        number = self.rename.get(number, number)
        for one, other in self.exchange:
            if number in (one, other):
                return other if number == one else one
        return number

    def secret_of(self, number: int) -> SecretGroups | None:
        """How a group of the payment application comes, if it is a secret."""
        return next((each for each in self.secret if number in each.groups), None)
