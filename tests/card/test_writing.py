"""Writing to an issued card: everything is proved first, and the account of a failure is true."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from tests.card.writing_support import Lacking, Wire, WrongKey, without
from tests.support.changed_rules import with_file_rules
from tests.support.plant import INITIAL_PIN, Issued, issue
from tests.support.psams import made, wire_to
from tests.support.vaults import of_3des_alone

from sscard_ic.base.errors import CardError, SscardError
from sscard_ic.card import KeyRefused, Refused, SocialSecurityCard
from sscard_ic.card.writing import Changed, NotOnCard, OtherContents, PartlyWritten, write_items
from sscard_ic.keys import PsamAlgorithmError, SoftwareVault, UnknownKeyError
from sscard_ic.keys.psam import Psam
from sscard_ic.profile import CardProfile, load, load_psam
from sscard_ic.profile.assignments import assign
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.simulator import Chip, Fault, FaultyCard, open_image
from sscard_ic.simulator.faults import FaultKind

EMPLOYMENT = '{"从事职业": "1234567", "就业起始日期": "2020-01-01"}'
JOB = {
    "SSSE.EF06.0A": "2",
    "DF01.EF06.28": "13912345678",
    "DF01.EF16": "5A" * 296,
    "DF02.EF07": EMPLOYMENT,
}
"""Two directories with keys of their own, a file of three commands, a log."""
LOG = "DF02.EF07#1"


UPDATES = (0xD6, 0xDC, 0xE2)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory, plant_vault: SoftwareVault) -> Path:
    folder = tmp_path_factory.mktemp("written")
    path = folder / "card.img"
    issue(folder, plant_vault, "dalian", path=path).chip.close()
    return path


@pytest.fixture
def fresh(image: Path, tmp_path: Path) -> Iterator[Callable[[], Chip]]:
    """As many cards, just issued, as are wanted."""
    chips: list[Chip] = []

    def make() -> Chip:
        path = tmp_path / f"{len(chips)}.img"
        path.write_bytes(image.read_bytes())
        chips.append(open_image(path))
        return chips[-1]

    yield make
    for chip in chips:
        chip.close()


def open_card(
    chip: Chip | FaultyCard, vault: object | None, profile: CardProfile | None = None
) -> tuple[SocialSecurityCard, Wire]:
    wire = Wire(open_session(VirtualConnection(chip)))
    return SocialSecurityCard(wire, profile or load("dalian"), vault), wire  # type: ignore[arg-type]


def memory(chip: Chip, vault: SoftwareVault) -> Mapping[str, bytes]:
    card, _ = open_card(chip, vault)
    return card.read(card.profile.places).values


def values_of(profile: CardProfile, job: Mapping[str, str]) -> Mapping[str, bytes]:
    return assign(profile, job.items())


def test_writes_and_reads_back(fresh: Callable[[], Chip], plant_vault: SoftwareVault) -> None:
    chip = fresh()
    before = memory(chip, plant_vault)
    card, wire = open_card(chip, plant_vault)
    values = values_of(card.profile, JOB)
    assert write_items(card, values) == ()
    assert memory(chip, plant_vault) == {**before, **values}
    assert wire.count(*UPDATES) == 1 + 1 + 3 + 1, "and none of them was refused first"


def test_one_directory_costs_no_second_proof(
    fresh: Callable[[], Chip], plant_vault: SoftwareVault
) -> None:
    card, wire = open_card(fresh(), plant_vault)
    write_items(card, values_of(card.profile, {"DF02.EF07": EMPLOYMENT}))
    assert wire.count(0x82) == 2, "one for reading, one for writing"


FAULTS: list[tuple[FaultKind, int | None]] = [
    ("removed", None),
    ("reset", None),
    ("torn-before", None),
    ("torn-after", None),
    ("status", 0x6581),
    ("status", 0x6A84),
]


@pytest.mark.parametrize(("kind", "status"), FAULTS, ids=str)
def test_the_account_is_true_after_a_fault_at_every_exchange(
    fresh: Callable[[], Chip], plant_vault: SoftwareVault, kind: FaultKind, status: int | None
) -> None:
    chip = fresh()
    old = memory(chip, plant_vault)
    values = values_of(load("dalian"), JOB)
    card, wire = open_card(chip, plant_vault)
    write_items(card, values)
    new = memory(chip, plant_vault)
    exchanges = 6 if kind.startswith("torn") else len(wire.sent)
    kinds = set()
    for after in range(exchanges):
        chip = fresh()
        outcome = disturbed(chip, plant_vault, values, Fault(kind, after, status=status))
        assert_true(outcome, old, memory(chip, plant_vault), new, values)
        kinds.add(type(outcome))
        chip.close()
    assert PartlyWritten in kinds


def disturbed(
    chip: Chip, vault: SoftwareVault, values: Mapping[str, bytes], fault: Fault
) -> SscardError | None:
    faulty = FaultyCard(chip)
    try:
        faulty.order(fault)
        card, _ = open_card(faulty, vault)
        write_items(card, values)
    except SscardError as error:
        return error
    return None


def assert_true(
    outcome: SscardError | None,
    old: Mapping[str, bytes],
    now: Mapping[str, bytes],
    new: Mapping[str, bytes],
    values: Mapping[str, bytes],
) -> None:
    if isinstance(outcome, PartlyWritten):
        told = {*outcome.written, *outcome.left, *filter(None, [outcome.doubtful])}
        assert told == set(values)
        assert not set(outcome.written) & set(outcome.left)
        for path in outcome.written:
            assert now.get(path) == new[path], f"{path} is not on the card"
            assert path in outcome.what.en and path in outcome.what.zh
        for path in outcome.left:
            assert now.get(path) == old.get(path), f"{path} is on the card"
        if outcome.doubtful is not None:
            assert outcome.doubtful in outcome.what.en
            mixed = zip(now.get(outcome.doubtful, b""), old.get(outcome.doubtful, b""),
                        new[outcome.doubtful], strict=False)  # fmt: skip
            assert all(byte in (before, after) for byte, before, after in mixed)
        untouched = set(old) - set(values)
    elif outcome is None or isinstance(outcome, OtherContents):
        wrong = outcome.wrong if isinstance(outcome, OtherContents) else ()
        assert all((now.get(path) == new[path]) != (path in wrong) for path in values)
        untouched = set(old) - set(values)
    else:
        untouched = set(old) | set(values)
    assert all(now.get(path) == old.get(path) for path in untouched)


def test_what_the_card_did_not_do_though_it_says_so(
    fresh: Callable[[], Chip], plant_vault: SoftwareVault
) -> None:
    values = values_of(load("dalian"), {"SSSE.EF06.0A": "2"})
    chip = fresh()
    card, wire = open_card(chip, plant_vault)
    write_items(card, values)
    at = next(i for i, command in enumerate(wire.sent) if command[1] in UPDATES)
    outcome = disturbed(fresh(), plant_vault, values, Fault("status", at, status=0x9000))
    assert isinstance(outcome, OtherContents)
    assert outcome.wrong == ("SSSE.EF06.0A",)
    assert "what is read back differs" in outcome.render("en")


def test_a_log_that_is_in_doubt_is_not_to_be_written_again_unseen(
    fresh: Callable[[], Chip], plant_vault: SoftwareVault
) -> None:
    chip = fresh()
    values = values_of(load("dalian"), {"DF02.EF07": EMPLOYMENT})
    outcome = disturbed(chip, plant_vault, values, Fault("torn-after"))
    assert isinstance(outcome, PartlyWritten)
    assert outcome.doubtful == LOG
    assert memory(chip, plant_vault)[LOG] == values[LOG]
    assert "look with sscard read before you write it again" in outcome.render("en")


# Means: PIN and keys


def test_a_key_that_the_service_lacks(
    fresh: Callable[[], Chip], plant_vault: SoftwareVault
) -> None:
    """The one of the last file: nothing is written to the first ones either."""
    chip = fresh()
    before = memory(chip, plant_vault)
    card, wire = open_card(chip, Lacking(plant_vault, "UK3DF02"))
    with pytest.raises(UnknownKeyError, match="UK3DF02"):
        write_items(card, values_of(card.profile, JOB))
    assert wire.count(*UPDATES) == 0
    assert memory(chip, plant_vault) == before


@pytest.mark.parametrize("tries", [1, 3])
def test_a_key_that_the_card_refuses(
    fresh: Callable[[], Chip], plant_vault: SoftwareVault, tries: int
) -> None:
    """One try, its count told; the third locks the key."""
    chip = fresh()
    before = memory(chip, plant_vault)
    for number in range(tries):
        card, wire = open_card(chip, WrongKey(plant_vault, "UK3DF02"))
        proofs = wire.count(0x82)
        with pytest.raises(KeyRefused) as caught:
            write_items(card, values_of(card.profile, JOB))
        assert caught.value.tries_left == 2 - number
        assert wire.count(*UPDATES) == 0
        assert [c for c in wire.sent[proofs:] if c[1] == 0x82][-1][3] == card.profile.keys[
            "UK3DF02"
        ].id, "nothing after the refusal"
    assert memory(chip, plant_vault) == before


def test_a_rule_with_the_pin(plant_vault: SoftwareVault, tmp_path: Path) -> None:
    profile = with_file_rules(load("dalian"), {"DF01.EF06": {"update": "pin and key:UK1DF01"}})
    issued = issue(tmp_path, plant_vault, profile)
    values = values_of(profile, {"SSSE.EF06.0A": "2", "DF01.EF06.28": "1"})
    card, wire = open_card(issued.chip, plant_vault, profile)
    with pytest.raises(CardError) as caught:
        write_items(card, values)
    assert "the PIN has to be verified; needed: pin and key:UK1DF01" in caught.value.render("en")
    assert "--pin" in caught.value.render("zh")
    assert wire.count(*UPDATES) == 0
    card, _ = open_card(issued.chip, plant_vault, profile)
    card.verify_pin(INITIAL_PIN)
    assert write_items(card, values) == ()


def test_a_rule_that_the_pin_meets_takes_no_key(plant_vault: SoftwareVault, tmp_path: Path) -> None:
    profile = with_file_rules(load("dalian"), {"DF01.EF06": {"update": "pin or key:UK1DF01"}})
    issued = issue(tmp_path, plant_vault, profile)
    values = values_of(profile, {"DF01.EF06.28": "1"})
    card, wire = open_card(issued.chip, None, profile)
    with pytest.raises(CardError, match="the PIN has to be verified"):
        write_items(card, values)
    for keys in (None, plant_vault):
        card, wire = open_card(issued.chip, keys, profile)
        card.verify_pin(INITIAL_PIN)
        write_items(card, values)
        assert wire.count(0x82) == 0


def test_without_any_keys(fresh: Callable[[], Chip]) -> None:
    card, wire = open_card(fresh(), None)
    with pytest.raises(CardError, match="no key service given"):
        write_items(card, values_of(card.profile, {"SSSE.EF06.0A": "2"}))
    assert wire.count(*UPDATES) == 0


def test_a_psam_of_the_wrong_algorithm(
    urumqi_card: Issued, dalian_card: Issued, plant_vault: SoftwareVault
) -> None:
    """A PSAM with 3DES alone, a card with SM4 keys."""
    profile = urumqi_card.profile
    psam = Psam(wire_to(made(load_psam("psam/dalian"))), profile.keys)
    card, wire = open_card(urumqi_card.chip, psam, profile)
    with pytest.raises(PsamAlgorithmError, match="no SM4 environment"):
        write_items(card, values_of(profile, {"DF01.EF06.28": "1"}))
    assert wire.count(*UPDATES, 0x82) == 0


def test_a_vault_without_sm4(urumqi_card: Issued, plant_vault: SoftwareVault) -> None:
    card, wire = open_card(urumqi_card.chip, of_3des_alone(plant_vault), urumqi_card.profile)
    with pytest.raises(UnknownKeyError, match="SM4"):
        write_items(card, values_of(card.profile, {"DF01.EF06.28": "1"}))
    assert wire.count(*UPDATES, 0x82) == 0


# The right card, the right record


def test_another_card_or_other_contents(
    fresh: Callable[[], Chip], plant_vault: SoftwareVault
) -> None:
    chip = fresh()
    shown = memory(chip, plant_vault)
    values = values_of(load("dalian"), {"SSSE.EF06.0A": "2"})
    paths = ("SSSE.EF05.01", "SSSE.EF06.0A")
    for path in paths:
        card, wire = open_card(chip, plant_vault)
        present = {each: shown[each] for each in paths} | {path: b"other"}
        with pytest.raises(Changed, match="nothing was written"):
            write_items(card, values, present)
        assert wire.count(*UPDATES) == 0
    card, _ = open_card(chip, plant_vault)
    write_items(card, values, {each: shown[each] for each in paths})
    assert memory(chip, plant_vault)["SSSE.EF06.0A"] == b"2"


@pytest.mark.parametrize("all_records", [True, False])
def test_records_that_stand_elsewhere(
    plant_vault: SoftwareVault, tmp_path: Path, all_records: bool
) -> None:
    profile = load("dalian")
    own = without(profile, "DF02.EF06", 0x60)
    features = profile.dialect.features.model_copy(update={"all_records": all_records})
    chip = issue(tmp_path, plant_vault, own, features=features).chip
    rest = [p for p in profile.places_of("DF02", "EF06") if p.item.tag != 0x60]
    values = {p.path: bytes((0x31,)) * p.item.length for p in rest}
    assert any(
        p.number != q.number for p, q in zip(rest, own.places_of("DF02", "EF06"), strict=True)
    )
    card, _ = open_card(chip, plant_vault, profile)
    write_items(card, values)
    card, _ = open_card(chip, plant_vault, own)
    assert card.read(own.places_of("DF02", "EF06")).values == values
    card, wire = open_card(chip, plant_vault, profile)
    with pytest.raises(NotOnCard, match=r"DF02\.EF06\.60"):
        write_items(card, values_of(profile, {"DF02.EF06.60": "2020-01-01", "SSSE.EF06.0A": "2"}))
    assert wire.count(*UPDATES) == 0


def test_what_cannot_be_read_back_is_told(
    fresh: Callable[[], Chip], plant_vault: SoftwareVault
) -> None:
    """The terminal has the key for writing the log, and not the one for reading it."""
    chip = fresh()
    card, _ = open_card(chip, Lacking(plant_vault, "RK1DF02"))
    values = values_of(card.profile, {"DF02.EF07": EMPLOYMENT, "SSSE.EF06.0A": "2"})
    assert write_items(card, values) == (LOG,)
    assert memory(chip, plant_vault)[LOG] == values[LOG]


def test_a_refusal_names_the_rule(fresh: Callable[[], Chip], plant_vault: SoftwareVault) -> None:
    """A key that the profile says is enough, and the card wants another one."""
    profile = with_file_rules(load("dalian"), {"SSSE.EF06": {"update": "key:UK1DF01"}})
    card, _ = open_card(fresh(), plant_vault, profile)
    with pytest.raises(Refused, match="needed: key:UK1DF01"):
        write_items(card, values_of(profile, {"SSSE.EF06.0A": "2"}))
