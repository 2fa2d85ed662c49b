"""The card's structure as a national profile describes it: directories, files, items, keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from sscard_ic.codec.tlv import Record
from sscard_ic.profile.access import AccessRule
from sscard_ic.profile.certificate import CertificateApplication
from sscard_ic.profile.fields import HexByte, HexBytes, HexWord, Rule, Strict, Title
from sscard_ic.profile.medical import Medical

Format = Literal["an", "cn", "b", "btlv", "record"]
"""``btlv``: parts with tag and length; ``record``: parts one after the other, a cyclic record."""

TextForm = Literal[
    "plain",
    "name",
    "version",
    "identification",
    "date",
    "month",
    "year",
    "timestamp",
    "amount",
    "number",
]
"""How a value is written: see :mod:`sscard_ic.profile.values`."""

KeyUse = Literal["external", "internal", "mac", "master", "purchase", "load", "tac"]
"""What a key does; the last three belong to the medical account: DPK, DLK, DTK (ref 12)."""


OPERATIONS = ("read", "update", "append", "create", "erase", "usable", "change")
"""What has an access rule: items and files, directories, keys."""


class Split(Strict):
    """Some characters of an item with a code table of their own (DF04 EF05 tag 81)."""

    length: int = Field(ge=1)
    """Characters."""
    codes: str


class Item(Title):
    """One data item (ref 01 §3, §4)."""

    tag: HexByte | None = None
    format: Format
    length: int = Field(ge=1)
    """Bytes of the value."""
    codes: str | None = None
    """Name of the code table of its values."""
    split: tuple[Split, ...] = ()
    """An ``an`` item made of several codes, from the first character on."""
    text: TextForm = "plain"
    """What the value is, where that decides how it is written."""
    align: Literal["left", "right"] = "left"
    """Where fewer digits than a ``cn`` field holds stand: before the filling F (ref 01 §3), or
    after zeros."""
    source: str | None = None
    """Field of a holder's record, or ``@name`` of a value that issuance computes."""
    repeat: int = 1
    """Records with this tag, one after the other; in a cyclic file the number of its records."""
    read: Rule | None = None
    """Overrides the file's rule for this item (3.00)."""
    update: Rule | None = None
    items: tuple[Item, ...] = ()
    """Parts of a constructed item; those of a ``record`` have no tags."""
    example: str | None = None
    """A value as :mod:`sscard_ic.profile.values` writes it; every load encodes and decodes it."""
    note: str | None = None


class File(Title):
    """One elementary file."""

    structure: Literal["transparent", "fixed", "variable", "cyclic"]
    status: Literal["active", "planned", "reserved", "informative"] = "active"
    """启用, 预设, 预留 (ref 01 §2.6); or of the informative annex B."""
    read: Rule
    update: Rule
    append: Rule | None = None
    """Rule for adding a record; that of an update when left out."""
    headers: bool = True
    """Whether the records of a ``fixed`` file begin with tag and length (ref 01 §16)."""
    items: tuple[Item, ...] = ()
    """A transparent or cyclic file has exactly one."""

    @property
    def tagged(self) -> bool:
        """Whether its records begin with tag and length."""
        return self.structure == "variable" or (self.structure == "fixed" and self.headers)


class Directory(Title):
    """MF, DDF or ADF with its files."""

    fid: HexWord
    kind: Literal["MF", "DDF", "ADF"]
    name: HexBytes
    """DF name (AID, or the label of an application without AID), 5 to 16 bytes."""
    parent: str | None = None
    create: Rule | None = None
    """Rule for creating files; its own master key when left out."""
    erase: Rule | None = None
    """Rule for deleting; its own master key when left out."""
    files: dict[str, File] = Field(default={})


class Key(Strict):
    """One key of the card (ref 01 §10.2)."""

    directory: str
    id: HexByte
    """Identifier in the card: P2 of the authentication commands."""
    use: KeyUse
    groups: int = 1
    """Number of versions 01, 02 …"""
    indexed: bool = False
    """The groups are told apart by identifiers from ``id`` on, not by versions (DPK, DLK)."""
    length: Literal[8, 16] = 16
    """Bytes of the 3DES key; every SM4 key has 16."""
    algorithm: Literal["card", "3des"] = "card"
    """That of the card, or 3DES on every card (medical keys, ref 12 §6)."""
    usable: Rule = AccessRule("free")
    """Rule for using the key."""
    change: Rule = AccessRule("never")
    """Rule for replacing its value."""
    level: Literal["N1", "N2", "P1", "maker"]
    """Owner of the root: ministry (first or second level in the PSAM), province, card maker."""
    role: Literal["lock", "unlock_pin", "amount"] | None = None
    """What else the key stands for: it locks the directory, unlocks the PIN, or writes the file
    of the medical amounts."""
    psam_usage: HexByte | None = None
    psam_id: HexByte | None = None
    hsm_address: HexWord | None = None
    """Of its first group in the key list of an HSM service; group n stands at n - 1 more
    (ref 01 §10.5, 02 §2.3). A contract between driver and service, not a value of the card."""

    @property
    def hsm_addresses(self) -> range:
        """The addresses of its groups, the first one first; none where they are not known."""
        first = self.hsm_address
        return range(0) if first is None else range(first, first + self.groups)


