"""``sscard readers``, ``doctor`` and ``--reader`` where a PC/SC service runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.pcsc.conftest import Insert
from tests.support.plant import Issued

from sscard_ic.cli import root
from sscard_ic.reader import opening
from sscard_ic.testing.service import PcscService, ReaderSlot

SELECT_MF, FOUND = "00A40000023F00", "6117"

# Where the tests run in the background of a shell, Ctrl-C is ignored, and so it would be here.
PROGRAM = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from sscard_ic.cli import main
main()
"""
PATIENCE = 60


def sscard(*arguments: str, **environment: str | None) -> Result:
    env = {"SSCARD_LANG": "en", "SSCARD_READER": None, "SSCARD_PSAM": None, **environment}
    return CliRunner(env=env).invoke(root, list(arguments))


def test_the_list_of_readers(
    service: PcscService, insert: Insert, dalian_card: Issued, free_slots: Callable[[int], Any]
) -> None:
    slot, psam = free_slots(2)
    insert(dalian_card.chip, slot)
    listed = json.loads(sscard("readers", "--json", SSCARD_PSAM=psam.name).stdout)["readers"]
    names = [known.name for known in service.slots]
    assert [(r["number"], r["name"]) for r in listed] == list(enumerate(names, 1))
    (with_card,) = [reader for reader in listed if reader["card"] == "present"]
    assert with_card["name"] == slot.name
    assert bytes.fromhex(with_card["atr"]) == dalian_card.chip.atr
    assert [reader["name"] for reader in listed if reader["psam"]] == [psam.name]


def test_a_reader_is_named_in_every_way(
    service: PcscService, insert: Insert, dalian_card: Issued, free_slot: ReaderSlot
) -> None:
    insert(dalian_card.chip, free_slot)
    number = [slot.name for slot in service.slots].index(free_slot.name) + 1
    named = (free_slot.name, free_slot.name[2:].upper(), str(number))
    ways = [("--reader", words) for words in named]
    for way in ((), *ways, ("--exclusive",), ("--exclusive", "--raw", *ways[0])):
        sent = sscard("apdu", SELECT_MF, "--json", *way)
        assert json.loads(sent.stdout)[0]["sw"] == FOUND, (way, sent.output)
    mismatch = sscard("apdu", SELECT_MF, "--json", "--exclusive", "--protocol", "t1")
    assert json.loads(mismatch.stdout)["error"]["kind"] == "protocol mismatch"
    several = sscard("apdu", SELECT_MF, "--json", "--reader", "sscard")
    assert json.loads(several.stdout)["error"]["kind"] == "several readers"
    assert len(several.stderr.splitlines()) == 2 + len(service.slots)


def test_reading_through_a_reader(
    insert: Insert, dalian_card: Issued, free_slot: ReaderSlot
) -> None:
    insert(dalian_card.chip, free_slot)
    done = sscard("read", "--json", "SSSE.EF05.03", "SSSE.EF06.09", SSCARD_READER=free_slot.name)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["items"][0]["value"] == "2.00"


@contextmanager
def watching() -> Iterator[tuple[subprocess.Popen[str], Iterator[dict[str, Any]]]]:
    """``sscard readers --watch`` in a process of its own, and its events; killed if it stays."""
    command = [sys.executable, "-c", PROGRAM, "readers", "--watch", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watch:
        assert watch.stdout is not None
        guard = threading.Timer(PATIENCE, watch.kill)
        guard.start()
        try:
            yield watch, map(json.loads, watch.stdout)
        finally:
            guard.cancel()
            watch.kill()


def test_events_are_told_as_they_happen(
    service: PcscService,
    insert: Insert,
    dalian_card: Issued,
    removable_slots: tuple[ReaderSlot, ReaderSlot],
) -> None:
    first, second = (slot.name for slot in removable_slots)
    with watching() as (watch, events):
        names = [next(events)["reader"] for _ in service.slots]
        assert names == [slot.name for slot in service.slots]
        place = insert(dalian_card.chip, removable_slots[0])
        inserted = next(events)
        assert (inserted["event"], inserted["reader"]) == ("card inserted", first)
        assert bytes.fromhex(inserted["atr"]) == dalian_card.chip.atr
        place.remove()
        removed = next(events)
        assert (removed["event"], removed["reader"]) == ("card removed", first)
        service.unplug(first)
        gone = [next(events) for _ in range(2)]
        assert {(event["event"], event["reader"]) for event in gone} == {
            ("reader removed", first),
            ("reader removed", second),
        }
        service.stop()
        assert "service stopped" in {event["event"] for event in events_until(events, "service")}
        service.start()
        assert next(events)["event"] == "service started"
        watch.send_signal(signal.SIGINT)
        assert watch.wait(PATIENCE) == 0


def events_until(events: Iterator[dict[str, Any]], word: str) -> Iterator[dict[str, Any]]:
    for event in events:
        yield event
        if event["event"].startswith(word):
            return


def test_the_doctor_sees_the_service(service: PcscService, free_slot: ReaderSlot) -> None:
    report = json.loads(sscard("doctor", "--json").stdout)
    assert report["ok"] is True
    found = {finding["subject"]: finding for finding in report["findings"]}
    for subject in ("pcscd program", "pcscd process", "pcscd socket", "binding", "readers"):
        assert found[subject]["state"] == "ok", found[subject]
    assert str(service.pid) in found["pcscd process"]["message"]
    assert len(found["readers"]["message"].splitlines()) == len(service.slots)
    assert str(free_slot.port) in found["vpcd ports"]["message"]
    assert "open on every network interface" in found["vpcd ports"]["message"]


def test_without_a_service(service: PcscService) -> None:
    service.stop()
    for arguments in (["readers"], ["readers", "--watch"], ["apdu", SELECT_MF]):
        failed = sscard(*arguments, "--json")
        assert failed.exit_code == 1
        assert json.loads(failed.stdout)["error"]["kind"] == "no service"
    report = json.loads(sscard("doctor", "--json").stdout)
    assert report["ok"] is True
    found = {finding["subject"]: finding for finding in report["findings"]}
    assert found["pcscd process"]["state"] == "note"
    assert "start it" in found["pcscd process"]["hint"]


def test_a_service_that_hangs_is_told_so(
    service: PcscService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "PATIENCE", 0.5)
    assert service.pid is not None
    os.kill(service.pid, signal.SIGSTOP)
    try:
        hung = sscard("readers", "--json")
    finally:
        os.kill(service.pid, signal.SIGCONT)
    assert hung.exit_code == 1
    error = json.loads(hung.stdout)["error"]
    assert (error["kind"], error["message"]) == (
        "no service",
        "the PC/SC service does not answer",
    )
