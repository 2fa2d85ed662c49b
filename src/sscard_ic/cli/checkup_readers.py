"""The checks of ``sscard doctor`` on what a program sees of PC/SC: binding, readers, others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import metadata

from sscard_ic.base.errors import Text
from sscard_ic.cli.checkup import Finding, Machine
from sscard_ic.cli.key_options import IN_PROCESS
from sscard_ic.cli.readers_command import state_words
from sscard_ic.reader import list_readers
from sscard_ic.reader.choice import PSAM_ENVIRONMENT, SeenReader, psam_reader
from sscard_ic.reader.errors import BindingMissing, ReaderError, SeveralReaders
from sscard_ic.reader.pcsc import ReaderState
from sscard_ic.reader.pcsc.binding import load_scard
from sscard_ic.reader.pcsc.holders import holders

_BINDING = Text("PC/SC 接口库", "PC/SC binding")
_READERS = Text("读写器", "readers")


def reader_findings(
    machine: Machine, look: Callable[[], tuple[ReaderState, ...]] = list_readers
) -> Iterator[Finding]:
    """What a command with ``--reader`` would meet; ``look`` lists the readers."""
    try:
        load_scard()
    except BindingMissing as error:
        yield Finding("binding", _BINDING, "note", error.what, error.hint)
        return
    version = f"pyscard {metadata.version('pyscard')}"
    yield Finding("binding", _BINDING, "ok", Text(version, version))
    try:
        found = look()
    except ReaderError as error:
        yield Finding("readers", _READERS, "note", error.what, error.hint)
        return
    yield from _readers(machine, found)
    if machine.is_linux:
        yield _others(machine)


def _readers(machine: Machine, found: tuple[ReaderState, ...]) -> Iterator[Finding]:
    if not found:
        yield Finding(
            "readers",
            _READERS,
            "note",
            Text("没有读写器", "no reader"),
            Text(
                "接好读写器；lsusb 看得见而这里没有时，安装其驱动程序（多数用 libccid）",
                "plug one in; if lsusb shows it and this does not, "
                "install its driver (most need libccid)",
            ),
        )
        return
    setting = machine.environment.get(PSAM_ENVIRONMENT)
    psam, fault = None, None
    try:
        psam = psam_reader(setting, [SeenReader(s.name, s.card != "absent") for s in found])
    except SeveralReaders as error:
        fault = Finding("psam", _PSAM, "note", error.what, error.hint)
    words = [(f"{s.index + 1}  {s.name}", state_words(s, psam)) for s in found]
    yield Finding(
        "readers",
        _READERS,
        "ok",
        Text(
            "\n".join(f"{name}  {state.zh}" for name, state in words),
            "\n".join(f"{name}  {state.en}" for name, state in words),
        ),
    )
    if setting and not setting.startswith(IN_PROCESS):
        empty = any(state.name == psam and state.card == "absent" for state in found)
        yield fault or _psam(setting, psam, empty=empty)


_PSAM = Text("PSAM 读写器", "PSAM's reader")


def _psam(setting: str, psam: str | None, *, empty: bool) -> Finding:
    if psam is not None and empty:
        hint = Text("插入 PSAM 卡", "insert the PSAM")
        return Finding("psam", _PSAM, "note", Text(f"{psam}：空", f"{psam}: empty"), hint)
    if psam is not None:
        return Finding("psam", _PSAM, "ok", Text(psam, psam))
    return Finding(
        "psam",
        _PSAM,
        "note",
        Text(f"没有名为 {setting} 的读写器", f"no reader is called {setting}"),
        Text(
            f"接好它，或更正环境变量 {PSAM_ENVIRONMENT}",
            f"plug it in, or correct the environment variable {PSAM_ENVIRONMENT}",
        ),
    )


def _others(machine: Machine) -> Finding:
    title = Text("其他 PC/SC 程序", "other PC/SC programs")
    found = holders(machine.at("/proc"))
    if not found:
        return Finding("holders", title, "ok", Text("没有看到", "none seen"))
    shown = ", ".join(found)
    return Finding(
        "holders",
        title,
        "note",
        Text(shown, shown),
        Text("读写器被占用时，先关闭它们", "close them first when a reader is busy"),
    )
