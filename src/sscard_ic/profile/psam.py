"""What a PSAM holds: its files, its own keys, and which roots of a card profile (ref 12 §5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Literal

from pydantic import Field

from sscard_ic.apdu import psam
from sscard_ic.apdu.psam import Owner
from sscard_ic.base.errors import InputError, Text
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.profile.card_profile import CardProfile
from sscard_ic.profile.fields import HexByte, HexBytes, HexWord, Strict, Title
from sscard_ic.profile.region import Region
from sscard_ic.profile.structure import Key

Update = Literal["never", "control", "national", "provincial", "city", "protected"]
"""Who may change a file once it is closed: nobody, whoever proves the directory's control key or
the key of one of the owners, or whoever protects the command with the control key."""

Content = Literal[
    "directory", "public", "terminal", "number", "national", "provincial", "city", "keys"
]
"""What a file holds: its ADF, issuer and serial number, terminal number, transaction number,
validity of an owner's roots, or keys."""

KEY_RECORD = 24
"""Bytes that every key takes in a key file."""

_DES, _STEPS = 8, {"N1": 3, "N2": 3, "P1": 2}
"""Derivation steps from the highest root of a key down to the card, by level."""


class PsamFile(Title):
    """One elementary file of the PSAM."""

    content: Content
    size: int = Field(ge=1)
    update: Update


class ControlKey(Strict):
    """A key of the PSAM itself: the master key of a directory (00) or an owner's (01, 02, 03)."""

    root: str
    """Name of the key it is diversified from by the PSAM's serial number."""
    id: HexByte
    file: str
    """The key file it stands in."""


class PsamDirectory(Title):
    """MF, DDF or ADF of the PSAM."""

    fid: HexWord
    name: HexBytes = Field(min_length=5, max_length=16)
    parent: str | None = None
    algorithm: Algorithm | None = None
    """Which roots its key files hold; none where it has none."""
    files: dict[str, PsamFile] = Field(default={})
    keys: tuple[ControlKey, ...] = ()
    """Keys of the PSAM itself."""


class OwnerRoots(Strict):
    """The roots of one owner: where they stand, which group they are, how long they hold."""

    key_file: str
    dpk_index: HexByte
    key_version: int = Field(ge=1, le=255)
    first: date
    last: date


class FileKinds(Strict):
    """Type bytes of the dialect."""

    mf: HexByte
    directory: HexByte
    records: HexByte
    transparent: HexByte
    keys: HexByte
    key_form: HexByte
    """Byte after the type of a key file; 00 for other files."""


class Rights(Strict):
    """Access bytes of the dialect: for reading free or never, for updating by :data:`Update`."""

    free: HexByte
    never: HexByte
    control: HexByte
    national: HexByte
    provincial: HexByte
    city: HexByte
    protected: HexByte

    def update(self, byte: int) -> Update | None:
        """What an access byte says about updating; None for an unknown one."""
        names: tuple[Update, ...] = (
            "never",
            "control",
            "national",
            "provincial",
            "city",
            "protected",
        )
        return next((name for name in names if getattr(self, name) == byte), None)


class PsamSettings(Strict):
    """What the reference leaves open about PSAMs; each is listed in docs/assumptions.md."""

    usage_lookup: Literal["type", "whole"] = "type"
    """A key is found by type and identifier (another number of steps is answered 6A80), or by the
    whole usage byte (6A88)."""
    purchase_steps_refusal: HexWord = 0x6A88
    """INIT SAM FOR PURCHASE with another number of factors than the DPK takes steps."""
    mac2_refusal: HexWord = 0x9302
    number_given: Literal["stored", "counted"] = "stored"
    """The transaction number of a purchase is that of file 0019 before, or after, it is counted."""
    first_number: int = Field(default=1, ge=0, le=0xFFFFFFFF)
    key_record_sm4: HexByte = Field(default=0x03, ge=0x02)
    """Algorithm byte of the key records of SM4 keys."""
    loading_challenge: Literal[4, 8] = 8
    """Bytes of challenge before a key is loaded; four are filled with 00 to the start value."""
    control_tries: int = Field(default=3, ge=1, le=15)
    """Wrong authentications until a key of the PSAM itself is locked."""
    protocol: Literal["T=0", "T=1"] = "T=0"
    wrong_le: Literal["6Cxx", "short"] = "6Cxx"


class PsamDialect(Strict):
    """The personalization dialect, its bytes and the open points (ref 02 §7.5)."""

    name: Literal["ks-a"]
    kinds: FileKinds
    rights: Rights
    mf_middle: HexBytes = Field(min_length=12, max_length=12)
    directory_middle: HexBytes = Field(min_length=12, max_length=12)
    directory_tail: HexBytes = Field(min_length=10, max_length=10)
    transport_root: str
    """Name of the key that blanks are personalized under, as it is."""
    factory_historical: HexBytes = Field(min_length=7, max_length=7)
    """Historical bytes T1-T7."""
    settings: PsamSettings = PsamSettings()


class PublicFields(Strict):
    """Constant parts of file 0015."""

    issuer: HexByte
    version: HexByte
    card_type: HexByte
    fci: HexBytes = Field(min_length=2, max_length=2)


