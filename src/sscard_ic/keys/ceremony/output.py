"""New files that a deed leaves: whole, or not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sscard_ic.base.errors import InputError, Text, os_reason


@contextmanager
def claimed(path: Path) -> Iterator[None]:
    """Claim the name of a new file, mode 0600; what fails inside gives it up again.

    So neither an existing file nor a folder that cannot be written ends a deed half way. Raises
    :class:`InputError`.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        raise InputError(
            Text("文件已存在，不会覆盖", "already exists and is not overwritten"),
            where=str(path),
            hint=Text("请另选文件名", "choose another name"),
        ) from None
    except OSError as error:
        reason = os_reason(error)
        raise InputError(
            Text(f"无法写入文件（{reason.zh}）", f"cannot be written ({reason.en})"),
            where=str(path),
            hint=Text("检查路径与权限", "check the path and its permissions"),
        ) from None
    try:
        yield
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise
