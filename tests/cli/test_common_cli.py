"""What every command shares: language, consoles, exit codes, errors in words."""

from __future__ import annotations

import errno
import io
import json
import locale
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import click
import pytest
from click.testing import CliRunner, Result

from sscard_ic.base import InputError, Text
from sscard_ic.base.resources import samples_dir
from sscard_ic.cli import root
from sscard_ic.cli.common import detect_language, print_json, protect_consoles
from sscard_ic.ledger import Ledger

PROGRAM = "from sscard_ic.cli import main; main()"


def sscard(*arguments: str, **environment: str) -> Result:
    env = {"SSCARD_LANG": "en", "SSCARD_HOME": os.devnull, **environment}
    return CliRunner(env=env).invoke(root, list(arguments))


def process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The program itself, in a shell with no other language settings."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("LC_", "LANG", "SSCARD_", "PYTHON"))
    }
    path = os.pathsep.join(sys.path)
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        env={**kept, "PYTHONPATH": path, **environment},
        capture_output=True,
        check=False,
    )


# -- language --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"SSCARD_LANG": "zh"}, "zh"),
        ({"SSCARD_LANG": "en", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"SSCARD_LANG": "", "LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.GBK"}, "zh"),
        ({"LANG": "zh_TW.Big5"}, "zh"),
        ({"LANG": "ZH"}, "zh"),
        ({"LANG": "en_US.UTF-8"}, "en"),
        ({"LANG": "C"}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LC_ALL": "zh_CN.UTF-8", "LANG": "en_US.UTF-8"}, "zh"),
        ({"LC_ALL": "C.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}, "en"),
        ({"LC_MESSAGES": "zh_CN.UTF-8", "LANG": "C"}, "zh"),
    ],
)
def test_the_language_of_an_environment(environment: dict[str, str], expected: str) -> None:
    assert detect_language(environment) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Chinese (Simplified)_China", "zh"), ("zh_CN", "zh"), ("English_World", "en"), (None, "en")],
)
def test_without_variables_the_locale_decides(
    name: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locale, "getlocale", lambda: (name, None))
    assert detect_language({}) == expected


def test_the_option_goes_before_the_environment() -> None:
    for chosen, other, words in (("zh", "en", "台账不存在"), ("en", "zh", "there is no ledger")):
        result = sscard("--lang", chosen, "batch", "status", SSCARD_LANG=other)
        assert result.exit_code == 1
        assert words in result.stderr


# -- consoles --------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["gbk", "ascii", "utf-8"])
@pytest.mark.parametrize("language", ["zh_CN.GBK", "en_US.UTF-8"])
def test_no_console_breaks_a_job(encoding: str, language: str) -> None:
    done = process("profile", "list", PYTHONIOENCODING=encoding, LANG=language)
    assert (done.returncode, done.stderr) == (0, b"")
    # click writes UTF-8 where a console claims to know nothing but ASCII.
    shown = done.stdout.decode("utf-8" if encoding == "ascii" else encoding)
    assert "regions/dalian" in shown
    title = "大连" if language.startswith("zh") else "Dalian"
    assert title in shown


@pytest.mark.parametrize(
    ("console", "written", "shown"),
    # To an ASCII console click writes UTF-8: such a console is one that nobody has set up.
    [("gbk", "gbk", "none-?.img"), ("ascii", "utf-8", "none-𠮷.img")],
)
def test_an_error_is_told_on_any_console(console: str, written: str, shown: str) -> None:
    done = process("--lang", "zh", "sim", "show", "none-𠮷.img", PYTHONIOENCODING=console)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode(written).startswith(f"{shown}: 映像无法读写")


@pytest.mark.parametrize("encoding", ["gbk", "ascii", "utf-8"])
def test_json_on_any_console_is_whole(encoding: str) -> None:
    done = process("profile", "list", "--json", PYTHONIOENCODING=encoding)
    assert done.returncode == 0
    expected = process("profile", "list", "--json", PYTHONIOENCODING="utf-8").stdout
    found = json.loads(done.stdout.decode(encoding))
    assert found == json.loads(expected)
    assert "大连" in str(found)


