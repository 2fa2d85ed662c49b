"""Copies of the vpcd driver, and what tells pcscd of them."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from sscard_ic.base.errors import Text
from sscard_ic.testing.machine import ServiceError, program

DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
HEADERS = Path("/usr/include/PCSC")

_READER = """FRIENDLYNAME "{name}"
DEVICENAME /dev/null:{port}
LIBPATH {path}
CHANNELID {port}
"""

_PLIST = """<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict>
<key>CFBundleExecutable</key><string>reader.so</string>
<key>CFBundleName</key><string>sscard</string>
<key>ifdVendorID</key><array><string>0x1209</string></array>
<key>ifdProductID</key><array><string>0x{product}</string></array>
<key>ifdFriendlyName</key><array><string>{name}</string></array>
</dict></plist>
"""


@dataclass(frozen=True, slots=True)
class ReaderSlot:
    """One reader as PC/SC programs see it: its name, and the port where its card connects."""

    name: str
    port: int


@dataclass(frozen=True, slots=True)
class Driver:
    """One copy of the driver: a reader with two slots, on ``port`` and the next one."""

    letter: str
    name: str
    port: int
    removable: bool

    @property
    def slots(self) -> tuple[ReaderSlot, ReaderSlot]:
        """Both slots; pcscd appends the numbers of the reader and of the slot to the name."""
        first, second = (ReaderSlot(f"{self.name} 00 {n:02X}", self.port + n) for n in (0, 1))
        return first, second

    @property
    def product(self) -> str:
        """USB product number, four hexadecimal digits."""
        return f"{ord(self.letter):04X}"

    @property
    def device(self) -> str:
        """Name of its file on the bus of ``usb_bus.c``."""
        return f"{self.product}:{self.port}"


def refuse_missing(removable: bool) -> None:
    """Raise the one :class:`ServiceError` that names every missing part."""
    parts = {"pcscd": bool(program("pcscd")), "vsmartcard-vpcd": DRIVER.exists()}
    if removable:
        parts["gcc libc6-dev"] = bool(program("gcc")) and Path("/usr/include/stdio.h").exists()
        parts["libpcsclite-dev"] = (HEADERS / "ifdhandler.h").exists()
    missing = " ".join(package for package, there in parts.items() if not there)
    if missing:
        line = f"sudo apt-get install -y --no-install-recommends {missing}"
        raise ServiceError(
            Text(f"缺少部件:{missing}", f"parts are missing: {missing}"), hint=Text(line, line)
        )


def write_folder(folder: Path, drivers: tuple[Driver, ...]) -> None:
    """Write the configuration of pcscd and a copy of the driver for each reader.

    The state of the vpcd driver is one array per loaded file: only a file of its own makes a
    second reader work (ref 09 §1.6).
    """
    if any(driver.removable for driver in drivers):
        (folder / "bus").mkdir()
        _compile(folder, "usb_bus")
        _compile(folder, "usb_reader")
    readers = ""
    for driver in drivers:
        if driver.removable:
            _write_bundle(folder, driver)
        else:
            copy = folder / f"vpcd-{driver.letter}.so"
            shutil.copyfile(DRIVER, copy)
            readers += _READER.format(name=driver.name, port=driver.port, path=copy)
    (folder / "config").mkdir()  # of its own: pcscd reads every file in it
    (folder / "config" / "readers").write_text(readers)


def _write_bundle(folder: Path, driver: Driver) -> None:
    """Write the driver of a USB reader, and plug the reader in."""
    contents = folder / "drivers" / f"{driver.letter}.bundle" / "Contents"
    (contents / "Linux").mkdir(parents=True)
    shutil.copyfile(folder / "usb_reader.so", contents / "Linux" / "reader.so")
    shutil.copyfile(DRIVER, contents / "Linux" / "reader.so.vpcd")
    plist = _PLIST.format(product=driver.product, name=driver.name)
    (contents / "Info.plist").write_text(plist)
    (folder / "bus" / driver.device).touch()


def _compile(folder: Path, name: str) -> None:
    source = Path(__file__).with_name(f"{name}.c")
    target = folder / f"{name}.so"
    options = ("-shared", "-fPIC", "-O1", f"-I{HEADERS}", "-o", str(target))
    command = (program("gcc"), *options, str(source))
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise ServiceError(
            Text("编译器报错", "the compiler failed"),
            where=source.name,
            hint=Text(done.stderr, done.stderr),
        )
