"""Reading holder files: text in columns, its format found by the header line (ref 13 §8)."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from sscard_ic.base.errors import InputError, Text, os_reason
from sscard_ic.profile.imports import ImportFormat

MAX_LINE = 65536
"""Longest line accepted, in bytes; what is longer is no holder file and is not read further."""

_SEQ = re.compile(r"[0-9]{1,10}")
_BOM = b"\xef\xbb\xbf"
_ENCODINGS = ("utf-8", "gb18030")


@dataclass(frozen=True, slots=True)
class Row:
    """One data row. ``number`` counts data rows from 1; ``columns`` is what the line really had."""

    number: int
    seq: str
    """Sequence number as in the file; empty when it is none."""
    fields: dict[str, str] = field(repr=False)
    """Field code → value without surrounding blanks; only SEQ when the columns do not match."""
    columns: int


@dataclass(frozen=True, slots=True)
class HolderFile:
    """A whole file as read."""

    path: Path
    format_name: str
    format: ImportFormat
    rows: tuple[Row, ...]
    sha256: str
    """Of the file's bytes."""

    @property
    def width(self) -> int:
        """Columns a row must have."""
        return len(self.format.columns)


def read_holder_file(path: Path, formats: Mapping[str, ImportFormat]) -> HolderFile:
    """The rows of ``path``, in whichever of ``formats`` its header line is.

    Needs memory for the rows only and stops at the first line that cannot be one. Raises
    :class:`InputError` naming line and byte for anything that is not such a file.
    """
    try:
        if path.is_dir():
            raise _problem(path, Text("这是文件夹，不是文件", "this is a directory, not a file"))
        with path.open("rb") as stream:
            return _read(path, stream, formats)
    except OSError as error:
        reason = os_reason(error)
        raise _problem(
            path, Text(f"无法读取文件：{reason.zh}", f"the file cannot be read: {reason.en}")
        ) from error


def _read(path: Path, stream: BinaryIO, formats: Mapping[str, ImportFormat]) -> HolderFile:
    lines = _Lines(path, stream)
    header = lines.header()
    name = _matching_format(path, header, formats)
    chosen = formats[name]
    titles = _split(header.decode(chosen.encoding), chosen.separator)
    codes = [chosen.columns[title] for title in titles]
    seq_at = codes.index("SEQ") if "SEQ" in codes else None
    rows: list[Row] = []
    for number, values in enumerate(_records(path, lines, chosen), start=1):
        cells = [value.strip() for value in values]
        fits = len(cells) == len(codes)
        seq = cells[seq_at] if seq_at is not None and seq_at < len(cells) else ""
        if not _SEQ.fullmatch(seq):
            seq = ""  # in a row whose columns are shifted it may be anything, a name even
        fields = dict(zip(codes, cells, strict=True)) if fits else {"SEQ": seq}
        rows.append(Row(number, seq, fields, len(cells)))
    if not rows:
        raise _problem(path, Text("文件中没有数据行", "the file has no data rows"))
    return HolderFile(path, name, chosen, tuple(rows), lines.sha256())


