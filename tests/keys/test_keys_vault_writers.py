"""A vault that several processes change, that is killed in the middle, or that changes behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import stat
import sys
import threading
from collections.abc import Iterator
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest
from tests.keys.key_samples import CREATED, PASSPHRASE
from tests.support.remembered_scrypt import remember
from tests.support.vault_processes import (
    SHARED,
    change_and_die,
    hold_lock,
    own_key,
    write_keys,
)

from sscard_ic.base import Secret
from sscard_ic.keys import DestroyedKeyError, KeySpec, SoftwareVault, VaultError, vault_disk
from sscard_ic.keys.errors import KeyExistsError
from sscard_ic.keys.hierarchy import RootKey
from sscard_ic.keys.vault_format import head_of

_WRITERS, _KEYS_EACH = 4, 5
_UK = KeySpec("UKSSSE", 4, "P1", "external")


@pytest.fixture(autouse=True)
def _remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    remember(monkeypatch)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A vault with ``UKSSSE`` version 4."""
    path = tmp_path / "vault.json"
    value = Secret(bytes(range(16)))
    roots = [RootKey.of(_UK, value, CREATED, "components")]
    SoftwareVault.create(path, PASSPHRASE, environment="test", keys=roots)
    return path


@pytest.fixture(scope="module")
def context() -> ForkServerContext:
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload(["tests.support.vault_processes"])
    return made


def reopened(path: Path, passphrase: Secret = PASSPHRASE) -> SoftwareVault:
    return SoftwareVault.open(path, passphrase)


def names(vault: SoftwareVault) -> list[tuple[str, int]]:
    infos = vault.keys()
    return [(info.name, info.version) for info in infos]


def temporary(path: Path) -> list[Path]:
    return [each for each in path.parent.iterdir() if each.name.startswith(f".{path.name}.")]


# -- other processes ---------------------------------------------------------------------------


def test_nothing_that_several_processes_write_is_lost(
    target: Path, context: ForkServerContext
) -> None:
    """Each opened the vault before any of them wrote; each writes many times."""
    start = context.Barrier(_WRITERS)
    here, there = context.Pipe(duplex=False)
    processes = [
        context.Process(target=write_keys, args=(target, writer, _KEYS_EACH, start, there))
        for writer in range(_WRITERS)
    ]
    for process in processes:
        process.start()
    there.close()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * _WRITERS
    assert sorted(here.recv() for _ in processes) == [False] * (_WRITERS - 1) + [True]
    here.close()
    expected = {
        (own_key(writer, number).name, number)
        for writer in range(_WRITERS)
        for number in range(1, _KEYS_EACH + 1)
    }
    assert set(names(reopened(target))) == {*expected, ("SHARED", 1), ("UKSSSE", 4)}
    head = head_of(target.read_bytes(), "")
    assert head.generation == 1 + _WRITERS * _KEYS_EACH + 1
    assert not temporary(target)


