"""The checks of ``sscard doctor`` on the virtual reader vpcd (ref 09 §1.2, §1.4, §1.6)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sscard_ic.base.errors import Text
from sscard_ic.cli.checkup import Finding, Machine

DEFAULT_PORT = 0x8C7B
SLOTS = 2
"""Slots of the driver as Debian builds it: one port each, from the base port on (ref 09 §1.4)."""

_DRIVERS = (
    "/usr/lib/pcsc/drivers/serial",
    "/usr/lib/*/pcsc/drivers/serial",
    "/usr/local/lib/pcsc/drivers/serial",
)
_DRIVER = "libifdvpcd.so"
_BACKUP = re.compile(r"~|\.(bak|old|orig|save|rej|sw[a-z]|dpkg-\w+|ucf-\w+|rpm\w+)|#", re.I)
_LINE = re.compile(r'\s*([A-Z]+)\s+(?:"([^"]*)"|(\S+))')
_LISTEN, _ESTABLISHED = "0A", "01"
_LAST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Entry:
    """One reader of the service's configuration."""

    file: Path
    name: str
    device: str
    driver: str

    @property
    def is_virtual(self) -> bool:
        return "vpcd" in Path(self.driver).name

    @property
    def is_backup(self) -> bool:
        """Whether its file looks like the backup of an editor or of a package manager."""
        return _BACKUP.search(self.file.name) is not None

    @property
    def ports(self) -> tuple[int, ...]:
        """Ports of its slots."""
        number = self.device.rpartition(":")[2]
        try:
            base = int(number, 0)
        except ValueError:
            base = DEFAULT_PORT
        return tuple(range(base, base + SLOTS))

    @property
    def is_reversed(self) -> bool:
        """Whether the driver connects to the card, and not the card to the driver."""
        return not self.device.startswith("/dev/null")


def read_configuration(place: Path) -> tuple[Entry, ...]:
    """The readers of a file, or of every file of a folder, as pcscd reads them."""
    if place.is_dir():
        # Hidden files and links are the only ones that pcscd passes over [measured, 1.9.9].
        files = [
            path
            for path in sorted(place.iterdir())
            if path.is_file() and not path.is_symlink() and path.name[0] != "."
        ]
    else:
        files = [place]
    entries: list[Entry] = []
    for file in files:
        with suppress(OSError):
            entries += _entries(file, file.read_text(encoding="utf-8", errors="replace"))
    return tuple(entries)


def _entries(file: Path, text: str) -> Iterator[Entry]:
    values: dict[str, str] = {}
    for line in [*text.splitlines(), "FRIENDLYNAME end"]:
        found = _LINE.match(line)
        if found is None:
            continue
        key, value = found[1], found[2] if found[2] is not None else found[3]
        if key == "FRIENDLYNAME":
            if "LIBPATH" in values:
                device = values.get("DEVICENAME", "")
                yield Entry(file, values.get("FRIENDLYNAME", ""), device, values["LIBPATH"])
            values = {}
        values[key] = value


@dataclass(frozen=True, slots=True)
class Listener:
    """A TCP port of this machine."""

    address: ipaddress.IPv4Address | ipaddress.IPv6Address
    port: int
    state: str


def read_sockets(machine: Machine) -> tuple[Listener, ...]:
    """The TCP sockets of this machine, from the kernel's tables.

    To connect instead would tell: but for vpcd each connection is a card being inserted.
    """
    found: list[Listener] = []
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            text = machine.at(f"/proc/net/{table}").read_text(errors="replace")
            for line in text.splitlines()[1:]:
                # A line of another form, as another kernel may write it, shows nothing.
                with suppress(ValueError, IndexError):
                    found.append(_socket(line.split()))
    return tuple(found)


def _socket(columns: list[str]) -> Listener:
    address, port = columns[1].split(":")
    # Words of 32 bits in the order of this machine's bytes: little-endian wherever Linux has vpcd.
    words = [bytes.fromhex(address[i : i + 8])[::-1] for i in range(0, len(address), 8)]
    return Listener(ipaddress.ip_address(b"".join(words)), int(port, 16), columns[3])


def vpcd_findings(machine: Machine, configuration: Path, *, running: bool) -> Iterator[Finding]:
    """Driver, configuration and ports of the virtual reader; ``running``: whether pcscd runs."""
    found = [entry for entry in read_configuration(configuration) if entry.is_virtual]
    entries = [entry for entry in found if not entry.is_backup]
    driver = _driver(machine, entries)
    yield driver
    yield from _backups(found)
    if not entries:
        if driver.state == "ok":
            yield _no_entry(configuration)
        return
    yield _configuration(machine, entries)
    yield from _ports(machine, entries, running=running)


_TITLE = Text("虚拟读写器驱动", "virtual reader driver")


def _driver(machine: Machine, entries: list[Entry]) -> Finding:
    places = [machine.at(entry.driver) for entry in entries]
    for folder in _DRIVERS:
        places += sorted(machine.root.glob(f"{folder.lstrip('/')}/{_DRIVER}"))
    for place in places:
        if place.is_file():
            shown = f"/{place.relative_to(machine.root)}"
            return Finding("vpcd driver", _TITLE, "ok", Text(shown, shown))
    return Finding(
        "vpcd driver",
        _TITLE,
        "note",
        Text("未安装，虚拟卡只能在本程序内使用", "not installed: virtual cards in process only"),
        Text(
            "要让其他程序也看到虚拟卡：sudo apt-get install vsmartcard-vpcd",
            "to show virtual cards to other programs: sudo apt-get install vsmartcard-vpcd",
        ),
    )


