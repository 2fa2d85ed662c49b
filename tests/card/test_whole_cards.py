"""Every item of every kind of card, written, read back and verified on a virtual one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from sscard_ic import profile
from sscard_ic.apdu.ssc import pin_block
from sscard_ic.base import CardError, Secret
from sscard_ic.base.resources import profiles_dir
from sscard_ic.base.secret import Secretive
from sscard_ic.card import Blank, CardIdentity, Habits, SocialSecurityCard, recognise
from sscard_ic.issuance.prepare import PreparedCard
from sscard_ic.issuance.verification import verify
from sscard_ic.keys import published_keys
from sscard_ic.profile import CardProfile, Located
from sscard_ic.reader import Connection, Tally, open_session
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.reader.wrappers import Wrapper
from sscard_ic.simulator import Chip, blank

CODE = "SSSE.EF05.01"
SERIAL = bytes.fromhex("0000000000A1")
PIN = Secret(pin_block("123456"))
FIRST = """\
kind = "region"
zh = "试验（1.00 版）"
en = "trial of version 1.00"
extends = "national/1.00"
cos = "cos/t514"
"""
VARIANTS = """\
[directories.DF02.files.EF06]
items = [{ tag = "60", absent = true }]

[directories.DF03.files.EF05]
items = [{ tag = "60", absent = false }]

[directories.DF03.files.EF18]
items = [{ tag = "76", align = "right" }]

[directories.DF03.files.EF19]
headers = false

[directories.DF04.files.EF08]
items = [{ repeat = 40 }]

[directories.DF07]
absent = true

