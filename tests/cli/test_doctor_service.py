"""``sscard doctor``: its findings on the PC/SC service."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from tests.cli.made_up_machine import TABLE, Tree, by_subject, told

from sscard_ic.cli.checkup import Finding
from sscard_ic.cli.checkup_service import LinuxService, service_findings


def service(tree: Tree) -> dict[str, Finding]:
    machine = tree.machine()
    return by_subject(service_findings(machine, LinuxService(machine)))


def test_no_pcscd_at_all(tree: Tree) -> None:
    found = service(tree)
    assert list(found) == ["pcscd program"]
    assert found["pcscd program"].state == "note"
    assert "apt-get install pcscd" in told(found["pcscd program"])


def test_pcscd_that_does_not_run(tree: Tree) -> None:
    tree.install_pcscd()
    found = service(tree)
    assert found["pcscd program"].state == "ok"
    assert "1.9.9, without polkit" in told(found["pcscd program"])
    assert found["pcscd process"].state == "note"
    assert "sudo pcscd" in told(found["pcscd process"])
    assert "is not there" in told(found["pcscd socket"])


def test_pcscd_with_polkit(tree: Tree) -> None:
    tree.install_pcscd(polkit="polkit ")
    assert "permission by polkit" in told(service(tree)["pcscd program"])


def test_pcscd_that_tells_nothing_about_itself(tree: Tree) -> None:
    tree.write("/usr/sbin/pcscd")
    finding = service(tree)["pcscd program"]
    assert (finding.state, finding.what.en) == ("ok", str(tree.root / "usr/sbin/pcscd"))


@pytest.fixture
def listener(tree: Tree) -> Iterator[socket.socket]:
    """The socket of a pcscd that answers."""
    path = tree.root / "run/pcscd/pcscd.comm"
    path.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        yield server


@pytest.mark.usefixtures("listener")
def test_pcscd_that_runs(tree: Tree) -> None:
    tree.install_pcscd()
    tree.start_pcscd("--foreground")
    tree.write("/proc/1/comm", "init\n")
    tree.write("/proc/net/tcp", TABLE)
    found = service(tree)
    assert {finding.state for finding in found.values()} == {"ok"}
    assert "pcscd 4711 (" in told(found["pcscd process"])
    assert "can be connected to" in told(found["pcscd socket"])


@pytest.mark.usefixtures("listener")
def test_a_service_without_its_program_is_seen(tree: Tree) -> None:
    """As in a container that shares the socket, or where it lies in a place of its own."""
    found = service(tree)
    assert "not running" in told(found["pcscd process"])
    assert found["pcscd socket"].state == "ok"


def test_a_process_without_its_program_is_seen(tree: Tree) -> None:
    tree.start_pcscd()
    found = service(tree)
    assert "pcscd 4711" in told(found["pcscd process"])
    assert "is not there" in told(found["pcscd socket"])


def test_a_process_that_has_ended_does_not_run(tree: Tree) -> None:
    tree.install_pcscd()
    tree.start_pcscd(state="Z")
    assert "not running" in told(service(tree)["pcscd process"])


def test_a_process_with_a_name_of_any_bytes(tree: Tree) -> None:
    """The kernel cuts names after 15 bytes, in the midst of a Chinese character."""
    tree.install_pcscd()
    tree.write("/proc/12/comm", "个人化制卡程序".encode()[:15][:-1] + b"\xff\n")
    tree.start_pcscd()
    assert "pcscd 4711" in told(service(tree)["pcscd process"])


@pytest.mark.usefixtures("listener")
def test_the_name_that_it_is_called_by_is_no_option(tree: Tree) -> None:
    tree.install_pcscd()
    tree.start_pcscd("-f", called="--apdu")
    assert service(tree)["pcscd process"].state == "ok"


@pytest.mark.usefixtures("listener")
def test_a_log_with_commands_in_it(tree: Tree) -> None:
    tree.install_pcscd()
    for arguments in (("-f", "-a"), ("-fda",), ("--foreground", "--apdu")):
        tree.start_pcscd(*arguments)
        finding = service(tree)["pcscd process"]
        assert finding.state == "note"
        assert "PINs included" in told(finding)
    tree.start_pcscd("-f", "-c", "/a/a", "--auto-exit")
    assert service(tree)["pcscd process"].state == "ok"


def test_a_socket_that_was_left_behind(tree: Tree, listener: socket.socket) -> None:
    tree.install_pcscd()
    listener.close()
    finding = service(tree)["pcscd socket"]
    assert finding.state == "note"
    assert "nobody answers an earlier run left it behind; start it as root" in told(finding)
    tree.start_pcscd(pid=815)
    finding = service(tree)["pcscd socket"]
    assert "nobody answers restart it: sudo kill 815; sudo pcscd" in told(finding)


@pytest.mark.usefixtures("listener")
def test_a_socket_that_refuses(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, address: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    tree.install_pcscd()
    tree.start_pcscd()
    finding = service(tree)["pcscd socket"]
    assert finding.state == "note"
    assert "may not connect" in told(finding)


def test_another_socket_by_the_environment(tree: Tree, listener: socket.socket) -> None:
    tree.install_pcscd()
    tree.start_pcscd()
    tree.environment["PCSCLITE_CSOCK_NAME"] = str(tree.root / "other.comm")
    finding = service(tree)["pcscd socket"]
    assert finding.state == "note"
    assert "other.comm is not there" in told(finding)


UNITS = """Id=pcscd.socket
LoadState={load}
ActiveState={active}
UnitFileState=enabled

