"""The words of ``--reader``: which connection or slots they open."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sscard_ic.base import InputError, Text
from sscard_ic.profile import load
from sscard_ic.reader import (
    list_readers,
    open_connection,
    open_session,
    open_slot,
    open_slots,
    opening,
)
from sscard_ic.reader.errors import (
    BindingMissing,
    NoReader,
    NoService,
    ProtocolMismatch,
    ReaderError,
    SeveralReaders,
)
from sscard_ic.reader.pcsc import ReaderState
from sscard_ic.reader.virtual import new_blank, open_virtual

SELECT_MF = bytes.fromhex("00A40000023F00")


def state(index: int, name: str, card: Any = "absent") -> ReaderState:
    atr = bytes.fromhex("3B00") if card == "present" else b""
    return ReaderState(name, index, card, in_use=False, exclusive=False, atr=atr)


ACME = [state(0, "ACME 00 00"), state(1, "ACME 00 01", "present"), state(2, "ACME SAM")]


@dataclass(frozen=True)
class Opened:
    """What was asked of a PC/SC reader."""

    name: str
    options: dict[str, Any]


def asked(given: object) -> Opened:
    assert isinstance(given, Opened)
    return given


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSCARD_READER", "SSCARD_PSAM"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A PC/SC service with these readers, or with this error."""

    def give(*readers: ReaderState, error: ReaderError | None = None) -> None:
        def look() -> tuple[ReaderState, ...]:
            if error is not None:
                raise error
            return readers

        monkeypatch.setattr(opening, "list_readers", look)
        for opener in ("open_pcsc", "PcscSlot"):
            monkeypatch.setattr(opening, opener, lambda name, **options: Opened(name, options))

    return give


# -- without a reader --------------------------------------------------------------------------


def test_virtual_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSCARD_HOME", str(tmp_path))
    fresh = open_connection("virtual:new:dalian")
    assert fresh.transmit(SELECT_MF) == b"\x6a\x82"
    fresh.close()
    (image,) = (tmp_path / "cards").glob("*.img")
    again = open_connection(f"virtual:{image}", access="exclusive", protocol="T=0")
    assert again.atr == fresh.atr
    again.close()
    assert open_slot(f"virtual:dir:{tmp_path / 'cards'}").wait_card()
    assert open_slot("virtual:new:urumqi").wait_card()


def test_the_contactless_face_of_a_virtual_card(tmp_path: Path) -> None:
    image = new_blank(load("dalian"), tmp_path)
    by_contacts = open_connection(f"virtual:{image}")
    atr = by_contacts.atr
    by_contacts.close()
    card = open_connection(f"virtual:contactless:{image}")
    assert (card.protocol, card.atr[:4].hex().upper()) == ("T=1", "3B8D8001")
    assert card.atr[4:-1] == atr[4:]
    assert card.transmit(SELECT_MF) == b"\x6a\x82"
    card.close()
    with pytest.raises(ProtocolMismatch, match="T=1"):
        open_connection(f"virtual:contactless:{image}", protocol="T=0")
    with pytest.raises(InputError, match="a deck"):
        open_slot(f"virtual:contactless:{image}")


def test_a_recorded_session(tmp_path: Path) -> None:
    file = tmp_path / "select.trace"
    with file.open("w", encoding="utf-8") as out:
        recorded = open_session(open_virtual(new_blank(load("dalian"), tmp_path)), trace=out)
        answer = recorded.transmit(SELECT_MF)
        recorded.reset(cold=True)
        recorded.close()
    strict = open_connection(f"replay:{file}")
    assert strict.transmit(SELECT_MF) == answer
    with pytest.raises(ReaderError, match="was recorded"):
        strict.transmit(SELECT_MF)
    tolerant = open_connection(f"replay:tolerant:{file}")
    assert [tolerant.transmit(SELECT_MF) for _ in range(2)] == [answer, answer]


