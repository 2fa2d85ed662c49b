"""The checks of ``sscard doctor`` on the PC/SC service of the platform (ref 09 §1.1, §1.2)."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from sscard_ic.base.errors import Text
from sscard_ic.cli.checkup import Finding, Machine

_SOCKET_ENVIRONMENT = "PCSCLITE_CSOCK_NAME"
_SOCKET = "/run/pcscd/pcscd.comm"
_CONFIGURATION = "/etc/reader.conf.d"
_UNITS = ("pcscd.socket", "pcscd.service")
_SECONDS = 2.0

Door = Literal["open", "absent", "denied", "dead"]
"""A socket: answers; is not there; refuses this user; is there, but nobody listens."""


@dataclass(frozen=True, slots=True)
class Process:
    """A running pcscd."""

    pid: int
    user: str
    arguments: tuple[str, ...]

    @property
    def configuration(self) -> str | None:
        """What follows ``-c``: a folder or a file."""
        for place, word in enumerate(self.arguments):
            if word in ("-c", "--config"):
                return self.arguments[place + 1] if place + 1 < len(self.arguments) else None
            if found := re.fullmatch(r"(?:-c|--config=)(.+)", word):
                return found[1]
        return None

    @property
    def writes_commands(self) -> bool:
        """Whether its log shows every command and answer, PINs included (ref 09 §1.2)."""
        return any(
            word == "--apdu" or re.fullmatch(r"-[a-zA-Z]*a[a-zA-Z]*", word)
            for word in self.arguments
        )


class LinuxService:
    """What can be seen of pcscd; each fact is looked up once."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    @cached_property
    def program(self) -> str | None:
        """Path of pcscd; ``sbin`` is not among the places that a shell searches for everybody."""
        if found := self._machine.which("pcscd"):
            return found
        places = map(self._machine.at, ("/usr/sbin/pcscd", "/usr/local/sbin/pcscd"))
        return next((str(place) for place in places if place.is_file()), None)

    @cached_property
    def features(self) -> str:
        """What ``pcscd --version`` prints."""
        return (self._machine.run([self.program, "--version"]) or "") if self.program else ""

    @property
    def version(self) -> str:
        found = re.search(r"version (\d[\d.]*\d)", self.features)
        return found[1] if found else ""

    @property
    def asks_polkit(self) -> bool:
        return "polkit" in self.features.split()

    @cached_property
    def processes(self) -> tuple[Process, ...]:
        """The running pcscd, in the order of their numbers."""
        proc = self._machine.at("/proc")
        folders = sorted((p for p in proc.glob("[0-9]*") if p.name.isdigit()), key=_number)
        # A process may end while it is looked at.
        found = []
        for folder in folders:
            with suppress(OSError):
                # A process chooses its name: any bytes.
                if (folder / "comm").read_bytes().strip() == b"pcscd" and not _has_ended(folder):
                    found.append(_process(folder))
        return tuple(found)

    @property
    def configuration(self) -> Path:
        """The folder, or the file, in which the running service finds its readers."""
        for process in self.processes:
            if process.configuration:
                folder = self._machine.at(f"/proc/{process.pid}/cwd")
                return folder / process.configuration
        built_in = re.search(r"configdir=(\S+)", self.features)
        return self._machine.at(built_in[1] if built_in else _CONFIGURATION)

    @property
    def socket(self) -> Path:
        chosen = self._machine.environment.get(_SOCKET_ENVIRONMENT)
        if chosen:
            return Path(chosen)
        built_in = re.search(r"ipcdir=(\S+)", self.features)
        return self._machine.at(f"{built_in[1]}/pcscd.comm" if built_in else _SOCKET)

    @cached_property
    def door(self) -> Door:
        """Whether the socket of the service answers."""
        try:
            if not self.socket.exists():
                return "absent"
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                probe.settimeout(_SECONDS)
                probe.connect(str(self.socket))
        except PermissionError:
            return "denied"
        except OSError:
            return "dead"
        return "open"

    @cached_property
    def units(self) -> dict[str, dict[str, str]] | None:
        """Properties of the units of systemd; None where systemd does not run."""
        if not self._machine.at("/run/systemd/system").is_dir():
            return None
        systemctl = self._machine.which("systemctl")
        wanted = "--property=Id,LoadState,ActiveState,UnitFileState"
        shown = self._machine.run([systemctl, "show", wanted, *_UNITS]) if systemctl else None
        if shown is None:
            return None
        units = {}
        for block in shown.strip().split("\n\n"):
            values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
            units[values.get("Id", "")] = values
        return units

    @property
    def start(self) -> Text:
        """How the service is started here."""
        if self.units is not None:
            return Text(
                "启动：sudo systemctl enable --now pcscd.socket",
                "start it: sudo systemctl enable --now pcscd.socket",
            )
        return Text("以 root 身份启动：sudo pcscd", "start it as root: sudo pcscd")

    @property
    def restart(self) -> Text:
        """How the service is restarted here."""
        command = "sudo systemctl restart pcscd"
        if self.units is None:
            command = f"sudo kill {' '.join(str(p.pid) for p in self.processes)}; sudo pcscd"
        return Text(f"重新启动：{command}", f"restart it: {command}")


def _number(folder: Path) -> int:
    return int(folder.name)


def _has_ended(folder: Path) -> bool:
    """Whether it is only there until its exit code is asked for."""
    state = (folder / "stat").read_bytes().rpartition(b")")[2].split()[0]
    return state in (b"Z", b"X")


