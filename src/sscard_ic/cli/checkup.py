"""What ``sscard doctor`` says, and its checks of the core: everything works without a reader."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sscard_ic.base.errors import SscardError, Text

State = Literal["ok", "note", "missing"]
"""Works; a part that not everybody needs is absent or wants attention; something needed fails."""

OLDEST_PYTHON = (3, 11)
_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; ``subject`` is its stable name for programs."""

    subject: str
    title: Text
    state: State
    what: Text
    hint: Text | None = None


def run_program(arguments: Sequence[str]) -> str | None:
    """What a program prints; None when it cannot be run, fails, or takes over five seconds."""
    try:
        done = subprocess.run(
            arguments, capture_output=True, timeout=_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None


@dataclass(frozen=True, slots=True)
class Machine:
    """Where the checks look. ``root`` is the folder below which the system's files are found."""

    home: Path
    root: Path = Path("/")
    system: str = sys.platform
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    which: Callable[[str], str | None] = shutil.which
    run: Callable[[Sequence[str]], str | None] = run_program

    def at(self, absolute: str) -> Path:
        """The place of an absolute path of the system."""
        return self.root / absolute.lstrip("/")

    @property
    def is_linux(self) -> bool:
        return self.system.startswith("linux")


def guarded(subject: str, title: Text, check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """What a check finds; that it could not look, or read what it saw, is a finding as well."""
    try:
        yield from check()
    except (OSError, ValueError) as error:
        place = getattr(error, "filename", None)
        reason = f"{getattr(error, 'strerror', None) or error}{f': {place}' if place else ''}"
        yield Finding(
            subject,
            title,
            "note",
            Text(f"无法检查：{reason}", f"could not be examined: {reason}"),
            Text("请检查权限，或以 root 身份再试", "check the rights, or try again as root"),
        )


def core_findings(machine: Machine) -> Iterator[Finding]:
    """The parts that every job needs."""
    yield python()
    yield package_data()
    yield cryptography()
    yield database(machine)
    yield home(machine)


def python(version: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    """The interpreter and the platform."""
    title = Text("Python", "Python")
    words = f"{'.'.join(map(str, version))}, {platform.system()} {platform.machine()}"
    if version[:2] >= OLDEST_PYTHON:
        return Finding("python", title, "ok", Text(words, words))
    oldest = ".".join(map(str, OLDEST_PYTHON))
    hint = Text(f"请安装 Python {oldest} 或更新版本", f"install Python {oldest} or newer")
    return Finding("python", title, "missing", Text(words, words), hint)


def package_data() -> Finding:
    """The profiles that travel with the package: all of them load."""
    from sscard_ic.profile import available, load

    title = Text("卡规范", "profiles")
    count = 0
    try:
        for info in available():
            if info.kind in ("national", "region"):
                load(info.name)
                count += 1
    except SscardError as error:
        what = Text(error.render("zh"), error.render("en"))
        return Finding("profiles", title, "missing", what, _reinstall())
    if not count:
        nothing = Text("安装包中没有卡规范", "the package holds no profile")
        return Finding("profiles", title, "missing", nothing, _reinstall())
    return Finding(
        "profiles", title, "ok", Text(f"{count} 个，均可读取", f"{count} profiles, all load")
    )


def _reinstall() -> Text:
    return Text(
        "安装不完整，请重新安装：pip install --force-reinstall sscard-ic",
        "the installation is not whole; repeat it: pip install --force-reinstall sscard-ic",
    )


def cryptography() -> Finding:
    """The cryptographic library, and Triple DES, which a strict OpenSSL refuses."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.backends.openssl.backend import backend

    from sscard_ic.crypto import des

    title = Text("密码算法", "cryptography")
    version = backend.openssl_version_text()
    try:
        # Any key will do: what goes in must come out.
        works = des.decrypt(bytes(range(16)), des.encrypt(bytes(range(16)), bytes(8))) == bytes(8)
    except (UnsupportedAlgorithm, ValueError):
        works = False
    if works:
        what = Text(f"{version}，3DES 可用", f"{version}, Triple DES works")
        return Finding("cryptography", title, "ok", what)
    return Finding(
        "cryptography",
        title,
        "missing",
        Text(f"{version}，3DES 不可用", f"{version}, Triple DES does not work"),
        Text(
            "2.00 版卡都用 3DES：请关闭 OpenSSL 的 FIPS 限制，或重装 cryptography",
            "cards of version 2.00 need it: lift the FIPS restriction of OpenSSL, "
            "or install cryptography anew",
        ),
    )


def database(machine: Machine) -> Finding:
    """SQLite, and whether its write-ahead journal works where the ledger lies."""
    title = Text("数据库", "database")
    version = f"SQLite {sqlite3.sqlite_version}"
    try:
        mode = _journal_mode(_nearest(machine.home))
    except (OSError, sqlite3.Error) as error:
        return Finding(
            "database",
            title,
            "note",
            Text(
                f"{version}，预写日志无法试用：{error}",
                f"{version}, the write-ahead journal could not be tried: {error}",
            ),
            _other_home(),
        )
    if mode == "wal":
        what = Text(f"{version}，预写日志可用", f"{version}, write-ahead journal works")
        return Finding("database", title, "ok", what)
    return Finding(
        "database",
        title,
        "note",
        Text(f"{version}，日志方式为 {mode}", f"{version}, journal mode {mode}"),
        Text(
            "这里不能用预写日志（多为网络盘）：请把 SSCARD_HOME 设到本机磁盘",
            "no write-ahead journal here, as on network drives: "
            "let SSCARD_HOME be on a disk of this machine",
        ),
    )


def _nearest(folder: Path) -> Path:
    """The folder itself, or where it would be made."""
    return next(place for place in (folder, *folder.parents) if place.exists())


def _journal_mode(folder: Path) -> str:
    with tempfile.TemporaryDirectory(prefix=".sscard-doctor-", dir=folder) as scratch:
        connection = sqlite3.connect(Path(scratch) / "probe.db")
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            return str(mode)
        finally:
            connection.close()


def home(machine: Machine) -> Finding:
    """The folder for vault, ledger and virtual blanks: there, or can be made."""
    title = Text("数据目录", "data folder")
    path = machine.home
    try:
        if path.is_dir():
            with tempfile.TemporaryFile(dir=path):
                pass
            return Finding("home", title, "ok", Text(f"{path}，可写", f"{path}, writable"))
        existing = _nearest(path)
    except OSError as error:
        return Finding("home", title, "missing", _unusable(path, error), _other_home())
    if existing.is_dir() and os.access(existing, os.W_OK | os.X_OK):
        what = Text(f"{path}，首次使用时建立", f"{path}, made when it is first used")
        return Finding("home", title, "ok", what)
    what = Text(
        f"{path}，无法建立：{existing} 不是可写目录",
        f"{path} cannot be made: {existing} is not a folder that can be written to",
    )
    return Finding("home", title, "missing", what, _other_home())


def _unusable(path: Path, error: OSError) -> Text:
    reason = error.strerror or type(error).__name__
    return Text(f"{path}，不可写：{reason}", f"{path} cannot be written to: {reason}")


def _other_home() -> Text:
    return Text(
        "请更正权限，或把 SSCARD_HOME 设为可写目录",
        "correct the rights, or let SSCARD_HOME name a folder that can be written to",
    )


def belonging(
    path: Path, subject: str, title: Text, maker: Text, is_one: Callable[[Path], bool]
) -> Finding:
    """Vault or ledger: its absence is no fault, but nothing can be made with a damaged one."""
    where = str(path)
    try:
        if not path.exists():
            return Finding(subject, title, "note", Text("还没有", "none yet"), maker)
        if path.is_file() and is_one(path):
            return Finding(subject, title, "ok", Text(where, where))
    except OSError as error:
        return Finding(subject, title, "missing", _unreadable(path, error), _other_home())
    return Finding(
        subject,
        title,
        "missing",
        Text(f"{path} 不是{title.zh}，或已损坏", f"{path} is no {title.en}, or it is damaged"),
        Text(
            f"请从备份恢复，或把它移走；{maker.zh}",
            f"restore it from a backup, or move it away; {maker.en}",
        ),
    )


def _unreadable(path: Path, error: OSError) -> Text:
    reason = error.strerror or type(error).__name__
    return Text(f"{path}，无法读取：{reason}", f"{path} cannot be read: {reason}")
