"""Holder files: two formats, and everything that is no holder file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from sscard_ic.base.errors import InputError
from sscard_ic.issuance.reading import MAX_LINE, HolderFile, read_holder_file
from sscard_ic.profile import ImportFormat

Formats = Mapping[str, ImportFormat]

HEADER = (
    b"SEQ,AAB301,AAZ500,AAC002,AAC003,AAC004,AAC005,AAC006,AAC025,AAC058,AAC161,AAC009,AAC010,"
    b"AAC067,AAE006,AAE008,PAN,PHOTO,GUARDIAN_NAME,GUARDIAN_ID,GUARDIAN_PHONE"
)
CELLS = [b"1", b"210200", *[b"x"] * 19]


def row(**cells: str) -> bytes:
    values = dict(zip(HEADER.decode().split(","), [cell.decode() for cell in CELLS], strict=True))
    return ",".join({**values, **cells}.values()).encode("gb18030")


def read(tmp_path: Path, formats: Formats, content: bytes) -> HolderFile:
    path = tmp_path / "file.csv"
    path.write_bytes(content)
    return read_holder_file(path, formats)


def test_both_samples_hold_the_same_people(batches: Path, formats: Formats) -> None:
    csv_file = read_holder_file(batches / "dalian-210200-20261121-001.csv", formats)
    bank_file = read_holder_file(batches / "dalian-210200-20261121-001.bank.txt", formats)

    assert (len(csv_file.rows), len(bank_file.rows)) == (200, 50)
    assert bank_file.rows == csv_file.rows[:50]
    assert csv_file.rows[0].number == 1
    assert csv_file.rows[0].fields["AAC003"] == "宋泽轩"
    assert csv_file.format_name != bank_file.format_name
    assert csv_file.sha256 == hashlib.sha256(csv_file.path.read_bytes()).hexdigest()


def test_columns_may_stand_in_any_order(tmp_path: Path, formats: Formats) -> None:
    header = b",".join(reversed(HEADER.split(b",")))
    file = read(tmp_path, formats, header + b"\r\n" + b",".join(reversed(CELLS)) + b"\r\n")

    assert (file.rows[0].seq, file.rows[0].fields["AAB301"]) == ("1", "210200")


def test_a_byte_order_mark_is_no_part_of_a_utf8_header(
    tmp_path: Path, batches: Path, formats: Formats
) -> None:
    content = (batches / "dalian-210200-20261121-001.bank.txt").read_bytes()
    assert len(read(tmp_path, formats, b"\xef\xbb\xbf" + content).rows) == 50


def test_blanks_quotes_and_empty_lines(tmp_path: Path, formats: Formats) -> None:
    cells = row(AAC003=' "张,三" ').replace(b' "', b'"').replace(b'" ', b'"')
    other = row(SEQ=" 2 ", AAC010='"第一行\r\n第二行"')
    file = read(tmp_path, formats, b"\n".join([HEADER, cells, b"", b"  ", other]))

    assert [found.number for found in file.rows] == [1, 2]
    assert file.rows[0].fields["AAC003"] == "张,三"
    assert file.rows[1].seq == "2"
    assert file.rows[1].fields["AAC010"] == "第一行\r\n第二行"


@pytest.mark.parametrize("cells", [CELLS[:-1], [*CELLS, b""], [b"1"]])
def test_a_row_with_other_columns_is_kept_without_its_fields(
    tmp_path: Path, formats: Formats, cells: list[bytes]
) -> None:
    file = read(tmp_path, formats, b"\n".join([HEADER, row(), b",".join(cells)]))

    assert file.width == 21
    assert [found.columns for found in file.rows] == [21, len(cells)]
    assert file.rows[1].fields == {"SEQ": "1"}


def test_what_stands_in_the_place_of_the_number_is_not_taken_for_it(
    tmp_path: Path, formats: Formats
) -> None:
    file = read(tmp_path, formats, HEADER + b"\n" + "宋泽轩,210200".encode("gb18030"))
    assert (file.rows[0].seq, file.rows[0].fields) == ("", {"SEQ": ""})


UTF8_ROWS = row(AAC003="宋泽轩", AAC010="辽宁省大连市").decode("gb18030").encode()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (HEADER, "no data rows"),
        (HEADER + b"\r\n\r\n", "no data rows"),
        (b"\r\n" + HEADER, "not the header of a known format"),
        (b"name,number\n1,2\n", "not the header of a known format"),
        (HEADER.replace(b",PAN", b"") + b"\n", "missing columns PAN"),
        (HEADER + b",EXTRA\n", "unknown columns EXTRA"),
        (HEADER.replace(b"PAN", b"IBAN") + b"\n", "missing columns PAN; unknown columns IBAN"),
        (HEADER + b",PAN\n", "columns given twice PAN"),
        (HEADER + b"\n" + row() + b"\n\xff\xff\n", "line 3, byte 207: not valid GB18030"),
        (HEADER + b"\n" + UTF8_ROWS + b"\n", "encoded in UTF-8, this format in GB18030"),
        (b"\xef\xbb\xbf" + HEADER + b"\n" + UTF8_ROWS, "encoded in UTF-8"),
        (HEADER + b'\n1,"never closed\n' + row() + b"\n", "quoting or columns are broken"),
        (HEADER + b'\n1,"a"b\n', "quoting or columns are broken"),
        (HEADER + b"\n1,\x00\n", "line 2, byte 162: holds zero bytes"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "not the header of a known format"),
        (b"PK\x03\x04" + bytes(30), "holds zero bytes"),
        (HEADER + b"\n" + b"1" * (MAX_LINE + 1), "longer than 65536 bytes"),
        (b"x" * (MAX_LINE + 1), "longer than 65536 bytes"),
    ],
)
def test_what_is_no_holder_file_is_told_apart(
    tmp_path: Path, formats: Formats, content: bytes, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, formats, content)

    assert message in caught.value.render("en")
    assert str(tmp_path / "file.csv") in caught.value.render("zh")
    assert caught.value.what.zh != caught.value.what.en


def test_a_header_in_the_wrong_encoding(tmp_path: Path, batches: Path, formats: Formats) -> None:
    text = (batches / "dalian-210200-20261121-001.bank.txt").read_text(encoding="utf-8")

    with pytest.raises(InputError, match="header is encoded in GB18030"):
        read(tmp_path, formats, text.encode("gb18030"))


def test_the_known_formats_are_named(tmp_path: Path, formats: Formats) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, formats, b"a,b\n")

    assert caught.value.hint is not None
    assert all(name in caught.value.hint.en for name in formats)


def test_a_bank_file_cut_inside_a_character(tmp_path: Path, formats: Formats) -> None:
    bank = next(f for f in formats.values() if f.separator == "|")
    header = "|".join(bank.columns).encode()

    with pytest.raises(InputError, match=f"line 2, byte {len(header) + 1}: not valid UTF-8"):
        read(tmp_path, formats, header + b"\n\xe5\xae\n")


def test_directories_and_missing_files(tmp_path: Path, formats: Formats) -> None:
    with pytest.raises(InputError, match="directory"):
        read_holder_file(tmp_path, formats)
    with pytest.raises(InputError, match="cannot be read"):
        read_holder_file(tmp_path / "missing.csv", formats)


def test_a_gigabyte_of_zeros_is_refused_by_its_first_line(tmp_path: Path, formats: Formats) -> None:
    path = tmp_path / "zeros.csv"
    path.touch()
    os.truncate(path, 1 << 30)

    with pytest.raises(InputError, match="zero bytes"):
        read_holder_file(path, formats)
