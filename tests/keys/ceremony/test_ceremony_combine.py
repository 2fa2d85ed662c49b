"""Keys brought in by components: what is accepted, what ends it, what is left then."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import pytest
from tests.keys.ceremony.office import (
    CLOCK,
    Log,
    NoPeople,
    People,
    Typist,
    parts_of_key,
    typed,
    whole,
)

from sscard_ic.base import InputError, Secret
from sscard_ic.base.authority import NotAuthorised
from sscard_ic.keys import SoftwareVault
from sscard_ic.keys.ceremony import (
    Ceremony,
    Entry,
    NothingDoneError,
    Parts,
    UnrecordedError,
    carrier_number,
)
from sscard_ic.keys.errors import ComponentError, HardwareOnlyError, KeyExistsError
from sscard_ic.keys.hierarchy import check_value
from sscard_ic.keys.inventory import KeyInfo, KeySpec

UKSSSE = KeySpec("UKSSSE", 2, "P1", "external")
KINDS = (
    KeySpec("STKDF01", 1, "N2", "mac", "des"),
    UKSSSE,
    KeySpec("UKSSSE", 1, "P1", "external", "sm4"),
    KeySpec("TK-BUREAU", 1, "site", "wrap", "aes"),
)


def ceremony(vault: SoftwareVault, log: Log, *custodians: str) -> Ceremony:
    return Ceremony(vault, vault.place, People(*custodians), log, CLOCK)


class TestWhatIsStored:
    @pytest.mark.parametrize("spec", KINDS, ids=lambda spec: spec.algorithm)
    @pytest.mark.parametrize("count", [2, 3])
    def test_the_xor_of_the_parts(
        self, vault: SoftwareVault, log: Log, spec: KeySpec, count: int
    ) -> None:
        values = parts_of_key(spec, count)
        expected = check_value(spec.algorithm, whole(values))
        booth = Typist(typed(spec, *values))
        done = ceremony(vault, log, "wang", "li", "zhao").combine(
            spec, Parts(booth, count, expected)
        )
        (info,) = vault.keys()
        assert done.keys == (info,)
        assert info.check_value == expected.hex().upper()
        assert (info.name, info.version, info.algorithm) == (
            spec.name,
            spec.version,
            spec.algorithm,
        )
        assert (info.environment, info.origin) == ("production", "components")

    def test_without_a_check_value_of_the_whole(self, vault: SoftwareVault, log: Log) -> None:
        values = parts_of_key(UKSSSE)
        ceremony(vault, log, "wang", "li").combine(UKSSSE, Parts(Typist(typed(UKSSSE, *values))))
        own = check_value("3des", whole(values)).hex().upper()
        (info,) = vault.keys()
        assert info.check_value == own

    @pytest.mark.parametrize(
        "form",
        [
            lambda value: value.hex(),
            lambda value: f"  {value.hex(' ').upper()}\t",
            # As an input method for Chinese writes digits.
            lambda value: "".join(chr(ord(digit) + 0xFEE0) for digit in value.hex()),
        ],
        ids=["bare", "spaced", "full width"],
    )
    def test_digits_may_be_typed_in_any_form(
        self, vault: SoftwareVault, log: Log, form: object
    ) -> None:
        values = parts_of_key(UKSSSE)
        booth = Typist(typed(UKSSSE, *values, form=form))  # type: ignore[arg-type]
        ceremony(vault, log, "wang", "li").combine(UKSSSE, Parts(booth))
        assert booth.refusals == []

    def test_test_keys_need_nobody_but_typists(self, test_vault: SoftwareVault, log: Log) -> None:
        desk = NoPeople()
        booth = Typist(typed(UKSSSE, *parts_of_key(UKSSSE)))
        done = Ceremony(test_vault, test_vault.place, desk, log, CLOCK).combine(
            UKSSSE, Parts(booth, custodians=0)
        )
        assert done.actors == ("-",)
        assert done.environment == "test"
        assert log.events[-1].actors == ("-",)


class TestTypingErrors:
    def test_a_part_may_be_typed_three_times(self, vault: SoftwareVault, log: Log) -> None:
        values = parts_of_key(UKSSSE)
        right = typed(UKSSSE, *values)
        short = Entry(Secret(b"00"), right[0].check_value)
        mistyped = Entry(Secret(right[0].component.reveal()), "0000")
        booth = Typist([short, mistyped, *right])
        ceremony(vault, log, "wang", "li").combine(UKSSSE, Parts(booth))
        assert [left for _, left in booth.refusals] == [2, 1]
        assert len(vault.keys()) == 1

    @pytest.mark.parametrize(
        ("component", "told"),
        [
            ("", "32 hexadecimal digits (0 characters"),
            ("00" * 15, "32 hexadecimal digits (30 characters"),
            ("00" * 17, "32 hexadecimal digits (34 characters"),
            ("0G" * 16, "32 hexadecimal digits (32 characters"),
            ("00" * 16, "a component of zeros"),
            # Nothing but parity bits, which DES ignores.
            ("01" * 16, "a component of zeros"),
            ("11" * 16, "does not have this check value"),
        ],
    )
    def test_three_wrong_ones_end_it(
        self, vault: SoftwareVault, log: Log, component: str, told: str
    ) -> None:
        entries = [Entry(Secret(component.encode()), "ABCDEF") for _ in range(4)]
        booth = Typist(entries)
        with pytest.raises(ComponentError) as caught:
            ceremony(vault, log, "wang", "li").combine(UKSSSE, Parts(booth))
        assert told in str(caught.value)
        assert [left for _, left in booth.refusals] == [2, 1]
        assert len(entries) == 1
        assert vault.keys() == []
        assert log.outcomes == [("key.combine", "failed")]
        assert component not in f"{caught.value!r} {booth.refusals} {log.events}" or not component

    def test_what_was_typed_is_cleared(self, vault: SoftwareVault, log: Log) -> None:
        values = parts_of_key(UKSSSE)
        entries = [Entry(Secret(b"11"), "000000"), *typed(UKSSSE, *values)]
        kept = list(entries)
        ceremony(vault, log, "wang", "li").combine(UKSSSE, Parts(Typist(entries)))
        assert [len(entry.component) for entry in kept] == [0, 0, 0]

    @pytest.mark.parametrize("expected", [None, b"\0\0\0"], ids=["stored", "refused"])
    def test_the_parts_are_cleared(
        self,
        vault: SoftwareVault,
        log: Log,
        monkeypatch: pytest.MonkeyPatch,
        expected: bytes | None,
    ) -> None:
        given: list[Secret] = []
        combine = vault.combine

        def watched(
            spec: KeySpec, components: Sequence[Secret], check_value: bytes | None
        ) -> KeyInfo:
            given.extend(components)
            return combine(spec, components, check_value)

        monkeypatch.setattr(vault, "combine", watched)
        parts = Parts(Typist(typed(UKSSSE, *parts_of_key(UKSSSE))), expected=expected)
        with suppress(ComponentError):
            ceremony(vault, log, "wang", "li").combine(UKSSSE, parts)
        assert [len(value) for value in given] == [0, 0]


class TestWhatEndsIt:
    def refused(
        self,
        vault: SoftwareVault,
        log: Log,
        error: type[Exception],
        told: str,
        *people: str,
        spec: KeySpec = UKSSSE,
        parts: Parts,
    ) -> None:
        before = list(vault.keys())
        with pytest.raises(error) as caught:
            ceremony(vault, log, *people).combine(spec, parts)
        assert told in str(caught.value)
        assert vault.keys() == before

    def test_another_check_value_of_the_whole(self, vault: SoftwareVault, log: Log) -> None:
        values = parts_of_key(UKSSSE)
        other = bytes(byte ^ 1 for byte in check_value("3des", whole(values)))
        parts = Parts(Typist(typed(UKSSSE, *values)), 2, other)
        self.refused(
            vault, log, ComponentError, "check value that was expected", "wang", "li", parts=parts
        )
        assert log.outcomes == [("key.combine", "failed")]
        assert log.events[0].actors == ("wang", "li")

    def test_equal_parts_end_it_at_once(self, vault: SoftwareVault, log: Log) -> None:
        (value,) = parts_of_key(UKSSSE, 1)
        booth = Typist(typed(UKSSSE, value, value))
        parts = Parts(booth, 3)
        self.refused(
            vault,
            log,
            ComponentError,
            "two components are equal",
            "wang",
            "li",
            "zhao",
            parts=parts,
        )
        assert booth.refusals == []

    def test_parts_that_differ_in_parity_alone_are_equal(
        self, vault: SoftwareVault, log: Log
    ) -> None:
        (value,) = parts_of_key(UKSSSE, 1)
        twin = Secret(bytes(byte ^ 1 for byte in value.reveal()))
        parts = Parts(Typist(typed(UKSSSE, value, twin)))
        self.refused(vault, log, ComponentError, "equal", "wang", "li", parts=parts)

    def test_one_custodian_twice(self, vault: SoftwareVault, log: Log) -> None:
        booth = Typist(typed(UKSSSE, *parts_of_key(UKSSSE)))
        self.refused(
            vault,
            log,
            NotAuthorised,
            "wang has typed a part already",
            *["wang"] * 4,
            parts=Parts(booth),
        )
        assert log.outcomes == [
            ("authorise.refused", "refused"),
            ("authorise.refused", "refused"),
            ("key.combine", "refused"),
        ]
        assert [left for _, left in booth.refusals] == [2, 1]
        assert log.given == []
        assert "entry 2" not in booth.log

    def test_the_wrong_custodian_is_asked_again(self, vault: SoftwareVault, log: Log) -> None:
        booth = Typist(typed(UKSSSE, *parts_of_key(UKSSSE)))
        done = ceremony(vault, log, "wang", "wang", "li").combine(UKSSSE, Parts(booth))
        assert done.actors == ("wang", "li")
        assert booth.refusals == [
            ("wang has typed a part already: each takes another custodian", 2)
        ]
        refusal, end = log.events
        assert (refusal.action, refusal.actors) == ("authorise.refused", ("wang",))
        assert refusal.detail["reason"] == "same person"
        assert (end.action, end.outcome) == ("key.combine", "done")

    def test_one_carrier_for_two_parts_is_asked_again(self, vault: SoftwareVault, log: Log) -> None:
        entries = typed(UKSSSE, *parts_of_key(UKSSSE))
        booth = Typist(entries, carriers=["E-1", " e-1", "E-2"])
        done = ceremony(vault, log, "wang", "li").combine(UKSSSE, Parts(booth))
        assert [step.carrier for step in done.steps if step.carrier] == ["E-1", "E-2"]
        assert booth.refusals == [("the carrier e-1 is that of another part", 2)]

    def test_one_carrier_for_two_parts_ends_it(self, vault: SoftwareVault, log: Log) -> None:
        booth = Typist(typed(UKSSSE, *parts_of_key(UKSSSE)), carriers=["E-1"] * 4)
        self.refused(
            vault,
            log,
            ComponentError,
            "the carrier E-1 is that of another part",
            "wang",
            "li",
            parts=Parts(booth),
        )

    def test_nothing_is_stored_when_consent_cannot_be_written_down(
        self, vault: SoftwareVault, log: Log
    ) -> None:
        log.full = True
        booth = Typist(typed(UKSSSE, *parts_of_key(UKSSSE)))
        parts = Parts(booth)
        self.refused(vault, log, NothingDoneError, "was not done", "wang", "li", parts=parts)
        assert "entry 2" in booth.log

    def test_consent_is_written_down_when_all_parts_are_there(
        self, vault: SoftwareVault, log: Log
    ) -> None:
        parts = Parts(Typist(typed(UKSSSE, *parts_of_key(UKSSSE))), expected=b"\0\0\0")
        self.refused(vault, log, ComponentError, "check value that was", "wang", "li", parts=parts)
        (given,) = log.given
        assert (given.actors, given.detail["action"]) == (("wang", "li"), "key.combine")
        assert {"part_1", "part_2"} <= set(given.detail)

    def test_too_few_custodians_are_told_before_anybody_types(
        self, vault: SoftwareVault, log: Log
    ) -> None:
        booth = Typist([])
        self.refused(
            vault,
            log,
            NotAuthorised,
            "2 parts take 2 custodians; 1 can sign in",
            "wang",
            parts=Parts(booth, custodians=1),
        )
        assert booth.log == []
        assert log.outcomes == [("key.combine", "refused")]
        assert log.events[0].actors == ("-",)

    def test_the_second_one_does_not_come(self, vault: SoftwareVault, log: Log) -> None:
        booth = Typist(typed(UKSSSE, *parts_of_key(UKSSSE)))
        self.refused(vault, log, NotAuthorised, "nobody is there", "wang", parts=Parts(booth))
        assert [event.actors for event in log.events] == [("wang",)]

    @pytest.mark.parametrize(
        "question", ["call 1", "carrier 1", "entry 1", "call 2", "carrier 2", "entry 2"]
    )
    def test_an_interruption_stores_nothing(
        self, vault: SoftwareVault, log: Log, question: str
    ) -> None:
        booth = Typist(typed(UKSSSE, *parts_of_key(UKSSSE)), interrupt=question)
        with pytest.raises(KeyboardInterrupt):
            ceremony(vault, log, "wang", "li").combine(UKSSSE, Parts(booth))
        assert vault.keys() == []
        assert log.outcomes == [("key.combine", "failed")]
        assert log.events[0].detail["reason"] == "KeyboardInterrupt"
        if not question.startswith("call"):
            assert booth.log[-1] == "leave"

    def test_a_key_that_is_there_calls_nobody(self, vault: SoftwareVault, log: Log) -> None:
        vault.generate(UKSSSE)
        booth = Typist([])
        self.refused(vault, log, KeyExistsError, "is there, or was", parts=Parts(booth))
        assert (booth.log, log.events) == ([], [])

    def test_a_key_that_was_there_calls_nobody(self, vault: SoftwareVault, log: Log) -> None:
        vault.generate(UKSSSE)
        vault.destroy("UKSSSE", 2, "3des")
        self.refused(vault, log, KeyExistsError, "is there, or was", parts=Parts(Typist([])))

    def test_sm1_takes_hardware(self, vault: SoftwareVault, log: Log) -> None:
        spec = replace(UKSSSE, algorithm="sm1")
        parts = Parts(Typist([]))
        self.refused(vault, log, HardwareOnlyError, "SM1", spec=spec, parts=parts)

    def test_a_full_audit_log_is_told_with_what_was_done(
        self, vault: SoftwareVault, log: Log
    ) -> None:
        log.full_after_consent = True
        booth = Typist(typed(UKSSSE, *parts_of_key(UKSSSE)))
        with pytest.raises(UnrecordedError) as caught:
            ceremony(vault, log, "wang", "li").combine(UKSSSE, Parts(booth))
        assert "key.combine UKSSSE 02 3DES is done" in str(caught.value)
        told = caught.value.transcript
        assert (told.actors, told.audit) == (("wang", "li"), "")
        assert [key.name for key in told.keys] == ["UKSSSE"]
        assert "audit log: 未写入 not written" in told.to_text()
        assert told.to_json()["audit"] is None
        assert len(vault.keys()) == 1


class TestCarrier:
    @pytest.mark.parametrize("text", ["E-0001", " 信封 17 ", "1234567890123456" * 2, "A" * 31])
    def test_numbers(self, text: str) -> None:
        assert carrier_number(text, UKSSSE) == text.strip()

    @pytest.mark.parametrize("text", ["", "  ", "E\x07", "x" * 65, "E\n2"])
    def test_no_numbers(self, text: str) -> None:
        with pytest.raises(InputError, match="printable"):
            carrier_number(text, UKSSSE)

    @pytest.mark.parametrize("form", ["{}", "{}00", " {} "])
    def test_a_component_in_the_wrong_line_is_not_taken(self, form: str) -> None:
        typed_there = form.format("0123 4567 89AB CDEF FEDC BA98 7654 3210")
        with pytest.raises(InputError, match="looks like a component") as caught:
            carrier_number(typed_there, UKSSSE)
        assert "0123" not in str(caught.value)

    def test_the_ceremony_asks_no_booth_whether_it_did(
        self, vault: SoftwareVault, log: Log
    ) -> None:
        values = parts_of_key(UKSSSE)
        # Hex digits, one of them a letter.
        first = bytes([0xAB]) + values[0].reveal()[1:]
        booth = Typist(typed(UKSSSE, *values), carriers=[first.hex()])
        with pytest.raises(InputError, match="looks like a component"):
            ceremony(vault, log, "wang", "li").combine(UKSSSE, Parts(booth))
        assert first.hex() not in repr(log.events)


class TestTranscript:
    def test_who_what_when_where(self, vault: SoftwareVault, log: Log) -> None:
        values = parts_of_key(UKSSSE)
        done = ceremony(vault, log, "wang", "li").combine(
            UKSSSE, Parts(Typist(typed(UKSSSE, *values)))
        )
        told = done.to_json()
        assert told["action"] == "key.combine"
        assert told["actors"] == ["wang", "li"]
        assert told["environment"] == "production"
        assert told["place"] == vault.place
        assert told["audit"] == log.head()
        own = [check_value("3des", value).hex().upper() for value in values]
        at = "2026-11-21T08:00:00+00:00"
        assert told["steps"] == [
            {"at": at, "step": "begun", "person": None, "carrier": None, "check_value": None},
            {
                "at": at,
                "step": "component",
                "person": "wang",
                "carrier": "E-0001",
                "check_value": own[0],
            },
            {
                "at": at,
                "step": "component",
                "person": "li",
                "carrier": "E-0002",
                "check_value": own[1],
            },
            {"at": at, "step": "done", "person": None, "carrier": None, "check_value": None},
        ]
        text = done.to_text()
        for word in ("wang", "li", "E-0001", "E-0002", *own, done.keys[0].check_value, log.head()):
            assert word in text
        detail = log.events[-1].detail
        assert detail["part_1"] == f"wang E-0001 {own[0]}"
        assert detail["check_value"] == done.keys[0].check_value

    def test_no_bit_of_a_key(self, vault: SoftwareVault, log: Log) -> None:
        values = parts_of_key(UKSSSE)
        done = ceremony(vault, log, "wang", "li").combine(
            UKSSSE, Parts(Typist(typed(UKSSSE, *values)))
        )
        told = "".join((json.dumps(done.to_json()), done.to_text(), repr(done), repr(log.events)))
        bare = "".join(told.split()).lower()
        for value in (*values, whole(values)):
            bits = value.reveal()
            for at in range(0, len(bits), 8):
                half = bits[at : at + 8]
                assert half.hex() not in bare
                assert base64.b64encode(half).decode()[:10].lower() not in bare
                assert str(int.from_bytes(half)) not in bare