class PsamModel(Strict):
    """What a file of kind ``psam`` declares."""

    directories: dict[str, PsamDirectory]
    owners: dict[Owner, OwnerRoots]
    roots: Literal["table", "nation", "province", "city"] = "table"
    """The level of its roots: as the usage bytes of the key table say, or all of one level, down
    to which they are derived before they are loaded."""
    public: PublicFields
    dialect: PsamDialect


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A root in a PSAM: which, under which usage byte and identifier, in which file."""

    name: str
    version: int
    algorithm: Algorithm
    usage: int
    id: int
    file: str
    algorithm_byte: int


@dataclass(frozen=True, eq=False)
class PsamProfile:
    """A PSAM ready to be made: its model, and the profile of the cards it is for."""

    name: str
    """Path below ``profiles/`` without ending, e.g. ``psam/dalian``."""
    model: PsamModel
    card: CardProfile

    @property
    def region(self) -> Region:
        """The city the PSAM belongs to; raises :class:`InputError` for a national profile."""
        if self.card.region is None:
            raise InputError(
                Text("此 PSAM 配置不属于任何地区", "this profile of a PSAM names no region"),
                where=self.name,
                hint=Text(
                    "在配置中写 card = 地区卡规范", "write card = the profile of a region into it"
                ),
            )
        return self.card.region

    @property
    def root_names(self) -> tuple[str, ...]:
        """Names of the transport key and of the roots of the PSAM's own keys."""
        named = [key.root for each in self.model.directories.values() for key in each.keys]
        return tuple(dict.fromkeys([self.model.dialect.transport_root, *named]))

    @cached_property
    def control_roots(self) -> dict[str, Key]:
        """The same as keys that a vault can hold: the PSAM issuer's, 3DES."""
        return {
            name: Key(directory="MF", id=0, use="master", algorithm="3des", level="maker")
            for name in self.root_names
        }

    def held(self, directory: str) -> Iterator[HeldKey]:
        """The roots in one directory, in the order of the card's profile."""
        algorithm = self.model.directories[directory].algorithm
        if algorithm is not None:
            for name, key in self.card.keys.items():
                if algorithm == "3des" or key.algorithm == "card":
                    yield from self._held(name, key, algorithm)

    def _held(self, name: str, key: Key, algorithm: Algorithm) -> Iterator[HeldKey]:
        if key.psam_usage is None or key.psam_id is None or key.level == "maker":
            return
        usage = psam.with_steps(key.psam_usage, self._steps(key))
        owner = self.model.owners[psam.owner_of(key.psam_usage, key.psam_id)]
        byte = self._algorithm_byte(key, algorithm)
        if key.indexed:
            for group in range(key.groups):
                yield HeldKey(
                    name, group + 1, algorithm, usage, key.psam_id + group, owner.key_file, byte
                )
        else:
            version = min(owner.key_version, key.groups)
            yield HeldKey(name, version, algorithm, usage, key.psam_id, owner.key_file, byte)

    def _steps(self, key: Key) -> int:
        assert key.psam_usage is not None
        highest = _STEPS[key.level]
        match self.model.roots:
            case "table":
                return psam.steps_of(key.psam_usage)
            case "nation":
                return highest
            case "province":
                return min(2, highest)
            case "city":
                return 1

    def _algorithm_byte(self, key: Key, algorithm: Algorithm) -> int:
        if algorithm == "sm4":
            return self.model.dialect.settings.key_record_sm4
        return psam.DES_KEY if key.length == _DES else psam.TRIPLE_DES_KEY


def check_psam(profile: PsamProfile) -> Iterator[tuple[tuple[str, ...], Text]]:
    """What is wrong with a PSAM's profile beyond the form of its fields: place and reason."""
    model = profile.model
    for name, directory in model.directories.items():
        if directory.parent is not None and directory.parent not in model.directories:
            yield ("directories", name, "parent"), _unknown(directory.parent)
        yield from _check_keys(profile, name)
    for owner in ("national", "provincial", "city"):
        if owner not in model.owners:
            yield ("owners",), Text(f"缺少 {owner}", f"{owner} is missing")


def _check_keys(profile: PsamProfile, name: str) -> Iterator[tuple[tuple[str, ...], Text]]:
    directory = profile.model.directories[name]
    files = [key.file for key in directory.keys]
    try:
        files += [held.file for held in profile.held(name)]
    except KeyError:
        return  # a missing owner is reported by itself
    for file in dict.fromkeys(files):
        if file not in directory.files:
            yield ("directories", name, "files"), _unknown(file)
            continue
        if directory.files[file].content != "keys":
            yield (
                ("directories", name, "files", file, "content"),
                Text("密钥只能存于密钥文件（keys）", "keys stand in a file of keys alone"),
            )
            continue
        needed = files.count(file) * KEY_RECORD
        if needed > directory.files[file].size:
            yield (
                ("directories", name, "files", file, "size"),
                Text(f"密钥需要 {needed} 字节", f"its keys need {needed} bytes"),
            )


def _unknown(name: str) -> Text:
    return Text(f"没有 {name}", f"there is no {name}")
