"""What other processes do to a vault in the tests of its writers."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection as Pipe
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from tests.keys.key_samples import PASSPHRASE

from sscard_ic.keys import KeySpec, SoftwareVault, vault_disk
from sscard_ic.keys.errors import KeyExistsError

SHARED = KeySpec("SHARED", 1, "P1", "external")


def own_key(writer: int, number: int) -> KeySpec:
    """One of the keys that ``writer`` makes."""
    return KeySpec(f"WRITER{writer}", number, "P1", "external")


def write_keys(path: Path, writer: int, count: int, start: Barrier, out: Pipe) -> None:
    """Make keys, and one that every writer tries to make; tell whether it was this one."""
    vault = SoftwareVault.open(path, PASSPHRASE)
    start.wait()
    for number in range(1, count + 1):
        vault.generate(own_key(writer, number))
    try:
        vault.generate(SHARED)
    except KeyExistsError:
        out.send(False)
    else:
        out.send(True)


def hold_lock(path: Path, out: Pipe) -> None:
    """Hold the lock until killed."""
    with vault_disk.locked(path):
        out.send(True)
        signal.pause()


def change_and_die(path: Path, change: str, function: str, after: bool) -> None:
    """Begin a change; be killed at a call of ``os.function``, before or after it is made."""
    vault = SoftwareVault.open(path, PASSPHRASE)
    real: Callable[..., Any] = getattr(os, function)

    def fatal(*args: Any, **values: Any) -> None:
        if after:
            real(*args, **values)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(os, function, fatal)
    if change == "generate":
        vault.generate(SHARED)
    else:
        vault.destroy("UKSSSE", 4, "3des")
