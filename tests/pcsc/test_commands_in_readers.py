"""``sscard read``, ``card activate`` and ``apdu`` at a PC/SC reader, as with any virtual card."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.pcsc.conftest import Insert

from sscard_ic.cli import root
from sscard_ic.issuance.specimen import SpecimenMaker
from sscard_ic.profile import load
from sscard_ic.reader import open_session
from sscard_ic.reader.pcsc import open_pcsc
from sscard_ic.reader.virtual import new_blank, open_virtual
from sscard_ic.simulator import Fault, FaultFile, open_card
from sscard_ic.testing.service import ReaderSlot

PIN, NEW_PIN = "123456", "258036"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A finished card."""
    profile = load("dalian")
    path = new_blank(profile, tmp_path)
    connection = open_virtual(path)
    SpecimenMaker(profile).make(open_session(connection))
    connection.close()
    return path


@pytest.fixture
def reader(image: Path, insert: Insert, free_slot: ReaderSlot) -> str:
    """The reader that it is in."""
    insert(open_card(image), free_slot)
    return free_slot.name


@pytest.fixture
def sscard(tmp_path: Path) -> Callable[..., Result]:
    pins = {"SSCARD_PIN": PIN, "SSCARD_NEW_PIN": NEW_PIN}
    env = {"SSCARD_HOME": str(tmp_path / "home"), "SSCARD_LANG": "en", **pins}
    return lambda *words: CliRunner(env=env).invoke(root, list(words))


def test_a_card_is_read_as_in_process(
    image: Path, reader: str, sscard: Callable[..., Result], tmp_path: Path
) -> None:
    through_pcsc = sscard("read", "--all", "--pin", "--json", "--reader", reader)
    assert through_pcsc.exit_code == 0, through_pcsc.output
    copy = tmp_path / "copy.img"
    copy.write_bytes(image.read_bytes())
    in_process = sscard("read", "--all", "--pin", "--json", "--reader", f"virtual:{copy}")
    assert json.loads(through_pcsc.stdout) == json.loads(in_process.stdout)


def test_a_card_is_activated(reader: str, sscard: Callable[..., Result]) -> None:
    activated = sscard("card", "activate", "--reader", reader, "--json")
    assert activated.exit_code == 0, activated.output
    again = sscard("card", "activate", "--reader", reader)
    assert again.exit_code == 1
    # The initial PIN is the holder's no longer.
    assert "2 tries left" in again.stderr


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("00", "at least 4 bytes"),
        ("00A4", "at least 4 bytes"),
        ("00A40000053F00", "Lc says 5"),
    ],
)
def test_what_is_no_command_is_not_sent(
    command: str, reason: str, reader: str, sscard: Callable[..., Result]
) -> None:
    result = sscard("apdu", command, "--reader", reader)
    assert result.exit_code == 1
    assert reason in result.stderr
    assert "ATR" not in result.output


def test_a_card_that_leaves_is_told_and_comes_back(
    image: Path, reader: str, sscard: Callable[..., Result]
) -> None:
    FaultFile(image).order(Fault("removed", after=1))
    result = sscard("read", "--reader", reader, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["kind"] == "removed"
    assert "insert" in result.stderr


def test_a_recorded_session_names_its_reader(
    reader: str, sscard: Callable[..., Result], tmp_path: Path
) -> None:
    file = tmp_path / "a.trace"
    recorded = sscard("trace", "record", str(file), "--", "read", "--reader", reader)
    assert recorded.exit_code == 0, recorded.output
    assert f"# reader: {reader}\n" in file.read_text(encoding="utf-8")


def test_a_reader_that_is_held_is_busy_and_says_so(
    reader: str, sscard: Callable[..., Result]
) -> None:
    held = threading.Event()
    done = threading.Event()

    def hold() -> None:
        connection = open_pcsc(reader, access="exclusive")
        held.set()
        done.wait(60)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(10)
    try:
        result = sscard("read", "--reader", reader, "--json")
    finally:
        done.set()
        holder.join()
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["kind"] == "busy"
    free = sscard("read", "--reader", reader, "--json")
    assert free.exit_code == 0, free.output


def test_names_that_fit_several_readers_or_none(sscard: Callable[..., Result], reader: str) -> None:
    several = sscard("read", "--reader", "sscard", "--json")
    assert several.exit_code == 1
    assert json.loads(several.stdout)["error"]["kind"] == "several readers"
    assert reader in several.stderr
    none = sscard("read", "--reader", "acme", "--json")
    assert none.exit_code == 1
    assert json.loads(none.stdout)["error"]["kind"] == "no reader"
