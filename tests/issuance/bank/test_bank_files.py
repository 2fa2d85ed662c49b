"""Files of banks' data preparation: every container, read whole or not at all (ref 04 §7.10)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support import bank_files as files
from tests.support.bank_files import (
    CONTACTLESS,
    DIRECTORY,
    KEYS,
    MANY,
    PAN,
    PPSE,
    PRIVATE,
    PSE,
    WRITERS,
    FileCard,
    card,
    content,
    record,
)

from sscard_ic.base.errors import InputError
from sscard_ic.card.bank_plan import BankPlan, PlannedGroup, Transported
from sscard_ic.issuance.bank.files import BankFileError, read_bank_file
from sscard_ic.issuance.bank.files.reading import FORMATS

FOLDER = "imports/bank-data/"
PANS = [PAN, "8888800000123464"]


def write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def groups_of(plan: BankPlan) -> dict[str, list[tuple[int, bytes]]]:
    """Numbers and bytes by application, enciphered or not."""
    return {
        each.instance: [(group.number, content(group)) for group in each.groups]
        for each in plan.instances
    }


def messages(raised: pytest.ExceptionInfo[InputError]) -> str:
    error = raised.value
    assert error.what.zh != error.what.en
    assert error.hint is not None
    assert error.hint.zh != error.hint.en
    assert PAN not in error.render("zh") + error.render("en")
    return error.what.en


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_a_whole_file_is_recognised_and_read(name: str, tmp_path: Path) -> None:
    assert sorted(FORMATS) == sorted(WRITERS)
    pans = PANS if name in MANY else PANS[:1]
    found = read_bank_file(write(tmp_path, "cards", WRITERS[name]([card(pan) for pan in pans])))
    assert found.format == FOLDER + name
    assert [(each.pan, each.sequence) for each in found.cards] == [(pan, 1) for pan in pans]
    plan = found.cards[0]
    aids = [(each.instance, each.aid) for each in plan.instances]
    assert aids == [("payment", files.AID), ("pse", PSE), ("ppse", PPSE)]
    expected = card()
    assert groups_of(plan) == {
        "payment": list(expected.payment),
        "pse": list(DIRECTORY),
        "ppse": list(CONTACTLESS),
    }
    payment = plan.instance("payment")
    assert payment.group(0x8000) == PlannedGroup(0x8000, transported=Transported(KEYS, "3des"))
    assert payment.group(0x9000) == PlannedGroup(0x9000, bytes(9))
    assert KEYS.hex() not in repr(plan)


@st.composite
def _cards(draw: st.DrawFn, escaped: bool) -> FileCard:
    """Any groups that the rules leave alone, lengths about the limits of their forms included."""
    longest = 700 if escaped else 0xFF
    size = st.one_of(st.integers(0, 40), st.sampled_from([0x7F, 0x80, 0xFC, 0xFE, 0xFF, longest]))
    value = size.flatmap(lambda count: st.binary(min_size=count, max_size=count))
    numbers = st.integers(0x0B01, 0x0CFF) | st.integers(0x9104, 0x9203) | st.just(0xA001)
    plain = st.dictionaries(numbers.filter(lambda each: each & 0xFF), value, max_size=6)
    secrets = st.dictionaries(
        st.sampled_from([0x8000, 0x8010, 0x8201, 0x8205, 0x8030, 0x8100]),
        st.integers(1, 4).flatmap(lambda n: st.binary(min_size=16 * n, max_size=16 * n)),
    )
    renamed = (0x9105, 0x9204, 0x9208, 0x9211)
    found = {each: v for each, v in draw(plain).items() if each not in renamed} | draw(secrets)
    middle = draw(st.permutations(sorted(found.items())))
    marked = frozenset(each for each in found if each >> 8 in (0x80, 0x81, 0x82))
    payment = [(0x0101, record()), *middle, (0x9010, b"\x03\x03")]
    return FileCard(payment, DIRECTORY, CONTACTLESS, marked)


_EXCHANGED = {0x8201: 0x8201, 0x8205: 0x8204}


@pytest.mark.parametrize("name", sorted(set(WRITERS) - {"sections"}))
def test_what_is_written_is_read_back(name: str, tmp_path: Path) -> None:
    path = tmp_path / "cards"

    @settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
    @given(_cards(escaped=name not in ("ht",)))
    def check(written: FileCard) -> None:
        path.write_bytes(WRITERS[name]([written]))
        (plan,) = read_bank_file(path, name).cards
        swap = _EXCHANGED if name == "yl" else {}
        expected = [(swap.get(number, number), value) for number, value in written.payment]
        found = groups_of(plan)["payment"]
        assert found == expected
        secret = {each.number for each in plan.instance("payment").groups if each.transported}
        assert secret == {swap.get(number, number) for number in written.enciphered}

    check()


@pytest.mark.parametrize("name", MANY)
def test_every_truncation_is_refused(name: str, tmp_path: Path) -> None:
    """But one that takes whole cards away, where the file does not count them."""
    one, two = (WRITERS[name]([card(pan) for pan in PANS[:count]]) for count in (1, 2))
    complete = len(one) if name != "dxt" else 0
    path = tmp_path / "cards"
    start = max(0, len(one) - 900)
    for size in (*range(0, 24), *range(start, len(two), 7), len(two) - 1):
        if size == complete:
            continue
        path.write_bytes(two[:size])
        with pytest.raises(BankFileError) as raised:
            read_bank_file(path, name)
        messages(raised)


@pytest.mark.parametrize("name", MANY)
def test_trailing_bytes_are_refused(name: str, tmp_path: Path) -> None:
    whole = WRITERS[name]([card()])
    with pytest.raises(BankFileError):
        read_bank_file(write(tmp_path, "cards", whole + b"\x00"), name)


def test_a_number_used_twice_is_refused_wherever_it_stands(tmp_path: Path) -> None:
    data = files.dxt([card(), card(PANS[1]), card(), card()])
    with pytest.raises(BankFileError) as raised:
        read_bank_file(write(tmp_path, "cards", data), "dxt")
    messages(raised)
    said = [(place.record, what.en) for place, what in raised.value.flaws]
    others = {1: 3, 3: 1, 4: 3}
    assert said == [(here, f"the same card number as record {n}") for here, n in others.items()]


def _with(**changes: object) -> Callable[[FileCard], FileCard]:
    return lambda whole: replace(whole, **changes)  # type: ignore[arg-type]


def _payment(
    *more: tuple[int, bytes], without: int | None = None
) -> Callable[[FileCard], FileCard]:
    def change(whole: FileCard) -> FileCard:
        kept = [each for each in whole.payment if each[0] != without]
        return replace(whole, payment=[*more, *kept])

    return change


_BAD: dict[str, tuple[Callable[[FileCard], FileCard], str, str]] = {
    "twice": (_payment((0x9000, bytes(9))), "DGI 9000", "stands twice"),
    "no-payment": (_with(payment=()), "", "the payment application is missing"),
    "block": (_payment((0x8201, bytes(9))), "DGI 8201", "9 bytes, no multiple of 8"),
    "sm4-block": (_payment((0x8030, bytes(24))), "DGI 8030", "24 bytes, no multiple of 16"),
    "no-rule": (_payment((0x8102, bytes(8))), "DGI 8102", "does not say how"),
    "no-pan": (_with(payment=[(0x9000, bytes(9))]), "", "there is no PAN"),
    "other-pan": (_payment((0x0401, record(PANS[1]))), "DGI 0101", "another one"),
    "sequence": (_payment((0x0401, bytes.fromhex("70045F34010A"))), "DGI 0401", "5F34"),
    "record": (_payment((0x0401, bytes.fromhex("7005570112"))), "DGI 0401", "no whole TLV"),
    "directory": (_with(pse=((0x0101, b"\x70\x05\x61"),)), "DGI 0101", "no whole TLV"),
    "track": (_payment((0x0401, bytes.fromhex("7004570212FF"))), "DGI 0401", "holds no PAN"),
}


@pytest.mark.parametrize("name", ["dxt", "cps", "lines"])
@pytest.mark.parametrize("case", sorted(_BAD))
def test_bad_cards_are_refused(name: str, case: str, tmp_path: Path) -> None:
    change, where, what = _BAD[case]
    bad = replace(change(card()), enciphered=frozenset())
    with pytest.raises(BankFileError) as raised:
        read_bank_file(write(tmp_path, "cards", WRITERS[name]([bad])), name)
    text = messages(raised)
    assert where in text
    assert what in text
    assert ("line " if name == "lines" else "offset ") in text
    assert "record 1, " in text


@pytest.mark.parametrize("name", MANY)
def test_all_flaws_of_a_file_are_listed(name: str, tmp_path: Path) -> None:
    broken = card()
    payment = list(broken.payment)
    payment[0] = (0x0101, bytes.fromhex("7005570112"))
    bad = replace(broken, payment=payment)
    with pytest.raises(BankFileError) as raised:
        data = WRITERS[name]([card(), bad, card(PANS[1]), bad])
        read_bank_file(write(tmp_path, "cards", data), name)
    assert [place.record for place, _ in raised.value.flaws] == [2, 4]
    place = raised.value.flaws[1][0]
    assert data[place.at :].startswith(b"\x01\x01")  # the offset is that of the group
    assert place.words.zh.startswith("第 4 条记录，偏移 ")


def _patched(name: str, old: bytes, new: bytes, count: int = 1) -> Callable[[], bytes]:
    def make() -> bytes:
        whole = WRITERS[name]([card()])
        assert old in whole
        return whole.replace(old, new, count)

    return make


def _chip_twice(whole: bytes) -> bytes:
    more = b"000EMV" + bytes(4)
    size = int.from_bytes(whole[15:19], "big") + len(more)
    return whole[:15] + struct.pack(">I", size) + whole[19:] + more


_DAMAGED: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "yl-no-names": ("yl", lambda: bytes(8600), "the list of names is empty"),
    "yl-name-twice": ("yl", _patched("yl", b"DGI0301", b"DGI0101"), "stands twice"),
    "yl-other-group": ("yl", _patched("yl", b"DGI0301", b"DGI0302"), "holds the group 0301"),
    "yl-no-item": ("yl", _patched("yl", b"\x86\x0f\x03\x01", b"\x87\x0f\x03\x01"), "begin with 86"),
    "yl-length-form": ("yl", _patched("yl", b"\x86\x0f\x03", b"\x86\x84\x03"), "unknown form 84"),
    "yl-item-length": ("yl", _patched("yl", b"\x03\x01\x0c\x70", b"\x03\x01\x0b\x70"), "too many"),
    "citic-magic": ("citic", _patched("citic", b"CITICDP", b"CITICDQ"), "begin with CITICDP"),
    "ht-module": ("ht", _patched("ht", b"000MAG", b"000XYZ"), "module is unknown"),
    "ht-no-chip": ("ht", _patched("ht", b"000EMV", b"000MAG"), "no module 000EMV"),
    "ht-module-twice": ("ht", lambda: _chip_twice(files.ht([card()])), "stands twice"),
    "ht-lists": ("ht", _patched("ht", b"\x03\x01\x80\x00", b"\x03\x02\x80\x00"), "0301, 0302"),
    "dxt-digits": ("dxt", _patched("dxt", b"0000004name", b"000000xname"), "no 7 digits"),
    "dxt-count": (
        "dxt",
        lambda: files.dxt([card()])[:212] + b"\x00\x00\x00\x02" + files.dxt([card()])[216:],
        "the header says 2 records, there are 1",
    ),
    "dxt-two": ("dxt", _patched("dxt", PSE, b"A" * 14), "two applications payment"),
    "dxt-aid": ("dxt", lambda: files.dxt([replace(card(), aid=b"AID")]), "5 to 16 bytes"),
    "cps-version": ("cps", _patched("cps", b"02.1", b"02.2"), "the version is not 02.1"),
    "cps-list": ("cps", lambda: files.cps([card()], bytes(5) + b"\x02\x80\x00" + bytes(4)), "ENC"),
    "cps-aid": ("cps", _patched("cps", files.AID, files.AID[:-1] + b"\x02"), "the header says"),
    "cps-pid": ("cps", _patched("cps", b"00\x00\x03", b"00\x01\x03"), "list of PIDs"),
    "lines-odd": ("lines", lambda: files.lines([card()])[:-2] + b"\n", "no data group"),
    "lines-text": ("lines", _patched("lines", b"# made up", b"DGI0101=\xff\xff"), "no gb18030"),
    "sections-tag": ("sections", _patched("sections", b"70=70", b"71=70"), "one whole object"),
    "sections-name": ("sections", _patched("sections", b"DGI0301", b"XYZ"), "an unknown section"),
    "sections-none": ("sections", lambda: b"[DGI0101]\n[DGI9010]\n9010=0303\n", "nothing stands"),
}


@pytest.mark.parametrize("case", sorted(_DAMAGED))
def test_damaged_files_are_refused(case: str, tmp_path: Path) -> None:
    name, make, what = _DAMAGED[case]
    with pytest.raises(BankFileError) as raised:
        read_bank_file(write(tmp_path, "cards", make()), name)
    assert what in messages(raised)


@pytest.mark.parametrize(
    ("marked", "what"),
    [
        (frozenset({0x8000}), "in the clear, the format that it is enciphered"),
        (frozenset({0x8000, 0x8010, 0x9000}), "the format does not know how"),
    ],
    ids=["too-few", "too-many"],
)
def test_marks_of_a_file_must_be_those_of_the_format(
    marked: frozenset[int], what: str, tmp_path: Path
) -> None:
    data = files.ht([replace(card(), enciphered=marked)])
    with pytest.raises(BankFileError) as raised:
        read_bank_file(write(tmp_path, "cards", data), "ht")
    assert what in messages(raised)


@pytest.mark.parametrize("data", [b"", b"\x00" * 9000, b"PK\x03\x04", b"\x89PNG"], ids=range(4))
def test_what_is_no_file_of_a_bank(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        read_bank_file(write(tmp_path, "cards", data))
    assert "no bank data file" in messages(raised)
    with pytest.raises(InputError, match="cannot be read"):
        read_bank_file(tmp_path / "missing")


def test_numbers_of_a_bureau_become_those_of_the_card(tmp_path: Path) -> None:
    payment = [
        (0x0101, record()),
        (0x8002, KEYS),
        (0x8302, PRIVATE),
        (0x8301, bytes(64)),
        (0x9002, bytes(9)),
        (0x9105, b"\x82\x02\x7c\x00"),
        *((number, bytes([number & 0xFF]) * 64) for number in range(0x8202, 0x8206)),
        (0x8020, bytes(16)),
        (0xA001, bytes(7)),
    ]
    found = read_bank_file(write(tmp_path, "cards", files.yl([FileCard(payment)])))
    (instance,) = found.cards[0].instances
    assert instance.aid == files.AID
    assert groups_of(found.cards[0])["payment"] == [
        (0x0101, record()),
        (0x8030, KEYS),
        (0x8100, PRIVATE),
        (0x9114, b"\x82\x02\x7c\x00"),
        (0x8203, b"\x02" * 64),
        (0x8202, b"\x03" * 64),
        (0x8205, b"\x04" * 64),
        (0x8204, b"\x05" * 64),
        (0xA001, bytes(7)),
        (0x8020, bytes(16)),
        (0x9030, bytes(9)),  # a plain one ends it
    ]
    sm = instance.group(0x8030)
    assert sm is not None
    assert sm.transported == Transported(KEYS, "sm4")


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_no_damage_does_more_than_be_refused(name: str, tmp_path: Path) -> None:
    """A plan of the same card, or an error in words; never a traceback, never a half file."""
    whole = WRITERS[name]([card()])
    start = 8596 if name == "yl" else 0
    path = tmp_path / "cards"
    at = st.integers(start, len(whole) - 1)

    @settings(deadline=None, max_examples=60)
    @given(at, st.integers(0, 4), st.binary(max_size=4))
    def check(offset: int, gone: int, new: bytes) -> None:
        path.write_bytes(whole[:offset] + new + whole[offset + gone :])
        try:
            found = read_bank_file(path, name)
        except BankFileError as error:
            assert error.flaws
            assert KEYS.hex() not in error.render("en").lower()
        else:
            assert len(found.cards) == 1

    check()
