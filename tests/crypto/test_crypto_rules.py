"""What the cryptographic functions promise for every input."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sscard_ic.crypto import des, mac
from sscard_ic.crypto.published import published_test_key
from sscard_ic.crypto.suites import SUITES, Suite

blocks = st.binary(min_size=8, max_size=8)
two_keys = st.binary(min_size=16, max_size=16)


_DES = SUITES["3des"]
_BOTH = pytest.mark.parametrize("suite", SUITES.values(), ids=lambda suite: suite.algorithm)


@_BOTH
@given(key=two_keys, parts=st.lists(two_keys, max_size=5))
def test_decryption_undoes_encryption(suite: Suite, key: bytes, parts: list[bytes]) -> None:
    data = b"".join(parts)
    assert suite.decrypt(key, suite.encrypt(key, data)) == data


@_BOTH
@given(key=two_keys, parts=st.lists(two_keys, min_size=1, max_size=5))
def test_one_engine_serves_many_blocks(suite: Suite, key: bytes, parts: list[bytes]) -> None:
    engine = suite.engine(key)
    expected = [suite.encrypt(key, part) for part in parts]
    assert [engine.encrypt(part) for part in parts] == expected


@pytest.mark.parametrize("length", [0, 7, 9, 15, 17, 24])
def test_other_key_lengths_are_refused(length: int) -> None:
    with pytest.raises(ValueError, match="8 or 16 bytes"):
        des.encrypt(bytes(length), bytes(8))
    with pytest.raises(ValueError, match="key size"):
        SUITES["sm4"].encrypt(bytes(length), bytes(16))


@_BOTH
def test_data_must_be_whole_blocks(suite: Suite) -> None:
    with pytest.raises(ValueError, match=r"block"):
        suite.encrypt(bytes(16), bytes(7))
    with pytest.raises(ValueError, match="blocks"):
        suite.engine(bytes(16)).encrypt(bytes(7))


@given(blocks, blocks)
def test_single_length_keys_stay_single_length(key: bytes, factor: bytes) -> None:
    assert _DES.diversify(key, factor) == des.encrypt(key, factor)


@_BOTH
@pytest.mark.parametrize("length", [0, 7, 9, 16])
def test_factor_challenge_and_text_have_eight_bytes(suite: Suite, length: int) -> None:
    with pytest.raises(ValueError, match="factor has 8"):
        suite.diversify(bytes(16), bytes(length))
    with pytest.raises(ValueError, match="8 bytes"):
        suite.process_key(bytes(16), bytes(length))
    with pytest.raises(ValueError, match="8 bytes"):
        suite.authentication_cryptogram(bytes(16), bytes(8), bytes(length))


def test_check_value_of_the_zero_key() -> None:
    # FIPS 81 / NIST SP 800-17: DES of the zero block under the zero key is 8CA64DE9C1B123A7.
    assert _DES.check_value(bytes(16)).hex().upper() == "8CA64D"
    # SM4 of the zero block under the zero key, by the command-line tool of OpenSSL.
    assert SUITES["sm4"].check_value(bytes(16)).hex().upper() == "9F1F7B"


@_BOTH
@given(key=two_keys, data=st.binary(max_size=40), iv=st.binary(max_size=8))
def test_a_short_start_value_is_filled_with_zeros(
    suite: Suite, key: bytes, data: bytes, iv: bytes
) -> None:
    assert suite.mac(key, data, iv) == suite.mac(key, data, iv.ljust(suite.block, b"\x00"))


@given(st.binary(max_size=40))
def test_padding(data: bytes) -> None:
    padded = mac.pad80(data)
    assert len(padded) % 8 == 0
    assert len(data) < len(padded) <= len(data) + 8
    assert padded.rstrip(b"\x00") == data + b"\x80"
    aligned = len(data) % 8 == 0
    assert mac.pad80_if_needed(data) == (data if aligned else padded)


@given(blocks, st.binary(max_size=40), blocks)
def test_retail_mac_with_equal_halves_is_the_des_mac(key: bytes, data: bytes, iv: bytes) -> None:
    assert mac.retail_mac(key + key, data, iv) == mac.des_mac(key, data, iv)


def test_macs_refuse_keys_of_the_other_length() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        mac.retail_mac(bytes(8), b"")
    with pytest.raises(ValueError, match="8 bytes"):
        mac.des_mac(bytes(16), b"")


def test_published_keys_never_change() -> None:
    # Virtual blanks and vaults of different machines and releases must fit together.
    label = b"sscard-ic published test key|UKSSSE|2"
    assert published_test_key("UKSSSE", 2) == hashlib.sha256(label).digest()[:16]
    assert published_test_key("STK", 1, 8) == published_test_key("STK", 1)[:8]
    of_sm4 = hashlib.sha256(label + b"|sm4").digest()[:16]
    assert published_test_key("UKSSSE", 2, 16, "sm4") == of_sm4
