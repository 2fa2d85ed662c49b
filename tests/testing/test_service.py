"""What keeps a PC/SC service of one's own from being started, without starting one."""

from __future__ import annotations

import fcntl
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sscard_ic.testing import drivers, machine, service
from sscard_ic.testing.service import PcscService, ServiceError


@pytest.fixture
def own_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with processes and sockets of its own; the folder of its processes."""
    processes = tmp_path / "proc"
    processes.mkdir()
    monkeypatch.setattr(machine, "PROC", processes)
    monkeypatch.setattr(machine, "SOCKET", tmp_path / "pcscd.comm")
    return processes


def process(folder: Path, pid: int, name: str, state: str = "S") -> None:
    (folder / str(pid)).mkdir()
    (folder / str(pid) / "comm").write_text(f"{name}\n")
    (folder / str(pid) / "stat").write_text(f"{pid} ({name}) {state} 1 1 1 0 -1\n")


class TestForeignService:
    def test_none(self, own_machine: Path) -> None:
        process(own_machine, 77, "pcsc_scan")
        process(own_machine, 78, "pcscd", "Z")  # ended, and nobody asked for its exit code
        machine.refuse_foreign()

    def test_a_process(self, own_machine: Path) -> None:
        process(own_machine, 77, "pcscd")
        with pytest.raises(ServiceError, match="pcscd, pid 77") as refused:
            machine.refuse_foreign()
        for language in ("zh", "en"):
            assert "systemctl stop pcscd.socket" in refused.value.render(language)

    def test_a_name_of_any_bytes(self, own_machine: Path) -> None:
        process(own_machine, 76, "other")
        (own_machine / "76" / "comm").write_bytes(b"\xe4\xb8\xaa\xe4\xba\n")
        machine.refuse_foreign()
        process(own_machine, 77, "pcscd")
        with pytest.raises(ServiceError, match="pcscd, pid 77"):
            machine.refuse_foreign()

    def test_a_socket_that_answers(self, own_machine: Path) -> None:
        """systemd listens for a service that does not run yet."""
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(machine.SOCKET))
            listener.listen()
            with pytest.raises(ServiceError, match=r"pcscd\.comm: something listens"):
                machine.refuse_foreign()

    def test_a_socket_that_was_left(self, own_machine: Path) -> None:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(machine.SOCKET))
        machine.refuse_foreign()


@contextmanager
def taken_pair() -> Iterator[int]:
    """A pair of ports, the second of them taken."""
    first = next(machine.free_pairs())
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", first + 1))
        listener.listen()
        yield first


class TestPorts:
    def test_a_taken_one_is_passed_over(self) -> None:
        with taken_pair() as first:
            assert not machine.free(first + 1)
            assert first + 1 in machine.listening()
            ports = {slot.port for slot in PcscService(2).slots}
            assert not ports & {first, first + 1}
            assert len(ports) == 4

    def test_a_taken_one_that_was_asked_for(
        self, own_machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "lock").touch()
        monkeypatch.setattr(service, "LOCK", tmp_path / "lock")
        monkeypatch.setattr(service, "refuse_missing", lambda removable: None)
        monkeypatch.setattr(machine, "as_root", list)
        with taken_pair() as first:
            own = PcscService(first_port=first, name="Test")
            with pytest.raises(ServiceError) as refused:
                own.start()
        expected = f"Test A 00 01: port {first + 1} is taken already"
        assert refused.value.render("en").startswith(expected)
        assert "已被占用" in refused.value.render("zh")

    def test_a_second_run_of_any_user_is_refused(
        self, own_machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What is locked is there for everybody, whatever the folder for temporary files."""
        assert service.LOCK == drivers.DRIVER
        lock = tmp_path / "lock"
        lock.touch()
        monkeypatch.setattr(service, "LOCK", lock)
        monkeypatch.setattr(service, "refuse_missing", lambda removable: None)
        monkeypatch.setattr(machine, "as_root", list)
        with lock.open("rb") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            with pytest.raises(ServiceError, match="another test run"):
                PcscService().start()

    def test_ports_and_names(self) -> None:
        slots = PcscService(2, name="Desk", first_port=30000).slots
        assert [(slot.name, slot.port) for slot in slots] == [
            ("Desk A 00 00", 30000),
            ("Desk A 00 01", 30001),
            ("Desk B 00 00", 30002),
            ("Desk B 00 01", 30003),
        ]


@pytest.mark.parametrize(("count", "removable"), [(0, 0), (9, 0), (1, 2), (1, -1)])
def test_impossible_numbers_of_readers(count: int, removable: int) -> None:
    with pytest.raises(ValueError, match="1 to 8 are possible"):
        PcscService(count, removable=removable)


class TestMissing:
    def test_parts(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(drivers, "program", lambda name: "")
        monkeypatch.setattr(drivers, "DRIVER", tmp_path / "driver.so")
        monkeypatch.setattr(drivers, "HEADERS", tmp_path)
        with pytest.raises(ServiceError) as refused:
            PcscService().start()
        for language in ("zh", "en"):
            text = refused.value.render(language)
            assert text.endswith("--no-install-recommends pcscd vsmartcard-vpcd")
        with pytest.raises(ServiceError, match="gcc libc6-dev libpcsclite-dev"):
            PcscService(removable=1).start()

    @pytest.mark.parametrize("sudo", [None, "exit 1"])
    def test_rights(
        self, sudo: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        monkeypatch.setattr(machine, "program", lambda name: _script(tmp_path / name, sudo))
        with pytest.raises(ServiceError, match="must run as root"):
            machine.as_root()

    def test_sudo_without_a_password(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        monkeypatch.setattr(machine, "program", lambda name: _script(tmp_path / name, "exit 0"))
        assert machine.as_root() == [str(tmp_path / "sudo"), "-n"]

    def test_linux(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "platform", "darwin")
        with pytest.raises(ServiceError, match="Linux only"):
            PcscService().start()


def _script(path: Path, body: str | None) -> str:
    if body is None:
        return ""
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)
