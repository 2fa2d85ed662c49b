"""What a bank may have otherwise in its files: settings of profiles of kind ``bank_data``."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from tests.support import bank_files as files
from tests.support.bank_files import KEYS, PAN, FileCard, card, content, record

from sscard_ic.base.errors import InputError
from sscard_ic.base.secret import Secret
from sscard_ic.card.bank_plan import BankPlan, PlannedGroup, Transported
from sscard_ic.issuance.bank.files import FORMATS, BankFileError, read_bank_file
from sscard_ic.profile import ProfileError, check, load_bank_data
from sscard_ic.profile.bank_data import (
    BankData,
    Batch,
    CpsRecord,
    Items,
    Modules,
    SecretGroups,
    Sections,
)

DOCS = Path(__file__).parents[3] / "docs" / "assumptions.md"


def bank(folder: Path, base: str, changes: str) -> str:
    """A profile of a bank that has something otherwise."""
    path = folder / "bank.toml"
    head = f'kind = "bank_data"\nzh = "某银行"\nen = "a bank"\nextends = "{base}"\n'
    path.write_text(head + changes, encoding="utf-8")
    return str(path)


def read(folder: Path, base: str, changes: str, data: bytes) -> BankPlan:
    path = folder / "cards"
    path.write_bytes(data)
    (plan,) = read_bank_file(path, bank(folder, base, changes)).cards
    return plan


def refused(folder: Path, base: str, changes: str, data: bytes) -> str:
    with pytest.raises(BankFileError) as raised:
        read(folder, base, changes, data)
    return raised.value.what.en


def payment(plan: BankPlan) -> dict[int, PlannedGroup]:
    return {group.number: group for group in plan.instance("payment").groups}


_BARE = files.citic([card()])


@pytest.mark.parametrize(
    ("told", "length"),
    [("file", len(_BARE)), ("rest", len(_BARE) - 15)],
    ids=["file", "rest"],
)
def test_the_header_may_count_the_file(told: str, length: int, tmp_path: Path) -> None:
    changes = f'[items]\nheader_length = "{told}"\n'
    right = b"CITICDP" + struct.pack(">Q", length) + _BARE[15:]
    assert read(tmp_path, "citic", changes, right).pan == PAN
    assert "the header says 77 bytes" in refused(tmp_path, "citic", changes, _BARE)


def test_names_of_items_may_say_nothing(tmp_path: Path) -> None:
    data = files.yl([card()]).replace(b"DGI0301", b"DGI0309")
    assert "holds the group 0301" in refused(tmp_path, "yl", "", data)
    assert 0x0301 in payment(read(tmp_path, "yl", '[items]\nnames = "free"\n', data))


def test_lists_may_count_groups(tmp_path: Path) -> None:
    data = files.ht([FileCard([(0x0101, record()), (0x9010, b"\x03\x03")])])
    lists = struct.pack(">HHHHHH", 4, 0x0101, 0x9010, 0, 2, 0x0101)
    assert lists in data
    counted = struct.pack(">HHHHHH", 2, 0x0101, 0x9010, 0, 1, 0x0101)
    changes = '[modules]\nlist_unit = "groups"\n'
    other = data.replace(lists, counted)
    assert set(payment(read(tmp_path, "ht", changes, other))) == {0x0101, 0x9010}
    assert "the list of groups is cut" in refused(tmp_path, "ht", "", other)
    odd = data.replace(lists, b"\x00\x03" + lists[2:])
    assert "length of a list of groups is odd" in refused(tmp_path, "ht", "", odd)


def test_the_chip_module_may_have_a_short_head(tmp_path: Path) -> None:
    data = files.dxt([card()])
    more = b"OTHER  0000002xy"
    size = int.from_bytes(data[216:220], "big") + len(more)
    longer = data[:216] + struct.pack(">I", size) + data[220:] + more
    assert read(tmp_path, "dxt", "", longer).pan == PAN
    at = data.index(b"CHIP   ")
    size = int(data[at + 7 : at + 14])
    module = b"02" + data[at + 7 : at + 14] + data[at + 14 :]
    whole = data[:216] + struct.pack(">I", 18 + 9 + size) + data[220:at] + module
    changes = "[batch]\nchip_identifier = 2\n"
    assert read(tmp_path, "dxt", changes, whole).pan == PAN
    assert "no 7 digits" in refused(tmp_path, "dxt", "", whole)


def test_processing_steps_may_be_passed_over(tmp_path: Path) -> None:
    data = files.cps([card()], bytes(4) + b"\x00\x02\x80\x00" + bytes(4))
    assert "a list ENC" in refused(tmp_path, "cps", "", data)
    assert read(tmp_path, "cps", '[record]\nprocessing = "unread"\n', data).pan == PAN


@pytest.mark.parametrize(
    ("under", "filled", "expected"),
    [
        ("nothing", "none", PlannedGroup(0x8000, secret=Secret(KEYS))),
        ("sm4", "always", PlannedGroup(0x8000, transported=Transported(KEYS, "sm4", "always"))),
    ],
    ids=["in-the-clear", "under-sm4"],
)
def test_secrets_come_as_the_bank_says(
    under: str, filled: str, expected: PlannedGroup, tmp_path: Path
) -> None:
    changes = f'[[secret]]\ngroups = ["8000"]\nunder = "{under}"\nfilled = "{filled}"\n'
    changes += '[[secret]]\ngroups = ["8010"]\nunder = "3des"\n'
    plan = read(tmp_path, "lines", changes, files.lines([card()]))
    assert payment(plan)[0x8000] == expected


def test_renumbering_of_a_bank(tmp_path: Path) -> None:
    written = [(0x0101, record()), (0x8001, KEYS), (0x9100, bytes(9))]
    changes = '[rename]\n8001 = "8030"\n9100 = "9030"\n'
    found = payment(read(tmp_path, "ht", changes, files.ht([_marked(written, 0x8001)])))
    assert found[0x8030].transported == Transported(KEYS, "sm4")
    assert found[0x9030].value == bytes(9)
    twice = [*written, (0x8002, KEYS)]
    text = refused(tmp_path, "ht", changes, files.ht([_marked(twice, 0x8001, 0x8002)]))
    assert "DGI 8002: the group 8030 of payment stands twice" in text


def _marked(groups: files.Groups, *secret: int) -> FileCard:
    return FileCard(groups, enciphered=frozenset(secret))


def test_a_file_that_ends_enciphered_needs_a_plain_group(tmp_path: Path) -> None:
    data = files.cps([FileCard([(0x0101, record()), (0x8000, KEYS)])])
    assert "ends with the enciphered group 8000" in refused(tmp_path, "cps", "", data)
    plan = read(tmp_path, "cps", 'last = ["0101"]\n', data)
    assert list(payment(plan)) == [0x8000, 0x0101]


@pytest.mark.parametrize(
    ("change", "aid"),
    [
        (lambda whole: FileCard(whole.payment), "A000000333010106"),
        (lambda whole: whole, "A000000333010101"),
    ],
    ids=["of-the-format", "of-the-directory"],
)
def test_the_aid_of_files_that_name_none(
    change: Callable[[FileCard], FileCard], aid: str, tmp_path: Path
) -> None:
    data = files.yl([change(card())])
    plan = read(tmp_path, "yl", 'aid = "A000000333010106"\n', data)
    assert plan.instance("payment").aid.hex().upper() == aid


def test_directories_of_several_applications(tmp_path: Path) -> None:
    whole = card()
    other = [
        (number, value.replace(files.AID, files.AID[:-1] + b"\x02")) for number, value in whole.ppse
    ]
    data = files.yl([FileCard(whole.payment, whole.pse, other)])
    text = refused(tmp_path, "yl", 'aid = "A000000333010106"\n', data)
    assert "more than one application" in text
    for aid in ("A000000333010101", "A000000333010102"):
        plan = read(tmp_path, "yl", f'aid = "{aid}"\n', data)
        assert plan.instance("payment").aid.hex().upper() == aid


def test_sections_of_single_objects(tmp_path: Path) -> None:
    """A record is put together of its lines, with the template that none of them has."""
    tags = {0x0301: ["5A088888800000123456", "5F340101"]}
    whole = [(0x0101, record()), (0x0301, b""), (0x9010, b"\x03\x03")]
    data = files.sections([FileCard(whole)], tags)
    body = bytes.fromhex("".join(tags[0x0301]))
    found = payment(read(tmp_path, "sections", "", data))
    assert found[0x0301].value == b"\x70" + bytes((len(body),)) + body
    assert found[0x9010].value == b"\x03\x03"
    changes = '[sections]\ntemplate = "never"\n'
    assert payment(read(tmp_path, "sections", changes, data))[0x0301].value == body


def test_what_a_bureau_keeps_is_not_read(tmp_path: Path) -> None:
    data = files.sections([card()]) + b"[AID_8888]\n9F01=0000\n"
    assert "an unknown section" in refused(tmp_path, "sections", "", data)
    plan = read(tmp_path, "sections", 'drop = ["AID_*", "9000"]\n', data)
    assert 0x9000 not in payment(plan)
    assert content(payment(plan)[0x8000]) == KEYS
    empty = 'drop = ["AID_*", "Store_PPSE"]\n'
    assert [each.instance for each in read(tmp_path, "sections", empty, data).instances] == [
        "payment",
        "pse",
    ]
    assert "pse has no groups" in refused(
        tmp_path, "ht", 'drop = ["0101", "9102"]\n', files.ht([card()])
    )


@pytest.mark.parametrize("name", FORMATS)
def test_the_shipped_formats(name: str) -> None:
    assert check(f"imports/bank-data/{name}").kind == "bank_data"
    assert load_bank_data(name).title.zh != load_bank_data(name).title.en


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ('exchange = [["8202", "8203"], ["8203", "8204"]]\n', "a group stands twice: 8203"),
        ('exchange = [["8202"]]\n', "shorter than 2"),
        ('container = "box"\n', "must be one of 'items', 'modules'"),
        ('[[secret]]\ngroups = ["8000", "8000"]\nunder = "3des"\n', "stands twice: 8000"),
        ('[items]\nheader = "1"\n', "a whole number"),
        ("[box]\n", "unknown key"),
    ],
    ids=["twice", "no-pair", "container", "secret", "header", "key"],
)
def test_wrong_formats_are_refused(changes: str, what: str, tmp_path: Path) -> None:
    with pytest.raises(ProfileError) as raised:
        load_bank_data(bank(tmp_path, "lines", changes))
    assert what in raised.value.render("en")
    with pytest.raises(InputError, match="describes no files of a bank"):
        load_bank_data("financial/debit")


def test_every_setting_is_explained() -> None:
    text = DOCS.read_text("utf-8")
    part = text.partition("### `[imports/bank-data]`")[2].partition("\n## ")[0]
    rows = re.findall(r"(?m)^\| `([a-z_.]+)` \| ([^|]+) \|", part)
    shown = {name: default.strip() for name, default in rows}
    wanted = dict(_settings(BankData, ""))
    assert shown == wanted


_TABLES: dict[str, type[BaseModel]] = {
    "items": Items,
    "modules": Modules,
    "batch": Batch,
    "record": CpsRecord,
    "sections": Sections,
    "secret": SecretGroups,
}


def _settings(model: type[BaseModel], prefix: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, each in model.model_fields.items():
        if not prefix and name in _TABLES:
            found += _settings(_TABLES[name], f"{name}.")
        elif name not in ("zh", "en"):
            found.append((prefix + name, _spelled(each.get_default(call_default_factory=True))))
    return found


def _spelled(value: Any) -> str:
    if isinstance(value, bytes):
        return value.hex().upper()
    if isinstance(value, str | int):
        return str(value) or "none"
    return "none"
