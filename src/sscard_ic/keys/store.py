"""Managing root keys: what a vault or an HSM offers to the people who keep them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Protocol, runtime_checkable

from sscard_ic.base.errors import Text
from sscard_ic.base.secret import Secret
from sscard_ic.keys.errors import MissingCapabilityError
from sscard_ic.keys.inventory import Environment, KeyInfo, KeySpec
from sscard_ic.keys.key_block import KeyBlock


@runtime_checkable
class KeyStore(Protocol):
    """Takes root keys in, gives them out protected, destroys them; each call whole or not at all.

    Whoever calls it has asked for consent and writes the audit log. A name, version and algorithm
    that was ever used, by a destroyed key too, is never used again (:class:`KeyExistsError`).
    """

    @property
    def environment(self) -> Environment:
        """Whether its keys are test keys."""
        ...

    def keys(self) -> Sequence[KeyInfo]:
        """Every root key, destroyed ones too, ordered by name, version and algorithm."""
        ...

    def generate(self, spec: KeySpec) -> KeyInfo:
        """Make a key inside, by the random numbers of the vault's machine or of the HSM."""
        ...

    def combine(
        self, spec: KeySpec, components: Sequence[Secret], check_value: bytes | None
    ) -> KeyInfo:
        """Join two or more components by XOR inside; refuse another check value than expected.

        Each component is as long as the key; ``check_value`` (3 bytes) is None where nobody told
        it. Raises :class:`ComponentError`.
        """
        ...

    def export_block(self, name: str, version: int, algorithm: str, under: KeySpec) -> KeyBlock:
        """A key protected by the transport key ``under`` (use ``wrap``)."""
        ...

    def import_block(self, block: KeyBlock) -> KeyInfo:
        """Take a key out of its block, by the transport key that the block names.

        The key gets the name, version, purpose and days that the block binds.
        """
        ...

    def set_validity(
        self, name: str, version: int, algorithm: str, valid_from: date | None, until: date | None
    ) -> KeyInfo:
        """Change the days of a key."""
        ...

    def destroy(self, name: str, version: int, algorithm: str) -> KeyInfo:
        """Overwrite a key; what is left is its entry in the inventory, marked destroyed."""
        ...


def key_store(service: object) -> KeyStore:
    """``service`` as key store; raises :class:`MissingCapabilityError` when it is none."""
    if isinstance(service, KeyStore):
        return service
    kind = type(service).__name__
    raise MissingCapabilityError(
        Text(f"此密钥服务（{kind}）不能管理密钥", f"this key service ({kind}) manages no keys"),
        hint=Text("请使用密钥库或 PKCS#11 加密机", "use the vault or a PKCS#11 HSM"),
    )
