"""A machine that is made up, for the findings of ``sscard doctor``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sscard_ic.cli.checkup import Finding, Machine

VERSION = """pcsc-lite version 1.9.9.
Copyright (C) 1999-2002 by David Corcoran <corcoran@musclecard.com>.
Enabled features: Linux x86_64-pc-linux-gnu libsystemd serial usb libudev {polkit}\
usbdropdir=/usr/lib/pcsc/drivers ipcdir=/run/pcscd filter configdir=/etc/reader.conf.d
"""
"""What Debian's pcscd 1.9.9 says (ref 09 §1.1)."""

VPCD = """FRIENDLYNAME "Virtual PCD"
DEVICENAME   /dev/null:0x8C7B
LIBPATH      /usr/lib/pcsc/drivers/serial/libifdvpcd.so
CHANNELID    0x8C7B
"""
"""What Debian's vsmartcard-vpcd installs."""

TABLE = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
LISTENING, CONNECTED, OVER = "0A", "01", "06"


@dataclass
class Tree:
    """The files of a machine that is made up, and what its programs print."""

    root: Path
    programs: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    system: str = "linux"

    def write(self, path: str, content: str | bytes = "") -> Path:
        place = self.root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
        return place

    def machine(self) -> Machine:
        def which(name: str) -> str | None:
            return f"/usr/sbin/{name}" if name in self.programs else None

        def run(arguments: Sequence[str]) -> str | None:
            return self.programs.get(Path(arguments[0]).name)

        home = self.root / "home"
        return Machine(home, self.root, self.system, self.environment, which, run)

    def install_pcscd(self, polkit: str = "") -> None:
        self.programs["pcscd"] = VERSION.format(polkit=polkit)

    def install_vpcd(self) -> None:
        self.write("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
        self.write("/etc/reader.conf.d/vpcd", VPCD)

    def start_pcscd(
        self, *arguments: str, pid: int = 4711, state: str = "S", called: str = "/usr/sbin/pcscd"
    ) -> None:
        self.write(f"/proc/{pid}/comm", "pcscd\n")
        self.write(f"/proc/{pid}/stat", f"{pid} (pcscd) {state} 1 1 1 0 -1\n")
        self.write(f"/proc/{pid}/cmdline", "\0".join([called, *arguments, ""]))

    def open_ports(self, *rows: tuple[str, int, str], table: str = "tcp") -> None:
        lines = [
            f"   {n}: {address}:{port:04X} 00000000:0000 {state} 00000000:00000000 00:0 0 0\n"
            for n, (address, port, state) in enumerate(rows)
        ]
        self.write(f"/proc/net/{table}", TABLE + "".join(lines))


ANY, LOOPBACK = "00000000", "0100007F"
ANY_6, LOOPBACK_6 = "0" * 32, "0" * 24 + "01000000"


def by_subject(findings: Iterator[Finding]) -> dict[str, Finding]:
    listed = list(findings)
    found = {finding.subject: finding for finding in listed}
    assert len(found) == len(listed), "a subject stands for one finding"
    for finding in listed:
        assert (finding.hint is not None) == (finding.state != "ok"), finding
        if finding.hint is not None:
            assert finding.hint.zh != finding.hint.en
    return found


def told(finding: Finding) -> str:
    return f"{finding.what.en} {finding.hint.en if finding.hint else ''}"


def close_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This user may neither look into ``folder`` nor at what is in it; for root, too."""
    stat, listed = Path.stat, Path.iterdir

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    def closed_stat(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        if folder in path.parents:
            refuse(path)
        return stat(path, follow_symlinks=follow_symlinks)

    def closed_list(path: Path) -> Iterator[Path]:
        if path == folder:
            refuse(path)
        return listed(path)

    monkeypatch.setattr(Path, "stat", closed_stat)
    monkeypatch.setattr(Path, "iterdir", closed_list)
