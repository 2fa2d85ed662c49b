"""Cards made before and after a rotation, and the vault that serves both."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.keys.ceremony.office import CLOCK, Log, NoPeople, Typist, parts_of_key, typed
from tests.support.plant import issue

from sscard_ic.card.proof import KeyRefused
from sscard_ic.keys import published_keys
from sscard_ic.keys.ceremony import Ceremony, Parts
from sscard_ic.keys.inventory import KeySpec
from sscard_ic.profile import CardProfile, load


def of_versions(profile: CardProfile, key: str, versions: int) -> CardProfile:
    """The profile with so many versions of a key."""
    keys = profile.structure.keys
    changed = keys | {key: keys[key].model_copy(update={"groups": versions})}
    return replace(profile, structure=profile.structure.model_copy(update={"keys": changed}))


def test_cards_of_both_versions_authenticate(tmp_path: Path, log: Log) -> None:
    old_profile = of_versions(load("dalian"), "UKSSSE", 1)
    new_profile = of_versions(old_profile, "UKSSSE", 2)
    vault = published_keys(old_profile.keys, clock=CLOCK)
    old_card = issue(tmp_path, vault, old_profile)

    new = KeySpec("UKSSSE", 2, "P1", "external")
    booth = Typist(typed(new, *parts_of_key(new)))
    ceremony = Ceremony(vault, vault.place, NoPeople(), log, CLOCK)
    ceremony.rotate(
        vault.root_info("UKSSSE", 1), new, CLOCK.today() + timedelta(days=30), Parts(booth)
    )
    new_card = issue(tmp_path, vault, new_profile)

    old_card.card().authenticate("UKSSSE", 1)
    new_card.card().authenticate("UKSSSE", 1)
    new_card.card().authenticate("UKSSSE", 2)
    # It is the key of the custodians that is on the card, not the published one.
    stranger = published_keys(new_profile.keys, clock=CLOCK)
    with pytest.raises(KeyRefused):
        replace(new_card, vault=stranger).card().authenticate("UKSSSE", 2)
