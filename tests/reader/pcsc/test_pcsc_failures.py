"""Every number of PC/SC that a person may meet has its class, its cause and its next step."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from tests.reader.pcsc.fake_scard import FakeScard

from sscard_ic.reader.errors import (
    AccessDenied,
    BindingMissing,
    CardRemoved,
    CardWasReset,
    MuteCard,
    NoCard,
    NoReader,
    NoService,
    ProtocolMismatch,
    ReaderBusy,
    ReaderError,
)
from sscard_ic.reader.pcsc import ReaderMonitor, open_pcsc
from sscard_ic.reader.pcsc.failures import FAILURES, busy, failure
from sscard_ic.reader.pcsc.holders import holders

KINDS = {
    # pcsclite.h of pcsc-lite 1.9.9, winerror.h
    0x80100003: NoService,  # SCARD_E_INVALID_HANDLE
    0x80100007: MuteCard,  # SCARD_F_WAITED_TOO_LONG
    0x80100008: ReaderError,  # SCARD_E_INSUFFICIENT_BUFFER
    0x80100009: NoReader,  # SCARD_E_UNKNOWN_READER
    0x8010000A: MuteCard,  # SCARD_E_TIMEOUT
    0x8010000B: ReaderBusy,  # SCARD_E_SHARING_VIOLATION
    0x8010000C: NoCard,  # SCARD_E_NO_SMARTCARD
    0x8010000F: ProtocolMismatch,  # SCARD_E_PROTO_MISMATCH
    0x80100010: MuteCard,  # SCARD_E_NOT_READY
    0x80100011: NoReader,  # SCARD_E_INVALID_VALUE
    0x80100012: NoService,  # SCARD_E_SYSTEM_CANCELLED
    0x80100013: MuteCard,  # SCARD_F_COMM_ERROR
    0x80100015: MuteCard,  # SCARD_E_INVALID_ATR
    0x80100016: MuteCard,  # SCARD_E_NOT_TRANSACTED
    0x80100017: NoReader,  # SCARD_E_READER_UNAVAILABLE
    0x80100018: NoService,  # SCARD_P_SHUTDOWN
    0x8010001A: NoReader,  # SCARD_E_READER_UNSUPPORTED
    0x8010001C: MuteCard,  # SCARD_E_CARD_UNSUPPORTED
    0x8010001D: NoService,  # SCARD_E_NO_SERVICE
    0x8010001E: NoService,  # SCARD_E_SERVICE_STOPPED
    0x80100027: AccessDenied,  # SCARD_E_NO_ACCESS
    0x8010002E: NoReader,  # SCARD_E_NO_READERS_AVAILABLE
    0x8010002F: MuteCard,  # SCARD_E_COMM_DATA_LOST
    0x80100031: NoService,  # SCARD_E_SERVER_TOO_BUSY
    0x80100065: MuteCard,  # SCARD_W_UNSUPPORTED_CARD
    0x80100066: MuteCard,  # SCARD_W_UNRESPONSIVE_CARD
    0x80100067: MuteCard,  # SCARD_W_UNPOWERED_CARD
    0x80100068: CardWasReset,  # SCARD_W_RESET_CARD
    0x80100069: CardRemoved,  # SCARD_W_REMOVED_CARD
    0x8010006A: AccessDenied,  # SCARD_W_SECURITY_VIOLATION
}


def test_the_whole_table_is_tested() -> None:
    assert set(FAILURES) == set(KINDS)


@pytest.mark.parametrize("code", KINDS)
def test_a_number_in_words(code: int) -> None:
    error = failure(code, "reader 7")
    assert type(error) is KINDS[code]
    assert error.where == "reader 7"
    assert error.hint is not None
    for text in (error.what, error.hint):
        assert text.zh != text.en
        assert text.en.isascii()


def test_an_unknown_number_is_told_as_it_is() -> None:
    error = failure(0x8010ABCD, "reader 7", "what the system says")
    assert type(error) is ReaderError
    for language in (error.what.zh, error.what.en):
        assert "0x8010ABCD" in language
        assert "what the system says" in language
    assert error.hint is not None


@pytest.mark.parametrize("code", [0x8010001D, 0x8010001D - (1 << 32)])
def test_numbers_with_and_without_sign_are_the_same(code: int) -> None:
    """Windows and macOS give them with one."""
    scard = FakeScard()
    scard.SCardEstablishContext = lambda scope: (code, 0)  # type: ignore[method-assign]
    with pytest.raises(NoService):
        open_pcsc("reader", scard=scard)


def test_busy_names_every_program() -> None:
    error = busy("reader 7", ("scdaemon (pid 12)", "terminal (pid 345)"))
    for language in (error.what.zh, error.what.en):
        assert "scdaemon (pid 12)" in language
        assert "terminal (pid 345)" in language
    assert type(busy("reader 7", ())) is ReaderBusy


def process(proc: Path, pid: int, name: bytes, maps: bytes) -> None:
    folder = proc / str(pid)
    folder.mkdir()
    (folder / "comm").write_bytes(name)
    (folder / "maps").write_bytes(maps)


def test_holders_are_those_that_use_the_library(tmp_path: Path) -> None:
    library = b"7f00-7f01 r-xp 00000000 00:00 1 /usr/lib/libpcsclite.so.1.0.0\n"
    process(tmp_path, 1234, b"scdaemon\n", b"\n" + library)
    process(tmp_path, 99, b"evil\x1b[31m\n", library)
    process(tmp_path, 77, b"pcscd\n", b"7f00-7f01 r-xp 00000000 00:00 1 /usr/sbin/pcscd\n")
    process(tmp_path, os.getpid(), b"ourselves\n", library)
    (tmp_path / "55").mkdir()  # has ended meanwhile
    (tmp_path / "self").mkdir()
    assert holders(tmp_path) == ("evil[31m (pid 99)", "scdaemon (pid 1234)")
    assert holders(tmp_path / "nowhere") == ()


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "smartcard.scard", None)
    for door in (lambda: open_pcsc("reader"), ReaderMonitor):
        with pytest.raises(BindingMissing) as caught:
            door()
        assert caught.value.hint is not None
        for text in (caught.value.hint.zh, caught.value.hint.en):
            assert "pip install 'sscard-ic[pcsc]'" in text
            assert "--reader virtual:" in text
