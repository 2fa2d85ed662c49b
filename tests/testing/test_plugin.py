"""The pytest plugin, used as the developers of other programs use it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest_plugins = "pytester"


def run(pytester: pytest.Pytester) -> pytest.RunResult:
    """The inner run; it finds the plugin by the entry point of the installed package."""
    return pytester.runpytest_inprocess()


def test_cards_of_the_fixtures(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        from sscard_ic.base import CardError
        from sscard_ic.card import SocialSecurityCard, recognise


        def test_a_blank(sscard_blank):
            connection = sscard_blank.connect()
            assert connection.transmit(bytes.fromhex("00A40000023F00")) == b"\\x6a\\x82"
            assert sscard_blank.plan is None

        def test_a_finished_card(sscard_card):
            connection = sscard_card.connect()
            assert recognise(connection).name == sscard_card.profile.name == "regions/dalian"
            card = SocialSecurityCard(connection, sscard_card.profile, sscard_card.keys)
            card.check_authenticity()
            card.verify_pin(sscard_card.plan.pin)

        def test_several_cards(sscard_cards):
            cards = [sscard_cards.issued(), sscard_cards.issued(), sscard_cards.blank()]
            assert len({card.connect().atr for card in cards}) == 3

        @pytest.mark.sscard_deck(2)
        def test_a_deck(sscard_deck):
            for verdict in (True, False):
                assert sscard_deck.wait_card()
                assert sscard_deck.connect().atr
                sscard_deck.release(verdict)
            assert not sscard_deck.wait_card()
        """
    )
    run(pytester).assert_outcomes(passed=4)


