"""The root keys of a token and their management: made, joined, imported and destroyed inside.

Every root is sensitive and not extractable. Whoever knows the PIN can have anything computed and
derived by them all the same, by other programs, too: the token keeps the roots, not the card keys.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date

from pkcs11 import Attribute

from sscard_ic.base.clock import Clock
from sscard_ic.base.errors import Text
from sscard_ic.base.secret import Secret
from sscard_ic.keys import key_block, new_keys
from sscard_ic.keys.errors import (
    ComponentError,
    EnvironmentMismatchError,
    UnknownKeyError,
)
from sscard_ic.keys.hierarchy import RootKey
from sscard_ic.keys.inventory import HARDWARE_ONLY, Environment, KeyInfo, KeySpec
from sscard_ic.keys.key_block import KeyBlock
from sscard_ic.keys.pkcs11 import objects
from sscard_ic.keys.pkcs11.entries import family_of
from sscard_ic.keys.pkcs11.errors import NotExtractableError, foreign_key, single_des_block
from sscard_ic.keys.pkcs11.keyring import Keyring, NewKey
from sscard_ic.keys.pkcs11.mechanisms import KEY_WRAP_KWP, KEY_WRAP_PAD, Cipher, Ciphers
from sscard_ic.keys.pkcs11.objects import Attributes
from sscard_ic.keys.pkcs11.storage import Storage
from sscard_ic.keys.pkcs11.token import OpenToken
from sscard_ic.keys.policy import require_use


class Pkcs11Store:
    """A key store (:class:`~sscard_ic.keys.store.KeyStore`) in one prepared token."""

    def __init__(self, token: OpenToken, ciphers: Ciphers, clock: Clock) -> None:
        self._token = token
        self._ciphers = ciphers
        self._clock = clock
        self._storage = Storage(token, ciphers.of("aes"))
        self._keyring = Keyring(token, ciphers, self._storage)

    @property
    def environment(self) -> Environment:
        """Whether its keys are test keys."""
        return self._keyring.environment

    @property
    def place(self) -> str:
        """The token, as RFC 7512 writes it."""
        return self._token.place

    def keys(self) -> Sequence[KeyInfo]:
        """Every root key, destroyed ones too, ordered by name, version and algorithm."""
        return self._keyring.infos()

    def root_info(self, name: str, version: int, algorithm: str = "3des") -> KeyInfo:
        """What may be told about a root key; raises :class:`UnknownKeyError`."""
        try:
            return self._keyring.info(name, version, family_of(algorithm))
        except UnknownKeyError as error:
            unknown = error
        if algorithm in self._ciphers.unset:
            unknown.hint = Text(
                f"设置中没有此加密机的 {algorithm.upper()} 机制号（mechanisms.{algorithm}）；"
                "不支持该算法的加密机不能制作此类卡",
                f"the settings name no mechanisms of this HSM for {algorithm.upper()} "
                f"(mechanisms.{algorithm}); one that lacks it cannot serve such cards",
            )
        raise unknown

    def faults(self) -> Sequence[Text]:
        """Entries without a key, keys without an entry; none of them is ever used."""
        return self._keyring.faults()

    def generate(self, spec: KeySpec) -> KeyInfo:
        """Make a key in the token."""
        new_keys.require_sound(spec, self.place)

        def make(cipher: Cipher, template: Attributes) -> int:
            if cipher.double:
                return self._generated_double(cipher, template)
            sized = objects.packed(objects.sized(template, cipher, spec.length))
            return self._token.functions.generate(self._token.handle, cipher.generate, sized)

        new = NewKey(spec, "generated", self._clock.now(), make, repeatable=False)
        return self._add(new)

    def combine(
        self, spec: KeySpec, components: Sequence[Secret], check_value: bytes | None
    ) -> KeyInfo:
        """Join two or more components by XOR; raises :class:`ComponentError`.

        They are joined in this program's memory, which is cleared as far as Python lets one, and
        the whole is then written into the token: PKCS#11 2.40 has a mechanism for it
        (CKM_XOR_BASE_AND_DATA), but no token to try it on is at hand.
        """
        new_keys.require_sound(spec, self.place)
        # Software cannot compute the check value of SM1 and SSF33; the token can.
        known_here = None if spec.algorithm in HARDWARE_ONLY else check_value
        value = new_keys.combined(spec, components, known_here, self.place)

        def approve(found: bytes) -> None:
            if check_value is not None and not hmac.compare_digest(found, check_value):
                raise _wrong_check_value(spec, self.place)

        try:
            make = self._written(value)
            return self._add(NewKey(spec, "components", self._clock.now(), make, approve))
        finally:
            value.clear()

    def export_block(self, name: str, version: int, algorithm: str, under: KeySpec) -> KeyBlock:
        """Refused: no key of the token is extractable. Raises :class:`NotExtractableError`."""
        info = self.root_info(name, version, algorithm)
        raise NotExtractableError(info.name, info.version, self.place)

    def import_block(self, block: KeyBlock) -> KeyInfo:
        """Take a key out of its block; its bits are never outside of the token.

        Raises :class:`InputError` for a key whose check value is that of a weak one.
        """
        spec = block.spec
        new_keys.require_sound(spec, self.place)
        if block.environment != self.environment:
            raise foreign_key(spec, block.environment, self.place)
        under = self.root_info(block.under_name, block.under_version, "aes")
        require_use(under, "wrap", self._clock.today(), self.place)

        def make(cipher: Cipher, template: Attributes) -> int:
            if cipher.double:
                raise single_des_block(spec, self.place)
            kbpk = self._keyring.handle(under)
            key_block.require_mac(block, self._block_mac(block, kbpk))
            return self._unwrapped(block, kbpk, template)

        def approve(found: bytes) -> None:
            if found.hex().upper() != block.check_value:
                raise key_block.altered(block)
            new_keys.require_strong_by_check_value(spec, found, self.place)

        return self._add(NewKey(spec, "block", self._clock.now(), make, approve))

    def set_validity(
        self, name: str, version: int, algorithm: str, valid_from: date | None, until: date | None
    ) -> KeyInfo:
        """Change the days of a key."""
        info = self.root_info(name, version, algorithm)
        changed = replace(info, valid_from=valid_from, valid_until=until)
        new_keys.require_sound(changed, self.place)
        return self._keyring.change(changed)

    def destroy(self, name: str, version: int, algorithm: str) -> KeyInfo:
        """Have the token erase a key; its entry stays, marked. Backups of the token hold it yet."""
        info = self.root_info(name, version, algorithm)
        with self._token.calling():
            self._forget_derived()
            return self._keyring.destroy(info, self._clock.now())

    def bring_in(self, roots: Iterable[RootKey]) -> None:
        """Write test keys that everybody knows into the token: all of them, or none.

        Raises :class:`EnvironmentMismatchError` for a token of production.
        """
        if self.environment != "test":
            raise EnvironmentMismatchError(
                Text(
                    "公开的测试密钥不能装入生产令牌",
                    "published test keys do not go into a token of production",
                ),
                where=self.place,
            )
        self._keyring.add(
            *(
                NewKey(root.spec, root.origin, root.created, self._written(root.value))
                for root in roots
            )
        )

    def _forget_derived(self) -> None:
        """Drop what was derived from roots; there is nothing here."""

    def _add(self, wanted: NewKey) -> KeyInfo:
        return self._keyring.add(wanted)[0]

    def _written(self, value: Secret) -> Callable[[Cipher, Attributes], int]:
        """Writes bits that this program knows into the token, sensitive from then on."""

        def make(cipher: Cipher, template: Attributes) -> int:
            written = {**template, Attribute.VALUE: cipher.held(value.reveal())}
            return self._token.functions.create(self._token.handle, objects.packed(written))

        return make

    def _generated_double(self, cipher: Cipher, template: Attributes) -> int:
        """A random key with equal halves: a random key of the token encrypts a random block twice.

        The block is known here, the key that encrypts it is not, and is gone afterwards.
        """
        functions, session = self._token.functions, self._token.handle
        passing = objects.secret_key(cipher, frozenset({Attribute.DERIVE}))
        base = functions.generate(session, cipher.generate, objects.packed(passing))
        try:
            data = cipher.held(secrets.token_bytes(cipher.block))
            return functions.derive(session, cipher.derive, base, data, objects.packed(template))
        finally:
            self._storage.forget(base)

    def _block_mac(self, block: KeyBlock, kbpk: int) -> bytes:
        kbak = self._storage.derive(
            kbpk, key_block.derivation_blocks("authenticate"), Attribute.SIGN
        )
        try:
            return self._storage.cmac(kbak, block.covered())
        finally:
            self._storage.forget(kbak)

    def _unwrapped(self, block: KeyBlock, kbpk: int, template: Attributes) -> int:
        has_kwp = KEY_WRAP_KWP.number in self._token.mechanisms
        unwrap = KEY_WRAP_KWP if has_kwp else KEY_WRAP_PAD
        kbek = self._storage.derive(kbpk, key_block.derivation_blocks("encrypt"), Attribute.UNWRAP)
        try:
            return self._token.functions.unwrap(
                self._token.handle, unwrap, kbek, block.wrapped, objects.packed(template)
            )
        finally:
            self._storage.forget(kbek)


def _wrong_check_value(spec: KeySpec, where: str) -> ComponentError:
    return ComponentError(
        Text(
            f"密钥 {spec.name} 版本 {spec.version}：合成的密钥与给出的校验值不符",
            f"key {spec.name} version {spec.version}: the key does not have the check value that "
            "was expected",
        ),
        where=where,
        hint=Text(
            "未保存任何内容。请核对各分量及其载体后重新输入",
            "nothing was stored; compare the components with their carriers and enter them again",
        ),
    )