_CONFIGURED = Text("虚拟读写器配置", "virtual reader set-up")


def _no_entry(configuration: Path) -> Finding:
    return Finding(
        "vpcd configuration",
        _CONFIGURED,
        "note",
        Text(f"{configuration} 中没有 vpcd", f"no vpcd in {configuration}"),
        Text(
            "重新安装 vsmartcard-vpcd，然后重启 pcscd",
            "install vsmartcard-vpcd anew, then restart pcscd",
        ),
    )


def _configuration(machine: Machine, entries: list[Entry]) -> Finding:
    shown = ", ".join(f"{e.name} {e.ports[0]}–{e.ports[-1]} ({e.file.name})" for e in entries)
    fault = _fault(machine, entries)
    if fault is None:
        return Finding("vpcd configuration", _CONFIGURED, "ok", Text(shown, shown))
    what, hint = fault
    zh, en = f"{shown}；{what.zh}", f"{shown}; {what.en}"
    return Finding("vpcd configuration", _CONFIGURED, "note", Text(zh, en), hint)


def _fault(machine: Machine, entries: list[Entry]) -> tuple[Text, Text] | None:
    """The first of the known mistakes that these entries make, and its remedy."""
    for entry in entries:
        if not machine.at(entry.driver).is_file():
            return (
                Text(f"驱动文件 {entry.driver} 不存在", f"the driver {entry.driver} is absent"),
                Text(f"更正 {entry.file} 中的 LIBPATH", f"correct LIBPATH in {entry.file}"),
            )
        if entry.is_reversed:
            return (
                Text(
                    f"{entry.device} 是反向连接，会使 pcscd 崩溃",
                    f"{entry.device} is the reversed mode, which kills pcscd",
                ),
                Text(
                    f"在 {entry.file} 中改为 DEVICENAME /dev/null:0x8C7B",
                    f"in {entry.file} write DEVICENAME /dev/null:0x8C7B",
                ),
            )
    if len({entry.driver for entry in entries}) < len(entries):
        return (
            Text("多个条目共用一个驱动文件，卡不会出现", "entries share one driver: no card shows"),
            Text(
                "给每个条目一份改了名的驱动文件", "give each entry a copy of the driver of its own"
            ),
        )
    ports = [port for entry in entries for port in entry.ports]
    if not all(0 < port <= _LAST_PORT for port in ports):
        return (
            Text(f"没有这样的端口，端口是 1 到 {_LAST_PORT}", f"ports are 1 to {_LAST_PORT}"),
            Text("更正 DEVICENAME 中的端口", "correct the port in DEVICENAME"),
        )
    if len(set(ports)) < len(ports):
        return (
            Text("多个条目的端口重叠", "the ports of the entries overlap"),
            Text(f"每个条目相隔 {SLOTS} 个端口", f"let base ports lie {SLOTS} apart"),
        )
    return None


def _backups(entries: list[Entry]) -> Iterator[Finding]:
    files = sorted({str(entry.file) for entry in entries if entry.is_backup})
    if files:
        shown = ", ".join(files)
        yield Finding(
            "vpcd backups",
            Text("配置备份", "set-up backups"),
            "note",
            Text(
                f"{shown} 像是备份，但 pcscd 照样读取",
                f"{shown}: looks like a backup, but pcscd reads it as well",
            ),
            Text("删除或移走它，然后重启 pcscd", "delete it or move it away, then restart pcscd"),
        )


def _ports(machine: Machine, entries: list[Entry], *, running: bool) -> Iterator[Finding]:
    title = Text("虚拟读写器端口", "virtual reader ports")
    wanted = sorted({port for entry in entries for port in entry.ports})
    sockets = [s for s in read_sockets(machine) if s.port in wanted]
    open_ports = sorted({s.port for s in sockets if s.state == _LISTEN})
    shown = ", ".join(map(str, open_ports))
    if not running:
        if open_ports:
            yield Finding(
                "vpcd ports",
                title,
                "note",
                Text(
                    f"{shown} 被其他程序占用，pcscd 启动后虚拟读写器收不到卡",
                    f"{shown} taken by another program: once pcscd runs, no card would get in",
                ),
                Text(
                    f"查找占用者：ss -ltnp 'sport = :{open_ports[0]}'",
                    f"find it: ss -ltnp 'sport = :{open_ports[0]}'",
                ),
            )
        return
    if closed := [port for port in wanted if port not in open_ports]:
        words = ", ".join(map(str, closed))
        yield Finding(
            "vpcd ports",
            title,
            "note",
            Text(f"{words} 未监听", f"nobody listens on {words}"),
            Text("重启 pcscd，使其读取配置", "restart pcscd, so that it reads its set-up"),
        )
        return
    cards = sum(s.state == _ESTABLISHED for s in sockets)
    zh, en = f"{shown}，已插入虚拟卡 {cards} 张", f"{shown}; virtual cards inserted: {cards}"
    if any(s.address.is_unspecified for s in sockets if s.state == _LISTEN):
        yield Finding(
            "vpcd ports",
            title,
            "note",
            Text(f"{zh}；监听所有网络接口", f"{en}; open on every network interface"),
            Text(
                f"该驱动没有身份验证：请用防火墙把端口 {shown} 限于本机",
                f"the driver has no authentication: let a firewall keep {shown} to this machine",
            ),
        )
        return
    yield Finding("vpcd ports", title, "ok", Text(zh, en))
