"""The vault's file on the disk: read, made once, replaced whole, by one process at a time."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sscard_ic.base.errors import Text, os_reason
from sscard_ic.base.files import replace_file
from sscard_ic.keys.errors import UnconfirmedError, VaultError

LARGEST = 16 * 1024 * 1024
"""Bytes of a vault file: some thirty thousand keys."""
LOCK_SECONDS = 10.0
"""So long a change waits for that of another process, which takes milliseconds."""

_LOCKS = Path("/proc/locks")
"""Where Linux lists who holds what."""


def read(path: Path) -> bytes:
    """The bytes of a vault file; raises :class:`VaultError` with the next step."""
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise VaultError(
            Text("密钥库文件不存在", "there is no vault"),
            where=str(path),
            hint=Text(
                "先建立测试密钥库：sscard keys init --test",
                "make a test vault first: sscard keys init --test",
            ),
        ) from None
    except OSError as error:
        raise _unusable(path, error) from None
    if len(raw) > LARGEST:
        raise VaultError(
            Text("文件过大，不是密钥库", "too large for a vault"),
            where=str(path),
            hint=Text("检查路径", "check the path"),
        )
    return raw


def write_new(path: Path, raw: bytes) -> None:
    """Write a file that must not exist yet: complete or not at all, mode 0600."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(path, error) from None
    try:
        # Claims the name first, so that of two writers one is refused on any file system.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        raise VaultError(
            Text("文件已存在，不会覆盖", "already exists and is not overwritten"),
            where=str(path),
            hint=Text("另选路径，或先移走该文件", "choose another path, or move the file away"),
        ) from None
    except OSError as error:
        raise _unusable(path, error) from None
    try:
        replace_file(path, raw)
    except BaseException as error:
        with suppress(OSError):
            path.unlink()
        if isinstance(error, OSError):
            raise _unusable(path, error) from None
        raise


def replace(path: Path, raw: bytes) -> None:
    """Put ``raw`` in the place of the file: the old or the new one is there, whatever happens.

    Whoever calls it holds :func:`locked`. What killed writers left beside the file goes, too, for
    it holds keys that may have been destroyed since.
    """
    if len(raw) > LARGEST:
        raise VaultError(
            Text("密钥库已满", "the vault is full"),
            where=str(path),
            hint=Text("请建立新的密钥库", "make another vault for further keys"),
        )
    real = Path(os.path.realpath(path))
    try:
        for left in _left_behind(real):
            left.unlink()
        replace_file(real, raw)
    except OSError as error:
        if _holds(real, raw):
            raise _unconfirmed(path, error) from None
        raise _unusable(path, error) from None


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes, and other threads, from changing the vault meanwhile.

    The lock is a file beside the vault, which stays there; the lock itself ends with its process.
    """
    from filelock import FileLock, Timeout

    lock_file = Path(os.path.realpath(path) + ".lock")
    lock = FileLock(lock_file, timeout=LOCK_SECONDS, mode=0o600)
    try:
        lock.acquire()
    except Timeout:
        raise _busy(path, lock_file) from None
    except OSError as error:
        raise _unusable(path, error) from None
    try:
        yield
    finally:
        lock.release()


def _left_behind(path: Path) -> list[Path]:
    """Temporary files of :func:`replace_file` whose writers did not come to their end."""
    form = re.compile(re.escape(f".{path.name}.") + r"[0-9a-f]{8}")
    return [each for each in path.parent.iterdir() if form.fullmatch(each.name)]


def _busy(path: Path, lock_file: Path) -> VaultError:
    holder = _holder(lock_file)
    who = (
        Text(
            "另一个 sscard 进程（可能在其他终端）",
            "another sscard process, perhaps at another terminal,",
        )
        if holder is None
        else Text(f"进程 {holder}", f"process {holder}")
    )
    return VaultError(
        Text(f"{who.zh}正在更改密钥库", f"{who.en} is changing the vault"),
        where=str(path),
        hint=Text(
            f"等其结束后重试；它持有锁文件 {lock_file}，进程结束即释放，不必删除该文件",
            f"try again when it has ended; it holds the lock file {lock_file}, which is free when "
            "the process ends and need not be deleted",
        ),
    )


def _holder(lock_file: Path) -> int | None:
    """Number of the process that holds the lock, where the system tells."""
    if not _LOCKS.exists():
        return None
    with suppress(OSError, ValueError):
        status = lock_file.stat()
        place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
        for line in _LOCKS.read_text().splitlines():
            words = line.split()
            if "FLOCK" in words and place in words and "->" not in words:
                return int(words[words.index(place) - 1]) or None
    return None


def _holds(path: Path, raw: bytes) -> bool:
    with suppress(OSError):
        return path.read_bytes() == raw
    return False


def _unconfirmed(path: Path, error: OSError) -> UnconfirmedError:
    reason = os_reason(error)
    return UnconfirmedError(
        Text(
            f"更改已写入密钥库文件，但磁盘未确认已保存（{reason.zh}）",
            f"the change is in the vault, but the disk did not confirm that it lasts ({reason.en})",
        ),
        where=str(path),
        hint=Text(
            "检查磁盘，然后用 sscard keys list 核对",
            "check the disk, then see `sscard keys list` for what is there",
        ),
    )


def _unusable(path: Path, error: OSError) -> VaultError:
    reason = os_reason(error)
    return VaultError(
        Text(
            f"密钥库文件无法读写（{reason.zh}）",
            f"the vault cannot be read or written ({reason.en})",
        ),
        where=str(path),
        hint=Text("检查路径与权限", "check the path and its permissions"),
    )
