"""The token's own key, by which entries are authenticated and the ledger is sealed.

It is an AES-256 key with the label ``sscard:storage``, made in the token when that is prepared. It
can only derive: encrypting two blocks in ECB gives the key of the entries' MACs, and the key of the
ledger, which encrypts two blocks more. These last 32 bytes come to this program and seal what the
ledger keeps; this token gives them again whenever it is opened, and no other one does.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from datetime import datetime

from pkcs11 import Attribute

from sscard_ic.base.errors import Text
from sscard_ic.base.secret import Secret
from sscard_ic.keys.inventory import Environment
from sscard_ic.keys.pkcs11 import objects, records
from sscard_ic.keys.pkcs11.errors import CryptokiError, HsmError, read_only
from sscard_ic.keys.pkcs11.mechanisms import CMAC, CMAC_LENGTH, Cipher
from sscard_ic.keys.pkcs11.objects import KeyObject
from sscard_ic.keys.pkcs11.records import TokenRecord
from sscard_ic.keys.pkcs11.token import OpenToken

KEY_ID_LENGTH = 16
AES_LENGTH = 32
_BLOCK = 16


class Storage:
    """The key ``sscard:storage`` of a prepared token; raises :class:`HsmError` when it has none."""

    def __init__(self, token: OpenToken, aes: Cipher) -> None:
        self._token = token
        self._aes = aes
        with token.calling():
            self._handle = _find(token)
            self._records = self.derive(self._handle, blocks(b"sscard records"), Attribute.SIGN)

    def record_mac(self, data: bytes) -> bytes:
        """AES-CMAC of an entry, 16 bytes."""
        with self._token.calling():
            return self.cmac(self._records, data)

    def ledger_key(self) -> Secret:
        """32 bytes that seal what the ledger keeps."""
        functions, session = self._token.functions, self._token.handle
        with self._token.calling():
            key = self.derive(self._handle, blocks(b"sscard ledger"), Attribute.ENCRYPT)
            try:
                sealing = blocks(b"sscard storage")
                return Secret(functions.encrypt(session, self._aes.ecb, key, sealing))
            finally:
                self.forget(key)

    def derive(self, base: int, data: bytes, usage: Attribute) -> int:
        """An AES-256 key of this session: the encryption of 32 bytes ``data`` under ``base``."""
        template = objects.secret_key(self._aes, frozenset({usage}))
        template = objects.sized(template, self._aes, AES_LENGTH)
        return self._token.functions.derive(
            self._token.handle, self._aes.derive, base, data, objects.packed(template)
        )

    def cmac(self, key: int, data: bytes) -> bytes:
        """AES-CMAC, 16 bytes."""
        return self._token.functions.sign(self._token.handle, CMAC, key, data, CMAC_LENGTH)

    def forget(self, key: int) -> None:
        """Remove a key of this session; one that stays dies with the session."""
        with suppress(CryptokiError):
            self._token.functions.destroy(self._token.handle, key)


def prepare(token: OpenToken, aes: Cipher, environment: Environment, moment: datetime) -> None:
    """Make the token's own key, and write down what the token is for: all of it, or nothing.

    Raises :class:`HsmError` when the token has objects of this program already.
    """
    if token.state.read_only:
        raise read_only(token.place)
    with token.calling():
        keys = [each for each in objects.key_objects(token) if records.is_ours(each.label)]
        if objects.data_objects(token) or any(not _is_storage(each) for each in keys):
            raise HsmError(
                Text(
                    "令牌中已有本程序的密钥，不会覆盖",
                    "the token holds keys of this program; they are not overwritten",
                ),
                where=token.place,
                hint=Text("另选令牌", "choose another token"),
            )
        for left in keys:
            # A preparation was interrupted: nothing has ever been sealed by this key.
            token.functions.destroy(token.handle, left.handle)
        stored = objects.Stored(records.STORAGE_LABEL, secrets.token_bytes(KEY_ID_LENGTH))
        template = objects.secret_key(aes, frozenset({Attribute.DERIVE}), stored)
        template = objects.sized(template, aes, AES_LENGTH)
        handle = token.functions.generate(token.handle, aes.generate, objects.packed(template))
        try:
            storage = Storage(token, aes)
            record = TokenRecord(environment=environment, created=moment)
            sealed = records.sealed(records.TOKEN_LABEL, record, storage.record_mac)
            objects.write_data(token, records.TOKEN_LABEL, sealed)
        except BaseException:
            with suppress(CryptokiError):
                token.functions.destroy(token.handle, handle)
            raise


def unprepare(token: OpenToken) -> None:
    """Remove everything of this program's from a token whose preparation has failed."""
    with token.calling():
        handles = [each.handle for each in objects.data_objects(token)]
        for key in objects.key_objects(token):
            if records.is_ours(key.label):
                handles.append(key.handle)
        for handle in handles:
            token.functions.destroy(token.handle, handle)


def blocks(label: bytes) -> bytes:
    """Two blocks that bear a label of at most 15 bytes, numbered 1 and 2."""
    return b"".join(label.ljust(_BLOCK - 1, b"\x00") + bytes((number,)) for number in (1, 2))


def _is_storage(key: KeyObject) -> bool:
    return key.label == records.STORAGE_LABEL


def _find(token: OpenToken) -> int:
    found = [each for each in objects.key_objects(token) if _is_storage(each)]
    if not found:
        raise records.not_prepared(token.place)
    if len(found) > 1 or not found[0].kept_inside:
        raise records.altered(records.STORAGE_LABEL, token.place)
    return found[0].handle