@pytest.mark.parametrize("protocol", ["T=0", "T=1"])
def test_a_virtual_card_speaks_one_protocol(tmp_path: Path, protocol: Any) -> None:
    spec = f"virtual:{new_blank(load('dalian'), tmp_path)}"
    card = open_connection(spec)
    spoken = card.protocol
    card.close()
    if protocol == spoken:
        open_connection(spec, protocol=protocol).close()
        return
    with pytest.raises(ProtocolMismatch, match=f"speaks {spoken}, not {protocol}"):
        open_connection(spec, protocol=protocol)
    open_connection(spec).close()


@pytest.mark.parametrize(
    ("spec", "told", "advised"),
    [
        ("virtual:", "unknown reader", "virtual:FILE"),
        ("virtual", "unknown reader", "virtual:FILE"),
        ("virtual:dir:", "unknown reader", "virtual:FILE"),
        ("virtual:contactless:", "unknown reader", "virtual:FILE"),
        ("replay:", "unknown reader", "replay:FILE"),
        ("virtual:dir:/nowhere", "works on one card", "virtual:FILE"),
        ("all", "works on one card", "virtual:FILE"),
        ("virtual:/nowhere.img", "cannot be read", ""),
        ("virtual:new:nowhere", "no such profile", ""),
    ],
)
def test_words_that_open_no_card(spec: str, told: str, advised: str) -> None:
    with pytest.raises(InputError) as caught:
        open_connection(spec)
    assert told in str(caught.value)
    assert advised in str(caught.value)
    assert caught.value.what.zh != caught.value.what.en


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("virtual:dir:/nowhere", "no such folder"),
        ("virtual:a.img", "needs a deck"),
        ("replay:a.trace", "needs a deck"),
        ("virtual:", "unknown reader"),
    ],
)
def test_words_that_open_no_slot(spec: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        open_slot(spec)


def test_a_folder_where_one_card_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="name one of the images"):
        open_connection(f"virtual:{tmp_path}")


