"""``sscard batch run`` with several readers, cards that are taken out, and Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from tests.support.plant import DATA, SAMPLES, ChipSlot

from sscard_ic.base import CardError, Text
from sscard_ic.cli import root, run
from sscard_ic.cli.progress import progress
from sscard_ic.cli.run_report import Left, say_outcome
from sscard_ic.issuance.outcome import MAX_INTERRUPTED_IN_A_ROW, Outcome, StationOutcome
from sscard_ic.issuance.station import Station
from sscard_ic.ledger import Ledger
from sscard_ic.profile import load
from sscard_ic.reader import Slot
from sscard_ic.reader.connection import always
from sscard_ic.reader.virtual import new_blank
from sscard_ic.simulator import Fault, FaultFile, describe_image

SLOW_AFTER = 60
"""Exchanges after which a card that is ordered to be slow is slow."""

BATCH = "dalian-210200-20261121-005"


class Operator:
    """A person with a vault, an imported batch and decks of blanks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {
            "SSCARD_HOME": str(folder / "home"),
            "SSCARD_PASSPHRASE": "x",
            "SSCARD_LANG": "en",
        }

    def sscard(self, *arguments: str, code: int = 0) -> Result:
        result = CliRunner(env=self.env).invoke(root, list(arguments))
        assert result.exit_code == code, result.output
        return result

    def order(self, rows: int) -> None:
        file = self.folder / f"{BATCH}.csv"
        lines = SAMPLES["dalian"].read_bytes().splitlines(keepends=True)
        file.write_bytes(b"".join(lines[: rows + 1]))
        photos = str(DATA / "photos")
        self.sscard("keys", "init", "--test")
        self.sscard("batch", "import", str(file), "--profile", "dalian", "--photos", photos)

    def deck(self, name: str, blanks: int) -> list[Path]:
        profile = load("dalian")
        return sorted(new_blank(profile, self.folder / name) for _ in range(blanks))

    def readers(self, *names: str) -> tuple[str, ...]:
        return tuple(f"--reader=virtual:dir:{self.folder / name}" for name in names)

    def run(self, *arguments: str, code: int = 0) -> Result:
        return self.sscard("batch", "run", BATCH, *arguments, code=code)

    def run_json(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        value = json.loads(self.run(*arguments, "--json", code=code).stdout)
        assert isinstance(value, dict)
        return value

    def good(self) -> list[Path]:
        return sorted(self.folder.glob("*/good/*.img"))


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator(tmp_path)


def test_two_readers_share_a_batch(operator: Operator) -> None:
    operator.order(4)
    operator.deck("left", 2)
    operator.deck("right", 2)
    trace = operator.folder / "run.trace"
    value = operator.run_json(*operator.readers("left", "right"), f"--trace={trace}")
    assert (value["good"], value["left"], value["interrupted"]) == (4, 0, [])
    assert value["readers"] == [
        {
            "reader": f"virtual:{name}",
            "good": 2,
            "bad": 0,
            "rejected": 0,
            "refused": 0,
            "interrupted": 0,
            "end": None,
        }
        for name in ("left", "right")
    ]
    assert not trace.exists()
    exchanges = 0
    for number in (1, 2):
        text = (operator.folder / f"run-{number}.trace").read_text(encoding="utf-8")
        assert text.count("# sscard trace 1\n") == 2
        exchanges += sum(line.startswith("> ") for line in text.splitlines())
    assert exchanges == value["exchanges"]


def test_the_trace_of_a_batch_is_continued_and_no_other_file_is_touched(operator: Operator) -> None:
    operator.order(2)
    (reader,) = operator.readers("deck")
    trace = operator.folder / "run.trace"
    for cards in (1, 2):
        operator.deck("deck", 1)
        operator.run_json(reader, "--limit=1", f"--trace={trace}")
        assert trace.read_text(encoding="utf-8").count("# sscard trace 1\n") == cards
    (order,) = operator.folder.glob("*.csv")
    content = order.read_bytes()
    said = operator.run(reader, f"--trace={order}", code=1).stderr
    assert "the file exists and is no trace" in said
    assert order.read_bytes() == content


def test_the_readers_are_told_one_by_one(operator: Operator) -> None:
    operator.order(2)
    operator.deck("left", 1)
    operator.deck("right", 1)
    said = operator.run(*operator.readers("left", "right")).stderr
    assert "  virtual:left: good 1, bad or rejected 0, interrupted 0\n" in said
    assert "  virtual:right: good 1, bad or rejected 0, interrupted 0\n" in said
    assert "good cards: 2; rows still to make: 0, failed: 0\n" in said


def test_one_folder_is_no_two_readers(operator: Operator) -> None:
    operator.order(1)
    operator.deck("left", 1)
    said = operator.run(*operator.readers("left", "left"), code=1).stderr
    assert "named twice" in said
    assert operator.good() == []


def test_a_card_that_was_taken_out_is_told_until_it_is_back(operator: Operator) -> None:
    operator.order(2)
    first, _ = operator.deck("deck", 2)
    FaultFile(first).order(Fault("removed", after=100))
    said = operator.run(*operator.readers("deck"), code=3).stderr
    assert said.splitlines() == [
        "virtual:deck: the card of row 1 was interrupted "
        "(the card was taken out while it was in use); put it in again to continue",
        "row 1: its card was interrupted at virtual:deck in the middle "
        "(the card was taken out while it was in use) and has not come back",
        "  → put it in and run it again; where it is lost: --lost 1",
        "good cards: 1; rows still to make: 1, failed: 0",
    ]
    assert operator.run(*operator.readers("deck")).stderr.splitlines() == [
        "good cards: 1; rows still to make: 0, failed: 0"
    ]


def test_an_interruption_in_json(operator: Operator) -> None:
    operator.order(2)
    first, _ = operator.deck("deck", 2)
    FaultFile(first).order(Fault("mute", after=100))
    value = operator.run_json(*operator.readers("deck"), "--limit=1", code=3)
    assert value["interrupted"] == [
        {
            "row": 1,
            "reader": "virtual:deck",
            "message": "the card does not answer",
            "kind": "mute",
        }
    ]
    assert (value["good"], value["left"]) == (1, 1)
    assert value["readers"][0]["interrupted"] == 1


def test_people_are_told_in_their_language_by_every_reader(operator: Operator) -> None:
    operator.order(2)
    for name in ("left", "right"):
        (image,) = operator.deck(name, 1)
        FaultFile(image).order(Fault("removed", after=100))
    arguments = ("batch", "run", BATCH, *operator.readers("left", "right"))
    said = operator.sscard("--lang", "zh", *arguments, code=3).stderr
    assert said.count("重新放入此卡即可继续") == 2
    assert "virtual:left：第" in said and "virtual:right：第" in said
    assert "合格 0 张；待制 2 行，失败 0 行" in said


def test_what_goes_wrong_at_several_readers_is_all_told(operator: Operator) -> None:
    operator.order(2)
    for name in ("left", "right"):
        operator.deck(name, 1)
        # Where the folder of the good cards should be, there is a file.
        (operator.folder / name / "good").touch()
    said = operator.run(*operator.readers("left", "right"), code=1).stderr
    blocked = [str(operator.folder / name / "good") for name in ("left", "right")]
    assert all(said.count(path) == 1 for path in blocked), said
    assert "good cards: 2; rows still to make: 0" in said


def test_an_error_in_json_does_not_hide_what_was_made(operator: Operator) -> None:
    operator.order(1)
    operator.deck("deck", 1)
    (operator.folder / "deck" / "good").touch()
    value = operator.run_json(*operator.readers("deck"), code=1)
    assert value["error"]["where"] == str(operator.folder / "deck" / "good")
    assert (value["good"], value["left"], value["interrupted_by_user"]) == (1, 0, False)


def test_a_reader_that_ended_after_interruptions_is_stopped_in_json(operator: Operator) -> None:
    operator.order(1)
    for image in operator.deck("deck", MAX_INTERRUPTED_IN_A_ROW):
        FaultFile(image).order(Fault("removed", after=1))
    value = operator.run_json(*operator.readers("deck"), code=3)
    assert value["readers"][0]["interrupted"] == MAX_INTERRUPTED_IN_A_ROW
    assert value["readers"][0]["end"]
    assert value["stopped"] is True


def test_a_rejected_card_is_told_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    bad = CardError(Text("旧卡", "a used card"), where="B1", hint=Text("换卡", "take another"))
    station = StationOutcome("window 3", rejected=[bad])
    say_outcome(Outcome([station]), Left(waiting=1, failed=0, in_work=frozenset()))
    said = capsys.readouterr().err
    assert re.search("B1.*\n  → (take another|换卡)\n", said)


@pytest.mark.parametrize("moment", ["open_keys", "open_slots", "run_batch"])
@pytest.mark.parametrize("interruption", [KeyboardInterrupt, click.Abort])
def test_ctrl_c_has_its_exit_code_at_any_moment(
    operator: Operator,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
    interruption: type[BaseException],
) -> None:
    operator.order(1)
    operator.deck("deck", 1)

    def interrupted(*arguments: object, **more: object) -> None:
        raise interruption

    monkeypatch.setattr(run, moment, interrupted)
    result = operator.run(*operator.readers("deck"), "--json", code=130)
    assert "interrupted; run it again to continue" in result.stderr
    assert json.loads(result.stdout)["interrupted_by_user"] is True


@pytest.mark.parametrize("left_behind", [False, True])
def test_a_slot_in_which_a_card_is_still_in_work_is_not_closed(
    operator: Operator, monkeypatch: pytest.MonkeyPatch, left_behind: bool
) -> None:
    operator.order(1)
    closed: list[str] = []
    ledgers: list[Ledger] = []

    class Told(ChipSlot):
        def close(self) -> None:
            closed.append(self.name)

    def interrupted(stations: list[Station], ledger: Ledger, *rest: object, **more: object) -> None:
        ledgers.append(ledger)
        if left_behind:
            stations[0].idle.clear()
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "open_slots", lambda specs, tell: [Told(name="A"), Told(name="B")])
    monkeypatch.setattr(run, "run_batch", interrupted)
    operator.run(code=130)
    assert sorted(closed) == ([] if left_behind else ["A", "B"])
    if left_behind:
        (ledger,) = ledgers
        assert ledger.batch(BATCH).name == BATCH
        ledger.close()


