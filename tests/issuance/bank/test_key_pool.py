"""Keys made ahead: sealed, given once, each to one card."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sscard_ic.base.errors import SscardError
from sscard_ic.issuance.bank.key_pool import KeyPool, PoolEmptyError
from sscard_ic.keys import published_keys

SEALER = published_keys({}).sealer()


@pytest.fixture
def pool(tmp_path: Path) -> KeyPool:
    return KeyPool(tmp_path, SEALER)


def test_rsa_keys_are_given_once(pool: KeyPool, tmp_path: Path) -> None:
    made: list[int] = []
    pool.fill_rsa(2, 1024, on_made=made.append)
    assert (made, pool.left(1024), pool.left(1152)) == ([1, 1], 2, 0)
    first, second = pool.take_rsa(1024), KeyPool(tmp_path, SEALER).take_rsa(1024)
    assert first.public != second.public
    assert (first.length, first.exponent) == (128, 3)
    with pytest.raises(PoolEmptyError, match="rsa-1024-3"):
        pool.take_rsa(1024)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_sm2_pairs_sign(pool: KeyPool) -> None:
    pool.fill_sm2(1)
    pair = pool.take_sm2()
    from sscard_ic.crypto.sm2 import provider

    signature = provider().sign(pair.private, bytes(32))
    assert provider().verify(pair.public, bytes(32), signature)
    assert pool.left_sm2() == 0
    with pytest.raises(PoolEmptyError, match="sm2"):
        pool.take_sm2()


def test_many_at_once_get_different_keys(pool: KeyPool, tmp_path: Path) -> None:
    pool.fill_sm2(24)
    pools = [KeyPool(tmp_path, SEALER) for _ in range(4)]

    def take(number: int) -> list[bytes]:
        return [pools[number].take_sm2().public for _ in range(6)]

    with ThreadPoolExecutor(4) as executor:
        taken = [key for keys in executor.map(take, range(4)) for key in keys]
    assert len(set(taken)) == 24


def _copy(file: Path) -> None:
    file.with_name("0" * 32 + ".key").write_bytes(file.read_bytes())
    file.unlink()


def _alter(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(bytes(content))


@pytest.mark.parametrize("harm", [_copy, _alter], ids=["under-another-name", "altered"])
def test_a_file_that_is_not_as_it_was_written_is_refused(
    pool: KeyPool, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    pool.fill_sm2(1)
    (file,) = tmp_path.rglob("*.key")
    assert file.stat().st_mode & 0o777 == 0o600
    harm(file)
    with pytest.raises(SscardError, match="altered, moved"):
        pool.take_sm2()
    assert pool.left_sm2() == 0


def test_keys_wait_sealed(pool: KeyPool, tmp_path: Path) -> None:
    pool.fill_sm2(1)
    (file,) = tmp_path.rglob("*.key")
    content = file.read_bytes()
    pair = pool.take_sm2()
    assert pair.private.reveal() not in content
    assert pair.public not in content