# -- PC/SC readers -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        (None, "ACME 00 01"),
        ("", "ACME 00 01"),
        ("1", "ACME 00 00"),
        ("acme 00 00", "ACME 00 00"),
        ("00 01", "ACME 00 01"),
        ("psam", "ACME SAM"),
        ("ACME SAM", "ACME SAM"),
    ],
)
def test_a_reader_is_chosen_and_opened(
    spec: str | None, name: str, service: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSCARD_PSAM", "sam")
    service(*ACME)
    card = asked(open_connection(spec, access="exclusive", protocol="T=1"))
    assert card == Opened(name, {"access": "exclusive", "protocol": "T=1"})
    assert open_slot(spec).name == name


def test_reading_is_shared_where_nothing_else_is_said(service: Callable[..., None]) -> None:
    service(ACME[0])
    expected = Opened("ACME 00 00", {"access": "shared", "protocol": "any"})
    assert asked(open_connection()) == expected


def test_the_environment_names_a_reader(
    service: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    service(*ACME)
    monkeypatch.setenv("SSCARD_READER", "1")
    assert asked(open_connection()).name == "ACME 00 00"
    assert [slot.name for slot in open_slots()] == ["ACME 00 00"]
    assert asked(open_connection("2")).name == "ACME 00 01"
    assert [slot.name for slot in open_slots(["2"])] == ["ACME 00 01"]


def test_a_mute_card_is_a_card(service: Callable[..., None]) -> None:
    service(state(0, "ACME 00 00"), state(1, "ACME 00 01", "mute"))
    assert asked(open_connection()).name == "ACME 00 01"


def test_words_that_fit_several_readers(service: Callable[..., None]) -> None:
    service(*ACME)
    for opener in (open_connection, open_slot):
        with pytest.raises(SeveralReaders, match="fits 3 readers"):
            opener("acme")


@pytest.mark.parametrize(
    "error",
    [
        BindingMissing(Text("没有", "no binding")),
        NoService(Text("没有", "no service")),
        None,
    ],
)
@pytest.mark.parametrize(
    ("path", "advised"),
    [
        ("card.img", "write virtual:card.img"),
        ("session.trace", "write replay:session.trace"),
        ("deck", "write virtual:dir:deck"),
        ("other", "write virtual:other"),
    ],
)
def test_a_path_is_no_reader(
    error: ReaderError | None,
    path: str,
    advised: str,
    service: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deck").mkdir()
    (tmp_path / "other").touch()
    service(*ACME, error=error)
    for opener in (open_connection, open_slot):
        with pytest.raises(InputError, match="a file or a folder, not a reader") as caught:
            opener(path)
        assert advised in str(caught.value)


def test_a_reader_is_looked_for_before_a_folder_of_that_name(
    service: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sam").mkdir()
    service(*ACME)
    assert open_slot("sam").name == "ACME SAM"


@pytest.mark.parametrize("error", [BindingMissing, NoService])
def test_why_there_are_no_readers_is_told(
    error: type[ReaderError], service: Callable[..., None]
) -> None:
    service(error=error(Text("没有", "none of it")))
    for opener in (open_connection, open_slot):
        with pytest.raises(error, match="none of it"):
            opener(None)


def test_a_service_that_does_not_answer_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer = threading.Event()

    class Frozen:
        def __enter__(self) -> Frozen:
            answer.wait()
            return self

        def __exit__(self, *failure: object) -> None: ...

        def readers(self) -> tuple[ReaderState, ...]:
            return ()

    monkeypatch.setattr(opening, "ReaderMonitor", Frozen)
    monkeypatch.setattr(opening, "PATIENCE", 0.01)
    try:
        with pytest.raises(NoService, match="does not answer"):
            list_readers()
    finally:
        answer.set()
    monkeypatch.setattr(opening, "PATIENCE", 60)
    assert list_readers() == ()


# -- several slots -----------------------------------------------------------------------------


def test_several_slots_in_the_order_of_the_words(
    service: Callable[..., None], tmp_path: Path
) -> None:
    service(*ACME)
    for deck in ("one", "two"):
        new_blank(load("dalian"), tmp_path / deck)
    specs = ["3", f"virtual:dir:{tmp_path / 'two'}", "1", f"virtual:dir:{tmp_path / 'one'}"]
    slots = open_slots(specs)
    assert [slot.name for slot in slots] == ["ACME SAM", "virtual:two", "ACME 00 00", "virtual:one"]


def test_all_readers_but_the_psams(
    service: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSCARD_PSAM", "sam")
    service(*ACME)
    for words in ("all", "ALL"):
        assert [slot.name for slot in open_slots([words])] == ["ACME 00 00", "ACME 00 01"]
    assert open_slots(["all", "psam"])[-1].name == "ACME SAM"
    service(ACME[2])
    with pytest.raises(NoReader, match="no reader but the PSAM's"):
        open_slots(["all"])


def test_words_for_the_person_are_handed_on(service: Callable[..., None]) -> None:
    service(*ACME)

    def tell(text: Text) -> None:
        raise AssertionError(text)

    (slot,) = open_slots(["1"], tell=tell)
    assert asked(slot) == asked(open_slot("1", tell=tell)) == Opened("ACME 00 00", {"tell": tell})


@pytest.mark.parametrize(
    "specs",
    [
        ["1", "ACME 00 00"],
        ["all", "2"],
        ["virtual:dir:deck", "1", "virtual:dir:./deck/"],
        ["virtual:dir:deck", "virtual:dir:link"],
        ["virtual:new:dalian", "virtual:new:urumqi"],
        ["virtual:new:dalian", "virtual:dir:home/cards"],
    ],
)
def test_nothing_is_opened_twice(
    specs: list[str],
    service: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SSCARD_HOME", "home")
    new_blank(load("dalian"), Path("deck"))
    new_blank(load("dalian"), Path("home/cards"))
    (tmp_path / "link").symlink_to("deck")
    service(*ACME)
    with pytest.raises(InputError, match="is named twice"):
        open_slots(specs)