def test_another_profile_by_setting_and_by_fixture(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nsscard_profile = urumqi\n")
    pytester.makepyfile(
        test_setting="""
        def test_setting(sscard_card):
            assert sscard_card.profile.structure.specification_version == "3.00"
        """,
        test_fixture="""
        import pytest
        from sscard_ic.profile import load

        @pytest.fixture
        def sscard_profile():
            return load("dalian")

        def test_fixture(sscard_card):
            assert sscard_card.profile.structure.specification_version == "2.00"
        """,
    )
    run(pytester).assert_outcomes(passed=2)


def test_faults_by_mark_and_by_order(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        from sscard_ic.reader.errors import CardRemoved
        from sscard_ic.simulator import Fault

        CHALLENGE = bytes.fromhex("0084000008")

        @pytest.mark.sscard_fault("removed", after=2)
        def test_a_mark(sscard_card):
            connection = sscard_card.connect()
            for _ in range(2):
                assert connection.transmit(CHALLENGE)[-2:] == b"\\x90\\x00"
            with pytest.raises(CardRemoved):
                connection.transmit(CHALLENGE)
            # It is put in again.
            assert sscard_card.connect().transmit(CHALLENGE)[-2:] == b"\\x90\\x00"

        def test_an_order(sscard_blank):
            connection = sscard_blank.connect()
            sscard_blank.order(Fault("status", status=0x6F00))
            assert connection.transmit(CHALLENGE) == b"\\x6f\\x00"
            assert connection.transmit(CHALLENGE)[-2:] == b"\\x90\\x00"

        @pytest.mark.sscard_fault("status", status=0x6985)
        def test_the_first_card_of_a_deck(sscard_deck):
            answers = []
            while sscard_deck.wait_card():
                answers.append(sscard_deck.connect().transmit(CHALLENGE)[-2:])
                sscard_deck.release(True)
            assert answers == [b"\\x69\\x85", b"\\x90\\x00", b"\\x90\\x00"]
        """
    )
    run(pytester).assert_outcomes(passed=3)


def test_the_traces_of_a_failed_test_are_kept_and_named(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from sscard_ic.card import SocialSecurityCard

        def test_good(sscard_card):
            sscard_card.connect()

        def test_bad(sscard_card):
            card = SocialSecurityCard(sscard_card.connect(), sscard_card.profile)
            card.verify_pin(sscard_card.plan.pin)
            sscard_card.connect()
            assert False
        """
    )
    result = run(pytester)
    result.assert_outcomes(passed=1, failed=1)
    named = [Path(line) for line in result.outlines if line.endswith(".trace")]
    assert len(named) == 2
    first, second = (path.read_text(encoding="utf-8") for path in named)
    assert re.search(r"^> 00200000 ", first, re.MULTILINE)
    assert "123456" not in first
    assert "> " not in second
    assert all("test_bad" in str(path) for path in named)
    kept = pytester.path / ".pytest_cache"
    assert {path.parent.name for path in kept.rglob("*.trace")} == {named[0].parent.name}


class TestKeeping:
    """Where the traces of failed tests go; the others run whatever becomes of them."""

    def test_ids_of_any_length_and_form(self, pytester: pytest.Pytester) -> None:
        pytester.makepyfile(
            """
            import pytest

            IDS = ["x" * 260, "a b", "a_b", "\u5361" * 90, "/"]

            @pytest.mark.parametrize("id", range(5), ids=IDS)
            def test_bad(sscard_card, id):
                sscard_card.connect()
                assert False

            def test_good():
                pass
            """
        )
        result = run(pytester)
        result.assert_outcomes(failed=5, passed=1)
        named = {line for line in result.outlines if line.endswith(".trace")}
        assert len({Path(line).parent for line in named}) == 5
        assert all(Path(line).is_file() for line in named)

    def test_a_cache_that_cannot_be_written_to(
        self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(cache: pytest.Cache, name: str) -> Path:
            raise PermissionError(30, "Read-only file system", name)

        monkeypatch.setattr(pytest.Cache, "mkdir", refuse)
        pytester.makepyfile(
            """
            def test_bad(sscard_card):
                assert False

            def test_good():
                pass
            """
        )
        result = run(pytester)
        result.assert_outcomes(failed=1, passed=1)
        result.stdout.fnmatch_lines(["*sscard traces*", "could not be kept: *Read-only*"])

    def test_those_of_an_earlier_run_go(self, pytester: pytest.Pytester) -> None:
        test = """
            def test_bad(sscard_cards):
                for _ in range({}):
                    sscard_cards.blank().connect()
                assert False
            """
        for number in (3, 1):
            path = pytester.makepyfile(test_it=test.format(number))
            run(pytester).assert_outcomes(failed=1)
            path.unlink()
            kept = list((pytester.path / ".pytest_cache").rglob("*.trace"))
            assert len(kept) == number


def test_a_fault_is_for_the_first_card_that_is_made(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        from sscard_ic.simulator import Fault, FaultFile

        MARK = pytest.mark.sscard_fault("mute")

        def ordered(image):
            return list(FaultFile(image).read().values())

        @MARK
        @pytest.mark.sscard_fault("removed")
        def test_two_fixtures(sscard_blank, sscard_card):
            assert {fault.kind for fault in ordered(sscard_blank.image)} == {"mute", "removed"}
            assert ordered(sscard_card.image) == []

        @MARK
        def test_the_other_way_round(sscard_card, sscard_blank, sscard_deck):
            assert ordered(sscard_card.image) == [Fault("mute")]
            assert ordered(sscard_blank.image) == []
            assert sscard_deck.wait_card()
            assert ordered(sscard_deck.current) == []

        @MARK
        @pytest.mark.parametrize("make", ["blank", "issued"])
        def test_made_cards(sscard_cards, make):
            cards = [getattr(sscard_cards, make)() for _ in range(2)]
            assert [ordered(card.image) for card in cards] == [[Fault("mute")], []]
        """
    )
    run(pytester).assert_outcomes(passed=4)


def test_a_card_is_in_one_place(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        from sscard_ic.base import CardError
        from sscard_ic.simulator import ImageInUse

        CHALLENGE = bytes.fromhex("0084000008")

        def test_put_in_again(sscard_card, sscard_blank):
            other, first = sscard_blank.connect(), sscard_card.connect()
            again = sscard_card.connect()
            for connection in (other, again):
                assert connection.transmit(CHALLENGE)[-2:] == b"\\x90\\x00"
            with pytest.raises(CardError):
                first.transmit(CHALLENGE)
            with pytest.raises(ImageInUse):
                sscard_card.card()
        """
    )
    run(pytester).assert_outcomes(passed=1)
