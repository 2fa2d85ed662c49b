"""DELIVERY SESSION KEY, its PBOC form and CIPHER DATA (ref 12 §5.3, 02 §7.3)."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulator.psams import BY_AID, MF, PsamCard, psam, with_settings

from sscard_ic.crypto import des, sm4
from sscard_ic.crypto.mac import pad80, retail_mac, sm4_mac
from sscard_ic.crypto.suites import SUITES, Algorithm

VECTORS: dict[str, Any] = tomllib.loads(
    (Path(__file__).parents[1] / "vectors" / "psam.toml").read_text("utf-8")
)
SM4_BYTE = 0x03
ROOT = bytes.fromhex("000102030405060708090A0B0C0D0E0F")
FACTORS = ["866033110000048A", "3337313730307378", "3332303030307368"]
R = "0102030405060708"


def two_steps(settings: dict[str, Any] | None = None) -> PsamCard:
    """With a key for encryption and MAC (48/12), for MAC (46/09), for encryption (47/24)."""
    return psam(
        (0x48, 0x12, ROOT, 0),
        (0x46, 0x09, ROOT[:8], 1),
        (0x47, 0x24, ROOT, 0),
        (0x42, 0x01, ROOT, 0),
        profile=with_settings(settings),
    )


@pytest.fixture(scope="module")
def card() -> PsamCard:
    """Shared by tests that only ask."""
    return two_steps()


def deliver(card: PsamCard, usage: str = "48", key_id: str = "12", session: str = R) -> str:
    data = FACTORS[0] + FACTORS[1] + session
    return card.sw(f"BFDE{usage}{key_id}{len(data) // 2:02X}{data}")


@pytest.mark.parametrize(
    "vector", VECTORS["session"], ids=[vector["source"] for vector in VECTORS["session"]]
)
def test_session_keys(vector: dict[str, str]) -> None:
    algorithm = SM4_BYTE if vector["algorithm"] == "sm4" else 0
    root = bytes.fromhex(vector["root"])
    card = psam((int(vector["usage"], 16), int(vector["id"], 16), root, algorithm))
    card.must(vector["command"])
    text = vector["text"]
    assert card.data(f"80FA0000{len(text) // 2:02X}{text}") == vector["answer"]


def test_answer_is_fetched_on_t0(card: PsamCard) -> None:
    """ref 02 §7.3: 61xx, then GET RESPONSE."""
    assert deliver(card) == "9000"
    assert card.raw("80FA000008" + "1122334455667788") == "6108"
    assert card.raw("00C0000008") == "8A9F1E905ABFE5929000"


@pytest.mark.parametrize(
    "variant",
    VECTORS["mac"]["variant"],
    ids=[variant["source"] for variant in VECTORS["mac"]["variant"]],
)
def test_message_authentication_codes(variant: dict[str, str]) -> None:
    vector = VECTORS["mac"]
    key = bytes.fromhex(vector["key"])
    card = psam((0x06, 0x09, key, 0))
    card.must(variant["init"])
    data = variant["start"] + vector["data"]
    mode = "05" if variant["start"] else "01"
    answer = card.data(f"80FA{mode}00{len(data) // 2:02X}{data}")
    assert len(answer) == 16
    assert answer.startswith(variant["mac"])


@pytest.mark.parametrize("algorithm", ["3des", "sm4"])
@given(data=st.binary(min_size=1, max_size=150), cuts=st.lists(st.integers(0, 9), max_size=4))
def test_mac_in_any_number_of_commands(algorithm: Algorithm, data: bytes, cuts: list[int]) -> None:
    """P1 07, 03 …, 01 over whole blocks give what one computation gives (ref 12 §5.3)."""
    card, key = _chain_psams(algorithm)
    block = SUITES[algorithm].block
    start = bytes(range(block))
    padded = pad80(data, block)
    expected = (
        sm4_mac(key, data, start) if algorithm == "sm4" else retail_mac(key, data, start)
    ).hex()
    card.must("801A0609")
    rest = [padded[at : at + block] for at in range(0, len(padded), block)]
    most = 48 // block
    sizes = [1 + cut % most for cut in cuts]
    head, answer = start, ""
    while rest:
        size = min(sizes.pop() if sizes else most, len(rest))
        part, rest = head + b"".join(rest[:size]), rest[size:]
        mode = (0x07 if rest else 0x05) if head else (0x03 if rest else 0x01)
        head = b""
        answer = card.data(f"80FA{mode:02X}00{len(part):02X}{part.hex()}").lower()
        assert bool(answer) == (not rest)
    if algorithm == "sm4":
        words = [int(answer[at : at + 8], 16) for at in range(0, 32, 8)]
        answer = f"{words[0] ^ words[1] ^ words[2] ^ words[3]:08x}"
    assert answer[:8] == expected


_CHAINS: dict[str, PsamCard] = {}


def _chain_psams(algorithm: Algorithm) -> tuple[PsamCard, bytes]:
    """One PSAM for all examples: what is tested leaves nothing behind."""
    if algorithm not in _CHAINS:
        byte = SM4_BYTE if algorithm == "sm4" else 0
        _CHAINS[algorithm] = psam((0x06, 0x09, ROOT, byte))
    return _CHAINS[algorithm], ROOT


@pytest.mark.parametrize("algorithm", ["3des", "sm4"])
@given(
    factors=st.lists(st.binary(min_size=8, max_size=8), min_size=1, max_size=3),
    text=st.binary(min_size=16, max_size=16),
)
def test_derivation_runs_from_the_highest_level(
    algorithm: Algorithm, factors: list[bytes], text: bytes
) -> None:
    """Factors come lowest first (ref 02 §7.3); each level is 3DES(F) ‖ 3DES(¬F) (ref 01 §10.3)."""
    usage = len(factors) << 5 | 7
    card = _derivation_psams(algorithm)
    suite = {"3des": des, "sm4": sm4}[algorithm]
    key = ROOT
    for factor in reversed(factors):
        key = suite.encrypt(key, factor + bytes(byte ^ 0xFF for byte in factor))
    body = b"".join(factors)
    card.must(f"801A{usage:02X}24{len(body):02X}{body.hex()}")
    assert card.data(f"80FA000010{text.hex()}") == suite.encrypt(key, text).hex().upper()


def _derivation_psams(algorithm: Algorithm) -> PsamCard:
    name = f"derivation {algorithm}"
    if name not in _CHAINS:
        byte = SM4_BYTE if algorithm == "sm4" else 0
        _CHAINS[name] = psam(*((steps << 5 | 7, 0x24, ROOT, byte) for steps in (1, 2, 3)))
    return _CHAINS[name]


def test_single_length_keys_stay_single(card: PsamCard) -> None:
    """ref 01 §10.3: DES-encrypt(factor) at every step; process key and MAC are single DES."""
    key = ROOT[:8]
    for factor in reversed(FACTORS[:2]):
        key = des.encrypt(key, bytes.fromhex(factor))
    process_key = des.encrypt(key, bytes.fromhex(R))
    assert deliver(card, "46", "09") == "9000"
    data = bytes(range(24))
    expected = des.encrypt_cbc(process_key, data, bytes(8))[-8:]
    assert card.data(f"80FA010018{data.hex()}") == expected.hex().upper()


# Refusals


@pytest.mark.parametrize(
    ("apdu", "sw"),
    [
        ("BFDE481308" + "00" * 8, "6A88"),
        ("BFDE491208" + "00" * 8, "6A88"),
        ("BFDE681220" + "00" * 32, "6A80"),
        ("BFDE281210" + "00" * 16, "6A80"),
        ("BFDE481208" + "00" * 8, "6A80"),
        ("BFDE481210" + "00" * 16, "6A80"),
        ("BFDE481220" + "00" * 32, "6A80"),
        ("BFDE481217" + "00" * 23, "6700"),
        ("BFDE4812", "6700"),
        ("BFDE420118" + "00" * 24, "6985"),
        ("BFDE000008" + "00" * 8, "6985"),
        ("801A481208" + "00" * 8, "6A80"),
        ("801A481218" + "00" * 24, "6A80"),
        ("801A481309" + "00" * 9, "6A88"),
        ("801A481209" + "00" * 9, "6700"),
        ("801A420110" + "00" * 16, "6985"),
    ],
)
def test_refused_derivations(card: PsamCard, apdu: str, sw: str) -> None:
    assert card.sw(apdu) == sw


def test_lookup_by_the_whole_usage_byte() -> None:
    card = two_steps({"usage_lookup": "whole"})
    assert card.sw("BFDE681220" + "00" * 32) == "6A88"
    assert card.sw("BFDE481220" + "00" * 32) == "6A80"
    assert deliver(card) == "9000"


@pytest.mark.parametrize(
    ("apdu", "sw"),
    [
        ("80FA000000", "6700"),
        ("80FA000004" + "00" * 4, "6700"),
        ("80FA000048" + "00" * 0x48, "6700"),
        ("80FA000040" + "00" * 0x40, "9000"),
        ("80FA050008" + "00" * 8, "6700"),
        ("80FA070008" + "00" * 8, "6700"),
        ("80FA050010" + "00" * 16, "9000"),
        ("80FA040008" + "00" * 8, "6A86"),
        ("80FA060008" + "00" * 8, "6A86"),
        ("80FA080008" + "00" * 8, "6A86"),
        ("80FA000108" + "00" * 8, "6A86"),
    ],
)
def test_forms_of_cipher_data(card: PsamCard, apdu: str, sw: str) -> None:
    assert deliver(card) == "9000"
    assert card.sw(apdu) == sw


def test_sm4_takes_blocks_of_sixteen() -> None:
    card = psam((0x48, 0x12, ROOT, SM4_BYTE))
    assert deliver(card, session=R + "00" * 8) == "9000"
    assert card.sw("80FA000008" + "00" * 8) == "6700"
    assert card.sw("80FA050010" + "00" * 16) == "6700"
    assert card.sw("80FA050020" + "00" * 32) == "9000"


def test_cipher_data_needs_a_session_key(card: PsamCard) -> None:
    card.reset()
    card.must(BY_AID)
    assert card.sw("80FA000008" + "00" * 8) == "6901"


@pytest.mark.parametrize("loss", [MF, BY_AID, "reset"])
def test_session_key_falls(card: PsamCard, loss: str) -> None:
    card.must(BY_AID)
    assert deliver(card) == "9000"
    if loss == "reset":
        card.reset()
    else:
        card.must(loss)
    assert card.sw("80FA000008" + "00" * 8) == "6901"
    card.must(BY_AID)


def test_session_key_stays_for_operations_of_one_type(card: PsamCard) -> None:
    """ref 12 §5.3, P4."""
    assert deliver(card) == "9000"
    first = card.data("80FA000008" + "00" * 8)
    assert card.data("80FA020008" + "00" * 8) == first
    assert card.sw("80FA010008" + "00" * 8) == "6901"
    assert card.data("80FA000008" + "00" * 8) == first


def test_a_started_mac_is_finished_first(card: PsamCard) -> None:
    assert deliver(card) == "9000"
    assert card.data("80FA030008" + "00" * 8) == ""
    assert card.sw("80FA050010" + "00" * 16) == "6901"
    assert card.sw("80FA070010" + "00" * 16) == "6901"
    assert card.sw("80FA000008" + "00" * 8) == "6901"
    assert card.sw("80FA010008" + "00" * 8) == "9000"


@pytest.mark.parametrize(
    ("usage", "key_id", "mode", "sw"),
    [("46", "09", "00", "6985"), ("47", "24", "01", "6985"), ("47", "24", "00", "9000")],
)
def test_type_of_a_key_says_what_it_is_for(
    card: PsamCard, usage: str, key_id: str, mode: str, sw: str
) -> None:
    """ref 12 §5.2: 6 MAC, 7 encryption, 8 both."""
    assert deliver(card, usage, key_id) == "9000"
    assert card.sw(f"80FA{mode}0008" + "00" * 8) == sw


@pytest.mark.parametrize(
    ("apdu", "sw"),
    [
        ("BFDE481308" + "00" * 8, "6A88"),
        ("801A481308" + "00" * 8, "6A88"),
        ("8070010004" + "00" * 4, "6700"),
    ],
)
def test_a_refused_derivation_or_purchase_ends_the_session(
    card: PsamCard, apdu: str, sw: str
) -> None:
    assert deliver(card) == "9000"
    assert card.sw(apdu) == sw
    assert card.sw("80FA000008" + "00" * 8) == "6901"


@pytest.mark.parametrize(
    ("apdu", "sw"),
    [("BFDF481208" + "00" * 8, "6D00"), ("B0280101", "6E00"), ("A0A40000023F00", "6E00")],
)
def test_unknown_commands(card: PsamCard, apdu: str, sw: str) -> None:
    assert card.sw(apdu) == sw
