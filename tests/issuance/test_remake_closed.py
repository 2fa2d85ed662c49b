"""A dump goes onto a COS whose directories close as soon as they are built."""

from __future__ import annotations

from tests.support.plant import FACTORY_SERIAL

from sscard_ic.issuance.remake import remake
from sscard_ic.profile import load
from sscard_ic.profile.contents import Contents
from sscard_ic.reader import open_session
from sscard_ic.reader.virtual import VirtualConnection
from sscard_ic.simulator import blank

ATR = bytes.fromhex("3B6D000000814842428653" + "210200000001")


def test_a_log_of_the_card_s_own_is_left_out_and_told() -> None:
    profile = load("dalian", "timecos")
    lengths = {place.path: place.item.length for place in profile.places}
    own, by_key = "DF04.EF08#1", "DF04.EF15#1"
    values = {path: bytes.fromhex("12" * lengths[path]) for path in (own, by_key)}
    chip = blank(profile, FACTORY_SERIAL)
    session = open_session(VirtualConnection(chip))
    assert remake(session, profile, Contents(profile.name, ATR, values)).closed == (own,)
    assert chip.atr == ATR
    stored = [str(state) for state in chip.persistent_state().values()]
    assert values[by_key].hex().upper() in stored
    assert values[own].hex().upper() not in stored
