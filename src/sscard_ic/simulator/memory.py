"""The non-volatile memory of a virtual chip: named states, kept in a file when one is given.

The file is text: a header line, then lines of changed states, each a JSON object from path to
state (null: gone). The last state of a path wins. One command changes at most one line, written
by a single ``write`` before the command is answered, so a killed program leaves either the whole
change or none; a line without its end is dropped when the file is opened.
"""

from __future__ import annotations

import json
import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sscard_ic.base import InputError, Text
from sscard_ic.base.errors import os_reason
from sscard_ic.base.files import replace_file
from sscard_ic.simulator.card import CardLost

State = str | int
"""What one path holds: bytes as hex digits, or a number."""

FORMAT = "sscard virtual card"
VERSION = 1
_SMALLEST_LOG = 64 * 1024
_LOG_TO_SNAPSHOT = 4
"""A file is rewritten when it is longer than both."""
_READ_SIZE = 1 << 20


class ImageInUse(InputError):
    """This or another program has the image open already."""


class Memory:
    """Path → state, and the changes since the last :meth:`commit`."""

    __slots__ = ("_changed", "_file", "_undo", "header", "states", "writes")

    def __init__(self, header: dict[str, Any], states: dict[str, State] | None = None) -> None:
        self.header = header
        self.states: dict[str, State] = states or {}
        self._changed: dict[str, State | None] = {}
        self._file: _Image | None = None
        self._undo: dict[str, State] | None = None
        self.writes = 0
        """Commits that changed something."""

    @classmethod
    def create(cls, header: dict[str, Any], path: Path | None) -> Memory:
        """An empty memory; with ``path`` in a new file of mode 0600.

        Raises :class:`InputError` when the file exists or cannot be written.
        """
        memory = cls({"format": FORMAT, "version": VERSION, "test": True, **header})
        if path is not None:
            if path.exists():
                raise InputError(
                    Text("文件已存在，不会覆盖", "the file exists and is not overwritten"),
                    where=str(path),
                    hint=Text("请换一个文件名", "choose another name"),
                )
            _replace(path, memory.header, memory.states)
            memory._file = _Image(path)
        return memory

    @classmethod
    def open(cls, path: Path) -> Memory:
        """The memory in ``path``, kept there from now on.

        Raises :class:`InputError` when the file is no image, is damaged, or is in use.
        """
        file = _Image(path)
        data = file.read()
        memory = cls(*_parse(path, data))
        file.cut(data.rfind(b"\n") + 1)
        memory._file = file
        memory._compact()
        return memory

    @classmethod
    def read(cls, path: Path) -> Memory:
        """A copy of the memory in ``path``; changes of the copy are not written anywhere."""
        try:
            data = path.read_bytes()
        except OSError as error:
            raise _file_error(path, error) from error
        return cls(*_parse(path, data))

    def put(self, path: str, state: State) -> None:
        """Set ``path``; nothing happens when it holds ``state`` already."""
        if self.states.get(path) != state:
            self.states[path] = state
            self._changed[path] = state

    def drop(self, path: str) -> None:
        """Remove ``path`` and everything below it."""
        below = path + "/"
        for key in [key for key in self.states if key == path or key.startswith(below)]:
            del self.states[key]
            self._changed[key] = None

    def commit(self) -> None:
        """Write what changed; afterwards it survives the end of the program.

        Raises :class:`InputError` when the file cannot be written; the memory is then closed.
        """
        if self._changed:
            if self._undo is not None:
                self.states, self._changed = self._undo, {}
                raise CardLost("torn")
            if self._file is not None:
                self._file.append(_line(self._changed))
            self._changed = {}
            self.writes += 1

    @contextmanager
    def torn(self) -> Iterator[None]:
        """Within it, a commit that changes something takes everything back, on disk nothing is.

        It raises :class:`CardLost`; what was built from the states is to be built anew.
        """
        self._undo = dict(self.states)
        try:
            yield
        finally:
            self._undo = None

    def close(self) -> None:
        """Let go of the file, rewritten when its log has grown long."""
        if self._file is not None:
            self._compact()
            self._file.close()
            self._file = None

    def _compact(self) -> None:
        file = self._file
        assert file is not None
        size = file.size()
        if size > _SMALLEST_LOG:
            snapshot = len(_line(self.header)) + len(_line(self.states))
            if size > _LOG_TO_SNAPSHOT * snapshot:
                file.close()
                _replace(file.path, self.header, self.states)
                self._file = _Image(file.path)


