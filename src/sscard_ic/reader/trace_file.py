"""Trace files, opened for reading and writing so that no other file comes to harm."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, TextIO

from sscard_ic.apdu.trace import is_trace
from sscard_ic.base.errors import InputError, Text

LARGEST = 100_000_000
"""Bytes of a file that is read: sessions of several thousand cards."""

_START = 64
"""Bytes in which a file shows whether it is a trace."""

Existing = Literal["append", "replace", "refuse"]
"""What becomes of a trace that exists. Files that are no traces are refused in any case."""


def read_trace(path: Path) -> bytes:
    """The content of a trace file.

    Raises :class:`InputError` for what is no file or larger than :data:`LARGEST`, and
    :class:`OSError` when it cannot be read.
    """
    _require_file(path)
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise InputError(
            Text(
                f"文件超过 {LARGEST // 1_000_000} MB",
                f"the file has more than {LARGEST // 1_000_000} MB",
            ),
            where=str(path),
            hint=Text(
                "在某个 # sscard trace 1 行之前把文件分开",
                "divide it before a line # sscard trace 1",
            ),
        )
    return content


def check_trace(path: Path, existing: Existing) -> None:
    """Raise the :class:`InputError` that :func:`open_trace` would raise now; nothing is written."""
    if not path.parent.is_dir():
        raise InputError(
            Text("没有这个目录", "there is no such folder"),
            where=str(path.parent),
            hint=Text("先建立目录，或另选位置", "make the folder, or choose another place"),
        )
    if path.exists():
        _require_ours(path, existing)


def open_trace(path: Path, existing: Existing, *, private: bool = False) -> TextIO:
    """The trace file ``path`` for writing; ``private`` gives it mode 0600.

    A file that exists is appended to, replaced or refused, and always refused unless it begins as
    a trace or is empty. Raises :class:`InputError` then, and :class:`OSError`.
    """
    check_trace(path, existing)
    mode = 0o600 if private else 0o666
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        whole = _require_ours(path, existing)
        kept = os.O_APPEND if existing == "append" else os.O_TRUNC
        descriptor = os.open(path, os.O_WRONLY | kept)
    else:
        whole = True
    if private:
        os.chmod(path, 0o600)
    out = os.fdopen(descriptor, "w", encoding="utf-8", newline="\n")
    if existing == "append" and not whole:
        out.write("\n")
    return out


def _require_ours(path: Path, existing: Existing) -> bool:
    """Raise unless ``path`` may be written; whether its last line has an end."""
    if existing == "refuse":
        raise InputError(
            Text("文件已存在", "the file exists already"),
            where=str(path),
            hint=Text(
                "另选文件名，或用 --force 覆盖", "choose another name, or replace it: --force"
            ),
        )
    _require_file(path)
    with path.open("rb") as file:
        start = file.read(_START)
        if not start:
            return True
        if is_trace(start):
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"
    raise InputError(
        Text("文件已存在，且不是通信记录", "the file exists and is no trace"),
        where=str(path),
        hint=Text("另选文件名", "choose another name"),
    )


def _require_file(path: Path) -> None:
    """Raise for devices, which may have no end, pipes, which may wait for ever, and folders."""
    if path.exists() and not path.is_file():
        raise InputError(
            Text("不是普通文件", "not a regular file"),
            where=str(path),
            hint=Text("请写通信记录的文件名", "name the file of a trace"),
        )
