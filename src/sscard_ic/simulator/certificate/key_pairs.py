"""SM2 keys: generated on the card, exported, imported, and used (ref 02 §8.2, §8.8).

Raises :class:`~sscard_ic.base.errors.InputError` where this machine has no SM2.
"""

from __future__ import annotations

from sscard_ic.apdu import Command
from sscard_ic.base.secret import Secret
from sscard_ic.crypto import sm4
from sscard_ic.crypto.sm2 import Sm2Error, provider
from sscard_ic.crypto.sm2.model import (
    C1_LENGTH,
    CIPHER_OVERHEAD,
    DIGEST_LENGTH,
    PRIVATE_LENGTH,
    PUBLIC_LENGTH,
)
from sscard_ic.profile.certificate import Purpose
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.certificate import data_objects as objects
from sscard_ic.simulator.certificate.files import public_key_file
from sscard_ic.simulator.certificate.state import CertificateState
from sscard_ic.simulator.certificate.stored import PURPOSES

_FID = objects.FID_LENGTH


def generate(state: CertificateState, command: Command) -> bytes:
    """A new key pair for signatures, in its two files.

    Refuses 6700, 6A80 (the pair for encryption, or files that are no pair), 6A82, 6982.
    """
    purpose = _pair(state, command.data)
    if purpose != "signature":
        raise Refusal(0x6A80)
    state.require(state.model.rules.generate_key)
    pair = provider().generate()
    state.files.put_public_key(purpose, pair.public)
    state.files.put_private_key(purpose, pair.private.reveal())
    return b""


def prepare_export(state: CertificateState, command: Command) -> bytes:
    """First part of the export: the pair whose public key the second one answers.

    Refuses 6700, 6A80, 6A82, 6982, 6A88 (no such key yet).
    """
    purpose = _pair(state, command.data)
    state.require(state.model.rules.read_public)
    if state.files.public_key(purpose) is None:
        raise Refusal(0x6A88)
    state.exported = purpose
    return b""


def export(state: CertificateState, command: Command) -> bytes:
    """Second part: header and X‖Y; refuses 6985 without the first one."""
    if command.data:
        raise Refusal(0x6700)
    if state.exported is None:
        raise Refusal(0x6985)
    return public_key_file(state, state.exported)


def decrypt(state: CertificateState, command: Command) -> bytes:
    """The message of C1‖C3‖C2, with either private key.

    Refuses 6700, 6A80 (form, point off the curve), 6A82, 6982, 6A88 (no key), 6988 (C3).
    """
    name, cipher = objects.variable(command.data, objects.PRIVATE_FILE, objects.DATA)
    purpose = _of_private(state, objects.fid(name))
    if len(cipher) <= CIPHER_OVERHEAD:
        raise Refusal(0x6A80)
    private = _private_key(state, purpose)
    _require_point(cipher[:C1_LENGTH])
    try:
        return provider().decrypt(private, cipher).reveal()
    except Sm2Error:
        raise Refusal(0x6988) from None


def sign(state: CertificateState, command: Command) -> bytes:
    """r‖s over a digest e of 32 bytes; the pair for encryption does not sign: 6A80."""
    shape = (objects.PRIVATE_FILE, _FID), (objects.DATA, DIGEST_LENGTH)
    name, digest = objects.fixed(command.data, *shape)
    purpose = _of_private(state, objects.fid(name))
    if purpose != "signature":
        raise Refusal(0x6A80)
    return provider().sign(_private_key(state, purpose), digest)


def import_session_key(state: CertificateState, command: Command) -> bytes:
    """The SM4 key that deciphers the private key to come; it falls with the application."""
    (key,) = objects.fixed(command.data, (objects.DATA, sm4.KEY_LENGTH))
    state.require(state.model.rules.import_key)
    state.session_key = key
    return b""


def import_public_key(state: CertificateState, command: Command) -> bytes:
    """The public key for encryption; a private key of another pair falls.

    Refuses 6700, 6A80 (form, another pair, point off the curve), 6A82, 6982.
    """
    shape = (objects.PUBLIC_FILE, _FID), (objects.PUBLIC_KEY, PUBLIC_LENGTH)
    name, public = objects.fixed(command.data, *shape)
    _require_encryption(_of_public(state, objects.fid(name)))
    state.require(state.model.rules.import_key)
    _require_point(public)
    state.files.put_public_key("encryption", public)
    private = state.files.private_key("encryption")
    if private is not None and provider().public_of(Secret(private)) != public:
        state.files.drop_private_key("encryption")
    return b""


def import_private_key(state: CertificateState, command: Command) -> bytes:
    """The private key for encryption, enciphered with the session key.

    Refuses 6700, 6A80 (form, another pair, out of range, not that of the public key), 6A82, 6982,
    6985 (no session key).
    """
    shape = (objects.PRIVATE_FILE, _FID), (objects.PRIVATE_KEY, PRIVATE_LENGTH)
    name, enciphered = objects.fixed(command.data, *shape)
    _require_encryption(_of_private(state, objects.fid(name)))
    state.require(state.model.rules.import_key)
    if state.session_key is None:
        raise Refusal(0x6985)
    private = sm4.decrypt(state.session_key, enciphered)
    try:
        public = provider().public_of(Secret(private))
    except Sm2Error:
        raise Refusal(0x6A80) from None
    if state.files.public_key("encryption") not in (None, public):
        raise Refusal(0x6A80)
    state.files.put_private_key("encryption", private)
    return b""


def _pair(state: CertificateState, data: bytes) -> Purpose:
    """The pair whose two files the data name; refuses 6A80 when they are no pair."""
    shape = (objects.PUBLIC_FILE, _FID), (objects.PRIVATE_FILE, _FID)
    public, private = objects.fixed(data, *shape)
    purpose = _of_public(state, objects.fid(public))
    if _of_private(state, objects.fid(private)) != purpose:
        raise Refusal(0x6A80)
    return purpose


def _of_public(state: CertificateState, fid: int) -> Purpose:
    return _of(fid, {state.model.files.public(each): each for each in PURPOSES})


def _of_private(state: CertificateState, fid: int) -> Purpose:
    return _of(fid, {state.model.files.private(each): each for each in PURPOSES})


def _of(fid: int, files: dict[int, Purpose]) -> Purpose:
    if fid not in files:
        raise Refusal(0x6A82)
    return files[fid]


def _require_encryption(purpose: Purpose) -> None:
    """Refuse 6A80 for the pair that the card itself generates."""
    if purpose != "encryption":
        raise Refusal(0x6A80)


def _require_point(public: bytes) -> None:
    try:
        provider().check_public(public)
    except Sm2Error:
        raise Refusal(0x6A80) from None


def _private_key(state: CertificateState, purpose: Purpose) -> Secret:
    """A private key that may be used now; refuses 6982 and 6A88."""
    state.require(state.model.rules.use_private)
    private = state.files.private_key(purpose)
    if private is None:
        raise Refusal(0x6A88)
    return Secret(private)
