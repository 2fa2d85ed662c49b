"""The faults on order for an image, in a file beside it: ``CARD.img`` has ``CARD.img.faults``.

A program that has the card open sees a new order before its next exchange. The file is JSON::

    {"format": "sscard card faults", "version": 1, "faults": [
    {"id": "5f3a09c1", "kind": "torn-before", "after": 3, "times": 1},
    {"id": "c2d4e6f8", "kind": "status", "after": 0, "times": 2, "status": "6F00"}
    ]}

``id`` tells orders apart; the other fields are those of :class:`~.faults.Fault`. Whoever changes
the file replaces it as a whole and holds a lock on its folder meanwhile. The card takes a strike
off its order, and with the last order the file goes.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sscard_ic.base import InputError, Text
from sscard_ic.base.errors import os_reason
from sscard_ic.base.files import replace_file
from sscard_ic.simulator.faults import Fault

SUFFIX = ".faults"
FORMAT = "sscard card faults"
VERSION = 1
_ID_BYTES = 4
_PATIENCE = 5.0
_PAUSE = 0.01
"""Seconds to wait for the lock, and between two looks at it."""

Signature = tuple[int, int, int]


class FaultFileError(InputError):
    """The file with the orders is damaged, or cannot be read or written."""


class FaultFile:
    """The orders for the card in ``image``; what is not there holds none."""

    def __init__(self, image: Path) -> None:
        # One name for one card, whatever folder a program works in.
        self.image = Path(os.path.realpath(image))
        self.path = self.image.with_name(self.image.name + SUFFIX)
        self._name = str(self.path)

    def signature(self) -> Signature | None:
        """What changes with the content; None where nothing is on order."""
        try:
            found = os.stat(self._name)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _file_error(self.path, error) from error
        return found.st_mtime_ns, found.st_ino, found.st_size

    def read(self) -> dict[str, Fault]:
        """The orders by their ids, the oldest first; raises :class:`FaultFileError`."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise _file_error(self.path, error) from error
        return _parse(self.path, data)

    def order(self, fault: Fault) -> None:
        """Add an order; raises :class:`InputError` where there is no image."""
        with _locked(self.path):
            if not self.image.is_file():
                raise InputError(
                    Text("没有这个映像", "there is no such image"), where=str(self.image)
                )
            self._write({**self.read(), secrets.token_hex(_ID_BYTES): fault})

    def settle(self, id_: str, left: Fault | None) -> None:
        """Put what is ``left`` of an order in its place, unless it was cleared meanwhile."""
        with _locked(self.path):
            orders = self.read()
            if id_ in orders:
                if left is None:
                    del orders[id_]
                else:
                    orders[id_] = left
                self._write(orders)

    def clear(self) -> None:
        """Take every order back, also from a damaged file."""
        with _locked(self.path):
            self._write({})

    def _write(self, orders: dict[str, Fault]) -> None:
        try:
            if orders:
                replace_file(self.path, _content(orders), durable=False)
            else:
                self.path.unlink(missing_ok=True)
        except OSError as error:
            raise _file_error(self.path, error) from error


def move_image(image: Path, target: Path) -> None:
    """Move an image that no program has open, with its faults on order."""
    orders, there = FaultFile(image), FaultFile(target).path
    with ExitStack() as locks:
        # In one order for all: two moves in opposite directions must not wait for each other.
        for _, path in sorted({path.parent: path for path in (orders.path, there)}.items()):
            locks.enter_context(_locked(path))
        os.replace(image, target)
        if orders.signature() is not None:
            os.replace(orders.path, there)
        else:
            # Nothing that was on order for a card of this name is for this one.
            there.unlink(missing_ok=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Nobody else changes files of faults in the folder of ``path``, where the platform can."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    try:
        descriptor = os.open(path.parent, os.O_RDONLY)
    except OSError as error:
        raise _file_error(path, error) from error
    try:
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > end:
                    raise _file_error(path, error) from error
                time.sleep(_PAUSE)
        yield
    finally:
        os.close(descriptor)


def _content(orders: dict[str, Fault]) -> bytes:
    lines = (json.dumps({"id": id_, **fault.to_json()}) for id_, fault in orders.items())
    head = f'{{"format": "{FORMAT}", "version": {VERSION}, "faults": ['
    return "\n".join((head, ",\n".join(lines), "]}\n")).encode()


def _parse(path: Path, data: bytes) -> dict[str, Fault]:
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, Text("不是 JSON", "no JSON")) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise _damaged(path, Text(f"没有 format：{FORMAT}", f"no format: {FORMAT}"))
    version = content.get("version")
    if type(version) is not int or version != VERSION:
        raise _damaged(path, Text("version 不是 1", "its version is not 1"))
    entries = content.get("faults")
    if not isinstance(entries, list):
        raise _damaged(path, Text("faults 不是列表", "faults is no list"))
    orders: dict[str, Fault] = {}
    for number, entry in enumerate(entries, start=1):
        id_ = entry.get("id") if isinstance(entry, dict) else None
        if not isinstance(id_, str) or not id_ or id_ in orders:
            what = Text(f"第 {number} 项没有自己的 id", f"entry {number} has no id of its own")
            raise _damaged(path, what)
        try:
            orders[id_] = Fault.from_json({k: v for k, v in entry.items() if k != "id"})
        except InputError as error:
            zh, en = (error.render(language).replace("\n  →", ";") for language in ("zh", "en"))
            what = Text(f"第 {number} 项 {zh}", f"entry {number}, {en}")
            raise _damaged(path, what) from error
    return orders


def _damaged(path: Path, reason: Text) -> FaultFileError:
    return FaultFileError(
        Text(f"故障文件已损坏：{reason.zh}", f"the file of faults is damaged: {reason.en}"),
        where=str(path),
        hint=Text(
            "改正它，或全部取消：sscard sim fault 映像 --clear",
            "mend it, or take all back: sscard sim fault IMAGE --clear",
        ),
    )


def _file_error(path: Path, error: OSError) -> FaultFileError:
    reason = os_reason(error)
    return FaultFileError(
        Text(f"故障文件无法读写：{reason.zh}", f"the file of faults cannot be used: {reason.en}"),
        where=str(path),
        hint=Text("请检查路径、权限和磁盘空间", "check path, permissions and free space"),
    )