Id=pcscd.service
LoadState=loaded
ActiveState=inactive
UnitFileState=static
"""


@pytest.mark.parametrize(
    ("load", "active", "state", "words"),
    [
        ("loaded", "active", "ok", "pcscd.socket active (enabled), pcscd.service inactive"),
        ("masked", "inactive", "note", "sudo systemctl unmask pcscd.socket"),
        ("loaded", "failed", "note", "journalctl -u pcscd.socket"),
        ("not-found", "inactive", "ok", "pcscd.service inactive (static)"),
    ],
)
def test_systemd(load: str, active: str, state: str, words: str, tree: Tree) -> None:
    tree.install_pcscd()
    (tree.root / "run/systemd/system").mkdir(parents=True)
    tree.programs["systemctl"] = UNITS.format(load=load, active=active)
    found = service(tree)
    assert found["systemd"].state == state
    assert words in told(found["systemd"])
    assert "systemctl enable --now pcscd.socket" in told(found["pcscd process"])


@pytest.mark.usefixtures("listener")
def test_systemd_starts_the_service_when_it_is_needed(tree: Tree) -> None:
    tree.install_pcscd()
    (tree.root / "run/systemd/system").mkdir(parents=True)
    tree.programs["systemctl"] = UNITS.format(load="loaded", active="active")
    finding = service(tree)["pcscd process"]
    assert finding.state == "ok"
    assert "started when it is needed" in told(finding)


def test_systemd_that_does_not_answer(tree: Tree) -> None:
    tree.install_pcscd()
    (tree.root / "run/systemd/system").mkdir(parents=True)
    assert "systemd" not in service(tree)


@pytest.mark.parametrize(
    ("printed", "state"),
    [("        STATE              : 4  RUNNING", "ok"), ("  STATE : 1  STOPPED", "note")],
)
def test_the_service_of_windows(printed: str, state: str, tree: Tree) -> None:
    tree.system = "win32"
    tree.programs["sc"] = printed
    found = service(tree)
    assert list(found) == ["service"]
    assert found["service"].state == state


def test_macos_starts_its_service_itself(tree: Tree) -> None:
    tree.system = "darwin"
    assert service(tree) == {}