def test_nothing_that_several_threads_write_is_lost(target: Path) -> None:
    vault = reopened(target)
    threads = [
        threading.Thread(target=vault.generate, args=(own_key(writer, 1),))
        for writer in range(_WRITERS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(vault.keys()) == len(reopened(target).keys()) == 1 + _WRITERS


@pytest.fixture
def holder(target: Path, context: ForkServerContext) -> Iterator[Any]:
    """A process that holds the lock."""
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=hold_lock, args=(target, there))
    process.start()
    there.close()
    assert here.recv()
    yield process
    process.kill()
    process.join()
    process.close()
    here.close()


def test_a_lock_that_is_held(target: Path, holder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading goes on; a change is refused and says who holds the vault; then it is free."""
    vault = reopened(target)
    raw = target.read_bytes()
    monkeypatch.setattr(vault_disk, "LOCK_SECONDS", 0.01)
    with pytest.raises(VaultError, match="is changing the vault") as caught:
        vault.generate(SHARED)
    error = caught.value
    assert error.hint is not None
    assert str(target) + ".lock" in error.hint.en
    if sys.platform == "linux":
        assert f"process {holder.pid} is changing" in error.what.en
    monkeypatch.setattr(vault_disk, "_LOCKS", target.parent / "no such list")
    with pytest.raises(VaultError, match="another sscard process, perhaps at another terminal"):
        vault.generate(SHARED)
    assert target.read_bytes() == raw
    assert names(vault) == [("UKSSSE", 4)]
    monkeypatch.undo()
    holder.kill()
    holder.join()
    vault.generate(SHARED)
    assert names(reopened(target)) == [("SHARED", 1), ("UKSSSE", 4)]


@pytest.mark.parametrize("change", ["generate", "destroy"])
@pytest.mark.parametrize(
    ("function", "after"),
    [("fsync", False), ("fsync", True), ("replace", False), ("replace", True)],
)
def test_a_process_killed_while_it_writes(
    target: Path, context: ForkServerContext, change: str, function: str, after: bool
) -> None:
    """The old vault is there, or the new one; nothing of the other is left after a change."""
    before = reopened(target).keys()
    raw = target.read_bytes()
    process = context.Process(target=change_and_die, args=(target, change, function, after))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    done = function == "replace" and after
    assert (target.read_bytes() != raw) == done
    assert len(temporary(target)) == (0 if done else 1)
    vault = reopened(target)
    if not done:
        assert vault.keys() == before
    elif change == "generate":
        assert names(vault) == [("SHARED", 1), ("UKSSSE", 4)]
    else:
        assert vault.root_info("UKSSSE", 4).state == "destroyed"
    vault.generate(own_key(0, 1))
    assert not temporary(target), "it may hold keys that were destroyed since"
    assert ("WRITER0", 1) in names(reopened(target))


# -- another handle on the same vault ----------------------------------------------------------


def test_a_change_begins_with_what_the_file_holds(target: Path) -> None:
    mine, other = reopened(target), reopened(target)
    other.generate(own_key(1, 1))
    other.destroy("UKSSSE", 4, "3des")
    assert names(mine) == [("UKSSSE", 4)]
    with pytest.raises(DestroyedKeyError):
        mine.set_validity("UKSSSE", 4, "3des", None, None)
    assert mine.keys() == other.keys()
    with pytest.raises(KeyExistsError):
        mine.generate(own_key(1, 1))
    mine.generate(own_key(2, 1))
    assert mine.keys() == reopened(target).keys()


def test_a_passphrase_that_another_process_changed(target: Path) -> None:
    mine, other = reopened(target), reopened(target)
    new = Secret(b"another passphrase")
    other.change_passphrase(PASSPHRASE, new)
    raw = target.read_bytes()
    with pytest.raises(VaultError, match="the passphrase was changed") as caught:
        mine.generate(SHARED)
    assert caught.value.hint is not None
    assert "new passphrase" in caught.value.hint.en
    assert target.read_bytes() == raw
    with pytest.raises(VaultError, match="the passphrase is wrong"):
        mine.change_passphrase(PASSPHRASE, new)
    mine.change_passphrase(new, PASSPHRASE)
    other.change_passphrase(PASSPHRASE, new)
    assert names(reopened(target, new)) == [("UKSSSE", 4)]


def test_a_key_of_another_process_stays_when_the_passphrase_changes(target: Path) -> None:
    """It is known here, too, afterwards, and what was destroyed is so here."""
    mine, other = reopened(target), reopened(target)
    other.generate(own_key(1, 1))
    other.destroy("UKSSSE", 4, "3des")
    new = Secret(b"another passphrase")
    mine.change_passphrase(PASSPHRASE, new)
    assert mine.keys() == other.keys() == reopened(target, new).keys()
    assert names(mine) == [("UKSSSE", 4), ("WRITER1", 1)]
    mine.require_key("WRITER1", 1, "3des")
    with pytest.raises(DestroyedKeyError):
        mine.require_key("UKSSSE", 4, "3des")


def test_an_older_copy_that_was_put_back(target: Path) -> None:
    """Whoever has the vault open notices; a change would bring destroyed keys back to life."""
    older = target.read_bytes()
    vault = reopened(target)
    vault.destroy("UKSSSE", 4, "3des")
    target.write_bytes(older)
    with pytest.raises(VaultError, match="was a backup put back") as caught:
        vault.generate(SHARED)
    assert "generation 1" in caught.value.what.en
    assert "generation 2" in caught.value.what.en
    assert target.read_bytes() == older
    assert vault.root_info("UKSSSE", 4).state == "destroyed"
    reopened(target).generate(SHARED)
    with pytest.raises(VaultError, match="was a backup put back"):
        vault.generate(own_key(1, 1))


def test_another_vault_in_its_place(target: Path) -> None:
    vault = reopened(target)
    target.unlink()
    SoftwareVault.create(target, PASSPHRASE, environment="test")
    raw = target.read_bytes()
    for change in (
        lambda: vault.generate(SHARED),
        lambda: vault.change_passphrase(PASSPHRASE, Secret(b"new")),
    ):
        with pytest.raises(VaultError, match="another vault lies here now"):
            change()
    assert target.read_bytes() == raw


def test_a_vault_that_was_damaged_or_removed_meanwhile(target: Path) -> None:
    vault = reopened(target)
    raw = target.read_bytes()
    spoilt = raw.replace(b'"level":"P1"', b'"level":"C1"')
    target.write_bytes(spoilt)
    with pytest.raises(VaultError, match=r"UKSSSE version 4 \(3DES\) is damaged"):
        vault.generate(SHARED)
    assert target.read_bytes() == spoilt
    target.unlink()
    with pytest.raises(VaultError, match="there is no vault"):
        vault.generate(SHARED)
    assert not target.exists()
    target.write_bytes(raw)
    vault.generate(SHARED)


# -- a disk that fails -------------------------------------------------------------------------


def _fail_at(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Let the ``number``-th sync fail: the first is that of the file, the second of its folder."""
    real, calls = os.fsync, iter(range(1, 100))

    def fsync(handle: int) -> None:
        if next(calls) == number:
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)


def test_a_full_disk_changes_nothing(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vault = reopened(target)
    before, raw = vault.keys(), target.read_bytes()
    with monkeypatch.context() as patched:
        _fail_at(patched, 1)
        with pytest.raises(VaultError, match="No space left on device"):
            vault.generate(SHARED)
    with monkeypatch.context() as patched:
        _fail_at(patched, 1)
        with pytest.raises(VaultError, match="No space left on device"):
            vault.destroy("UKSSSE", 4, "3des")
    with monkeypatch.context() as patched:
        _fail_at(patched, 1)
        with pytest.raises(VaultError, match="No space left on device"):
            vault.change_passphrase(PASSPHRASE, Secret(b"new"))
    assert vault.keys() == before
    assert target.read_bytes() == raw
    assert not temporary(target)
    vault.generate(SHARED)
    assert names(reopened(target)) == [("SHARED", 1), ("UKSSSE", 4)]


def test_a_change_that_the_disk_does_not_confirm(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in the file, and said to be; the next change goes on from there."""
    vault = reopened(target)
    with monkeypatch.context() as patched:
        _fail_at(patched, 2)
        with pytest.raises(VaultError, match="did not confirm that it lasts"):
            vault.generate(SHARED)
    assert names(reopened(target)) == [("SHARED", 1), ("UKSSSE", 4)]
    with pytest.raises(KeyExistsError):
        vault.generate(SHARED)
    assert names(vault) == [("SHARED", 1), ("UKSSSE", 4)]


def test_a_vault_that_is_full(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written that could not be read again."""
    vault = reopened(target)
    raw = target.read_bytes()
    monkeypatch.setattr(vault_disk, "LARGEST", len(raw))
    with pytest.raises(VaultError, match="the vault is full"):
        vault.generate(SHARED)
    assert target.read_bytes() == raw
    assert names(vault) == [("UKSSSE", 4)]


def test_a_lock_file_that_cannot_be_one(target: Path) -> None:
    vault = reopened(target)
    target.with_name("vault.json.lock").mkdir()
    with pytest.raises(VaultError, match="cannot be read or written") as caught:
        vault.generate(SHARED)
    assert caught.value.hint is not None


def test_a_link_to_a_vault_stays_one(target: Path, tmp_path: Path) -> None:
    link = tmp_path / "link" / "vault.json"
    link.parent.mkdir()
    link.symlink_to(target)
    reopened(link).generate(SHARED)
    assert link.is_symlink()
    assert names(reopened(target)) == [("SHARED", 1), ("UKSSSE", 4)]
    assert [each.name for each in link.parent.iterdir()] == ["vault.json"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