def test_nobody_who_brings_a_card_is_waited_for_no_longer_than_asked(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator.order(1)

    class Patient(ChipSlot):
        def wait_card(self, blank_wanted: bool = True, still: Callable[[], bool] = always) -> bool:
            while blank_wanted and still():
                pass
            return False

    def slots(specs: object, tell: object = None) -> list[Slot]:
        return [Patient(name="window 3")]

    monkeypatch.setattr(run, "open_slots", slots)
    said = operator.run("--wait=1", code=3).stderr
    assert "rows still to make: 1" in said


def test_a_message_appears_as_it_is(capfd: pytest.CaptureFixture[str]) -> None:
    long = " ".join(["reader [red]1[/red] 读写器"] * 20)
    with progress("work", 3) as bar:
        bar(1)
        bar.tell(Text("", long))
    assert capfd.readouterr().err == f"{long}\n"


def start(operator: Operator, *arguments: str) -> subprocess.Popen[str]:
    """The command as a process of its own, which Ctrl-C may reach."""
    program = str(Path(sys.executable).with_name("sscard"))
    return subprocess.Popen(
        [program, "batch", "run", BATCH, *arguments],
        env={**os.environ, **operator.env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def await_line(process: subprocess.Popen[str], words: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(f"ended without saying: {words}")


TWO = ("run-1.trace", "run-2.trace")


def await_slow_cards(
    operator: Operator, process: subprocess.Popen[str], made: int, traces: tuple[str, ...] = TWO
) -> None:
    """Until ``made`` cards are good and at each reader a slow one is in work."""
    pause = threading.Event()
    while process.poll() is None:
        pause.wait(0.02)
        if len(operator.good()) == made and all(is_slow(operator.folder / t) for t in traces):
            return
    raise AssertionError("ended before")


def is_slow(trace: Path) -> bool:
    text = trace.read_text(encoding="utf-8") if trace.exists() else ""
    since_power_up = text.rpartition("\nR cold")[2]
    return since_power_up.count("\n> ") > SLOW_AFTER


def test_ctrl_c_leaves_the_cards_in_work_and_the_next_run_continues(operator: Operator) -> None:
    operator.order(4)
    images = operator.deck("left", 2) + operator.deck("right", 2)
    for image in images[1], images[3]:
        # The second card of each reader is in work for long enough to be interrupted.
        FaultFile(image).order(Fault("slow", after=SLOW_AFTER, times=0, milliseconds=500))
    readers = operator.readers("left", "right")
    trace = operator.folder / "run.trace"
    process = start(operator, *readers, f"--trace={trace}")
    await_slow_cards(operator, process, made=2)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "stopping after the exchanges that are under way" in said
    assert "interrupted; run it again to continue" in said
    assert "good cards: 2; rows still to make: 2" in said
    assert "cards of these rows have been begun and are not finished: 3, 4" in said
    assert "put them in and run it again; where they are lost: --lost 3 --lost 4" in said
    assert "put blanks in" not in said
    for image in images[1], images[3]:
        assert describe_image(image).state != "blank"
        FaultFile(image).clear()
    value = operator.run_json(*readers)
    assert (value["good"], value["left"]) == (2, 0)
    assert {image.name for image in operator.good()} == {image.name for image in images}


def test_ctrl_c_waits_for_the_exchange_of_a_reader_beside_one_that_has_ended(
    operator: Operator,
) -> None:
    operator.order(3)
    (image,) = operator.deck("left", 1)
    operator.deck("right", 1)
    FaultFile(image).order(Fault("slow", after=SLOW_AFTER, times=0, milliseconds=3000))
    readers = operator.readers("left", "right")
    process = start(operator, *readers, "--json", f"--trace={operator.folder / 'run.trace'}")
    await_slow_cards(operator, process, made=1, traces=TWO[:1])
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    last = (operator.folder / TWO[0]).read_text(encoding="utf-8").splitlines()
    exchanges = [line for line in last if line.startswith(("> ", "< "))]
    assert exchanges[-1].startswith("< "), "the answer was waited for"
    value = json.loads(out)
    assert value["interrupted_by_user"] is True
    assert (value["good"], value["left"]) == (1, 2)
    assert "put blanks in and run it again to continue" in said
    FaultFile(image).clear()
    assert operator.run_json(*operator.readers("left"), code=3)["good"] == 1


def test_a_second_ctrl_c_does_not_wait_for_a_card_that_never_answers(operator: Operator) -> None:
    operator.order(2)
    images = operator.deck("left", 1) + operator.deck("right", 1)
    for image in images:
        FaultFile(image).order(Fault("slow", after=SLOW_AFTER, times=0, milliseconds=60_000))
    readers = operator.readers("left", "right")
    process = start(operator, *readers, f"--trace={operator.folder / 'run.trace'}")
    await_slow_cards(operator, process, made=0)
    process.send_signal(signal.SIGINT)
    await_line(process, "stopping after the exchanges that are under way")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert "interrupted; run it again to continue" in said
    for image in images:
        FaultFile(image).clear()
    assert operator.run_json(*readers)["good"] == 2


def test_ctrl_c_at_a_single_reader(operator: Operator) -> None:
    operator.order(1)
    (image,) = operator.deck("deck", 1)
    FaultFile(image).order(Fault("slow", after=SLOW_AFTER, times=0, milliseconds=60_000))
    (reader,) = operator.readers("deck")
    process = start(operator, reader, f"--trace={operator.folder / 'run.trace'}")
    await_slow_cards(operator, process, made=0, traces=("run.trace",))
    process.send_signal(signal.SIGINT)
    await_line(process, "stopping after the exchanges that are under way")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert "interrupted; run it again to continue" in said
    FaultFile(image).clear()
    assert operator.run_json(reader)["good"] == 1