@dataclass(frozen=True, slots=True)
class Located:
    """An item together with its place on the card."""

    directory_name: str
    file_name: str
    directory: Directory
    file: File
    item: Item
    number: int
    """Record number counted from 1; 0 in a transparent file."""
    occurrence: int = 1
    """Which of the records with this tag, counted from 1."""

    @property
    def path(self) -> str:
        """``SSSE.EF06.08``; the n-th repetition bears ``#n``; a transparent file has no tag."""
        path = f"{self.directory_name}.{self.file_name}"
        if self.item.tag is not None:
            path += f".{self.item.tag:02X}"
        return path if self.item.repeat == 1 else f"{path}#{self.occurrence}"

    @property
    def fid(self) -> int:
        """File identifier."""
        return int(self.file_name, 16)

    @property
    def sfi(self) -> int:
        """Short file identifier: the low five bits of the identifier."""
        return self.fid & 0x1F

    @property
    def record_length(self) -> int:
        """Bytes of the stored record: the value, with tag and length where records bear them."""
        return self.item.length + 2 * self.file.tagged

    def record(self, value: bytes) -> bytes:
        """The stored record that holds ``value``."""
        if not self.file.tagged:
            return value
        assert self.item.tag is not None, "the loader refuses tagged files with items without tag"
        return bytes(Record(self.item.tag, value))

    @property
    def read(self) -> AccessRule:
        """The rule that holds for reading this item."""
        return self.item.read or self.file.read

    @property
    def update(self) -> AccessRule:
        """The rule that holds for writing this item; a log is written by adding a record."""
        if self.item.update is None and self.file.structure == "cyclic" and self.file.append:
            return self.file.append
        return self.item.update or self.file.update


class RewrittenItem(Strict):
    """An item that a later version gave another meaning (ref 01 §7)."""

    file: str = Field(pattern=r"^[A-Z0-9]+\.[0-9A-F]{4}$")
    """``DF01.EF09``."""
    tag: HexByte
    follows: HexByte | None = None
    """The item of the same file whose value decides which meaning holds."""
    format: Literal["an", "cn"] | None = None
    """How the new item is stored here, where its own format does not fit."""
    length: int | None = Field(default=None, ge=1)
    """The same for its bytes."""


class Rewriting(Strict):
    """How cards of this version bear items of a later one."""

    version: str
    """Name of the profile of the later version."""
    items: tuple[RewrittenItem, ...]


class Structure(Strict):
    """What a national profile declares."""

    specification_version: str
    directories: dict[str, Directory]
    keys: dict[str, Key]
    pin_directory: str = "SSSE"
    rewriting: Rewriting | None = None
    medical: Medical | None = None
    """The medical account (ref 12); None on a card without one."""
    certificate_application: Literal["none", "present"] = "none"
    """Whether the chip bears the certificate application; its mask says so, no dialect does."""
    certificate: CertificateApplication | None = None
    bank_application: Literal["none", "present", "personalize"] = "none"
    """The bank's application: not on the chip, on it when it comes from the bank, or made here."""

    @property
    def certificates(self) -> CertificateApplication | None:
        """The certificate application (ref 02 §8); None on a card without one."""
        return self.certificate if self.certificate_application == "present" else None

    def locate_all(self) -> Iterator[Located]:
        """Every item of every file, in card order."""
        for directory_name, directory in self.directories.items():
            for file_name in directory.files:
                yield from self.locate_file(directory_name, file_name)

    def locate_file(self, directory_name: str, file_name: str) -> Iterator[Located]:
        """The items of one file with their record numbers."""
        directory = self.directories[directory_name]
        file = directory.files[file_name]
        number = 0
        for item in file.items:
            for occurrence in range(1, item.repeat + 1):
                number += 1
                place = 0 if file.structure == "transparent" else number
                yield Located(directory_name, file_name, directory, file, item, place, occurrence)

    def keys_of(self, directory_name: str) -> dict[str, Key]:
        """The keys that live in one directory, in profile order."""
        return {name: key for name, key in self.keys.items() if key.directory == directory_name}
