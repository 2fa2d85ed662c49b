"""Files of ``sscard cert``: whole contents in, whole files out, ``-`` for the standard streams."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from sscard_ic.base.errors import InputError, Text, os_reason
from sscard_ic.base.files import replace_file
from sscard_ic.cli.common import system_error

STREAM = Path("-")
file_path = click.Path(path_type=Path, dir_okay=False, allow_dash=True)
"""Of an option or argument that may be a standard stream."""
PRIVATE, PUBLIC = 0o600, 0o644
"""Modes of files: only their owner reads them, or everybody."""

_LARGEST = 1 << 30
"""Bytes of a file that is signed or verified: it is held in memory."""


def read_input(path: Path, longest: int = _LARGEST) -> bytes:
    """What a file, or with ``-`` standard input, holds.

    Raises :class:`InputError` when it cannot be read, or has more than ``longest`` bytes.
    """
    try:
        if path == STREAM:
            content = sys.stdin.buffer.read(longest + 1)
        else:
            with path.open("rb") as file:
                content = file.read(longest + 1)
    except OSError as error:
        reason = os_reason(error)
        raise InputError(
            Text(f"无法读取文件（{reason.zh}）", f"cannot be read ({reason.en})"),
            where=str(path),
            hint=Text("检查路径与权限", "check the path and its permissions"),
        ) from None
    if len(content) > longest:
        raise InputError(
            Text(
                f"文件过大，最多 {longest} 字节", f"the file is too large: at most {longest} bytes"
            ),
            where=str(path),
            hint=Text("请核对文件", "is it the right file?"),
        )
    return content


def require_binary_place(out: Path | None) -> None:
    """Raise :class:`InputError` when bytes would go to a terminal; before anything is done."""
    if (out is None or out == STREAM) and _is_terminal():
        raise InputError(
            Text("二进制数据不能输出到终端", "bytes are not written to a terminal"),
            hint=Text("请用 --out 文件名，或重定向到文件", "name a file with --out, or redirect"),
        )


def write_output(out: Path | None, content: bytes, mode: int) -> None:
    """Bytes to a file, or to standard output where none is named."""
    if out is None or out == STREAM:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    try:
        replace_file(out, content, mode=mode)
    except OSError as error:
        raise system_error(error) from None


def _is_terminal() -> bool:
    return sys.stdout.isatty()
