"""Which group of a key a terminal uses, what it sends, and what a refused key says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.support.plant import Issued

from sscard_ic.base import InputError
from sscard_ic.base.secret import Secret, Secretive
from sscard_ic.card import CardIdentity, KeyRefused, SocialSecurityCard
from sscard_ic.profile import CardProfile
from sscard_ic.profile.region import Terminal
from sscard_ic.reader import Connection
from sscard_ic.reader.wrappers import Wrapper

OPENED = {"SSSE.EF06.0A": b"2"}


class Listening(Wrapper):
    """Remembers the commands that went to the card."""

    def __init__(self, inner: Connection) -> None:
        super().__init__(inner)
        self.sent: list[str] = []

    def transmit(self, command: Secretive) -> bytes:
        """One exchange."""
        raw = command.reveal() if isinstance(command, Secret) else command
        self.sent.append(raw.hex().upper())
        return self.inner.transmit(command)

    def proofs(self) -> list[str]:
        """Lc of each authentication, and the version where it is part of the data."""
        proofs = [raw for raw in self.sent if raw[2:4] in ("82", "88")]
        return [raw[8:10] + (raw[42:44] if raw[8:10] == "11" else "") for raw in proofs]


def _with_terminal(profile: CardProfile, **changes: Any) -> CardProfile:
    assert profile.region is not None
    region = profile.region.model_copy(update={"terminal": Terminal(**changes)})
    return replace(profile, region=region)


def _open(
    issued: Issued, profile: CardProfile | None = None, group: int | None = None
) -> tuple[SocialSecurityCard, Listening]:
    listening = Listening(issued.session())
    card = SocialSecurityCard(listening, profile or issued.profile, issued.vault, key_group=group)
    return card, listening


@pytest.mark.parametrize(
    ("group", "rule", "proof"),
    [
        (1, "other_groups", "10"),
        (2, "other_groups", "1102"),
        (3, "other_groups", "1103"),
        (1, "with_group", "1101"),
        (3, "with_group", "1103"),
        (1, "never", "10"),
    ],
)
def test_group_and_version_byte_of_the_region(
    dalian_card: Issued, urumqi_card: Issued, group: int, rule: str, proof: str
) -> None:
    """01 §10.6, 11 §2.2: Lc 10 as terminals with an HSM, Lc 11 with the version."""
    for issued in (dalian_card, urumqi_card):
        profile = _with_terminal(issued.profile, key_group=group, ea_version_byte=rule)
        card, listening = _open(issued, profile)
        card.authenticate("UKSSSE")
        card.update(OPENED)
        card.check_authenticity()
        card.authenticate("PUK")
        assert listening.proofs() == [proof, proof, "10"], "PUK has one group: never a version"


def test_a_session_may_use_another_group_than_the_region(urumqi_card: Issued) -> None:
    card, listening = _open(urumqi_card, group=3)
    card.update(OPENED)
    assert listening.proofs() == ["1103"]
    assert card.card_key("UKSSSE").version == 3
    assert card.card_key("UKSSSE", 2).version == 2
    assert card.card_key("PUK").version == 1


def test_without_its_version_the_card_takes_the_lowest_group(dalian_card: Issued) -> None:
    profile = _with_terminal(dalian_card.profile, key_group=2, ea_version_byte="never")
    card, _ = _open(dalian_card, profile)
    with pytest.raises(KeyRefused) as caught:
        card.authenticate("UKSSSE")
    assert caught.value.tries_left == 2


@pytest.mark.parametrize("group", [0, 4, 255])
def test_a_group_that_the_key_does_not_have(dalian_card: Issued, group: int) -> None:
    card, listening = _open(dalian_card, group=group)
    before = len(listening.sent)
    with pytest.raises(InputError, match=f"3 groups, there is no group {group}") as caught:
        card.authenticate("UKSSSE")
    assert f"没有第 {group} 组" in caught.value.render("zh")
    assert len(listening.sent) == before
    card.authenticate("PUK")


def test_a_locked_group_is_named_and_no_other_one_is_tried(urumqi_card: Issued) -> None:
    identity = urumqi_card.identity
    stranger = CardIdentity("650200", identity.historical)
    listening = Listening(urumqi_card.session())
    card = SocialSecurityCard(listening, urumqi_card.profile, urumqi_card.vault, identity=stranger)
    for left in (2, 1, 0):
        with pytest.raises(KeyRefused) as caught:
            card.authenticate("UKSSSE")
        error = caught.value
        assert (error.tries_left, error.key.name, error.key.version) == (left, "UKSSSE", 1)
        assert error.hint is not None
        assert ("every time costs a try" in error.hint.en) is (left > 0)
    honest, listening = _open(urumqi_card)
    with pytest.raises(KeyRefused) as caught:
        honest.update(OPENED)
    assert caught.value.sw == 0x6983
    assert caught.value.hint is not None
    assert "group 1 is locked; another one can be asked for (2, 3)" in caught.value.hint.en
    assert "可指定其他组（2、3）" in caught.value.hint.zh
    assert listening.proofs() == ["10"], "one attempt, no other group"
    other, _ = _open(urumqi_card, group=2)
    other.update(OPENED)


def test_a_locked_key_without_other_groups(dalian_card: Issued) -> None:
    stranger = CardIdentity("210300", dalian_card.identity.historical)
    card = SocialSecurityCard(
        dalian_card.session(), dalian_card.profile, dalian_card.vault, identity=stranger
    )
    for _ in range(4):
        with pytest.raises(KeyRefused) as caught:
            card.authenticate("PUK")
    assert caught.value.sw == 0x6983
    assert caught.value.hint is not None
    assert "no other group" in caught.value.hint.en
