"""Preparing: what the cards of the samples will hold, and what happens when it is cut off."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from PIL import Image

from sscard_ic.base.secret import Secret
from sscard_ic.codec.text import decode_an, join_name
from sscard_ic.crypto.suites import SUITES
from sscard_ic.issuance import prepare as module
from sscard_ic.issuance.checks import check_file
from sscard_ic.issuance.importing import import_file
from sscard_ic.issuance.prepare import CardResult, Planner, PreparedCard, prepare_batch
from sscard_ic.keys import CardKey, SoftwareVault
from sscard_ic.ledger import CardState, Ledger, SerialState, Step
from sscard_ic.profile import CardProfile, ImportFormat
from sscard_ic.profile.region import CardRules, Identity, Validity

NAME = "dalian-210200-20261121-001"
Formats = Mapping[str, ImportFormat]


class FixedKey:
    """A macer with one key for everything."""

    def mac(self, key: CardKey, data: bytes, iv: bytes = bytes(8)) -> bytes:
        return SUITES[key.algorithm].mac(b"\xe1" * 16, data, iv)


def planner(profile: CardProfile, day: date = date(2026, 11, 21), **changes: object) -> Planner:
    assert profile.region is not None
    region = profile.region.model_copy(update=changes)
    return Planner(profile, region, day, FixedKey())


def imported(ledger: Ledger, profile: CardProfile, file: Path, formats: Formats) -> str:
    batch = import_file(ledger, check_file(file, profile, formats)).batch
    assert batch is not None
    return batch.name


@pytest.fixture
def dalian_batch(ledger: Ledger, dalian: CardProfile, batches: Path, formats: Formats) -> str:
    return imported(ledger, dalian, batches / f"{NAME}.csv", formats)


def plan_of(ledger: Ledger, batch: str, row: int) -> PreparedCard:
    blob = ledger.plan(ledger.cards_of(batch)[row - 1].id)
    assert blob is not None
    return PreparedCard.from_json(blob)


def test_the_authentication_code_of_the_reference(dalian: CardProfile) -> None:
    # ref 11 §5.5 [calc]: IRK = E1×16, 511900 D156000005 000013DF, IV 0.
    assert dalian.region is not None
    issuer = dalian.region.issuer.model_copy(update={"division_code": "511900"})
    made = planner(dalian, issuer=issuer)
    historical = bytes.fromhex("0081484242865351190000 13DF".replace(" ", ""))

    code = made.identification_code(historical)

    assert code == "511900D156000005000013DF031A2933"
    identity = Identity(historical_prefix=historical[:7], authentication_code="unset")
    unset = planner(dalian, issuer=issuer, identity=identity).identification_code(historical)
    assert unset == "511900D156000005000013DFFFFFFFFF"


def test_the_authentication_code_of_an_sm4_card(urumqi: CardProfile) -> None:
    # ref 11 §5.5 with an SM4 IRK, ref 02 §4.1; the code: crypto_sm4.toml.
    assert urumqi.region is not None
    issuer = urumqi.region.issuer.model_copy(update={"division_code": "511900"})
    historical = bytes.fromhex("00814842428653" + "5119000013DF")
    code = planner(urumqi, issuer=issuer).identification_code(historical)
    assert code == "511900D156000005000013DF323EC0F0"


def test_the_code_is_asked_for_with_the_card_s_own_key(
    dalian: CardProfile, sample_rows: list[dict[str, str]], vault: SoftwareVault
) -> None:
    assert dalian.region is not None
    plan = Planner(dalian, dalian.region, date(2026, 11, 21), vault).plan(
        sample_rows[0], 0x1234, b""
    )

    assert plan.historical == bytes.fromhex("00814842428653210200001234")
    key = CardKey("IRK", 1, "210200", bytes.fromhex("8653210200001234"))
    head = bytes.fromhex("210200D15600000500001234")
    assert plan.items["SSSE.EF05.01"] == head + vault.mac(key, head)


def test_a_whole_card(
    ledger: Ledger, dalian: CardProfile, dalian_batch: str, vault: SoftwareVault
) -> None:
    report = prepare_batch(ledger, dalian_batch, dalian, vault)

    assert (report.prepared, report.failures) == (200, ())
    assert ledger.counts(dalian_batch) == {CardState.PREPARED: 200}
    plan = plan_of(ledger, dalian_batch, 1)
    card = ledger.cards_of(dalian_batch)[0]
    assert plan.division_code == "210200"
    assert plan.historical == card.historical == bytes.fromhex("00814842428653210200000001")
    assert plan.pin == Secret(bytes.fromhex("123456"))
    photo = plan.items["SSSE.EF08"]
    image = Image.open(io.BytesIO(photo))
    assert (len(photo), image.format) == (4096, "JPEG")
    shown = {path: value for path, value in plan.items.items() if len(value) < 100}
    assert shown.pop("SSSE.EF05.01")[:12] == bytes.fromhex("210200D15600000500000001")
    assert shown == {
        "SSSE.EF05.02": b"3",
        "SSSE.EF05.03": b"2.00",
        "SSSE.EF05.04": bytes.fromhex("915600000221020021020001"),
        "SSSE.EF05.05": bytes.fromhex("20261121"),
        "SSSE.EF05.06": bytes.fromhex("20361121"),
        "SSSE.EF05.07": b"D00000013",
        "SSSE.EF06.08": b"210299199210033453",
        "SSSE.EF06.09": "宋泽轩".encode("gb18030").ljust(30, b"\x00"),
        "SSSE.EF06.0A": b"1",
        "SSSE.EF06.0B": b"\x01",
        "SSSE.EF06.0C": bytes.fromhex("210299"),
        "SSSE.EF06.0D": bytes.fromhex("19921003"),
        "DF01.EF05.20": b"51",
        "DF01.EF05.21": "辽宁省大连市试验区45号12-4".encode("gb18030").ljust(80, b"\x00"),
        "DF01.EF06.23": "试验街道105号".encode("gb18030").ljust(80, b"\x00"),
        "DF01.EF06.28": b"19900004010".ljust(15, b"\x00"),
        "DF01.EF0A.37": b"CHN",
    }


def test_cards_differ_in_serial_and_code(
    ledger: Ledger, dalian: CardProfile, dalian_batch: str, vault: SoftwareVault
) -> None:
    prepare_batch(ledger, dalian_batch, dalian, vault)

    plans = [plan_of(ledger, dalian_batch, row) for row in range(1, 201)]
    assert len({plan.historical for plan in plans}) == 200
    assert len({plan.items["SSSE.EF05.01"][12:] for plan in plans}) == 200
    assert plans[12].items.get("SSSE.EF08") is None, "an infant without photo"
    assert plans[12].items["DF01.EF06.2C"].startswith("韩伟淼".encode("gb18030"))
    assert "SSSE.EF06.0B" not in plans[9].items, "a foreigner without nation code"


def test_long_names_go_on_in_the_extension(
    ledger: Ledger, urumqi: CardProfile, batches: Path, formats: Formats, vault: SoftwareVault
) -> None:
    batch = imported(ledger, urumqi, batches / "urumqi-650100-20261121-001.csv", formats)
    prepare_batch(ledger, batch, urumqi, vault)

    plan = plan_of(ledger, batch, 7)
    head, tail = plan.items["SSSE.EF06.09"], plan.items["SSSE.EF06.4E"]
    assert (len(head), len(tail)) == (30, 20)
    assert join_name(head, tail) == "热依汗古丽·阿卜杜热西提·伊力哈木江"
    assert decode_an(plan.items["SSSE.EF05.03"]) == "3.00"


@pytest.mark.parametrize(("name_split", "head"), [("byte", 30), ("character", 29)])
def test_the_name_is_split_as_the_region_says(
    dalian: CardProfile, sample_rows: list[dict[str, str]], name_split: str, head: int
) -> None:
    name = "Q" + "提" * 20
    made = planner(dalian, card=CardRules(name_split=name_split))
    plan = made.plan({**sample_rows[0], "AAC003": name}, 1, b"")

    assert len(plan.items["SSSE.EF06.09"].rstrip(b"\x00")) == head
    assert join_name(plan.items["SSSE.EF06.09"], plan.items["SSSE.EF06.4E"]) == name


@pytest.mark.parametrize(
    ("birth", "category"),
    [
        ("20201122", "1"),
        ("20201121", "2"),
        ("20101122", "2"),
        ("20101121", "3"),
        ("19561122", "3"),
        ("19561121", "4"),
    ],
)
def test_the_category_by_age(
    dalian: CardProfile, sample_rows: list[dict[str, str]], birth: str, category: str
) -> None:
    made = planner(dalian, card=CardRules(category="by_age"))
    plan = made.plan({**sample_rows[0], "AAC006": birth}, 1, b"")
    assert plan.items["SSSE.EF05.02"] == category.encode()


@pytest.mark.parametrize(
    ("day", "validity", "expiry"),
    [
        (date(2022, 2, 24), Validity(), "20320224"),
        (date(2021, 12, 3), Validity(ends="day_before"), "20311202"),
        (date(2024, 2, 29), Validity(years=5), "20290228"),
    ],
)
def test_expiry_dates(
    dalian: CardProfile,
    sample_rows: list[dict[str, str]],
    day: date,
    validity: Validity,
    expiry: str,
) -> None:
    plan = planner(dalian, day, validity=validity).plan(sample_rows[0], 1, b"")
    assert plan.items["SSSE.EF05.06"] == bytes.fromhex(expiry)


def test_nationality_for_foreigners_only(
    dalian: CardProfile, sample_rows: list[dict[str, str]]
) -> None:
    made = planner(dalian, card=CardRules(nationality="foreigners"))
    assert "DF01.EF0A.37" not in made.plan(sample_rows[0], 1, b"").items
    assert made.plan(sample_rows[9], 1, b"").items["DF01.EF0A.37"] == b"DEU"


def test_plans_and_results_survive_storage(
    dalian: CardProfile, sample_rows: list[dict[str, str]]
) -> None:
    plan = planner(dalian).plan(sample_rows[0], 7, b"\xff\xd8photo")
    assert PreparedCard.from_json(plan.to_json()) == plan
    assert "123456" not in repr(plan)
    result = CardResult.of(b"\x3b\x6d", plan.items)
    assert CardResult.from_json(result.to_json()) == result
    assert "SSSE.EF08" not in result.values and "SSSE.EF05.01" in result.values


def test_a_run_that_was_cut_off_goes_on(
    ledger: Ledger,
    dalian: CardProfile,
    dalian_batch: str,
    vault: SoftwareVault,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "CHUNK", 30)
    done: list[int] = []

    def interrupt(count: int) -> None:
        done.append(count)
        if len(done) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare_batch(ledger, dalian_batch, dalian, vault, on_progress=interrupt)
    assert ledger.counts(dalian_batch) == {CardState.ACCEPTED: 110, CardState.PREPARED: 90}
    early = plan_of(ledger, dalian_batch, 1)

    assert prepare_batch(ledger, dalian_batch, dalian, vault).prepared == 110
    assert plan_of(ledger, dalian_batch, 1) == early
    assert ledger.serial_counts(dalian_batch) == {SerialState.ALLOTTED: 200}
    assert [card.serial for card in ledger.cards_of(dalian_batch)] == list(range(1, 201))
    assert prepare_batch(ledger, dalian_batch, dalian, vault).prepared == 0


def test_any_executor_does_the_same(
    ledger: Ledger,
    dalian: CardProfile,
    vault: SoftwareVault,
    dalian_batch: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prepare_batch(ledger, dalian_batch, dalian, vault)
    photos = [plan_of(ledger, dalian_batch, row).items["SSSE.EF08"] for row in (1, 2)]
    first, second = ledger.cards_of(dalian_batch)[:2]

    ledger.spoil(first.id, station="s", step=Step.VERIFY, note="")
    with ThreadPoolExecutor(1) as executor:
        prepare_batch(ledger, dalian_batch, dalian, vault, executor=executor)
    ledger.spoil(second.id, station="s", step=Step.VERIFY, note="")
    monkeypatch.setattr(module, "_INLINE", 0)
    prepare_batch(ledger, dalian_batch, dalian, vault)

    assert [plan_of(ledger, dalian_batch, row).items["SSSE.EF08"] for row in (1, 2)] == photos


def test_a_photo_lost_since_the_import_keeps_its_row_waiting(
    ledger: Ledger,
    dalian: CardProfile,
    formats: Formats,
    vault: SoftwareVault,
    photos: Path,
    tmp_path: Path,
    sample_rows: list[dict[str, str]],
    write_batch: Callable[..., Path],
) -> None:
    content = (photos / "portrait-01.jpg").read_bytes()
    mine = tmp_path / "mine.jpg"
    mine.write_bytes(content)
    (tmp_path / "other.jpg").write_bytes(content)
    names = ("mine.jpg", "other.jpg")
    rows = [{**row, "PHOTO": name} for row, name in zip(sample_rows, names, strict=False)]
    batch = imported(ledger, dalian, write_batch(rows), formats)

    mine.unlink()
    report = prepare_batch(ledger, batch, dalian, vault)
    assert report.prepared == 1
    assert [(row, error.what.en) for row, error in report.failures] == [(1, "file unreadable")]
    mine.write_bytes(b"not a picture")
    report = prepare_batch(ledger, batch, dalian, vault)
    assert [row for row, _ in report.failures] == [1]
    mine.write_bytes(content)
    assert prepare_batch(ledger, batch, dalian, vault).prepared == 1
    assert ledger.counts(batch) == {CardState.PREPARED: 2}


def test_the_room_for_the_photo_is_the_profile_s(
    dalian: CardProfile,
) -> None:
    assert planner(dalian).photo_bytes == 4096
    without = replace(
        dalian,
        structure=dalian.structure.model_copy(
            update={"directories": {"DF01": dalian.structure.directories["DF01"]}}
        ),
    )
    assert planner(without).photo_bytes == 0
