"""``sscard readers``, the options for readers, and what a session of a command keeps to."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from sscard_ic.base import Secret, Text
from sscard_ic.cli import readers_command, root
from sscard_ic.cli.readers import TRACE, session
from sscard_ic.profile import load
from sscard_ic.reader import Connection, opening
from sscard_ic.reader.errors import NoService, ReaderError
from sscard_ic.reader.pcsc import ReaderEvent, ReaderState
from sscard_ic.reader.pcsc.transaction import held
from sscard_ic.reader.trace import Recording
from sscard_ic.reader.virtual import new_blank, open_virtual
from sscard_ic.testing.cards import LabCard

BLANK = bytes.fromhex("3B6D0000008148424286535119000013DF")
CARD = ReaderState("ACME 00 01", 1, "present", in_use=True, exclusive=False, atr=BLANK)
FOUND = (
    ReaderState("ACME 00 00", 0, "absent", in_use=False, exclusive=False, atr=b""),
    CARD,
    ReaderState("ACME SAM", 2, "present", in_use=True, exclusive=True, atr=b"\x3b\x00"),
    ReaderState("Other [1]", 3, "mute", in_use=False, exclusive=False, atr=b""),
)
SELECT_MF = "00A40000023F00"


def sscard(*arguments: str, **environment: str | None) -> Result:
    # A wide console: cells are not folded.
    env: dict[str, str | None] = {
        "SSCARD_LANG": "en",
        "COLUMNS": "200",
        "SSCARD_PSAM": None,
        "SSCARD_READER": None,
    }
    env.update(environment)
    return CliRunner(env=env).invoke(root, list(arguments))


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A PC/SC service with these readers and events, and then Ctrl-C; or with an error."""

    def give(
        *found: ReaderState,
        error: ReaderError | None = None,
        events: tuple[ReaderEvent, ...] = (),
        end: BaseException | None = None,
    ) -> None:
        def look() -> tuple[ReaderState, ...]:
            if error is not None:
                raise error
            return found

        class Monitor:
            def __init__(self) -> None:
                self._rest = iter(events)

            def wait(self, timeout: float) -> Iterator[ReaderEvent]:
                for event in self._rest:
                    return iter([event])
                raise end or KeyboardInterrupt

            def close(self) -> None: ...

        monkeypatch.setattr(readers_command, "list_readers", look)
        monkeypatch.setattr(opening, "list_readers", look)
        monkeypatch.setattr(readers_command, "ReaderMonitor", Monitor)

    return give


# -- sscard readers ----------------------------------------------------------------------------


def test_readers_and_their_cards(service: Callable[..., None]) -> None:
    service(*FOUND)
    listed = sscard("readers", SSCARD_PSAM="sam")
    assert listed.exit_code == 0, listed.output
    head, empty, card, psam, mute = [line.split("  ") for line in listed.stdout.splitlines()]
    assert "reader" in head
    assert [part for part in empty if part] == ["1", "ACME 00 00", "empty"]
    serial = "social security card or blank, 5119000013DF"
    shown = [part.strip() for part in card if part]
    assert shown == ["2", "ACME 00 01", "card, in use", BLANK.hex().upper(), serial]
    words = [part.strip() for part in psam if part]
    assert words[2:] == ["PSAM, card, held by one program", "3B00", "another kind of card"]
    assert [part.strip() for part in mute if part] == ["4", "Other [1]", "mute card"]
    chinese = sscard("--lang", "zh", "readers", SSCARD_PSAM="sam").stdout
    for word in ("空", "有卡，使用中", "PSAM，有卡，被独占", "卡无应答", "社会保障卡或空白卡"):
        assert word in chinese


def test_readers_as_json(service: Callable[..., None]) -> None:
    service(*FOUND)
    readers = json.loads(sscard("readers", "--json", SSCARD_PSAM="ACME SAM").stdout)["readers"]
    assert readers[1] == {
        "number": 2,
        "name": "ACME 00 01",
        "psam": False,
        "card": "present",
        "in_use": True,
        "exclusive": False,
        "atr": BLANK.hex().upper(),
    }
    assert [reader["psam"] for reader in readers] == [False, False, True, False]
    assert readers[3]["atr"] is None


def test_no_readers_is_an_answer(service: Callable[..., None]) -> None:
    service()
    listed = sscard("readers")
    assert (listed.exit_code, listed.stdout) == (0, "")
    assert "sscard doctor" in listed.stderr
    assert json.loads(sscard("readers", "--json").stdout) == {"readers": []}


