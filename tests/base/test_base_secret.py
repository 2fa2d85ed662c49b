"""Bytes that must not be seen."""

from __future__ import annotations

import copy
import pickle

import pytest

from sscard_ic.base import Secret

KEY = bytes.fromhex("00112233445566778899AABBCCDDEEFF")


def test_only_reveal_gives_the_bytes() -> None:
    secret = Secret(KEY)
    assert secret.reveal() == KEY
    assert len(secret) == 16
    for shown in (str(secret), repr(secret), f"{secret:>40}", f"{secret!r}", f"{[secret]}"):
        assert shown.strip("[]") == "‹secret›"


def test_equality() -> None:
    assert Secret(KEY) == Secret(KEY)
    assert Secret(KEY) != Secret(KEY[:8])
    assert Secret(KEY) != KEY
    assert len({Secret(KEY), Secret(KEY), Secret(b"")}) == 2
    assert hash(Secret(KEY)) != hash(KEY), "not found by its bytes"


@pytest.mark.parametrize("way", [pickle.dumps, copy.copy, copy.deepcopy])
def test_it_does_not_leave_the_process(way: object) -> None:
    assert callable(way)
    with pytest.raises(TypeError, match="not pickled"):
        way(Secret(KEY))
