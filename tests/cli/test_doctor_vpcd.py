"""``sscard doctor``: its findings on the virtual reader."""

from __future__ import annotations

import pytest
from tests.cli.made_up_machine import (
    ANY,
    ANY_6,
    CONNECTED,
    LISTENING,
    LOOPBACK,
    LOOPBACK_6,
    OVER,
    VPCD,
    Tree,
    by_subject,
    told,
)

from sscard_ic.cli.checkup import Finding
from sscard_ic.cli.checkup_service import LinuxService
from sscard_ic.cli.checkup_vpcd import read_configuration, vpcd_findings


def vpcd(tree: Tree) -> dict[str, Finding]:
    machine = tree.machine()
    linux = LinuxService(machine)
    return by_subject(vpcd_findings(machine, linux.configuration, running=bool(linux.processes)))


def test_no_virtual_reader(tree: Tree) -> None:
    found = vpcd(tree)
    assert list(found) == ["vpcd driver"]
    assert "apt-get install vsmartcard-vpcd" in told(found["vpcd driver"])


def test_a_driver_that_is_in_no_configuration(tree: Tree) -> None:
    tree.install_vpcd()
    (tree.root / "etc/reader.conf.d/vpcd").unlink()
    found = vpcd(tree)
    assert found["vpcd driver"].state == "ok"
    assert "no vpcd in" in told(found["vpcd configuration"])


@pytest.mark.parametrize(
    ("table", "address", "state"),
    [
        ("tcp", ANY, "note"),
        ("tcp", LOOPBACK, "ok"),
        ("tcp6", ANY_6, "note"),
        ("tcp6", LOOPBACK_6, "ok"),
    ],
)
def test_ports_of_the_virtual_reader(table: str, address: str, state: str, tree: Tree) -> None:
    tree.install_vpcd()
    tree.start_pcscd()
    rows = [
        (address, 35963, LISTENING),
        (address, 35964, LISTENING),
        (address, 35963, CONNECTED),
        (address, 35964, OVER),
        (address, 22, CONNECTED),
    ]
    tree.open_ports(*rows, table=table)
    found = vpcd(tree)
    assert "Virtual PCD 35963–35964 (vpcd)" in told(found["vpcd configuration"])
    assert found["vpcd ports"].state == state
    assert "35963, 35964; virtual cards inserted: 1" in told(found["vpcd ports"])
    assert ("firewall" in told(found["vpcd ports"])) == (state == "note")


def test_ports_on_which_nobody_listens(tree: Tree) -> None:
    tree.install_vpcd()
    tree.start_pcscd()
    tree.open_ports((ANY, 35963, LISTENING))
    finding = vpcd(tree)["vpcd ports"]
    assert finding.state == "note"
    assert "nobody listens on 35964 restart pcscd" in told(finding)


def test_a_table_with_an_odd_line(tree: Tree) -> None:
    tree.install_vpcd()
    tree.start_pcscd()
    tree.open_ports((LOOPBACK, 35963, LISTENING), (LOOPBACK, 35964, LISTENING))
    table = tree.root / "proc/net/tcp"
    table.write_bytes(b"head\n 0: x\n 1: zz:1 a b\n 2:\n\xff\n" + table.read_bytes())
    assert vpcd(tree)["vpcd ports"].state == "ok"


def test_a_port_that_another_program_has(tree: Tree) -> None:
    tree.install_vpcd()
    tree.open_ports((LOOPBACK, 35964, LISTENING))
    finding = vpcd(tree)["vpcd ports"]
    assert finding.state == "note"
    assert "35964 taken by another program" in told(finding)
    assert "ss -ltnp 'sport = :35964'" in told(finding)
    tree.open_ports()
    assert "vpcd ports" not in vpcd(tree)


