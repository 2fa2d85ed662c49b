"""Profile files: found by name, merged with what they extend, checked line by line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sscard_ic.base.errors import InputError, Text
from sscard_ic.profile.authority_keys import AuthorityTable
from sscard_ic.profile.bank_data import BankData
from sscard_ic.profile.card_profile import CardProfile
from sscard_ic.profile.catalogue import find, find_cos, name_of, offer, shipped
from sscard_ic.profile.document import Document
from sscard_ic.profile.financial import FinancialApplication
from sscard_ic.profile.heads import Kind
from sscard_ic.profile.imports import ImportFormat
from sscard_ic.profile.psam import PsamProfile


@dataclass(frozen=True, slots=True)
class ProfileInfo:
    """One profile file: its name, its kind, its title."""

    name: str
    kind: Kind
    title: Text
    file: Path
    variant: bool = False
    """Whether it describes other cards of a region that has a profile already."""


@dataclass(frozen=True, slots=True)
class _Cached:
    stamps: tuple[tuple[Path, int], ...]
    profile: CardProfile


_cache: dict[tuple[Path, Path | None], _Cached] = {}


def load(name: str, cos: str | None = None) -> CardProfile:
    """The card profile ``name``: a path below ``profiles/``, its unique last part, or a file.

    ``cos`` (``mcos``, or a file) puts the card on another COS than the profile says. Raises
    :class:`InputError` when a name is unknown or ambiguous, and its subclass
    :class:`ProfileError` with every line that is wrong.
    """
    file = find(name)
    dialect = find_cos(cos) if cos is not None else None
    cached = _cache.get((file, dialect))
    if cached and all(_stamp(part) == stamp for part, stamp in cached.stamps):
        return cached.profile
    document = Document(file)
    if document.kind not in ("national", "region"):
        raise InputError(
            Text("不是卡片配置（kind 为 national 或 region）", "describes no card"),
            where=name,
            hint=offer(info.name for info in available() if info.kind in ("national", "region")),
        )
    if dialect is not None:
        document.put_on(dialect)
    profile = document.card_profile()
    stamps = tuple((part, _stamp(part)) for part in sorted(document.files))
    _cache[file, dialect] = _Cached(stamps, profile)
    return profile


def load_psam(name: str) -> PsamProfile:
    """The profile ``name`` of a PSAM, with that of the cards it is for; errors as :func:`load`."""
    wanted = Text("不是 PSAM 配置（kind 为 psam）", "describes no PSAM")
    return _of_kind(name, "psam", wanted).psam_profile(load)


def load_financial(name: str = "financial/debit") -> FinancialApplication:
    """The bank's application that the profile ``name`` describes; errors as :func:`load`."""
    wanted = Text("不是银行应用的配置（kind 为 financial）", "describes no application of a bank")
    document = _of_kind(name, "financial", wanted)
    document.validate()
    return document.part(FinancialApplication)


def load_authority_table(name: str) -> AuthorityTable:
    """The public keys of payment authorities in the file ``name``; errors as :func:`load`."""
    wanted = Text("不是公钥表（kind 为 authorities）", "holds no keys of authorities")
    document = _of_kind(name, "authorities", wanted)
    document.validate()
    return document.part(AuthorityTable)


def load_bank_data(name: str) -> BankData:
    """The files of a bank's data preparation that ``name`` describes; errors as :func:`load`."""
    wanted = Text("不是银行数据文件的格式（kind 为 bank_data）", "describes no files of a bank")
    document = _of_kind(name, "bank_data", wanted)
    document.validate()
    return document.part(BankData)


def kind_of(name: str) -> Kind:
    """What the profile ``name`` describes; errors as :func:`load`."""
    return Document(find(name), head=True).kind


def check(name: str) -> ProfileInfo:
    """Load a profile file of any kind; raises :class:`ProfileError` with all that is wrong."""
    document = Document(find(name))
    head = document.validate_all(load)
    return ProfileInfo(name_of(document.file), document.kind, head.title, document.file)


def available() -> list[ProfileInfo]:
    """The profile files below ``profiles/``, by name."""
    infos = []
    for file in shipped().values():
        document = Document(file, head=True)
        head = document.head()
        variant = document.kind == "region" and document.own_division_code() is None
        infos.append(ProfileInfo(name_of(file), document.kind, head.title, file, variant))
    return infos


def card_profiles(version: str, division_code: str) -> Iterator[CardProfile]:
    """The shipped profiles of cards of ``version`` and of no other region than ``division_code``.

    Of the version the first character counts: real cards write "2.0" too (ref 01 §1). A region has
    one: variants that extend it tell no other card.
    """
    for name, file in shipped().items():
        document = Document(file, head=True)
        found = document.root.get("specification_version")
        if found is None or str(found.value)[:1] != version[:1]:
            continue
        if document.kind == "national" or document.own_division_code() == division_code:
            yield load(name)


def load_import_formats() -> dict[str, ImportFormat]:
    """Every format of holder files by name."""
    formats = {}
    for info in available():
        if info.kind == "import":
            document = Document(info.file)
            document.validate_all(load)
            formats[info.name] = document.part(ImportFormat)
    return formats


def _stamp(file: Path) -> int:
    return file.stat().st_mtime_ns if file.exists() else 0


def _of_kind(name: str, kind: Kind, otherwise: Text) -> Document:
    """The file ``name``; raises :class:`InputError` when it is of another kind."""
    document = Document(find(name))
    if document.kind != kind:
        hint = offer(info.name for info in available() if info.kind == kind)
        raise InputError(otherwise, where=name, hint=hint)
    return document
