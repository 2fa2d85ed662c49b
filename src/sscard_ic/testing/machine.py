"""What PC/SC services, processes and ports there are on this machine. Linux only."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from sscard_ic.base.errors import SscardError, Text

PROC = Path("/proc")
RUN = Path("/run/pcscd")
SOCKET = RUN / "pcscd.comm"
"""Compiled into pcscd and its clients."""

# Below the ports that Linux gives to outgoing connections, so that none of those takes one.
_FIRST_PORT = 21000
_LAST_PORT = 32766

_STOP_IT = Text(
    "若无程序在用,请停止它:sudo systemctl stop pcscd.socket pcscd.service,或 sudo kill <pid>",
    "if nothing uses it, stop it: sudo systemctl stop pcscd.socket pcscd.service,"
    " or sudo kill <pid>",
)


class ServiceError(SscardError):
    """A PC/SC service of one's own cannot be started, or does not do what it should."""


def program(name: str) -> str:
    """Path of a program, empty when there is none; pcscd lies where users do not look."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin") or ""


def as_root() -> list[str]:
    """The words before a command that make it run as root; raises :class:`ServiceError`."""
    if os.geteuid() == 0:
        return []
    sudo = [program("sudo"), "-n"]
    if not sudo[0] or subprocess.run([*sudo, "true"], check=False, capture_output=True).returncode:
        raise ServiceError(
            Text(
                "pcscd 须以 root 运行,而此用户不能", "pcscd must run as root, and this user cannot"
            ),
            hint=Text(
                "以 root 运行,或允许 sudo 不问密码", "run as root, or allow sudo without a password"
            ),
        )
    return sudo


def refuse_foreign() -> None:
    """Raise :class:`ServiceError` when a PC/SC service runs, or something answers for one."""
    for process in PROC.glob("[0-9]*"):
        try:
            # A process chooses its name: any bytes.
            name = (process / "comm").read_bytes().strip()
        except OSError:  # ended meanwhile
            continue
        if name == b"pcscd" and runs(int(process.name)):
            raise ServiceError(
                Text("本机已有 PC/SC 服务在运行", "a PC/SC service runs on this machine already"),
                where=f"pcscd, pid {process.name}",
                hint=_STOP_IT,
            )
    if answers():
        raise ServiceError(
            Text("已有程序在监听 PC/SC 套接字", "something listens on the PC/SC socket already"),
            where=str(SOCKET),
            hint=_STOP_IT,
        )


def runs(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    try:
        state = (PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()[0]
    except OSError:
        return False
    return state not in b"ZX"


def answers() -> bool:
    """Whether something takes connections on pcscd's socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(SOCKET))
        except OSError:
            return False
    return True


def free(port: int) -> bool:
    """Whether the vpcd driver could listen on ``port``."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the driver does
        try:
            probe.bind(("", port))
            probe.listen()
        except OSError:
            return False
    return True


def free_pairs() -> Iterator[int]:
    """First ports of pairs that are free."""
    return (port for port in range(_FIRST_PORT, _LAST_PORT, 2) if free(port) and free(port + 1))


def listening() -> set[int]:
    """The TCP ports on which something listens; to connect would be to insert a card."""
    lines = (PROC / "net" / "tcp").read_text().splitlines()[1:]
    fields = [line.split() for line in lines]
    return {int(field[1].rpartition(":")[2], 16) for field in fields if field[3] == "0A"}