def test_the_running_service_may_have_another_configuration(tree: Tree) -> None:
    tree.install_vpcd()
    own = tree.write("/srv/own", VPCD.replace("0x8C7B", "40000"))
    for arguments in (
        ("-c", str(own)),
        ("--config", str(own)),
        (f"-c{own}",),
        (f"--config={own}",),
    ):
        tree.start_pcscd("-f", *arguments)
        assert "Virtual PCD 40000–40001 (own)" in told(vpcd(tree)["vpcd configuration"])
    (tree.root / "proc/4711/cwd").symlink_to(tree.root / "srv")
    tree.start_pcscd("-c", "own")
    assert "Virtual PCD 40000–40001 (own)" in told(vpcd(tree)["vpcd configuration"])


COPY = VPCD.replace("libifdvpcd.so", "libifdvpcd2.so")


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        (VPCD.replace("libifdvpcd.so", "libifdvpcd9.so"), "correct LIBPATH"),
        (VPCD.replace("/dev/null", "127.0.0.1"), "reversed mode, which kills pcscd"),
        (VPCD + VPCD.replace("0x8C7B", "0x8C7D"), "a copy of the driver of its own"),
        (VPCD + COPY.replace("0x8C7B", "0x8C7C"), "ports of the entries overlap"),
        (VPCD.replace("0x8C7B", "99999999"), "correct the port in DEVICENAME"),
        (VPCD.replace("0x8C7B", "65535"), "ports are 1 to 65535"),
        (VPCD.replace("0x8C7B", "0"), "ports are 1 to 65535"),
    ],
)
def test_known_mistakes_of_a_configuration(entries: str, words: str, tree: Tree) -> None:
    tree.install_vpcd()
    tree.write("/usr/lib/pcsc/drivers/serial/libifdvpcd2.so")
    tree.write("/etc/reader.conf.d/vpcd", entries)
    finding = vpcd(tree)["vpcd configuration"]
    assert finding.state == "note"
    assert words in told(finding)


def test_copies_of_the_driver_two_ports_apart(tree: Tree) -> None:
    tree.install_vpcd()
    tree.write("/usr/lib/pcsc/drivers/serial/libifdvpcd2.so")
    tree.write("/etc/reader.conf.d/two", COPY.replace("0x8C7B", "0x8C7D"))
    finding = vpcd(tree)["vpcd configuration"]
    assert finding.state == "ok"
    assert "35963–35964 (vpcd)" in told(finding)
    assert "35965–35966 (two)" in told(finding)


@pytest.mark.parametrize(
    "name", ["vpcd~", "vpcd.bak", "vpcd.swp", "#vpcd#", "vpcd.dpkg-old", "vpcd.orig", "vpcd.save"]
)
def test_backups_are_read_by_pcscd_as_well(name: str, tree: Tree) -> None:
    tree.install_vpcd()
    tree.write(f"/etc/reader.conf.d/{name}", VPCD)
    found = vpcd(tree)
    assert found["vpcd backups"].state == "note"
    assert name in told(found["vpcd backups"])
    assert found["vpcd configuration"].state == "ok", "the backup is one mistake, not two"


def test_what_pcscd_reads_of_a_folder(tree: Tree) -> None:
    tree.install_vpcd()
    folder = tree.root / "etc/reader.conf.d"
    tree.write("/etc/reader.conf.d/.hidden", VPCD)
    tree.write("/etc/reader.conf.d/below/vpcd", VPCD)
    (folder / "link").symlink_to(folder / "vpcd")
    tree.write("/etc/reader.conf.d/libccidtwin", '#FRIENDLYNAME "GemPC"\n# LIBPATH /x.so\n')
    tree.write("/etc/reader.conf.d/serial", "FRIENDLYNAME Twin\nDEVICENAME /dev/ttyS0\n"
               "LIBPATH /usr/lib/twin.so\n")  # fmt: skip
    entries = read_configuration(folder)
    assert [(entry.file.name, entry.name, entry.is_virtual) for entry in entries] == [
        ("serial", "Twin", False),
        ("vpcd", "Virtual PCD", True),
    ]
    assert read_configuration(folder / "none") == ()