class _Image:
    """The open file of a memory, locked where the platform can: a card is in one place only."""

    __slots__ = ("__weakref__", "_descriptor", "_finalizer", "path")

    def __init__(self, path: Path) -> None:
        self.path = path
        flags = os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0)
        try:
            self._descriptor = os.open(path, flags)
        except OSError as error:
            raise _file_error(path, error) from error
        self._finalizer = weakref.finalize(self, os.close, self._descriptor)
        if not self._hold():
            self.close()
            raise ImageInUse(
                Text(
                    "映像正被使用（本程序或另一个程序）",
                    "the image is in use by this or another program",
                ),
                where=str(path),
                hint=Text("请先在那里关闭它", "close it there first"),
            )

    def _hold(self) -> bool:
        """Lock the file, unless another program has just put a rewritten one in its place."""
        if not _lock(self._descriptor):
            return False
        try:
            return os.path.samestat(os.fstat(self._descriptor), os.stat(self.path))
        except FileNotFoundError:
            return False

    def append(self, line: bytes) -> None:
        if not self._finalizer.alive:
            raise InputError(Text("映像已关闭", "the image is closed"), where=str(self.path))
        try:
            written = os.write(self._descriptor, line)
        except OSError as error:
            self.close()
            raise _file_error(self.path, error) from error
        if written != len(line):
            self.close()
            raise InputError(
                Text("磁盘已满，映像没有写完", "the disk is full, the image was not written"),
                where=str(self.path),
                hint=Text(
                    "腾出空间后重新打开，未写完的一步会被丢弃",
                    "make room and open it again; the unfinished step is dropped",
                ),
            )

    def read(self) -> bytes:
        """The whole file."""
        try:
            return b"".join(iter(lambda: os.read(self._descriptor, _READ_SIZE), b""))
        except OSError as error:
            raise _file_error(self.path, error) from error

    def cut(self, length: int) -> None:
        if length < self.size():
            os.ftruncate(self._descriptor, length)

    def size(self) -> int:
        return os.fstat(self._descriptor).st_size if self._finalizer.alive else 0

    def close(self) -> None:
        self._finalizer()


def _lock(descriptor: int) -> bool:
    """Lock against every other opening; True as well where the platform has no such lock.

    ``flock`` and not ``lockf``: it holds within a process, too, and only closing this descriptor
    ends it. With the program it ends in any case.
    """
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _line(content: dict[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _replace(path: Path, header: dict[str, Any], states: dict[str, State]) -> None:
    """Write a whole image in one step."""
    content = _line(header) + (_line(states) if states else b"")
    try:
        replace_file(path, content, durable=False)
    except OSError as error:
        raise _file_error(path, error) from error


def _parse(path: Path, data: bytes) -> tuple[dict[str, Any], dict[str, State]]:
    """Header and states; what follows the last line end is not there."""
    lines = data.split(b"\n")
    header = _header(path, lines[0] if len(lines) > 1 else b"")
    states: dict[str, State] = {}
    for number, line in enumerate(lines[1:-1], start=2):
        for key, state in _changes(path, number, line):
            if state is None:
                states.pop(key, None)
            else:
                states[key] = state
    return header, states


def _header(path: Path, line: bytes) -> dict[str, Any]:
    try:
        header = json.loads(line)
    except ValueError:
        header = None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise InputError(
            Text("不是虚拟卡映像", "not an image of a virtual card"),
            where=str(path),
            hint=Text("用 sscard sim new 建立映像", "make one with: sscard sim new"),
        )
    if header.get("version") != VERSION:
        raise InputError(
            Text("映像的版本不受支持", "the version of the image is not supported"),
            where=str(path),
            hint=Text("请使用写出它的程序版本", "use the program version that wrote it"),
        )
    return header


def _changes(path: Path, number: int, line: bytes) -> Iterator[tuple[str, State | None]]:
    try:
        changes = json.loads(line)
    except ValueError:
        changes = None
    if not isinstance(changes, dict) or not all(
        state is None or isinstance(state, str | int) for state in changes.values()
    ):
        raise damaged(f"{path}:{number}")
    yield from changes.items()


def damaged(where: str) -> InputError:
    """The error for an image whose content cannot be right."""
    return InputError(
        Text("映像已损坏", "the image is damaged"),
        where=where,
        hint=Text("请用备份，或重新建立一张卡", "use a copy of it, or make a new card"),
    )


def _file_error(path: Path, error: OSError) -> InputError:
    reason = os_reason(error)
    return InputError(
        Text(f"映像无法读写：{reason.zh}", f"the image cannot be read or written: {reason.en}"),
        where=str(path),
        hint=Text("请检查路径、权限和磁盘空间", "check path, permissions and free space"),
    )
