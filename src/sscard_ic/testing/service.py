"""A PC/SC service of one's own with virtual readers: pcscd and the vpcd driver.

Linux only. pcscd must run as root and there can be only one on a machine (ref 09 §1.2), so a
service that runs already is never touched: it is a reason to refuse. The vpcd driver of Debian
listens on all interfaces (ref 09 §1.4).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO

from sscard_ic.base.errors import Text
from sscard_ic.testing import machine
from sscard_ic.testing.drivers import DRIVER, Driver, ReaderSlot, refuse_missing, write_folder
from sscard_ic.testing.machine import ServiceError

__all__ = ["MAX_DRIVERS", "PcscService", "ReaderSlot", "ServiceError"]

MAX_DRIVERS = 8
"""pcsc-lite 1.9.9 holds 16 readers; each driver has two slots (ref 09 §1.6)."""

LOCK = DRIVER
"""What a running service locks: there is one on the machine, and every user can open it."""

_PATIENCE = 20.0

# Holds pcscd, and lets go of it when its standard input ends: after a signal's name, or with the
# program that holds the other end, however that one ends.
_LEASH = """
log=$1
shift
"$@" >"$log" 2>&1 </dev/null &
echo $!
read -r signal || signal=TERM
kill -s "$signal" $! 2>/dev/null
wait $!
"""


class PcscService:
    """One pcscd with ``drivers`` virtual readers of two slots each; the last ones ``removable``.

    Reader names are ``<name> A 00 00``, ``<name> A 00 01``, ``<name> B 00 00`` and so on. Ports
    are looked for, or counted from ``first_port``. A context manager. Methods raise
    :class:`ServiceError`; whatever they raise, no pcscd is left running.
    """

    def __init__(
        self,
        drivers: int = 1,
        *,
        name: str = "sscard",
        removable: int = 0,
        first_port: int | None = None,
    ) -> None:
        if not 0 <= removable <= drivers or not 1 <= drivers <= MAX_DRIVERS:
            raise ValueError(f"{removable} of {drivers} drivers: 1 to {MAX_DRIVERS} are possible")
        ports = machine.free_pairs() if first_port is None else iter(range(first_port, 1 << 16, 2))
        self._drivers = tuple(
            Driver(letter, f"{name} {letter}", next(ports), n >= drivers - removable)
            for n, letter in enumerate("ABCDEFGH"[:drivers])
        )
        self._with_bus = removable > 0
        self._folder: Path | None = None
        self._lock: IO[bytes] | None = None
        self._leash: subprocess.Popen[str] | None = None
        self._pid = 0

    @property
    def slots(self) -> tuple[ReaderSlot, ...]:
        """Every reader, in the order of pcscd."""
        return tuple(slot for driver in self._drivers for slot in driver.slots)

    @property
    def pid(self) -> int | None:
        """Process number of the running pcscd."""
        return self._pid if self.running else None

    @property
    def running(self) -> bool:
        """Whether the pcscd that was started runs."""
        return self._leash is not None and machine.runs(self._pid)

    @property
    def log(self) -> str:
        """The end of what pcscd wrote since its last start."""
        path = None if self._folder is None else self._folder / "pcscd.log"
        if path is None or not path.exists():
            return ""
        return "\n".join(path.read_text("utf-8", "replace").splitlines()[-30:])

    def start(self) -> None:
        """Start pcscd and wait until it serves; after :meth:`kill`, with the same readers."""
        if self.running:
            return
        if sys.platform != "linux":
            raise ServiceError(
                Text("虚拟读卡器只能在 Linux 上使用", "virtual readers work on Linux only")
            )
        refuse_missing(self._with_bus)
        root = machine.as_root()
        try:
            self._take_lock()
            machine.refuse_foreign()
            for slot in self.slots:
                _refuse_taken(slot)
            _remove_left_over(root)
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="sscard-pcscd-"))
                write_folder(self._folder, self._drivers)
            self._launch(root, self._folder)
            self._await(self._ready, Text("pcscd 未能启动", "pcscd did not start"))
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop pcscd and leave nothing behind; nothing to do when it was not started."""
        try:
            self._end("TERM")
        finally:
            if self._lock is not None:
                if machine.SOCKET.exists() and not machine.answers():
                    _remove_left_over(machine.as_root())
                self._lock.close()
                self._lock = None
            if self._folder is not None:
                shutil.rmtree(self._folder)
                self._folder = None

    def kill(self) -> None:
        """Kill pcscd (SIGKILL); its socket stays behind. :meth:`start` brings it back."""
        self._end("KILL")

    def unplug(self, reader: str) -> None:
        """Pull the plug of a removable ``reader``, a name in ``slots``; both its slots vanish.

        Cards in it lose their connection. Returns when pcscd has let it go.
        """
        driver = self._removable(reader)
        (self._bus / driver.device).unlink()
        ports = {slot.port for slot in driver.slots}
        self._await(
            lambda: not ports & machine.listening(),
            Text(f"{driver.name} 未能拔下", f"{driver.name} was not unplugged"),
        )

    def plug(self, reader: str) -> None:
        """Plug a removable ``reader`` in again. Returns when its ports take cards."""
        driver = self._removable(reader)
        (self._bus / driver.device).touch()
        ports = {slot.port for slot in driver.slots}
        self._await(
            lambda: ports <= machine.listening(),
            Text(f"{driver.name} 未能插上", f"{driver.name} was not plugged in"),
        )

    def __enter__(self) -> PcscService:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def _bus(self) -> Path:
        if self._folder is None:
            raise ValueError("the service was not started")
        return self._folder / "bus"

    def _removable(self, reader: str) -> Driver:
        for driver in self._drivers:
            if driver.removable and reader in {slot.name for slot in driver.slots}:
                return driver
        raise ValueError(f"{reader!r} is no removable reader")

    def _take_lock(self) -> None:
        """Keep a second test run away from this machine's only pcscd."""
        import fcntl

        if self._lock is not None:
            return
        self._lock = LOCK.open("rb")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            self._lock = None
            raise ServiceError(
                Text(
                    "本机另有测试正在使用 PC/SC 服务",
                    "another test run on this machine uses the PC/SC service",
                ),
                where=str(LOCK),
                hint=Text("等它结束后再试", "wait until it has ended and try again"),
            ) from None

    def _launch(self, root: list[str], folder: Path) -> None:
        log = folder / "pcscd.log"
        log.write_bytes(b"")
        command = [machine.program("pcscd"), "-f", "-c", str(folder / "config")]
        if self._with_bus:
            bus = folder / "usb_bus.so"
            command = ["env", f"SSCARD_USB={folder}", f"LD_PRELOAD={bus}", *command]
        self._leash = subprocess.Popen(
            [*root, "sh", "-c", _LEASH, "sh", str(log), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C in the terminal is for the tests, not for pcscd
        )
        assert self._leash.stdout is not None
        self._pid = int(self._leash.stdout.readline() or 0)

    def _ready(self) -> bool:
        return machine.answers() and {slot.port for slot in self.slots} <= machine.listening()

    def _await(self, condition: Callable[[], bool], otherwise: Text) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not condition():
            if not self.running or time.monotonic() > deadline:
                log = self.log
                raise ServiceError(
                    otherwise, hint=Text(f"pcscd 的记录:\n{log}", f"the log of pcscd:\n{log}")
                )
            time.sleep(0.01)

    def _end(self, signal: str) -> None:
        leash, self._leash = self._leash, None
        if leash is None:
            return
        try:
            leash.communicate(f"{signal}\n", timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            raise ServiceError(
                Text("pcscd 不肯结束", "pcscd does not end"), where=f"pid {self._pid}"
            ) from None


def _refuse_taken(slot: ReaderSlot) -> None:
    if not machine.free(slot.port):
        raise ServiceError(
            Text(f"端口 {slot.port} 已被占用", f"port {slot.port} is taken already"),
            where=slot.name,
            hint=Text(
                "结束占用该端口的程序,或另选端口",
                "end the program that uses it, or choose another port",
            ),
        )


def _remove_left_over(root: list[str]) -> None:
    """Remove what a killed pcscd leaves; the caller knows that none runs."""
    left = [machine.SOCKET, machine.RUN / "pcscd.pid"]
    subprocess.run([*root, "rm", "-f", *left], check=True)