def _process(folder: Path) -> Process:
    words = (folder / "cmdline").read_bytes().split(b"\0")
    arguments = tuple(word.decode(errors="replace") for word in words[1:] if word)
    return Process(_number(folder), _user_name(folder.stat().st_uid), arguments)


def _user_name(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def service_findings(machine: Machine, service: LinuxService) -> Iterator[Finding]:
    """The PC/SC service of this platform."""
    if machine.system == "win32":
        yield _windows(machine)
    elif machine.is_linux:
        yield _program(service)
        if service.program or service.processes or service.door != "absent":
            yield _running(service)
            yield _socket(service)
        if service.units is not None:
            yield from _systemd(service.units)


_SERVICE = Text("PC/SC 服务", "PC/SC service")


def _program(service: LinuxService) -> Finding:
    title = Text("pcscd 程序", "pcscd program")
    if service.program is None:
        return Finding(
            "pcscd program",
            title,
            "note",
            Text("未安装，不能用 PC/SC 读写器", "not installed: no PC/SC readers"),
            Text(
                "安装：sudo apt-get install pcscd（Fedora：sudo dnf install pcsc-lite）",
                "install it: sudo apt-get install pcscd (Fedora: sudo dnf install pcsc-lite)",
            ),
        )
    polkit = Text("由 polkit 授权", "permission by polkit")
    none = Text("不用 polkit", "without polkit")
    rule = polkit if service.asks_polkit else none
    words = f"{service.program} {service.version}".rstrip()
    what = Text(f"{words}，{rule.zh}", f"{words}, {rule.en}") if service.features else None
    return Finding("pcscd program", title, "ok", what or Text(words, words))


def _running(service: LinuxService) -> Finding:
    if not service.processes:
        if service.door == "open":
            what = Text("未运行，由 systemd 按需启动", "not running; started when it is needed")
            return Finding("pcscd process", _SERVICE, "ok", what)
        return Finding(
            "pcscd process", _SERVICE, "note", Text("未运行", "not running"), service.start
        )
    shown = ", ".join(f"pcscd {p.pid} ({p.user})" for p in service.processes)
    what = Text(f"运行中：{shown}", f"running: {shown}")
    if any(process.writes_commands for process in service.processes):
        return Finding(
            "pcscd process",
            _SERVICE,
            "note",
            Text(
                f"{what.zh}；它的日志会记下每条命令，包括密码",
                f"{what.en}; its log shows every command, PINs included",
            ),
            Text("重新启动它，去掉 -a", "start it again without -a"),
        )
    return Finding("pcscd process", _SERVICE, "ok", what)


def _socket(service: LinuxService) -> Finding:
    title, path = Text("服务套接字", "service socket"), str(service.socket)
    if service.door == "open":
        what = Text(f"{path}，可连接", f"{path}, can be connected to")
        return Finding("pcscd socket", title, "ok", what)
    if service.door == "absent":
        what = Text(f"{path} 不存在", f"{path} is not there")
        return Finding("pcscd socket", title, "note", what, service.start)
    if service.door == "dead":
        silent = Text(f"{path}，无人应答", f"{path}, nobody answers")
        if service.processes:
            return Finding("pcscd socket", title, "note", silent, service.restart)
        return Finding(
            "pcscd socket",
            title,
            "note",
            silent,
            Text(
                f"这是上次运行留下的。{service.start.zh}",
                f"an earlier run left it behind; {service.start.en}",
            ),
        )
    return Finding(
        "pcscd socket",
        title,
        "note",
        Text(f"{path}，当前用户无权连接", f"{path}, this user may not connect"),
        Text(
            "请检查该套接字（应为 0666）及上级目录的权限",
            "check the rights of the socket (0666 is usual) and of its folder",
        ),
    )


def _systemd(units: dict[str, dict[str, str]]) -> Iterator[Finding]:
    title = Text("systemd", "systemd")
    known = {name: u for name, u in units.items() if u.get("LoadState") != "not-found"}
    if not known:
        return
    words = ", ".join(
        f"{name} {unit.get('ActiveState', '?')} ({unit.get('UnitFileState') or '-'})"
        for name, unit in known.items()
    )
    masked = [name for name, unit in known.items() if unit.get("LoadState") == "masked"]
    failed = [name for name, unit in known.items() if unit.get("ActiveState") == "failed"]
    hint = None
    if masked:
        command = f"sudo systemctl unmask {' '.join(masked)}"
        hint = Text(f"已被禁用，解除：{command}", f"masked; lift it: {command}")
    elif failed:
        command = f"journalctl -u {failed[0]}"
        hint = Text(f"启动失败，查看原因：{command}", f"failed; see why: {command}")
    yield Finding("systemd", title, "note" if hint else "ok", Text(words, words), hint)


def _windows(machine: Machine) -> Finding:
    shown = machine.run(["sc", "query", "SCardSvr"])
    if shown is not None and "RUNNING" in shown:
        return Finding("service", _SERVICE, "ok", Text("SCardSvr 运行中", "SCardSvr runs"))
    return Finding(
        "service",
        _SERVICE,
        "note",
        Text("SCardSvr 未运行", "SCardSvr does not run"),
        Text(
            "Windows 在插入读写器时启动它；也可以管理员身份运行 sc start SCardSvr",
            "Windows starts it when a reader is plugged in; "
            "or run as administrator: sc start SCardSvr",
        ),
    )
