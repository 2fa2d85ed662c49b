"""Keys on their way from one vault to another."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from tests.keys.ceremony.conftest import make
from tests.keys.ceremony.office import CLOCK, Log, People, Typist, parts_of_key, typed

from sscard_ic.base import InputError, SscardError
from sscard_ic.base.authority import NotAuthorised
from sscard_ic.keys import (
    CardKey,
    EnvironmentMismatchError,
    ExpiredKeyError,
    SoftwareVault,
    UnknownKeyError,
    WrongPurposeError,
)
from sscard_ic.keys.ceremony import Ceremony, Parts
from sscard_ic.keys.errors import KeyExistsError
from sscard_ic.keys.inventory import KeyInfo, KeySpec
from sscard_ic.keys.key_block import KeyBlock, KeyBlockError

TODAY = CLOCK.today()
TK = KeySpec("TK-BUREAU", 1, "site", "wrap", "aes")
KEY = KeySpec("UKSSSE", 2, "P1", "external", "3des", date(2026, 1, 1), date(2030, 12, 31))


def ceremony(vault: SoftwareVault, log: Log, people: People | None = None) -> Ceremony:
    return Ceremony(vault, vault.place, people or People(), log, CLOCK)


class Pair:
    """The bureau and the maker, who share a transport key."""

    def __init__(self, folder: Path, log: Log) -> None:
        self.log = log
        self.folder = folder
        self.bureau = make("bureau", "production")
        self.maker = make("maker", "production")
        self.transport = parts_of_key(TK)
        for vault in (self.bureau, self.maker):
            self.share(vault)
        self.bureau.generate(KEY)
        log.events.clear()
        log.given.clear()

    def share(self, vault: SoftwareVault) -> None:
        people = People("wang", "li")
        parts = Parts(Typist(typed(TK, *self.transport)))
        ceremony(vault, self.log, people).combine(TK, parts)

    def key(self, vault: SoftwareVault, spec: KeySpec = KEY) -> KeyInfo:
        return vault.root_info(spec.name, spec.version, spec.family)

    def exported(self) -> KeyBlock:
        out = self.folder / "key.block"
        ceremony(self.bureau, self.log).export_block(
            self.key(self.bureau), self.key(self.bureau, TK), out
        )
        return KeyBlock.parse(out.read_text("ascii"))


@pytest.fixture
def pair(tmp_path: Path, log: Log) -> Pair:
    return Pair(tmp_path, log)


class TestExchange:
    def test_the_key_is_the_same_there(self, pair: Pair) -> None:
        block = pair.exported()
        people = People()
        done = ceremony(pair.maker, pair.log, people).import_block(block)
        here, there = pair.key(pair.bureau), pair.key(pair.maker)
        assert done.keys == (there,)
        assert replace(there, origin=here.origin, created=here.created) == here
        assert there.origin == "block"
        card = CardKey("UKSSSE", 2, "210200", bytes(range(8)))
        asked = card, bytes(8), bytes(range(8))
        assert pair.maker.cryptogram(*asked) == pair.bureau.cryptogram(*asked)
        assert pair.log.outcomes == [("key.export", "done"), ("key.import", "done")]
        assert [asked[2] for asked in people.asked] == [("custodian", "supervisor")]

    def test_the_transcript_names_both_keys_and_the_file(self, pair: Pair) -> None:
        out = pair.folder / "key.block"
        done = ceremony(pair.bureau, pair.log).export_block(
            pair.key(pair.bureau), pair.key(pair.bureau, TK), out
        )
        text = done.to_text()
        assert str(out) in text
        for spec in (KEY, TK):
            assert pair.key(pair.bureau, spec).check_value in text
        assert pair.log.events[0].detail["under"] == "TK-BUREAU 01 AES"
        block = KeyBlock.parse(out.read_text("ascii"))
        told = f"{text} {done.to_json()} {pair.log.events}".upper()
        assert block.wrapped.hex().upper() not in told

    def test_a_transport_key_may_travel_too(self, pair: Pair) -> None:
        other = KeySpec("TK-NEXT", 1, "site", "wrap", "aes")
        pair.bureau.generate(other)
        out = pair.folder / "next.block"
        ceremony(pair.bureau, pair.log).export_block(
            pair.key(pair.bureau, other), pair.key(pair.bureau, TK), out
        )
        block = KeyBlock.parse(out.read_text("ascii"))
        ceremony(pair.maker, pair.log).import_block(block)
        assert pair.key(pair.maker, other).use == "wrap"


ALTERED = {
    0: "SSKB2",
    1: "test",
    2: "RKSSSE",
    3: "3",
    4: "C1",
    5: "internal",
    6: "sm4",
    7: "2025-01-01",
    8: "2031-12-31",
    9: "000000",
    10: "TK-OTHER",
    11: "2",
    12: None,
    13: None,
}
"""What each field of a block is changed to; None: its last digit."""


class TestRefusals:
    @pytest.mark.parametrize("field", ALTERED)
    def test_a_block_altered_in_any_field(self, pair: Pair, field: int) -> None:
        # Another transport key that is there does not open it either.
        for vault in (pair.bureau, pair.maker):
            vault.generate(replace(TK, name="TK-OTHER"))
            vault.generate(replace(TK, version=2))
        fields = pair.exported().to_text().split("|")
        new = ALTERED[field]
        old = fields[field]
        fields[field] = new or old[:-1] + ("0" if old[-1] != "0" else "1")
        before = pair.maker.keys()
        with pytest.raises(InputError):
            ceremony(pair.maker, pair.log).import_block(KeyBlock.parse("|".join(fields)))
        assert pair.maker.keys() == before

    @pytest.mark.parametrize("field", range(14))
    def test_a_block_without_one_of_its_fields(self, pair: Pair, field: int) -> None:
        fields = pair.exported().to_text().split("|")
        del fields[field]
        with pytest.raises(KeyBlockError):
            KeyBlock.parse("|".join(fields))

    def test_the_refusal_is_in_the_log(self, pair: Pair) -> None:
        block = pair.exported()
        wrapped = bytes([block.wrapped[0] ^ 1]) + block.wrapped[1:]
        with pytest.raises(KeyBlockError, match="altered"):
            ceremony(pair.maker, pair.log).import_block(replace(block, wrapped=wrapped))
        assert pair.log.outcomes[-1] == ("key.import", "failed")

    def test_another_transport_key_of_the_same_name(self, pair: Pair) -> None:
        block = pair.exported()
        stranger = make("stranger", "production")
        stranger.generate(TK)
        with pytest.raises(KeyBlockError, match="another transport key"):
            ceremony(stranger, pair.log).import_block(block)
        assert len(stranger.keys()) == 1

    def test_no_transport_key_asks_nobody(self, pair: Pair, vault: SoftwareVault) -> None:
        people = People()
        with pytest.raises(UnknownKeyError, match="TK-BUREAU") as caught:
            ceremony(vault, pair.log, people).import_block(pair.exported())
        assert caught.value.hint is not None
        assert "sscard keys combine TK-BUREAU --version 1 --use wrap" in caught.value.hint.en
        assert people.asked == []

    def test_an_expired_transport_key(self, pair: Pair) -> None:
        block = pair.exported()
        for vault in (pair.bureau, pair.maker):
            vault.set_validity("TK-BUREAU", 1, "aes", None, TODAY - timedelta(days=1))
        people = People()
        with pytest.raises(ExpiredKeyError, match="expired after 2026-11-20"):
            ceremony(pair.maker, pair.log, people).import_block(block)
        out = pair.folder / "late.block"
        with pytest.raises(ExpiredKeyError):
            ceremony(pair.bureau, pair.log, people).export_block(
                pair.key(pair.bureau), pair.key(pair.bureau, TK), out
            )
        assert people.asked == []
        assert not out.exists()

    def test_a_key_that_protects_no_others(self, pair: Pair) -> None:
        pair.bureau.generate(replace(KEY, version=3))
        with pytest.raises(WrongPurposeError):
            ceremony(pair.bureau, pair.log).export_block(
                pair.key(pair.bureau), pair.key(pair.bureau, replace(KEY, version=3)), Path("x")
            )

    def test_a_key_under_itself(self, pair: Pair) -> None:
        tk = pair.key(pair.bureau, TK)
        with pytest.raises(InputError, match="cannot protect itself"):
            ceremony(pair.bureau, pair.log).export_block(tk, tk, Path("x"))

    def test_a_key_that_is_there(self, pair: Pair) -> None:
        block = pair.exported()
        people = People()
        with pytest.raises(KeyExistsError):
            ceremony(pair.bureau, pair.log, people).import_block(block)
        assert people.asked == []

    def test_production_keys_stay_out_of_a_test_vault(
        self, pair: Pair, test_vault: SoftwareVault
    ) -> None:
        pair.share(test_vault)
        people = People()
        with pytest.raises(EnvironmentMismatchError, match="holds a production key"):
            ceremony(test_vault, pair.log, people).import_block(pair.exported())
        assert people.asked == []
        assert len(test_vault.keys()) == 1

    def test_test_keys_stay_out_of_a_production_vault(
        self, pair: Pair, test_vault: SoftwareVault, tmp_path: Path
    ) -> None:
        pair.share(test_vault)
        test_vault.generate(replace(KEY, version=9))
        out = tmp_path / "test.block"
        ceremony(test_vault, pair.log).export_block(
            pair.key(test_vault, replace(KEY, version=9)), pair.key(test_vault, TK), out
        )
        block = KeyBlock.parse(out.read_text("ascii"))
        with pytest.raises(EnvironmentMismatchError, match="holds a test key"):
            ceremony(pair.maker, pair.log).import_block(block)


class TestTheFile:
    def export(self, pair: Pair, out: Path, people: People | None = None) -> None:
        ceremony(pair.bureau, pair.log, people).export_block(
            pair.key(pair.bureau), pair.key(pair.bureau, TK), out
        )

    def test_an_existing_one_asks_nobody(self, pair: Pair, tmp_path: Path) -> None:
        out = tmp_path / "there"
        out.write_text("mine")
        people = People()
        with pytest.raises(InputError, match="not overwritten"):
            self.export(pair, out, people)
        assert (out.read_text(), people.asked) == ("mine", [])

    def test_a_folder_that_is_not_there(self, pair: Pair, tmp_path: Path) -> None:
        people = People()
        with pytest.raises(InputError, match="No such file"):
            self.export(pair, tmp_path / "nowhere" / "key.block", people)
        assert people.asked == []

    def test_without_consent_there_is_none(self, pair: Pair, tmp_path: Path) -> None:
        out = tmp_path / "key.block"
        with pytest.raises(NotAuthorised):
            self.export(pair, out, People(consent=False))
        assert not out.exists()

    def test_what_could_not_be_written_down_was_not_done(self, pair: Pair, tmp_path: Path) -> None:
        out = tmp_path / "key.block"
        pair.log.full_after_consent = True
        with pytest.raises(SscardError) as caught:
            self.export(pair, out)
        assert caught.value.what.en == "the disk is full"
        assert not out.exists()
