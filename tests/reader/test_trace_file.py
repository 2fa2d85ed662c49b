"""Files of traces: opened without harm to other files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sscard_ic.base import InputError
from sscard_ic.reader import trace_file
from sscard_ic.reader.replay import open_replay
from sscard_ic.reader.trace_file import Existing, check_trace, open_trace, read_trace

OLD = "# sscard trace 1\nR cold 3B00\n"
NEW = "# sscard trace 1\n"


def written(path: Path, existing: Existing) -> str:
    with open_trace(path, existing) as out:
        out.write(NEW)
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("before", "existing", "after"),
    [
        (None, "append", NEW),
        (None, "replace", NEW),
        (None, "refuse", NEW),
        ("", "append", NEW),
        ("", "replace", NEW),
        (OLD, "append", OLD + NEW),
        (OLD, "replace", NEW),
        ("\ufeff" + OLD, "append", "\ufeff" + OLD + NEW),
        (OLD + "> 0084", "append", OLD + "> 0084\n" + NEW),
        (OLD + "> 0084", "replace", NEW),
    ],
)
def test_what_becomes_of_a_trace(
    before: str | None, existing: Existing, after: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.trace"
    if before is not None:
        path.write_text(before, encoding="utf-8")
    check_trace(path, existing)
    assert written(path, existing) == after


@pytest.mark.parametrize("existing", ["append", "replace", "refuse"])
@pytest.mark.parametrize("content", [b"mine", b"# sscard", b"\x00" * 100, b"\n" + OLD.encode()])
def test_any_other_file_is_kept(content: bytes, existing: Existing, tmp_path: Path) -> None:
    path = tmp_path / "a.trace"
    path.write_bytes(content)
    for refuse in (check_trace, open_trace):
        with pytest.raises(InputError, match="the file exists") as caught:
            refuse(path, existing)
        assert caught.value.where == str(path)
        assert caught.value.hint is not None
    assert path.read_bytes() == content


def test_a_trace_is_kept_where_none_may_exist(tmp_path: Path) -> None:
    path = tmp_path / "a.trace"
    path.write_text(OLD, encoding="utf-8")
    with pytest.raises(InputError, match="--force"):
        open_trace(path, "refuse")
    assert path.read_text(encoding="utf-8") == OLD


def test_a_pipe_is_neither_waited_for_nor_written(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path(os.devnull), tmp_path):
        for use in (read_trace, open_replay, lambda path: open_trace(path, "replace")):
            with pytest.raises(InputError, match="not a regular file"):
                use(path)


def test_a_file_of_any_size_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.trace"
    path.write_text(OLD, encoding="utf-8")
    monkeypatch.setattr(trace_file, "LARGEST", len(OLD))
    assert read_trace(path) == OLD.encode()
    path.write_text(OLD + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="the file has more than"):
        read_trace(path)


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such folder"):
        open_trace(tmp_path / "none" / "a.trace", "append")