class _Lines:
    """The lines of a file as bytes, with their place, their digest and a limit on their length."""

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self._path = path
        self._stream = stream
        self._digest = hashlib.sha256()
        self.number = 0
        self.offset = 0
        """Of the present line's first byte in the file."""
        self._next = 0

    def read(self) -> bytes:
        """The next line with its end; empty at the end of the file."""
        line = self._stream.readline(MAX_LINE + 1)
        self.offset = self._next
        self.number += 1
        self._next += len(line)
        self._digest.update(line)
        if b"\x00" in line:
            raise self.problem(
                Text("含有空字节：不是文本文件", "holds zero bytes: not a text file"),
                self.offset + line.index(b"\x00"),
            )
        if len(line) > MAX_LINE:
            raise self.problem(
                Text(
                    f"一行超过 {MAX_LINE} 字节：不是持卡人文件",
                    f"a line is longer than {MAX_LINE} bytes: not a holder file",
                ),
                self.offset,
            )
        return line

    def header(self) -> bytes:
        """The first line without byte order mark and line end."""
        line = self.read()
        if not line:
            raise _problem(self._path, Text("文件为空", "the file is empty"))
        return line.removeprefix(_BOM).rstrip(b"\r\n")

    def decoded(self, encoding: str) -> Iterator[str]:
        """The further lines, decoded strictly."""
        looks_utf8 = encoding == "gb18030"
        multibyte = False
        while line := self.read():
            try:
                text = line.decode(encoding)
            except UnicodeDecodeError as error:
                if looks_utf8 and _is_utf8(line):
                    raise self._is_in_utf8() from error
                raise self._wrong_encoding(encoding, self.offset + error.start) from error
            if looks_utf8 and not line.isascii():
                looks_utf8 = _is_utf8(line)
                multibyte = True
            yield text
        # Chinese in UTF-8 is often valid GB18030 too, but hardly ever the other way round.
        if looks_utf8 and multibyte:
            raise self._is_in_utf8()

    def sha256(self) -> str:
        """Digest of what was read."""
        return self._digest.hexdigest()

    def problem(self, what: Text, at: int) -> InputError:
        """An error at byte ``at`` of the file."""
        return InputError(
            what,
            where=f"{self._path}, line {self.number}, byte {at}",
        )

    def _is_in_utf8(self) -> InputError:
        return _problem(
            self._path,
            Text(
                "文件编码是 UTF-8，而该格式应为 GB18030",
                "the file is encoded in UTF-8, this format in GB18030",
            ),
            hint=Text("请另存为 GB18030（GBK）编码", "save it in GB18030 (GBK)"),
        )

    def _wrong_encoding(self, encoding: str, at: int) -> InputError:
        name = encoding.upper()
        return InputError(
            Text(f"不是有效的 {name} 文本", f"not valid {name} text"),
            where=f"{self._path}, line {self.number}, byte {at}",
            hint=Text(f"请另存为 {name} 编码", f"save the file in {name}"),
        )


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _records(path: Path, lines: _Lines, chosen: ImportFormat) -> Iterator[list[str]]:
    """The cells of each line that is not blank; quoted cells may run over several lines."""
    reader = csv.reader(lines.decoded(chosen.encoding), delimiter=chosen.separator, strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield cells
    except csv.Error as error:
        raise InputError(
            Text(f"引号或分列有误：{error}", f"quoting or columns are broken: {error}"),
            where=f"{path}, line {lines.number}",
            hint=Text(
                "请检查该行及之前的引号", "look for an unpaired quotation mark there or above"
            ),
        ) from error


def _split(line: str, separator: str) -> list[str]:
    cells = next(csv.reader([line], delimiter=separator), [])
    return [cell.strip() for cell in cells]


def _matching_format(path: Path, header: bytes, formats: Mapping[str, ImportFormat]) -> str:
    """Name of the format whose columns are those of ``header``, in any order."""
    best: tuple[int, str, list[str]] | None = None
    for name, candidate in formats.items():
        for encoding in (candidate.encoding, *_ENCODINGS):
            titles = _titles(header, encoding, candidate.separator)
            if sorted(titles) == sorted(candidate.columns):
                if encoding != candidate.encoding:
                    raise _header_encoding(path, encoding, candidate)
                return name
            common = len(set(titles) & set(candidate.columns))
            if common and (best is None or common > best[0]):
                best = (common, name, titles)
    if best is None:
        raise _unknown_format(path, formats)
    raise _columns_differ(path, best[1], formats[best[1]], best[2], formats)


def _titles(header: bytes, encoding: str, separator: str) -> list[str]:
    try:
        return _split(header.decode(encoding), separator)
    except (UnicodeDecodeError, csv.Error):
        return []


def _header_encoding(path: Path, found: str, wanted: ImportFormat) -> InputError:
    name = wanted.encoding.upper()
    return InputError(
        Text(
            f"表头编码是 {found.upper()}，而“{wanted.zh}”应为 {name}",
            f"the header is encoded in {found.upper()}, but “{wanted.en}” is {name}",
        ),
        where=f"{path}, line 1, byte 0",
        hint=Text(f"请另存为 {name} 编码", f"save the file in {name}"),
    )


def _known(formats: Mapping[str, ImportFormat]) -> Text:
    return Text(
        "已知格式：" + "；".join(f"{name}（{f.zh}）" for name, f in formats.items()),
        "known formats: " + "; ".join(f"{name} ({f.en})" for name, f in formats.items()),
    )


def _unknown_format(path: Path, formats: Mapping[str, ImportFormat]) -> InputError:
    return InputError(
        Text("首行不是任何已知格式的表头", "the first line is not the header of a known format"),
        where=f"{path}, line 1",
        hint=_known(formats),
    )


def _columns_differ(
    path: Path,
    name: str,
    wanted: ImportFormat,
    titles: list[str],
    formats: Mapping[str, ImportFormat],
) -> InputError:
    missing = [title for title in wanted.columns if title not in titles]
    unknown = [title for title in dict.fromkeys(titles) if title not in wanted.columns]
    double = [title for title in dict.fromkeys(titles) if titles.count(title) > 1]
    parts = [
        (zh, en, _list(found))
        for zh, en, found in (
            ("缺少列", "missing columns", missing),
            ("未知列", "unknown columns", unknown),
            ("重复列", "columns given twice", double),
        )
        if found
    ]
    return InputError(
        Text(
            f"表头与格式 {name} 不符：" + "；".join(f"{zh} {found}" for zh, _, found in parts),
            f"the header does not fit format {name}: "
            + "; ".join(f"{en} {found}" for _, en, found in parts),
        ),
        where=f"{path}, line 1",
        hint=_known(formats),
    )


def _list(titles: list[str]) -> str:
    """Some titles, cut where a file that is something else would flood the screen."""
    shown = [title if len(title) <= 40 else f"{title[:40]}…" for title in titles[:12]]
    return ", ".join(shown) + (" …" if len(titles) > 12 else "")


def _problem(path: Path, what: Text, hint: Text | None = None) -> InputError:
    return InputError(what, where=str(path), hint=hint)