def test_a_psam_setting_that_fits_several_is_told_beside_the_list(
    service: Callable[..., None],
) -> None:
    service(*FOUND)
    listed = sscard("readers", SSCARD_PSAM="acme")
    assert listed.exit_code == 0
    assert "SSCARD_PSAM fits 3 readers" in listed.stderr
    assert len(listed.stdout.splitlines()) == 5
    assert "PSAM" not in listed.stdout


@pytest.mark.parametrize("arguments", [("readers",), ("readers", "--watch")])
def test_no_service(arguments: tuple[str, ...], service: Callable[..., None]) -> None:
    hint = Text("启动它", "start it")
    service(error=NoService(Text("服务没有运行", "the service does not run"), hint=hint))
    failed = sscard(*arguments)
    assert (failed.exit_code, failed.stdout) == (1, "")
    assert failed.stderr == "the service does not run\n  → start it\n"
    told = json.loads(sscard(*arguments, "--json").stdout)
    message = "the service does not run"
    expected = {"where": "", "message": message, "hint": "start it", "kind": "no service"}
    assert told == {"error": expected}


EVENTS = (
    ReaderEvent("reader added", "ACME 00 00"),
    ReaderEvent("card inserted", "ACME 00 00", BLANK),
    ReaderEvent("card removed", "ACME 00 00"),
    ReaderEvent("service stopped"),
)


def test_events_line_by_line_until_interrupted(service: Callable[..., None]) -> None:
    service(events=EVENTS)
    watched = sscard("readers", "--watch")
    assert watched.exit_code == 0, watched.output
    lines = [line.split("  ") for line in watched.stdout.splitlines()]
    assert [line[1:] for line in lines] == [
        ["reader added", "ACME 00 00"],
        ["card inserted", "ACME 00 00", BLANK.hex().upper()],
        ["card removed", "ACME 00 00"],
        ["service stopped"],
    ]
    assert "插卡" in sscard("--lang", "zh", "readers", "--watch").stdout


def test_events_as_json_one_object_a_line(service: Callable[..., None]) -> None:
    service(events=EVENTS)
    told = [json.loads(line) for line in sscard("readers", "--watch", "--json").stdout.splitlines()]
    assert [(event["event"], event["reader"], event["atr"]) for event in told] == [
        ("reader added", "ACME 00 00", None),
        ("card inserted", "ACME 00 00", BLANK.hex().upper()),
        ("card removed", "ACME 00 00", None),
        ("service stopped", None, None),
    ]
    assert all(event["time"] for event in told)


def test_a_watch_that_fails(service: Callable[..., None]) -> None:
    denied = ReaderError(Text("拒绝", "denied"))
    service(events=EVENTS[:1], end=denied)
    watched = sscard("readers", "--watch")
    assert watched.exit_code == 1
    assert "reader added" in watched.stdout
    assert watched.stderr == "denied\n"


@pytest.mark.parametrize(
    ("atr", "words"),
    [
        ("3B6D0000008148424286535119000013DF", "social security card or blank, 5119000013DF"),
        # T=1 has a check byte at the end (ISO/IEC 7816-3).
        ("3BED000001008148424286535119000013DF74", "social security card or blank, 5119000013DF"),
        ("3B951381018073FF01000B", "another kind of card"),
        ("3B6D0000", "the ATR is cut"),
        ("3B", "the ATR is cut"),
    ],
)
def test_what_an_atr_says(atr: str, words: str) -> None:
    assert readers_command.describe_atr(bytes.fromhex(atr)).en == words


@pytest.mark.parametrize("arguments", [("readers",), ("read",), ("apdu", SELECT_MF)])
def test_without_the_binding_both_ways_are_named(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "smartcard", None)
    monkeypatch.delitem(sys.modules, "smartcard.scard", raising=False)
    failed = sscard(*arguments)
    assert (failed.exit_code, failed.stdout) == (1, "")
    assert "pip install 'sscard-ic[pcsc]'" in failed.stderr
    assert "--reader virtual:FILE" in failed.stderr
    told = json.loads(sscard(*arguments, "--json").stdout)
    assert told["error"]["kind"] == "binding missing"


# -- the session of a command ------------------------------------------------------------------


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, dict[str, Any]]]:
    """PC/SC readers that open a virtual blank; the list of what was asked of them."""
    calls: list[tuple[str, dict[str, Any]]] = []
    image = new_blank(load("dalian"), tmp_path)

    def open_pcsc(name: str, **options: Any) -> Connection:
        calls.append((name, options))
        return open_virtual(image)

    monkeypatch.setattr(opening, "open_pcsc", open_pcsc)
    monkeypatch.setattr(opening, "list_readers", lambda: (CARD,))
    return calls