@pytest.mark.parametrize(
    ("encoding", "escaped"),
    [("ascii", True), ("gbk", True), ("utf-8", False), ("UTF8", False), ("gb18030", False)],
)
def test_json_is_escaped_where_the_console_may_lack_a_character(
    encoding: str, escaped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = {"姓名": ["𠮷野", "ÿ€", None, 1]}
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    print_json(value)
    stream.seek(0)
    text = stream.read()
    assert json.loads(text) == value
    assert text.isascii() is escaped


def test_a_protected_console_shows_replacements(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = {
        name: io.TextIOWrapper(io.BytesIO(), encoding="gbk") for name in ("stdout", "stderr")
    }
    for name, stream in streams.items():
        monkeypatch.setattr(sys, name, stream)
    protect_consoles()
    click.echo("卡𠮷1")
    click.echo("卡𠮷2", err=True)
    for stream, expected in zip(streams.values(), ("卡?1\n", "卡?2\n"), strict=True):
        stream.seek(0)
        assert stream.read() == expected


# -- exit codes ------------------------------------------------------------------------------


def test_wrong_usage() -> None:
    for arguments in (["destroy"], ["batch", "destroy"], ["--lang", "fr", "demo"], ["sim", "new"]):
        result = sscard(*arguments)
        assert result.exit_code == 2, arguments
        assert result.stdout == ""
        assert "Usage:" in result.stderr


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """``sscard batch status`` runs into ``error``."""

    def fail(path: Path) -> NoReturn:
        raise error

    monkeypatch.setattr(Ledger, "open", fail)


@pytest.fixture
def ledger(tmp_path: Path) -> str:
    path = tmp_path / "ledger.db"
    Ledger.open(path).close()
    return str(path)


def test_an_error_of_the_toolkit_goes_to_standard_error_only(
    ledger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hint = Text("请先关闭", "close it first")
    raising(monkeypatch, InputError(Text("打不开", "will not open"), where="x.db", hint=hint))
    for language, told in (
        ("en", "x.db: will not open\n  → close it first\n"),
        ("zh", "x.db: 打不开\n  → 请先关闭\n"),
    ):
        result = sscard("--lang", language, "batch", "status", "--ledger", ledger)
        assert (result.exit_code, result.stdout, result.stderr) == (1, "", told)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort(), EOFError()])
def test_an_interruption_is_no_traceback(
    error: BaseException, ledger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    raising(monkeypatch, error)
    result = sscard("batch", "status", "--ledger", ledger)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.strip() == "Aborted!"


def test_a_defect_of_the_program_is_not_hidden(
    ledger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    raising(monkeypatch, ZeroDivisionError())
    assert isinstance(sscard("batch", "status", "--ledger", ledger).exception, ZeroDivisionError)


# -- what the operating system refuses -------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(28, "No space left on device"), "cannot be read or written: No space left"),
        (OSError(13, "Permission denied", "a.img"), "a.img: cannot be read or written: Permission"),
        (OSError(18, "Invalid link", "a", None, "b"), "b: cannot be read or written: Invalid link"),
        (OSError(9, "Bad file descriptor", 0), "0: cannot be read or written: Bad file descriptor"),
        (TimeoutError(), "cannot be read or written: TimeoutError"),
    ],
)
def test_a_system_error_names_file_and_reason(
    error: OSError, told: str, ledger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    raising(monkeypatch, error)
    result = sscard("batch", "status", "--ledger", ledger)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(told)
    assert "→ check path, permissions and free space" in result.stderr
    chinese = sscard("--lang", "zh", "batch", "status", "--ledger", ledger)
    assert "操作系统拒绝读写：" in chinese.stderr


def test_a_reader_that_has_had_enough_is_no_failure_to_tell(
    ledger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    raising(monkeypatch, BrokenPipeError(errno.EPIPE, "Broken pipe"))
    result = sscard("batch", "status", "--ledger", ledger)
    assert (result.exit_code, result.output) == (1, "")


def test_output_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    below = str(tmp_path / "file" / "x")
    for arguments in (
        ["demo", "--cards", "1", "--out", below],
        ["sim", "new", "--profile", "dalian", "--out", below],
    ):
        result = sscard(*arguments)
        assert (result.exit_code, result.stdout) == (1, ""), arguments
        assert result.stderr.startswith(f"{below}: cannot be read or written: ")


def test_a_trace_that_cannot_be_written(tmp_path: Path) -> None:
    environment = {"SSCARD_HOME": str(tmp_path), "SSCARD_PASSPHRASE": "x"}
    batch, trace = "dalian-defects", str(tmp_path / "none" / "trace")
    file = str(samples_dir() / "batches" / f"{batch}.csv")
    checked = ("--profile", "dalian", "--date", "2026-11-21")
    assert sscard("keys", "init", "--test", **environment).exit_code == 0
    assert sscard("batch", "import", file, *checked, **environment).exit_code == 3
    run = ("batch", "run", batch, "--reader", "virtual:new:dalian", "--trace", trace)
    result = sscard(*run, **environment)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"{tmp_path / 'none'}: there is no such folder")
    states = json.loads(sscard("batch", "status", batch, "--json", **environment).stdout)["states"]
    assert states == {"refused": 14, "accepted": 2}, "no card was begun"
