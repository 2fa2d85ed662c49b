"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from sscard_ic.base.files import replace_file

POSIX = sys.platform != "win32"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "file.json"


def full(descriptor: int) -> NoReturn:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("durable", [True, False])
@pytest.mark.parametrize("content", [b"", b"line\r\nline\n\x00\x1a\xff", bytes(1 << 20)])
def test_the_content_is_what_was_given(target: Path, content: bytes, durable: bool) -> None:
    for _ in range(2):
        replace_file(target, content, durable=durable)
        assert target.read_bytes() == content
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize(
    ("mode", "umask", "expected"),
    [(0o600, 0o000, 0o600), (0o666, 0o022, 0o644), (0o666, 0o077, 0o600)],
)
def test_the_mode_is_that_of_the_new_content(
    target: Path, mode: int, umask: int, expected: int
) -> None:
    target.touch(0o777)
    before = os.umask(umask)
    try:
        replace_file(target, b"new", mode=mode)
    finally:
        os.umask(before)
    assert target.read_bytes() == b"new"
    if POSIX:
        assert stat.S_IMODE(target.stat().st_mode) == expected


def test_private_when_nothing_is_said(target: Path) -> None:
    replace_file(target, b"secret")
    assert target.read_bytes() == b"secret"
    if POSIX:
        assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_after_a_failed_write_the_old_content_stands(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(target, b"new")
    assert target.read_bytes() == b"old"
    assert list(target.parent.iterdir()) == [target]
    replace_file(target, b"new", durable=False)
    assert target.read_bytes() == b"new", "nothing is waited for"


def test_an_interruption_leaves_no_temporary_file(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(source: Path, there: Path) -> NoReturn:
        assert source.read_bytes() == b"new", "complete before it gets its name"
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        replace_file(target, b"new")
    assert not list(target.parent.iterdir())


def test_a_folder_in_the_way_stays(target: Path) -> None:
    target.mkdir()
    with pytest.raises(OSError):
        replace_file(target, b"new")
    assert list(target.parent.iterdir()) == [target]
    assert target.is_dir()


def test_the_folder_must_exist(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        replace_file(tmp_path / "none" / "file", b"new")


def test_content_and_name_are_waited_for(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = []

    def note(descriptor: int) -> None:
        kinds.append(stat.S_ISDIR(os.fstat(descriptor).st_mode))

    monkeypatch.setattr(os, "fsync", note)
    replace_file(target, b"new")
    assert kinds == ([False, True] if POSIX else [False]), "the file, then the folder"


def test_an_error_names_the_file_that_was_asked_for(tmp_path: Path) -> None:
    """Not the temporary one."""
    with pytest.raises(OSError) as caught:
        replace_file(tmp_path / "nowhere" / "file.json", b"")
    assert caught.value.filename == str(tmp_path / "nowhere" / "file.json")