[keys]
"""


def region(folder: Path, head: str, tail: str = "") -> CardProfile:
    """A region of its own with the rules of Dalian."""
    dalian = (profiles_dir() / "regions" / "dalian.toml").read_text(encoding="utf-8")
    file = folder / "trial.toml"
    file.write_text(head + dalian[dalian.index("\n[issuer]") :] + tail, encoding="utf-8")
    return profile.load(str(file))


def code_of(card_profile: CardProfile) -> bytes:
    """The identification code of card 7 of a region, whose keys follow from it."""
    assert card_profile.region is not None
    division = card_profile.region.issuer.division_code
    return bytes.fromhex(f"{division}D15600000500000007FFFFFFFF")


def absent_keys(directory: str) -> str:
    names = [name for name in profile.load("2.00").keys if name.endswith(directory)]
    return "".join(f"{name} = {{ absent = true }}\n" for name in names)


@pytest.fixture(params=["dalian", "huaian", "urumqi", "1.00", "variants"])
def card_profile(request: pytest.FixtureRequest, tmp_path: Path) -> CardProfile:
    if request.param == "1.00":
        return region(tmp_path, FIRST)
    if request.param == "variants":
        return region(tmp_path, FIRST.replace("1.00", "2.00"), VARIANTS + absent_keys("DF07"))
    return profile.load(request.param)


def writable(place: Located) -> bool:
    return place.update.kind == "conditions"


def personalized(card_profile: CardProfile, values: dict[str, bytes]) -> tuple[Chip, PreparedCard]:
    """A finished card that holds ``values``, and its plan."""
    assert card_profile.region is not None
    division = card_profile.region.issuer.division_code
    historical = card_profile.region.identity.historical_prefix + bytes.fromhex(
        division[:4] + "00000007"
    )
    identity = CardIdentity(division, historical)
    values = {**values, CODE: code_of(card_profile)}
    keys = published_keys(card_profile.keys)
    chip = blank(card_profile, SERIAL)
    session = open_session(VirtualConnection(chip))
    card = Blank(session, card_profile, keys, SERIAL)
    card.check_fresh()
    card.initialise(identity, PIN)
    SocialSecurityCard(session, card_profile, keys, identity=identity).update(values)
    card.finish(identity)
    return chip, PreparedCard(division, historical, values, PIN)


def test_every_item_is_written_and_read_back(card_profile: CardProfile) -> None:
    examples = card_profile.example_values()
    assert set(examples) == {place.path for place in card_profile.places}
    values = {place.path: examples[place.path] for place in card_profile.places if writable(place)}
    chip, plan = personalized(card_profile, values)
    session = open_session(VirtualConnection(chip))
    keys = published_keys(card_profile.keys)

    _, unproven = verify(session, card_profile, keys, plan, Habits())

    macs = [name for name, key in card_profile.keys.items() if key.use == "mac"]
    assert sorted(unproven) == sorted([*macs, "DPK", "DLK", "DTK"])


def places(card_profile: CardProfile, *files: str) -> list[Located]:
    return [
        place
        for place in card_profile.places
        if f"{place.directory_name}.{place.file_name}" in files
    ]


def opened(chip: Chip, card_profile: CardProfile, habits: Habits | None = None) -> Session:
    """The card, its PIN verified, with keys, and the count of its exchanges."""
    tally = Tally()
    session = open_session(VirtualConnection(chip), tally=tally)
    keys = published_keys(card_profile.keys)
    card = SocialSecurityCard(session, card_profile, keys, habits=habits)
    card.verify_pin(PIN)
    return Session(card, tally)


@dataclass
class Session:
    card: SocialSecurityCard
    tally: Tally

    def read(self, wanted: list[Located]) -> tuple[dict[str, bytes], int]:
        """What is read, and in how many exchanges."""
        before = self.tally.exchanges
        values = self.card.read(wanted).values
        return values, self.tally.exchanges - before


@pytest.fixture(scope="module")
def dalian() -> tuple[Chip, CardProfile]:
    """A card that holds its examples, logs aside."""
    card_profile = profile.load("dalian")
    examples = card_profile.example_values()
    logs = {place.path for place in card_profile.places if place.file.structure == "cyclic"}
    chip, _ = personalized(card_profile, {p: raw for p, raw in examples.items() if p not in logs})
    return chip, card_profile


LIMITED = [
    {},
    {"all_records": False},
    {"sfi": False},
    {"sfi": False, "all_records": False},
    {"sfi": False, "all_records": False, "by_tag": False},
    {"wrong_le": "short"},
]


@pytest.mark.parametrize("features", LIMITED, ids=str)
def test_a_card_that_offers_little_gives_the_same(features: dict[str, object]) -> None:
    loaded = profile.load("dalian")
    offered = loaded.dialect.features.model_copy(update=features)
    card_profile = replace(loaded, dialect=loaded.dialect.model_copy(update={"features": offered}))
    wanted = places(
        card_profile, "SSSE.EF05", "DF02.EF05", "DF02.EF07", "DF03.EF19", "DF04.EF15", "DF05.EF05"
    )
    log = [f"DF02.EF07#{number}" for number in (1, 2, 3)]
    examples = card_profile.example_values()
    values = {place.path: examples[place.path] for place in wanted} | {CODE: code_of(card_profile)}
    for place in wanted:
        if place.file.structure == "cyclic":
            del values[place.path]
    values |= {path: examples[path] for path in log}
    chip, _ = personalized(card_profile, values)
    assert opened(chip, card_profile).read(wanted)[0] == values


def test_the_newest_record_of_a_log_is_number_one(dalian: tuple[Chip, CardProfile]) -> None:
    chip, card_profile = dalian
    wanted = places(card_profile, "DF04.EF15")
    session = opened(chip, card_profile)
    assert session.read(wanted)[0] == {}
    session.card.update({"DF04.EF15#1": b"\x00\x021", "DF04.EF15#2": b"\x00\x011"})
    session.card.update({"DF04.EF15#1": b"\x00\x032"})
    assert list(session.read(wanted)[0].items()) == [
        ("DF04.EF15#1", b"\x00\x032"),
        ("DF04.EF15#2", b"\x00\x021"),
        ("DF04.EF15#3", b"\x00\x011"),
    ]
    for number in range(4, 12):
        session.card.update({"DF04.EF15#1": bytes((0, number)) + b"9"})
    sequence = [raw[1] for raw in session.read(wanted)[0].values()]
    assert sequence == [11, 10, 9, 8, 7, 6, 5, 4]


@pytest.mark.parametrize(
    ("file", "exchanges"),
    [("SSSE.EF05", 1), ("DF02.EF05", 2), ("DF03.EF06", 2), ("DF05.EF05", 3), ("DF03.EF19", 1)],
)
def test_a_file_of_many_records_takes_few_exchanges(
    dalian: tuple[Chip, CardProfile], file: str, exchanges: int
) -> None:
    chip, card_profile = dalian
    session = opened(chip, card_profile)
    wanted = places(card_profile, file)
    session.read(wanted)
    found, count = session.read(wanted)
    assert list(found) == [place.path for place in wanted]
    assert count == exchanges


def test_some_records_of_a_long_file_are_read_one_by_one(
    dalian: tuple[Chip, CardProfile],
) -> None:
    chip, card_profile = dalian
    session = opened(chip, card_profile)
    everything = places(card_profile, "DF05.EF05")
    examples = card_profile.example_values()
    for part in ([everything[0], everything[-1]], everything[20:30], everything[7:8]):
        values, _ = session.read(part)
        assert values == {place.path: examples[place.path] for place in part}
    _, count = session.read(everything[20:30])
    assert count == 1


def test_a_card_of_another_region_is_read_by_tags(tmp_path: Path) -> None:
    """ref 01 §4.5: tag 60 in the other file; what the card does not have is left out."""
    other = region(tmp_path, FIRST.replace("1.00", "2.00"), VARIANTS + absent_keys("DF07"))
    examples = other.example_values()
    wanted = ["DF02.EF06", "DF03.EF05", "DF07.EF05"]
    written = {place.path: examples[place.path] for place in places(other, *wanted)}
    chip, _ = personalized(other, written)
    read_as = profile.load("dalian")
    for features in ({}, {"all_records": False}):
        habits = Habits(all_records=False if features else None)
        values, _ = opened(chip, read_as, habits).read(places(read_as, *wanted))
        assert values == {path: raw for path, raw in written.items() if path != "DF03.EF05.60"}


def test_a_card_of_version_1_is_recognised(tmp_path: Path) -> None:
    card_profile = region(tmp_path, FIRST)
    examples = card_profile.example_values()
    code = {"SSSE.EF05.01": examples["SSSE.EF05.01"], "SSSE.EF05.03": b"1.00"}
    chip, _ = personalized(card_profile, code)
    assert recognise(open_session(VirtualConnection(chip))).name == "national/1.00"


def test_a_file_that_the_card_does_not_have_is_left_out(tmp_path: Path) -> None:
    """… and what was learned about the card stays learned."""
    small = region(
        tmp_path,
        FIRST.replace("1.00", "2.00"),
        "".join(
            f"[directories.DF01.files.{file}]\nabsent = true\n" for file in ("EF05", "EF07", "EF16")
        ),
    )
    chip, _ = personalized(small, {})
    read_as = profile.load("dalian")
    last = Habits(sfi=False)
    for habits in (Habits(), Habits(sfi=True, all_records=True), last):
        wanted = places(read_as, "DF01.EF05", "DF01.EF06", "DF01.EF07", "DF01.EF16", "DF01.EF17")
        values, _ = opened(chip, read_as, habits).read(wanted)
        assert list(values) == [f"DF01.EF06.{tag}" for tag in ("23", "24", "28", "2C", "2D")] + [
            "DF01.EF17"
        ]
        assert (habits.sfi, habits.all_records) in ((True, True), (False, True))
        assert habits.sfi or habits is last


class Cut(Wrapper):
    """A card whose answers with records end early."""

    def __init__(self, inner: Connection, kept: int) -> None:
        super().__init__(inner)
        self.kept = kept

    def transmit(self, command: Secretive) -> bytes:
        answer = self.inner.transmit(command)
        shown = bytes(command) if not isinstance(command, Secret) else b""
        return answer[: self.kept] + b"\x90\x00" if shown[1:2] == b"\xb2" else answer


@pytest.mark.parametrize("kept", [17, 1])
@pytest.mark.parametrize("all_records", [True, False])
def test_records_that_are_none_are_refused(
    dalian: tuple[Chip, CardProfile], kept: int, all_records: bool
) -> None:
    chip, card_profile = dalian
    habits = Habits(sfi=True, all_records=all_records)
    keys = published_keys(card_profile.keys)
    session = Cut(open_session(VirtualConnection(chip)), kept)
    identity = CardIdentity("210200", session.atr[-13:])
    card = SocialSecurityCard(session, card_profile, keys, identity=identity, habits=habits)
    card.verify_pin(PIN)
    with pytest.raises(CardError) as caught:
        card.read(places(card_profile, "SSSE.EF05"))
    assert str(caught.value).startswith("SSSE.EF05.01: malformed records: ")
