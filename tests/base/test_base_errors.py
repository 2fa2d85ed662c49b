"""Errors in both languages, and across processes."""

from __future__ import annotations

import copy
import errno
import pickle

import pytest

from sscard_ic.base import CardError, InputError, SscardError, Text
from sscard_ic.base.errors import Language, os_reason
from sscard_ic.keys import VaultError
from sscard_ic.reader.errors import ReaderError

WHAT = Text("文件不存在", "there is no file")
HINT = Text("请先建立", "make one first")


def test_a_text_has_two_languages() -> None:
    assert (WHAT.to("zh"), WHAT.to("en")) == ("文件不存在", "there is no file")


@pytest.mark.parametrize(
    ("language", "where", "hint", "expected"),
    [
        ("zh", "", None, "文件不存在"),
        ("en", "", None, "there is no file"),
        ("zh", "a.csv:3", None, "a.csv:3: 文件不存在"),
        ("en", "a.csv:3", HINT, "a.csv:3: there is no file\n  → make one first"),
        ("zh", "", HINT, "文件不存在\n  → 请先建立"),
    ],
)
def test_rendering(language: Language, where: str, hint: Text | None, expected: str) -> None:
    assert SscardError(WHAT, where=where, hint=hint).render(language) == expected


def test_a_log_gets_english() -> None:
    error = InputError(WHAT, where="a.csv", hint=HINT)
    assert str(error) == error.render("en")
    assert repr(error) == "InputError('there is no file')"


@pytest.mark.parametrize("kind", [SscardError, InputError, CardError, VaultError, ReaderError])
def test_an_error_survives_the_way_between_processes(kind: type[SscardError]) -> None:
    error = kind(WHAT, where="a.csv", hint=HINT)
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(other) is kind
        assert (other.what, other.where, other.hint) == (WHAT, "a.csv", HINT)
        assert (str(other), other.args) == (str(error), error.args)


class Numbered(CardError):
    """An error with a constructor of its own."""

    def __init__(self, number: int) -> None:
        super().__init__(Text(f"第 {number} 张", f"card {number}"))
        self.number = number


def test_an_error_with_its_own_constructor_survives_as_well() -> None:
    other = pickle.loads(pickle.dumps(Numbered(7)))
    assert isinstance(other, Numbered)
    assert (other.number, other.render("zh")) == (7, "第 7 张")


@pytest.mark.parametrize(
    ("number", "zh", "en"),
    [
        (errno.ENOENT, "没有这个文件或目录", "No such file or directory"),
        (errno.ENOSPC, "磁盘空间不足", "No space left on device"),
        (errno.EXDEV, "Invalid cross-device link", "Invalid cross-device link"),
    ],
)
def test_a_reason_of_the_operating_system(number: int, zh: str, en: str) -> None:
    assert os_reason(OSError(number, en)) == Text(zh, en)
    assert os_reason(TimeoutError()) == Text("TimeoutError", "TimeoutError")