@pytest.mark.parametrize(
    ("arguments", "access", "protocol"),
    [
        (("apdu", SELECT_MF), "shared", "any"),
        (("apdu", "--exclusive", "--protocol", "t1", SELECT_MF), "exclusive", "T=1"),
        (("apdu", "--raw", "--protocol", "t0", SELECT_MF), "shared", "T=0"),
        (("read",), "shared", "any"),
        (("read", "--protocol", "t1"), "shared", "T=1"),
        (("card", "activate"), "exclusive", "any"),
    ],
)
def test_reading_shares_the_reader_and_writing_does_not(
    arguments: tuple[str, ...],
    access: str,
    protocol: str,
    opened: list[tuple[str, dict[str, Any]]],
) -> None:
    sscard(*arguments, SSCARD_PIN="123456", SSCARD_NEW_PIN="654321")
    assert opened == [("ACME 00 01", {"access": access, "protocol": protocol})]


def test_a_protocol_that_there_is_not() -> None:
    assert sscard("apdu", "--protocol", "t2", SELECT_MF).exit_code == 2


@pytest.mark.parametrize("plain", [True, False])
def test_a_session_is_recorded_where_the_program_asks_for_it(plain: bool, tmp_path: Path) -> None:
    out = io.StringIO()
    reader = f"virtual:{new_blank(load('dalian'), tmp_path)}"
    with click.Context(click.Command("apdu")) as context:
        context.find_root().meta[TRACE] = out
        with session(reader, plain=plain) as connection:
            connection.transmit(bytes.fromhex(SELECT_MF))
    assert SELECT_MF in out.getvalue().replace(" ", "")


def test_a_card_is_let_go_whatever_happens(tmp_path: Path) -> None:
    reader = f"virtual:{new_blank(load('dalian'), tmp_path)}"
    with click.Context(click.Command("apdu")) as context:
        context.find_root().meta[TRACE] = Recording((tmp_path / "none" / "trace").open)
        with pytest.raises(FileNotFoundError), session(reader):
            raise AssertionError("there is no place for the trace")
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), session(reader):
            raise ZeroDivisionError
    assert not held()


# -- nobody is asked while a card is in work ---------------------------------------------------


@pytest.fixture
def prompts(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each thing that is asked at a prompt: whether a card was open."""
    asked: list[bool] = []
    answers = {"PIN": "123456", "Initial PIN": "123456", "New PIN": "258036"}

    def prompt(text: str, **options: Any) -> str:
        asked.append(held())
        return answers.get(text, "x")

    monkeypatch.setattr(click, "prompt", prompt)
    return asked


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (("read", "--pin"), 1),
        (("read", "--pin", "--keys"), 2),
        (("card", "activate"), 2),
    ],
)
def test_every_command_asks_before_it_opens_the_card(
    arguments: tuple[str, ...],
    count: int,
    prompts: list[bool],
    sscard_card: LabCard,
    tmp_path: Path,
) -> None:
    home = {"SSCARD_HOME": str(tmp_path / "home"), "SSCARD_PASSPHRASE": "x"}
    assert sscard("keys", "init", "--test", **home).exit_code == 0
    unset = {"SSCARD_PASSPHRASE": None, "SSCARD_PIN": None, "SSCARD_NEW_PIN": None}
    done = sscard(*arguments, "--reader", sscard_card.reader, **{**home, **unset})
    assert done.exit_code == 0, done.output
    assert prompts == [False] * count


def test_a_prompt_inside_a_session_is_a_mistake(
    prompts: list[bool], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from sscard_ic.cli.secrets import pin

    monkeypatch.delenv("SSCARD_PIN", raising=False)
    reader = f"virtual:{new_blank(load('dalian'), tmp_path)}"
    with session(reader), pytest.raises(RuntimeError, match="while a transaction is held"):
        pin()
    assert prompts == []
    assert isinstance(pin(), Secret)


def test_a_session_holds_one_transaction(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    events: list[str] = []
    image = new_blank(load("dalian"), tmp_path)

    class Shared:
        """A virtual card with transactions, like one in a PC/SC reader."""

        def __init__(self) -> None:
            self._card = open_virtual(image)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._card, name)

        def transmit(self, command: bytes) -> bytes:
            events.append("exchange")
            return self._card.transmit(command)

        @contextmanager
        def transaction(self) -> Iterator[None]:
            events.append("begin")
            yield
            events.append("end")

        def close(self) -> None:
            events.append("close")
            self._card.close()

    monkeypatch.setattr(opening, "open_pcsc", lambda name, **options: Shared())
    monkeypatch.setattr(opening, "list_readers", lambda: (CARD,))
    sscard("apdu", SELECT_MF, SELECT_MF)
    # Closed before the transaction ends: nobody comes to the card before its reset.
    assert events == ["begin", "exchange", "exchange", "close", "end", "close"]
