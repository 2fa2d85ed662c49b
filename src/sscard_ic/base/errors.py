"""Errors that say what, where, why and what to do next, in Chinese and English."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import Any, Literal

Language = Literal["zh", "en"]


@dataclass(frozen=True, slots=True)
class Text:
    """One message in both languages."""

    zh: str
    en: str

    def to(self, language: Language) -> str:
        """The message in ``language``."""
        return self.zh if language == "zh" else self.en


class SscardError(Exception):
    """Base of all errors of this toolkit.

    ``what`` is the fact, ``where`` the file, line, reader or row it concerns, ``hint`` the next
    step. Nothing in any of them may carry a key, a PIN or a person's data.
    """

    def __init__(self, what: Text, *, where: str = "", hint: Text | None = None) -> None:
        super().__init__(what.en)
        self.what = what
        self.where = where
        self.hint = hint

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions rebuild from their args alone, which are not those of __init__; a worker
        # process must be able to hand any of them back.
        return _rebuild, (type(self), self.args, self.__dict__)

    def render(self, language: Language) -> str:
        """The whole message for a person: ``where: what``, and the hint on a line of its own."""
        head = f"{self.where}: " if self.where else ""
        tail = f"\n  → {self.hint.to(language)}" if self.hint else ""
        return f"{head}{self.what.to(language)}{tail}"

    def __str__(self) -> str:
        return self.render("en")


_REASONS_ZH = {
    errno.ENOENT: "没有这个文件或目录",
    errno.EACCES: "没有权限",
    errno.EPERM: "不允许此操作",
    errno.EEXIST: "文件已存在",
    errno.EISDIR: "是目录",
    errno.ENOTDIR: "不是目录",
    errno.ENOSPC: "磁盘空间不足",
    errno.EROFS: "文件系统只读",
    errno.ENAMETOOLONG: "文件名过长",
    errno.EIO: "读写错误",
}


def os_reason(error: OSError) -> Text:
    """Why the operating system refused; a rare reason in its own words only."""
    english = error.strerror or type(error).__name__
    return Text(_REASONS_ZH.get(error.errno or 0, english), english)


def _rebuild(cls: type[SscardError], args: tuple[Any, ...], state: dict[str, Any]) -> SscardError:
    error = cls.__new__(cls, *args)
    error.__dict__.update(state)
    return error


class InputError(SscardError):
    """A file, profile or option given by the user cannot be used."""


class CardError(SscardError):
    """The card refused, or holds something else than expected."""
