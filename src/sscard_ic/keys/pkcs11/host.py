"""Card keys that come to this program one at a time, from roots that stay in the token.

Keys of provinces and cities are derived in the token and stay there; only the last step gives bits
to this program, as an encryption that the token computes. Loading keys into cards needs that.
"""

from __future__ import annotations

from collections.abc import Sequence

from sscard_ic.base.clock import Clock
from sscard_ic.base.errors import Text
from sscard_ic.crypto.bulk import diversification_blocks
from sscard_ic.crypto.factors import FACTOR_LENGTH
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.keys.capabilities import CardKey, missing
from sscard_ic.keys.host_service import HostService
from sscard_ic.keys.pkcs11.expected import ExpectedCards
from sscard_ic.keys.pkcs11.service import Pkcs11Service
from sscard_ic.keys.pkcs11.settings import Pkcs11Settings
from sscard_ic.keys.pkcs11.token import OpenToken
from sscard_ic.keys.secure_channel import ChannelHost


class Pkcs11HostService(Pkcs11Service, HostService, ChannelHost):
    """Every capability over card keys, whose bits are in this program's memory while it works."""

    def __init__(self, token: OpenToken, settings: Pkcs11Settings, clock: Clock) -> None:
        Pkcs11Service.__init__(self, token, settings, clock)
        HostService.__init__(self, clock)
        self._expected = ExpectedCards(self._many)

    def expect_cards(self, division_code: str, factors: Sequence[bytes]) -> None:
        """Cards of one city in their order: their keys are asked for 64 cards at a time."""
        self._expected.expect(division_code, factors)

    def derive_many(
        self, name: str, version: int, algorithm: Algorithm, division_code: str, factors: bytes
    ) -> bytearray:
        """The keys of many cards of one city, one behind the other; 8-byte ``factors``.

        One call of the library for every ``bytes_per_call`` of them.
        """
        self._require(name, version, algorithm, "load")
        return self._many(name, version, algorithm, division_code, factors)

    def _derive(self, key: CardKey) -> bytes:
        expected = self._expected.key(key)
        if expected is not None:
            return expected
        return bytes(
            self._many(key.name, key.version, key.algorithm, key.division_code, key.factor)
        )

    def _under_root(self, name: str, version: int, algorithm: Algorithm, blocks: bytes) -> bytes:
        info = self.root_info(name, version, algorithm)
        cipher = self._ciphers.of(info.algorithm)
        with self._token.calling():
            handle = self._keyring.handle(info)
            return self._token.functions.encrypt(self._token.handle, cipher.ecb, handle, blocks)

    def _out_of_root(self, name: str, version: int, algorithm: Algorithm, blocks: bytes) -> bytes:
        raise missing(
            self, Text("转换传输密钥保护的数据", "translate data that are under a transport key")
        )

    def _many(
        self, name: str, version: int, algorithm: Algorithm, division_code: str, factors: bytes
    ) -> bytearray:
        info = self.root_info(name, version, algorithm)
        cipher, length = self._ciphers.of(info.algorithm), info.length
        at_once = self._settings.bytes_per_call // length * FACTOR_LENGTH
        derived = bytearray(len(factors) // FACTOR_LENGTH * length)
        asked, answered = memoryview(factors), memoryview(derived)
        for first in range(0, len(factors), at_once):
            blocks = diversification_blocks(asked[first : first + at_once], length)
            at = first // FACTOR_LENGTH * length
            with self._token.calling():
                base = self._derivation.above_cards(info, division_code)
                self._token.functions.encrypt_into(
                    self._token.handle, cipher.ecb, base, blocks, answered[at : at + len(blocks)]
                )
        return derived

    def _forget_derived(self) -> None:
        super()._forget_derived()
        self._expected.clear()
        self._forget_ciphers()
