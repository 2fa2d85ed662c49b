"""Random sessions on whole cards, compared step by step with an independent model of the rules."""

from __future__ import annotations

import secrets
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from tests.wholecard.rule_model import Model
from tests.wholecard.terminal import Terminal
from tests.wholecard.whole_cards import PIN, example_values, whole_card

from sscard_ic.profile import CardProfile, Located, load

PROFILES = ("dalian", "urumqi")
STEPS = 20_000
"""Steps that the cards of all profiles together must have taken."""

_WRONG_PIN = bytes.fromhex("654321")
_OTHER_PIN = bytes.fromhex("258036")


class WholeCard(RuleBasedStateMachine):
    """One issued card; every answer is compared with the model's."""

    name: ClassVar[str]
    profile: ClassVar[CardProfile]
    places: ClassVar[tuple[Located, ...]]
    steps: ClassVar[int] = 0

    @initialize()
    def insert(self) -> None:
        """A fresh copy of the card."""
        self.folder = TemporaryDirectory()
        self.chip = whole_card(self.name, Path(self.folder.name))
        values = example_values(self.profile)
        self.model = Model.of(self.profile, values, PIN)
        self.terminal = Terminal(self.chip, self.profile)
        self.random = b""

    def teardown(self) -> None:
        if hasattr(self, "chip"):
            self.chip.close()
            self.folder.cleanup()

    def send(self, head: str, body: bytes = b"", le: int | None = None) -> tuple[int, bytes]:
        """One command, counted."""
        type(self).steps += 1
        return self.terminal.send(head, body, le)

    # Where the card stands

    @rule(data=st.data())
    def select_by_name(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.profile.structure.directories)))
        directory = self.profile.structure.directories[name]
        sw, _ = self.send("00A40400", directory.name)
        assert sw == self.model.select_name(name)

    @precondition(lambda self: self.profile.structure.certificates is not None)
    @rule(data=st.data(), deep=st.booleans())
    def go_through_the_certificate_application(self, data: st.DataObject, deep: bool) -> None:
        certificates = self.profile.structure.certificates
        assert certificates is not None
        for name in (certificates.environment, certificates.name)[: 1 + deep]:
            sw, _ = self.send("00A40400", name)
            assert sw == 0x9000
        self.model.leave()
        self.select_by_name(data)

    @rule(data=st.data())
    def select_by_identifier(self, data: st.DataObject) -> None:
        directories = self.profile.structure.directories.values()
        known = sorted({int(f, 16) for d in directories for f in d.files})
        fids = st.sampled_from([*known, *sorted(d.fid for d in directories)])
        fid = data.draw(st.one_of(fids, st.integers(1, 0xFFFE)))
        if f"{fid:04X}" in (*self.internal, ""):
            return
        sw, _ = self.send("00A40000", fid.to_bytes(2, "big"))
        assert sw == self.model.select_fid(fid)

    internal: ClassVar[tuple[str, ...]] = ("EF80", "EF23", "EF1E", "EF81")
    """Files of the card operating system, which the model does not know."""

    @precondition(lambda self: self.model.here.files)
    @rule(data=st.data())
    def select_file(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.model.here.files)))
        sw, _ = self.send("00A40200", bytes.fromhex(name))
        assert sw == self.model.select_file(int(name, 16))

    @rule(cold=st.booleans())
    def reset(self, cold: bool) -> None:
        type(self).steps += 1
        self.chip.reset(cold)
        self.model.reset()

    # Proofs

    @rule(wrong=st.integers(0, 9))
    def verify(self, wrong: int) -> None:
        pin = self.model.pin if wrong else _WRONG_PIN
        sw, _ = self.send("00200000", pin)
        assert sw == self.model.verify(pin)

    @rule(wrong=st.integers(0, 9))
    def change_pin(self, wrong: int) -> None:
        if self.model.directory == "MF":
            return
        old = self.model.pin if wrong else _WRONG_PIN
        new = _OTHER_PIN if self.model.pin == PIN else PIN
        sw, _ = self.send("805E0100", old + b"\xff" + new)
        assert sw == self.model.change_pin(old, new)

    @rule()
    def get_challenge(self) -> None:
        sw, self.random = self.send("00840000", le=8)
        assert sw == self.model.get_challenge()

    @rule(
        data=st.data(),
        version=st.sampled_from([None, None, 1, 2, 3, 4]),
        wrong=st.integers(0, 6),
    )
    def authenticate(self, data: st.DataObject, version: int | None, wrong: int) -> None:
        references = sorted({key.id for key in self.profile.keys.values()})
        reference = data.draw(st.sampled_from(references))
        if self.model.addressed(reference) is None:
            reference = self._usable(data, reference)
        if data.draw(st.integers(0, 4)):
            self.get_challenge()
        self._authenticate(reference, version, right=bool(wrong))

    def _usable(self, data: st.DataObject, reference: int) -> int:
        here = [
            key.id for key in self.profile.keys.values() if self.model.addressed(key.id) is not None
        ]
        return data.draw(st.sampled_from(sorted(set(here)) or [reference]))

    def _authenticate(self, reference: int, version: int | None, *, right: bool) -> None:
        found = self.model.addressed(reference)
        text = secrets.token_bytes(8)
        cryptogram = bytes(8)
        if found is not None and right and len(self.random) == 8:
            name, key = found
            chosen = 1 if key.use == "master" else (version or 1)
            if chosen <= key.groups:
                cryptogram = self.terminal.cryptogram(name, chosen, self.random, text)
        if found is not None and found[1].use == "master":
            version = None
        right = cryptogram != bytes(8)
        tail = b"" if version is None else bytes((version,))
        sw, _ = self.send(f"008200{reference:02X}", cryptogram + text + tail)
        assert sw == self.model.authenticate(reference, version, right)

    # Files

    @rule(data=st.data())
    def open_and_read(self, data: st.DataObject) -> None:
        """What a terminal does: go where the item is, perhaps prove something, and read."""
        place = data.draw(st.sampled_from(self.places))
        self._approach(data, place, place.read.keys, place.read.pin)
        self._read(place)

    @rule(data=st.data())
    def open_and_update(self, data: st.DataObject) -> None:
        place = data.draw(st.sampled_from(self.places))
        self._approach(data, place, place.update.keys, place.update.pin)
        self._update(data, place)

    def _approach(
        self, data: st.DataObject, place: Located, keys: tuple[str, ...], pin: bool
    ) -> None:
        if self.model.directory != place.directory_name:
            name = self.profile.structure.directories[place.directory_name].name
            sw, _ = self.send("00A40400", name)
            assert sw == self.model.select_name(place.directory_name)
        if pin and data.draw(st.booleans()):
            self.verify(1)
        for key in keys:
            if data.draw(st.booleans()):
                self.get_challenge()
                self._authenticate(self.profile.keys[key].id, None, right=True)

    @rule(data=st.data(), sfi=st.one_of(st.just(0), st.integers(1, 30)), number=st.integers(0, 8))
    def read_anything(self, data: st.DataObject, sfi: int, number: int) -> None:
        kind = data.draw(st.sampled_from(["number", "tag", "binary"]))
        if f"EF{sfi:02X}" in self.internal:
            return
        if kind == "number":
            sw, answer = self.send(f"00B2{number:02X}{sfi << 3 | 4:02X}", le=256)
            assert (sw, answer) == self.model.read_record(number, sfi)
        elif kind == "tag":
            tag = data.draw(st.integers(1, 0xFE))
            sw, answer = self.send(f"00B2{tag:02X}{sfi << 3:02X}", le=256)
            assert (sw, answer) == self.model.read_tag(tag, sfi)
        elif sfi:
            sw, answer = self.send(f"00B0{0x80 | sfi:02X}{number:02X}", le=16)
            assert (sw, answer) == self.model.read_binary(number, 16, sfi)

    def _read(self, place: Located) -> None:
        if place.file.structure == "transparent":
            sw, answer = self.send(f"00B0{0x80 | place.sfi:02X}00", le=200)
            assert (sw, answer) == self.model.read_binary(0, 200, place.sfi)
        else:
            sw, answer = self.send(f"00B2{place.number:02X}{place.sfi << 3 | 4:02X}", le=256)
            assert (sw, answer) == self.model.read_record(place.number, place.sfi)

    def _update(self, data: st.DataObject, place: Located) -> None:
        seed = data.draw(st.integers(0, 255))
        if place.file.structure == "transparent":
            body = bytes((seed,)) * 100
            sw, _ = self.send(f"00D6{0x80 | place.sfi:02X}{seed:02X}", body)
            assert sw == self.model.update_binary(seed, body, place.sfi)
            return
        length = place.item.length + data.draw(st.sampled_from([0, 0, 0, 0, 1]))
        body = bytes((seed,)) * length
        tag = place.item.tag
        record = body if tag is None else bytes((tag, length)) + body
        sw, _ = self.send(f"00DC{place.number:02X}{place.sfi << 3 | 4:02X}", record)
        assert sw == self.model.update_record(place.number, record, place.sfi)


def _machine(name: str) -> type[WholeCard]:
    profile = load(name)
    attributes = {"name": name, "profile": profile, "places": profile.places}
    return type(f"WholeCard_{name}", (WholeCard,), attributes)


_SETTINGS = settings(
    max_examples=80,
    stateful_step_count=150,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("name", PROFILES)
def test_a_whole_card_obeys_the_rules_of_its_profile(name: str) -> None:
    machine = _machine(name)
    case = machine.TestCase
    case.settings = _SETTINGS
    case().runTest()
    assert machine.steps >= STEPS // len(PROFILES)
