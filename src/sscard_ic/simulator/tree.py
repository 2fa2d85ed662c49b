"""How directories and files come into the tree, go from it, and come back from the memory.

What creates a file is kept as its state, so the memory is read by the same code that creates.
"""

from __future__ import annotations

from collections.abc import Iterator

from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.card_state import CardState
from sscard_ic.simulator.files import (
    MF_FID,
    ROOT,
    CyclicFile,
    Directory,
    DirectorySpec,
    ElementaryFile,
    FileSpec,
    RecordFile,
    TransparentFile,
)
from sscard_ic.simulator.keys import KeyFile, StoredKey
from sscard_ic.simulator.medical_state import proofs_below
from sscard_ic.simulator.memory import State, damaged

Owner = Directory | ElementaryFile | StoredKey


def create(
    card: CardState, parent: Directory | None, spec: DirectorySpec | FileSpec, data: bytes
) -> Directory | ElementaryFile:
    """Put a new directory or file into ``parent``; ``data`` is what ``spec`` was parsed from."""
    child = plant(card, parent, spec)
    if isinstance(child, Directory):
        card.fresh.add(child)
    card.memory.put(child.path, data.hex().upper())
    return child


def plant(
    card: CardState, parent: Directory | None, spec: DirectorySpec | FileSpec
) -> Directory | ElementaryFile:
    """The same without writing it down."""
    if isinstance(spec, DirectorySpec):
        directory = Directory(card.memory, parent, spec)
        if parent is None:
            assert spec.fid == MF_FID
            card.mf = directory
        else:
            parent.children[spec.fid] = directory
        card.interpreter.furnish(card, directory)
        return directory
    assert parent is not None, "a file lies in a directory"
    spec = card.mask.changed(parent.name, spec)
    file = _file_class(spec)(parent, spec)
    file.record_rules = card.mask.record_rules(parent.name, spec.fid)
    parent.children[spec.fid] = file
    if isinstance(file, KeyFile):
        parent.key_files.append(file)
    return file


def _file_class(spec: FileSpec) -> type[ElementaryFile]:
    if spec.role == "keys":
        return KeyFile
    if spec.structure == "transparent" or spec.role == "amount":
        return TransparentFile
    if spec.structure == "cyclic":
        return CyclicFile
    if spec.structure != "internal" or spec.role == "fci":
        return RecordFile
    return ElementaryFile


def remove(card: CardState, child: Directory | ElementaryFile) -> None:
    """Take a directory with all in it, or a file, out of the tree."""
    parent = child.parent if isinstance(child, Directory) else child.directory
    if parent is None:
        card.mf = None
    else:
        parent.remove(child.spec.fid)
    if card.file is child:
        card.file = None
    card.security.forget(set(_keys_of(child)))
    card.memory.drop(child.path)
    card.memory.drop(proofs_below(child.path))


def _keys_of(child: Directory | ElementaryFile) -> Iterator[StoredKey]:
    """Every key that is gone with it."""
    if isinstance(child, KeyFile):
        yield from child.all()
    elif isinstance(child, Directory):
        for inner in child.children.values():
            yield from _keys_of(inner)


def restore(card: CardState) -> None:
    """Rebuild the tree from the memory; raises :class:`InputError` when it cannot be."""
    card.mf = None
    owners: dict[str, Owner] = {}
    for path, state in card.memory.states.items():
        if path.startswith(f"{ROOT}/"):
            try:
                _restore(card, owners, path, state)
            except (ValueError, IndexError, ZeroDivisionError, Refusal) as error:
                raise damaged(path) from error
    card.enter(card.mf)


def _restore(card: CardState, owners: dict[str, Owner], path: str, state: State) -> None:
    above, _, leaf = path.rpartition("/")
    owner = owners.get(above)
    if owner is None and (above != ROOT or card.mf is not None):
        raise damaged(path)
    if isinstance(owner, KeyFile):
        directory, raw = owner.directory, bytes.fromhex(str(state))
        owners[path] = owner.take(card.interpreter.parse_key(raw, card.dialect, directory))
    elif owner is not None and (not isinstance(owner, Directory) or owner.knows(leaf)):
        owner.restore(leaf, state)
    else:
        data = bytes.fromhex(str(state))
        spec = card.interpreter.parse_file(data, card.dialect, owner)
        if owner is None and not isinstance(spec, DirectorySpec):
            raise damaged(path)
        _own(owners, plant(card, owner, spec))


def _own(owners: dict[str, Owner], child: Directory | ElementaryFile) -> None:
    """Let ``child``, and what came into the tree with it, take back their states."""
    owners[child.path] = child
    if isinstance(child, Directory):
        for inner in child.children.values():
            _own(owners, inner)
    elif isinstance(child, KeyFile):
        for key in child.all():
            owners[key.path] = key
