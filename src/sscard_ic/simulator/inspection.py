"""What an image holds, told without keys and without a person's data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sscard_ic.simulator.certificate import CertificateDescription, describe_state
from sscard_ic.simulator.cos.interpreter import LifeCycle
from sscard_ic.simulator.factory import card_of, certificates_of, dialect_of
from sscard_ic.simulator.files import ROOT, Directory, ElementaryFile, Lock
from sscard_ic.simulator.memory import Memory
from sscard_ic.simulator.pboc.description import model_of as bank_model_of
from sscard_ic.simulator.pboc.inspection import BankDescription, describe_bank
from sscard_ic.simulator.pboc.registry import Registry
from sscard_ic.simulator.psam.factory import is_psam, state_of
from sscard_ic.simulator.psam.inspection import entries, life_cycle, locked

_ROOT = f"{ROOT}/"


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One directory or elementary file."""

    path: str
    """Identifiers from the MF down, joined by ``/``."""
    kind: str
    records: int
    """Records, keys or written pages in it."""


@dataclass(frozen=True, slots=True)
class BlockedDirectory:
    """A directory that APPLICATION BLOCK or CARD BLOCK was sent to."""

    path: str
    lock: Lock


@dataclass(frozen=True, slots=True)
class ImageDescription:
    """An image as a whole."""

    profile: str
    dialect: str
    factory_serial: str
    atr: str
    """The ATR of the next reset."""
    state: LifeCycle
    locked: tuple[str, ...]
    """Keys and PIN without tries left."""
    files: tuple[FileEntry, ...]
    contactless_atr: str | None = None
    """That of the contactless face; None where the chip has none."""
    blocked: tuple[BlockedDirectory, ...] = ()
    """Directories with a lock on them."""
    certificates: CertificateDescription | None = None
    """The certificate application; None where the chip has none."""
    bank: BankDescription | None = None
    """The bank's part; None where the chip has none."""


def describe_image(path: Path) -> ImageDescription:
    """The image in ``path``, read without taking it from a program that uses it.

    Raises :class:`InputError` when the file is no image or damaged.
    """
    memory = Memory.read(path)
    if is_psam(memory):
        return _describe_psam(memory, path)
    dialect = dialect_of(memory, path)
    card = card_of(memory, dialect)
    mf = card.mf
    certificates = certificates_of(memory, card.challenge)
    return ImageDescription(
        profile=memory.header["profile"],
        dialect=dialect.name,
        factory_serial=memory.header["serial"],
        atr=card.identity.atr().hex().upper(),
        contactless_atr=(
            card.identity.contactless_atr().hex().upper() if dialect.features.contactless else None
        ),
        state=card.interpreter.life_cycle(card),
        locked=tuple(
            key.removeprefix(_ROOT).removesuffix("/tries")
            for key, value in memory.states.items()
            if key.endswith("/tries") and value == 0
        ),
        blocked=tuple(
            BlockedDirectory(directory.path.removeprefix(_ROOT), directory.locked)
            for directory in card.directories()
            if directory.locked != "none"
        ),
        files=tuple(_entries(memory, mf)) if mf is not None else (),
        certificates=None if certificates is None else describe_state(certificates),
        bank=_bank(memory),
    )


def _bank(memory: Memory) -> BankDescription | None:
    model = bank_model_of(memory)
    if model is None:
        return None
    registry = Registry(memory, model)
    registry.check()
    return describe_bank(registry)


def _describe_psam(memory: Memory, path: Path) -> ImageDescription:
    psam = state_of(memory, path)
    return ImageDescription(
        profile=memory.header["profile"],
        dialect=psam.dialect.name,
        factory_serial=memory.header["serial"],
        atr=psam.identity.atr().hex().upper(),
        state=life_cycle(psam),
        locked=tuple(locked(psam)),
        files=tuple(FileEntry(*entry) for entry in entries(psam)),
    )


def _entries(memory: Memory, directory: Directory) -> Iterator[FileEntry]:
    """A directory and what is in it, each directory's files before its children."""
    yield FileEntry(directory.path.removeprefix(_ROOT), directory.spec.kind, 0)
    children = sorted(directory.children.values(), key=lambda child: child.spec.fid)
    for child in children:
        if isinstance(child, ElementaryFile):
            kind = "directory" if child.spec.role == "directory" else child.spec.structure
            yield FileEntry(child.path.removeprefix(_ROOT), kind, _parts(memory, child))
    for child in children:
        if isinstance(child, Directory):
            yield from _entries(memory, child)


def _parts(memory: Memory, file: ElementaryFile) -> int:
    below = f"{file.path}/"
    parts = (key.removeprefix(below) for key in memory.states if key.startswith(below))
    return sum("/" not in part and part != "newest" for part in parts)
