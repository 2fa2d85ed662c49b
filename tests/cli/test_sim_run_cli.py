"""``sscard sim run``: virtual cards in a reader, from the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.simulator.cards import with_dialect
from tests.simulator.vpcd_slots import CHALLENGE, QUICK, free_port, new_card
from tests.support.vpcd_driver import NoAnswer, VpcdDriver

from sscard_ic.apdu.trace import Closed, Exchange, Opened, Reset, parse
from sscard_ic.cli import root, sim_run
from sscard_ic.simulator import Fault, FaultFile, VpcdSlot, VpcdTimes, blank

PATIENCE = 20.0
_MAIN = "from sscard_ic.cli import main; main()"


def make(folder: Path, *names: str) -> list[str]:
    paths = [folder / f"{name}.img" for name in names]
    for number, path in enumerate(paths):
        blank(with_dialect(), number.to_bytes(6, "big"), path=path).close()
    return [str(path) for path in paths]


def run(*arguments: str, language: str = "en") -> Result:
    return CliRunner(env={"SSCARD_LANG": language}).invoke(root, ["sim", "run", *arguments])


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", _MAIN, "sim", "run", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "SSCARD_LANG": "en"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)


def events(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


@pytest.fixture
def driver() -> Iterator[VpcdDriver]:
    with VpcdDriver() as driver:
        yield driver


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_card_is_served_until_it_is_stopped(
    tmp_path: Path, driver: VpcdDriver, stop: signal.Signals
) -> None:
    (image,) = make(tmp_path, "a")
    with running(image, "--port", str(driver.port)) as process:
        driver.wait(lambda: driver.seen == 1)
        driver.power_on()
        assert driver.apdu(CHALLENGE)[-4:] == "9000"
        process.send_signal(stop)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert out == ""
    assert f"{driver.port}  ← card in  {image}" in err
    assert "sscard readers" in err
    assert "stopped" in err
    assert "Traceback" not in err
    driver.wait(lambda: not driver.present)


@pytest.mark.parametrize("deck", [False, True])
def test_the_contactless_face(tmp_path: Path, driver: VpcdDriver, deck: bool) -> None:
    (image,) = make(tmp_path, "a")
    given = ["--deck", str(tmp_path)] if deck else [image]
    with running(*given, "--contactless", "--port", str(driver.port)):
        driver.wait(lambda: driver.seen == 1)
        assert driver.power_on().startswith(bytes.fromhex("3B8D8001"))
        assert driver.apdu("00A4000000") == "6A82"


def test_two_cards_take_two_slots_and_events_are_json_lines(tmp_path: Path) -> None:
    images = make(tmp_path, "a", "b")
    base = two_ports()
    FaultFile(Path(images[1])).order(Fault("removed", after=1))
    with (
        VpcdDriver(port=base) as one,
        VpcdDriver(port=base + 1) as two,
        running(*images, "--port", str(base), "--back", "0.1", "--json") as process,
    ):
        for driver in (one, two):
            driver.wait(lambda d=driver: d.seen == 1)  # type: ignore[misc]
            driver.power_on()
            assert driver.apdu(CHALLENGE)[-4:] == "9000"
        with pytest.raises(NoAnswer):
            two.apdu(CHALLENGE)
        two.wait(lambda: two.seen == 2)
        two.looks()
        one.stop()
        with VpcdDriver(port=base) as again:
            again.looks()
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=PATIENCE)
    told = events(out)
    by_port = {
        port: [event["event"] for event in told if event["port"] == port and "on" not in event]
        for port in (base, base + 1)
    }
    assert by_port[base] == ["inserted", "lost", "returned", "removed"]
    assert by_port[base + 1] == ["inserted", "removed", "returned", "removed"]
    assert {event["card"] for event in told if event["port"] == base} == {images[0]}
    losses = [event.get("loss") for event in told if event["event"] == "removed"]
    assert losses == ["removed", None, None]
    assert {"event": "powered", "port": base, "card": images[0], "on": True} in told


def two_ports() -> int:
    """A free port before a free port."""
    while True:
        port = free_port()
        try:
            with VpcdDriver(port=port), VpcdDriver(port=port + 1):
                return port
        except OSError:
            continue


def test_a_deck_until_it_is_empty_with_a_trace(tmp_path: Path, driver: VpcdDriver) -> None:
    make(tmp_path, "a", "b")
    (tmp_path / "x.img").write_text("no card\n")
    trace = tmp_path / "deck.trace"
    options = ["--until-empty", "--rest", "0.05", "--trace", str(trace), "--json"]
    with running("--deck", str(tmp_path), "--port", str(driver.port), *options) as process:
        for number in (1, 2):
            driver.wait(lambda n=number: driver.seen >= n and driver.present)  # type: ignore[misc]
            driver.power_on()
            driver.apdu(CHALLENGE)
            driver.power_off()
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert "cards finished: 2" in err
    assert sorted(path.stem for path in (tmp_path / "done").glob("*.img")) == ["a", "b"]
    told = events(out)
    assert [event["event"] for event in told if "on" not in event] == [
        "inserted",
        "removed",
        "inserted",
        "removed",
        "error",
    ]
    assert told[-1]["error"]["message"] == "not an image of a virtual card"
    exchanges = [e for e in parse(trace.read_bytes(), "trace") if isinstance(e, Exchange)]
    assert len(exchanges) == 2


def test_a_trace_is_continued(tmp_path: Path, driver: VpcdDriver) -> None:
    (image,) = make(tmp_path, "a")
    trace = tmp_path / "a.trace"
    for seen in (1, 2):
        with running(image, "--port", str(driver.port), "--trace", str(trace)) as process:
            driver.wait(lambda n=seen: driver.seen == n)  # type: ignore[misc]
            driver.power_on()
            driver.apdu(CHALLENGE)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
        driver.wait(lambda: not driver.present)
    expected = [Opened, Reset, Exchange, Closed] * 2
    assert [type(event) for event in parse(trace.read_bytes(), "trace")] == expected


def test_a_trace_takes_the_place_of_no_other_file(tmp_path: Path, driver: VpcdDriver) -> None:
    (image,) = make(tmp_path, "a")
    content = Path(image).read_bytes()
    deck = ("--deck", str(tmp_path))
    for cards in ((image,), deck):
        result = run(*cards, "--port", str(driver.port), "--trace", image)
        assert result.exit_code == 1
        assert "the file exists and is no trace" in result.stderr
        assert Path(image).read_bytes() == content
    assert driver.seen == 0


def test_no_trace_is_begun_for_a_card_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "x.img").write_text("no card\n")
    trace = tmp_path / "x.trace"
    assert run(str(tmp_path / "x.img"), "--trace", str(trace)).exit_code == 1
    assert not trace.exists()


def test_no_reader(tmp_path: Path) -> None:
    (image,) = make(tmp_path, "a")
    result = run(image, "--port", str(free_port()))
    assert result.exit_code == 1
    assert "no vpcd reader listens" in result.stderr
    assert "sscard doctor" in result.stderr
    as_json = run(image, "--port", str(free_port()), "--json", language="zh")
    (event,) = events(as_json.stdout)
    assert (event["event"], as_json.exit_code) == ("error", 1)
    assert "端口上没有 vpcd 读写器" in event["error"]["message"]
    assert "sscard doctor" in event["error"]["hint"]


def test_a_slot_that_is_taken(
    tmp_path: Path, driver: VpcdDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    (image,) = make(tmp_path, "a")
    monkeypatch.setattr(sim_run, "VpcdTimes", partial(VpcdTimes, patience=0.2))
    with VpcdSlot(driver.port, times=QUICK) as slot:
        slot.insert(new_card())
        result = run(image, "--port", str(driver.port))
        assert result.exit_code == 1
        assert "another virtual card is in this slot" in result.stderr
        assert driver.apdu(CHALLENGE) == "6F00", "the first card is still there, without power"


def test_an_image_that_is_none(tmp_path: Path, driver: VpcdDriver) -> None:
    (tmp_path / "x.img").write_text("no card\n")
    result = run(str(tmp_path / "x.img"), "--port", str(driver.port))
    assert result.exit_code == 1
    assert "not an image" in result.stderr
    assert driver.seen == 0


def test_a_card_whose_image_cannot_be_written_any_more(tmp_path: Path, driver: VpcdDriver) -> None:
    """The orders for it are found damaged at the first command; the command ends."""
    (image,) = make(tmp_path, "a")
    with running(image, "--port", str(driver.port), "--json") as process:
        driver.wait(lambda: driver.seen == 1)
        driver.power_on()
        FaultFile(Path(image)).path.write_text("{}")
        with pytest.raises(NoAnswer):
            driver.apdu(CHALLENGE)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    told = [event for event in events(out) if event["event"] == "error"]
    assert len(told) == 1
    assert (told[0]["port"], told[0]["card"]) == (driver.port, image)
    assert err.count("the file of faults is damaged") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["a.img", "--deck", "."],
        ["a.img", "--until-empty"],
        ["a.img", "./a.img"],
        ["a.img", "b.img", "--trace", "x"],
        ["a.img", "b.img", "--port", "65535"],
        ["a.img", "--port", "0"],
        ["a.img", "--back", "soon"],
        ["a.img", "--back", "-1"],
        ["a.img", "--back", "nan"],
    ],
)
def test_usage(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


def test_a_deck_needs_a_folder(tmp_path: Path) -> None:
    result = run("--deck", str(tmp_path / "none"))
    assert result.exit_code == 1
    assert "no such folder" in result.stderr
