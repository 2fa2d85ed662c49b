"""An HSM behind PKCS#11 as key service: what both ways of using card keys have in common."""

from __future__ import annotations

from typing import NoReturn

from sscard_ic.base.clock import Clock
from sscard_ic.base.sealing import Sealer
from sscard_ic.crypto.suites import Algorithm
from sscard_ic.keys.inventory import TRANSPORT
from sscard_ic.keys.pkcs11.cryptoki import Mechanism
from sscard_ic.keys.pkcs11.derivation import Derivation
from sscard_ic.keys.pkcs11.errors import lacks_mechanism, other_environment
from sscard_ic.keys.pkcs11.mechanisms import Ciphers
from sscard_ic.keys.pkcs11.settings import Pkcs11Settings
from sscard_ic.keys.pkcs11.store import Pkcs11Store
from sscard_ic.keys.pkcs11.token import OpenToken
from sscard_ic.keys.policy import require_usable
from sscard_ic.keys.sealer import Digester, StorageSealer


class Pkcs11Service(Pkcs11Store):
    """Key service, inventory of roots and key store over one prepared token.

    Threads may share it; calls into the library are made one after the other. What it does with
    card keys is for the subclasses: :class:`~sscard_ic.keys.pkcs11.host.Pkcs11HostService` and
    :class:`~sscard_ic.keys.pkcs11.inside.Pkcs11TokenService`.
    """

    def __init__(self, token: OpenToken, settings: Pkcs11Settings, clock: Clock) -> None:
        super().__init__(token, Ciphers(settings), clock)
        self._settings = settings
        self._derivation = Derivation(token, self._ciphers, self._keyring)
        if self.environment != settings.environment:
            raise other_environment(self.environment, settings.environment, self.place)
        ledger_key = self._storage.ledger_key()
        self._sealer = StorageSealer(ledger_key)
        self._digester = Digester(ledger_key)
        ledger_key.clear()

    @property
    def settings(self) -> Pkcs11Settings:
        """How it was opened."""
        return self._settings

    def require_key(self, name: str, version: int, algorithm: Algorithm) -> None:
        """Raise unless card keys can be derived from such a root, by this token."""
        info = self.root_info(name, version, algorithm)
        require_usable(info, self._clock.today(), self.place)
        self._keyring.handle(info)
        cipher = self._ciphers.of(info.algorithm)
        self._require_mechanism(cipher.ecb)
        if len(info.factors) > 1 or self._settings.derived_keys == "token":
            self._require_mechanism(cipher.derive)

    def sealer(self) -> Sealer:
        """Encrypts records at rest, under a key that this token alone gives."""
        return self._sealer

    def digest(self, text: str, context: str) -> str:
        """Keyed digest, 64 hex digits, by which equal texts are found without storing them."""
        return self._digester.digest(text, context)

    def close(self) -> None:
        """Log out; what was derived ends with the session."""
        self._forget_derived()
        self._token.close()

    def _transport_cryptogram(self, block: bytes) -> bytes:
        info = self.root_info(TRANSPORT, 1)
        cipher = self._ciphers.of(info.algorithm)
        with self._token.calling():
            handle = self._keyring.handle(info)
            return self._token.functions.encrypt(self._token.handle, cipher.ecb, handle, block)

    def _forget_derived(self) -> None:
        self._derivation.clear()

    def _require_mechanism(self, mechanism: Mechanism) -> None:
        if mechanism.number not in self._token.mechanisms:
            raise lacks_mechanism(mechanism.name, self.place)

    def __repr__(self) -> str:
        count, environment = len(self._keyring), self.environment
        return f"<{type(self).__name__} {self.place}: {count} {environment} keys>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a token is not pickled; each process logs in by itself")
