"""The service that the tests start: its readers come and go, and it leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.pcsc.conftest import Insert
from tests.pcsc.plain_client import PlainClient
from tests.support.plant import Issued

from sscard_ic.testing import machine
from sscard_ic.testing import service as service_module
from sscard_ic.testing.service import PcscService, ReaderSlot, ServiceError


def test_readers_have_the_names_that_were_told(service: PcscService, client: PlainClient) -> None:
    client.await_readers(*(slot.name for slot in service.slots))
    assert client.readers() == [slot.name for slot in service.slots]
    assert [slot.name for slot in service.slots[:3]] == [
        "sscard A 00 00",
        "sscard A 00 01",
        "sscard B 00 00",
    ]


def test_an_unplugged_reader_is_gone_until_it_is_plugged_in(
    service: PcscService,
    client: PlainClient,
    insert: Insert,
    dalian_card: Issued,
    removable_slots: tuple[ReaderSlot, ReaderSlot],
) -> None:
    names = [slot.name for slot in removable_slots]
    place = insert(dalian_card.chip, removable_slots[0])
    client.await_readers(*names)
    service.unplug(names[1])
    client.await_readers(*names, there=False)
    assert len(client.readers()) == 14
    assert place.wait(lambda: place.state == "driver lost", 20)
    service.plug(names[0])
    client.await_readers(*names)
    assert client.await_card(names[0]) == dalian_card.chip.atr


def test_a_reader_of_the_configuration_cannot_be_unplugged(
    service: PcscService, free_slot: ReaderSlot
) -> None:
    with pytest.raises(ValueError, match="no removable reader"):
        service.unplug(free_slot.name)


def test_killed_and_started_again(
    service: PcscService, insert: Insert, dalian_card: Issued, free_slot: ReaderSlot
) -> None:
    insert(dalian_card.chip, free_slot)
    slots, first = service.slots, service.pid
    service.kill()
    assert not service.running
    assert service.pid is None
    assert machine.SOCKET.exists()
    service.start()
    assert service.slots == slots
    assert service.pid not in (None, first)
    with PlainClient() as client:
        client.await_readers(*(slot.name for slot in slots))
        assert client.await_card(free_slot.name) == dalian_card.chip.atr


def test_a_second_run_is_refused(service: PcscService) -> None:
    pid = service.pid
    with pytest.raises(ServiceError, match="another test run") as refused:
        PcscService().start()
    assert "结束" in refused.value.render("zh")
    assert service.pid == pid


def test_a_foreign_service_is_named_and_left_alone(
    service: PcscService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "another.lock").touch()
    monkeypatch.setattr(service_module, "LOCK", tmp_path / "another.lock")
    pid = service.pid
    with pytest.raises(ServiceError, match=f"pcscd, pid {pid}: .* runs on this machine already"):
        PcscService().start()
    assert service.pid == pid


def test_a_driver_that_does_not_load_is_told_with_the_log(
    the_service: PcscService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    the_service.stop()
    broken = tmp_path / "broken.so"
    broken.write_bytes(b"no library")
    monkeypatch.setattr("sscard_ic.testing.drivers.DRIVER", broken)
    monkeypatch.setattr(service_module, "_PATIENCE", 0.5)
    own = PcscService(1)
    with pytest.raises(ServiceError, match=r"pcscd did not start[\s\S]*vpcd-A\.so") as failed:
        own.start()
    assert failed.value.hint is not None
    assert not own.running
    assert not machine.answers()


def test_stopped_it_leaves_nothing(the_service: PcscService) -> None:
    the_service.start()
    the_service.kill()
    the_service.stop()
    assert not machine.SOCKET.exists()
    assert not {slot.port for slot in the_service.slots} & machine.listening()
    the_service.stop()  # nothing to do


def test_it_ends_with_the_program_that_started_it(the_service: PcscService, tmp_path: Path) -> None:
    the_service.stop()
    code = (
        "import time\n"
        "from sscard_ic.testing.service import PcscService\n"
        "service = PcscService()\n"
        "service.start()\n"
        "print(service.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    program = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert program.stdout is not None
    pid = int(program.stdout.readline())
    assert machine.runs(pid)
    program.send_signal(signal.SIGKILL)
    program.communicate()
    deadline = time.monotonic() + 20
    while machine.runs(pid):
        assert time.monotonic() < deadline, "pcscd outlives the program that started it"
        time.sleep(0.01)
