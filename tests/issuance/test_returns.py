"""The return file: one line for each row, in the region's form."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sscard_ic.base import FixedClock
from sscard_ic.base.errors import InputError, SscardError, Text
from sscard_ic.issuance.checks import check_file
from sscard_ic.issuance.holder import Holder
from sscard_ic.issuance.importing import import_file
from sscard_ic.issuance.prepare import CardResult, PreparedCard, prepare_batch
from sscard_ic.issuance.returns import write_return_file
from sscard_ic.keys import SoftwareVault
from sscard_ic.ledger import Card, CardState, Ledger, NewBatch, NewCard, Reason, Step
from sscard_ic.profile import CardProfile, ImportFormat

TITLES = [
    *("序号", "社保卡号", "社会保障号码", "姓名", "发卡日期", "卡有效期", "卡识别码", "卡复位码"),
    *("服务银行", "银行卡号", "个人帐户", "装箱位置", "失败环节", "失败原因"),
]
REASON = Reason("", "card failed", Text("卡片无应答，" * 20, "no answer"))
CHIP = bytes.fromhex("000000000A01")


def verified(ledger: Ledger, card: Card) -> None:
    """As a station does at the end of the verification."""
    ledger.complete(card.id, Step.VERIFY, CardState.VERIFIED, station="station 1", chip_serial=CHIP)


def finish(
    ledger: Ledger, batch: str, rows: Iterable[int] = (), **other: bytes
) -> dict[int, CardResult]:
    """Pretend that the cards of ``rows`` (all when left out) were made and read back."""
    wanted = set(rows)
    results = {}
    for card in ledger.cards_of(batch, (CardState.PREPARED,)):
        if wanted and card.row not in wanted:
            continue
        blob = ledger.plan(card.id)
        assert blob is not None
        plan = PreparedCard.from_json(blob)
        atr = b"\x3b\x6d\x00\x00" + plan.historical
        result = CardResult.of(atr, {**plan.items, **other})
        ledger.store_result(card.id, result.to_json())
        verified(ledger, card)
        results[card.row] = result
    return results


def lines(path: Path) -> list[dict[str, str]]:
    text = path.read_bytes().decode("gb18030")
    assert text.endswith("\r\n") and text.count("\n") == text.count("\r\n")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def changed(profile: CardProfile, **rules: Any) -> CardProfile:
    assert profile.region is not None
    table = profile.region.return_file.model_copy(update=rules)
    region = profile.region.model_copy(update={"return_file": table})
    return replace(profile, region=region)


@pytest.fixture
def batch(
    ledger: Ledger,
    dalian: CardProfile,
    vault: SoftwareVault,
    batches: Path,
    formats: Mapping[str, ImportFormat],
    clock: FixedClock,
) -> str:
    """The defects: rows 15 and 16 are prepared, the others refused."""
    path = batches / "dalian-defects.csv"
    import_file(ledger, check_file(path, dalian, formats, clock=clock))
    prepare_batch(ledger, "dalian-defects", dalian, vault)
    return "dalian-defects"


def test_the_return_file_of_a_finished_batch(
    ledger: Ledger, dalian: CardProfile, batch: str, tmp_path: Path
) -> None:
    results = finish(ledger, batch)
    report = write_return_file(ledger, batch, dalian, tmp_path / "out")

    assert report.path == tmp_path / "out" / "dalian-defects.return.csv"
    assert (report.good, report.unfinished, len(report.bad)) == (2, 0, 14)
    found = lines(report.path)
    assert list(found[0]) == TITLES
    assert [line["序号"] for line in found] == [str(row) for row in range(1, 17)]
    code = results[15].values["SSSE.EF05.01"].hex().upper()
    assert found[14] == {
        "序号": "15",
        "社保卡号": "D00000152",
        "社会保障号码": "210299195505069228",
        "姓名": "杨娟燕",
        "发卡日期": "20261121",
        "卡有效期": "20361121",
        "卡识别码": code,
        "卡复位码": "3B6D000000814842428653210200000001",
        "服务银行": "95588",
        "银行卡号": "8888805880000000150",
        "个人帐户": "",
        "装箱位置": "",
        "失败环节": "",
        "失败原因": "",
    }
    assert (len(code), code[:6]) == (32, "210200")
    assert found[0]["失败环节"] == "制卡"
    assert found[0]["失败原因"] == "社会保障号码（AAC002）校验码错误"
    assert (found[0]["姓名"], found[0]["卡识别码"], found[0]["卡复位码"]) == ("宋泽轩", "", "")
    assert report.to_json("en")["failed"][13]["reasons"][0]["reason"] == "minor without guardian"


def test_reasons_are_cut_at_a_character_and_whole_in_the_report(
    ledger: Ledger, dalian: CardProfile, batch: str, tmp_path: Path
) -> None:
    card = ledger.cards_of(batch)[14]
    ledger.fail(card.id, REASON, station="t", step=Step.VERIFY)
    finish(ledger, batch)
    report = write_return_file(ledger, batch, dalian, tmp_path)

    line = lines(report.path)[14]
    assert line["失败环节"] == "制卡"
    assert line["失败原因"] == ("卡片无应答，" * 20)[:25]
    assert len(lines(report.path)[10]["失败原因"].encode("gb18030")) <= 50
    failed = report.to_json("zh")["failed"][-1]
    assert (failed["row"], failed["state"]) == (15, "failed")
    assert failed["reasons"][0]["message"] == "卡片无应答，" * 20


def test_numbers_and_names_are_those_of_the_card(
    ledger: Ledger, dalian: CardProfile, batch: str, tmp_path: Path
) -> None:
    name = '提·"买,买'.encode("gb18030").ljust(30, b"\x00")
    long_name = ("Q" + "提" * 20).encode("gb18030")
    finish(ledger, batch, [15], **{"SSSE.EF06.09": name, "SSSE.EF05.07": b"D99999999"})
    finish(
        ledger,
        batch,
        **{"SSSE.EF06.09": long_name[:30], "SSSE.EF06.4E": long_name[30:].ljust(20, b"\x00")},
    )
    report = write_return_file(ledger, batch, dalian, tmp_path)

    found = lines(report.path)
    assert (found[14]["姓名"], found[14]["社保卡号"]) == ('提·"买,买', "D99999999")
    assert found[15]["姓名"] == "Q" + "提" * 20
    assert b'"\xcc\xe1\xa1\xa4""' in report.path.read_bytes()


def test_the_form_is_the_region_s(
    ledger: Ledger, dalian: CardProfile, batch: str, tmp_path: Path
) -> None:
    finish(ledger, batch)
    profile = changed(
        dalian,
        encoding="utf-8",
        newline="\n",
        separator="|",
        reset_code="historical",
        failed_stage="银行",
        columns=(("卡复位码", "reset_code"), ("失败环节", "failed_stage")),
    )
    report = write_return_file(ledger, batch, profile, tmp_path)

    content = report.path.read_bytes().decode("utf-8").split("\n")
    assert content[:2] == ["卡复位码|失败环节", "|银行"]
    assert content[15] == "00814842428653210200000001|"
    assert content[17:] == [""]


def test_a_batch_in_work_has_a_partial_file_only(
    ledger: Ledger, dalian: CardProfile, batch: str, tmp_path: Path
) -> None:
    finish(ledger, batch, [16])
    with pytest.raises(InputError, match="1 of 16 cards"):
        write_return_file(ledger, batch, dalian, tmp_path)
    assert not (tmp_path / "dalian-defects.return.csv").exists()

    report = write_return_file(ledger, batch, dalian, tmp_path, partial=True)
    assert (report.good, report.unfinished) == (1, 1)
    line = lines(report.path)[14]
    assert (line["失败环节"], line["失败原因"], line["卡识别码"]) == ("制卡", "未完成", "")


def test_the_file_appears_whole_or_not_at_all(
    ledger: Ledger, dalian: CardProfile, batch: str, tmp_path: Path
) -> None:
    finish(ledger, batch)
    out = tmp_path / "out"
    first = write_return_file(ledger, batch, dalian, out)
    content = first.path.read_bytes()
    first.path.unlink()
    first.path.mkdir()

    with pytest.raises(InputError, match="cannot be written"):
        write_return_file(ledger, batch, dalian, out)
    assert list(out.iterdir()) == [first.path], "no temporary file is left"
    first.path.rmdir()
    assert write_return_file(ledger, batch, dalian, out).path.read_bytes() == content
    assert first.path.stat().st_mode & 0o077 == 0


def test_what_cannot_be_written_is_said(
    ledger: Ledger, dalian: CardProfile, batch: str, tmp_path: Path
) -> None:
    finish(ledger, batch)
    with pytest.raises(InputError, match="unknown values in the columns of the return file: pin"):
        columns = (("密码", "pin"),)
        write_return_file(ledger, batch, changed(dalian, columns=columns), tmp_path)
    with pytest.raises(InputError, match="no code in ascii"):
        write_return_file(ledger, batch, changed(dalian, encoding="ascii"), tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        write_return_file(ledger, batch, dalian, tmp_path / "file")


def test_a_good_card_without_reading_is_an_error(
    ledger: Ledger, dalian: CardProfile, batch: str, tmp_path: Path
) -> None:
    for card in ledger.cards_of(batch, (CardState.PREPARED,)):
        verified(ledger, card)

    with pytest.raises(SscardError, match="nothing read back"):
        write_return_file(ledger, batch, dalian, tmp_path)


CELL = st.text(
    st.characters(codec="gb18030", exclude_categories=("Cs", "Cc")) | st.sampled_from('",\r\n|'),
    max_size=30,
)
ENDS = st.sampled_from(["refused", "failed", "prepared", "verified"])


@pytest.fixture(scope="module")
def open_ledger(vault: SoftwareVault, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    path = tmp_path_factory.mktemp("returns") / "ledger.db"
    with Ledger.open(path, vault.sealer(), vault) as ledger:
        yield ledger


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.tuples(CELL, CELL, ENDS), min_size=1, max_size=8))
def test_every_row_has_exactly_one_line(
    rows: list[tuple[str, str, str]], open_ledger: Ledger, dalian: CardProfile
) -> None:
    ledger, batch = open_ledger, f"batch {len(open_ledger.batches())}"
    cards = [
        NewCard(
            number,
            str(number),
            f"{batch} {number}",
            Holder({"SEQ": str(number), "AAC003": name, "PAN": pan}, "").to_json(),
            (REASON,) if end == "refused" else (),
        )
        for number, (name, pan, end) in enumerate(rows, start=1)
    ]
    ledger.import_batch(NewBatch(batch, "", "", batch, date(2026, 11, 21)), cards)
    ends = [end for _, _, end in rows]
    _bring_to_their_ends(ledger, batch, ends)
    with TemporaryDirectory() as folder:
        report = write_return_file(ledger, batch, dalian, Path(folder), partial=True)
        found = lines(report.path)
        assert report.path.read_bytes().count(b"\n") == len(rows) + 1

    assert [line["序号"] for line in found] == [card.seq for card in cards]
    for line, (name, pan, end) in zip(found, rows, strict=True):
        assert line["银行卡号"] == re.sub(r"[\r\n]", " ", pan)
        assert line["姓名"] == ("" if end == "verified" else re.sub(r"[\r\n]", " ", name))
        assert (line["失败环节"] == "") == (end == "verified")
    assert report.good == ends.count("verified")
    assert report.unfinished == ends.count("prepared")


def _bring_to_their_ends(ledger: Ledger, batch: str, ends: list[str]) -> None:
    for card, end in zip(ledger.cards_of(batch), ends, strict=True):
        if end == "failed":
            ledger.fail(card.id, REASON, station="t", step=Step.VERIFY)
        elif end == "verified":
            result = CardResult.of(b"\x3b\x6d\x00\x00" + bytes(13), {})
            ledger.store_result(card.id, result.to_json())
            verified(ledger, card)


def test_the_rows_are_those_of_the_input_file(
    ledger: Ledger,
    dalian: CardProfile,
    vault: SoftwareVault,
    formats: Mapping[str, ImportFormat],
    photos: Path,
    sample_rows: list[dict[str, str]],
    write_batch: Callable[..., Path],
    tmp_path: Path,
) -> None:
    path = write_batch([sample_rows[4], sample_rows[0], sample_rows[2]])
    path.write_bytes(path.read_bytes() + b"\r\n9,too few\r\n")
    import_file(ledger, check_file(path, dalian, formats, photos=photos))
    prepare_batch(ledger, path.stem, dalian, vault)
    finish(ledger, path.stem)

    found = lines(write_return_file(ledger, path.stem, dalian, tmp_path).path)
    assert [line["序号"] for line in found] == ["5", "1", "3", "9"]
    assert found[3]["失败原因"] == "有 2 列，应为 21 列"
