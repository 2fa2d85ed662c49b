"""The reader fixture of the pytest plugin, at a service that runs."""

from __future__ import annotations

import pytest

from sscard_ic.testing.service import ReaderSlot

pytest_plugins = "pytester"


def test_cards_are_put_into_a_reader(pytester: pytest.Pytester, free_slot: ReaderSlot) -> None:
    pytester.makeini(f"[pytest]\nsscard_vpcd_port = {free_slot.port}\n")
    pytester.makepyfile(
        f"""
        import pytest
        from sscard_ic.card import recognise
        from sscard_ic.reader.errors import CardRemoved, NoCard
        from sscard_ic.simulator import Fault

        CHALLENGE = bytes.fromhex("0084000008")

        def test_two_cards_one_after_the_other(sscard_vpcd, sscard_cards):
            with pytest.raises(NoCard):
                sscard_vpcd.connect()
            for card in (sscard_cards.issued(), sscard_cards.blank()):
                assert sscard_vpcd.insert(card) == sscard_vpcd.name == {free_slot.name!r}
                connection = sscard_vpcd.connect()
                atr = connection.atr
                connection.close()
                sscard_vpcd.remove()
                assert card.connect().atr[-6:] == atr[-6:]

        def test_a_card_that_leaves(sscard_vpcd, sscard_card):
            sscard_vpcd.insert(sscard_card)
            connection = sscard_vpcd.connect()
            assert recognise(connection).name == "regions/dalian"
            sscard_card.order(Fault("removed"))
            with pytest.raises(CardRemoved):
                connection.transmit(CHALLENGE)
        """
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=2)
