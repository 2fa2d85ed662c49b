"""Challenges, proofs of PINs and control keys, and their replacement (ref 02 §8.2, §8.5, §8.6)."""

from __future__ import annotations

from sscard_ic.apdu import Command
from sscard_ic.crypto import sm3, sm4
from sscard_ic.crypto.mac import MAC_LENGTH
from sscard_ic.crypto.secure_messaging import covered, message_key
from sscard_ic.profile.certificate import CONTROL_KEY_LENGTH
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.certificate import data_objects as objects
from sscard_ic.simulator.certificate.state import CertificateState
from sscard_ic.simulator.certificate.stored import Stored, is_pin

_CHALLENGE_LENGTHS = (8, 16)
_BY_CIPHER = 0x01
"""P1 of VERIFY and of the change of a PIN."""
_NEW_PIN = sm4.BLOCK + MAC_LENGTH
_NEW_KEY = 2 * sm4.BLOCK + MAC_LENGTH


def get_challenge(state: CertificateState, command: Command) -> bytes:
    """GET CHALLENGE of 8 or 16 bytes; every other length is refused 6700."""
    if command.data or command.le not in _CHALLENGE_LENGTHS:
        raise Refusal(0x6700)
    return state.challenge.draw(command.le)


def hash_data(state: CertificateState, command: Command) -> bytes:
    """SM3 of the data, 32 bytes."""
    (data,) = objects.variable(command.data, objects.DATA)
    return sm3.digest(data)


def verify(state: CertificateState, command: Command) -> bytes:
    """VERIFY by SM4(K, challenge): refuses 6A86 (plain PIN), 6A88, 6700, 6983, 6984, 63Cx.

    After a failure the PIN is no longer verified.
    """
    if command.p1 != _BY_CIPHER:
        raise Refusal(0x6A86)
    name = state.pin(command.p2)
    if len(command.data) != sm4.BLOCK:
        raise Refusal(0x6700)
    pin = state.pins[name]
    pin.require_tries()
    if not _proves(state, pin, command.data):
        state.verified.discard(name)
        raise pin.failed()
    pin.succeeded()
    state.verified.add(name)
    return b""


def change_pin(state: CertificateState, command: Command) -> bytes:
    """New PIN, enciphered and with MAC under the old one: refuses as VERIFY does, and 6A80.

    A wrong MAC means a wrong old PIN and counts as one. The new PIN is not verified afterwards.
    """
    if command.p1 != _BY_CIPHER:
        raise Refusal(0x6A86)
    name = state.pin(command.p2)
    if len(command.data) != _NEW_PIN:
        raise Refusal(0x6700)
    pin = state.pins[name]
    pin.require_tries()
    new = _deciphered(state, pin, command)
    if new is None:
        state.verified.discard(name)
        raise pin.failed()
    pin.succeeded()
    if not is_pin(new):
        raise Refusal(0x6A80)
    pin.replace(new)
    state.verified.discard(name)
    return b""


def authenticate(state: CertificateState, command: Command) -> bytes:
    """EXTERNAL AUTHENTICATE with the control key of the directory: 6700, 6983, 6984, 63Cx."""
    if len(command.data) != sm4.BLOCK:
        raise Refusal(0x6700)
    key = state.control_keys[state.place]
    key.require_tries()
    state.authenticated = _proves(state, key, command.data)
    if not state.authenticated:
        raise key.failed()
    key.succeeded()
    return b""


def replace_control_key(state: CertificateState, command: Command) -> bytes:
    """New control key of the directory, enciphered and with MAC under the old one.

    Refuses 6700, 6982 (not authenticated), 6983, 6984, 6988 (MAC; counts as a wrong proof of the
    key), 6A80 (another form). What the old key proved falls.
    """
    if len(command.data) != _NEW_KEY:
        raise Refusal(0x6700)
    settings = state.model.settings
    if settings.change_needs_authentication and not state.authenticated:
        raise Refusal(0x6982)
    key = state.control_keys[state.place]
    key.require_tries()
    plain = _deciphered(state, key, command)
    if plain is None:
        state.authenticated = False
        key.failed()
        raise Refusal(0x6988)
    key.succeeded()
    header = settings.control_key_header
    if not plain.startswith(header) or len(plain) != len(header) + CONTROL_KEY_LENGTH:
        raise Refusal(0x6A80)
    key.replace(plain[len(header) :])
    state.authenticated = False
    return b""


def _proves(state: CertificateState, secret: Stored, proof: bytes) -> bool:
    return sm4.encrypt(secret.key, state.take_challenge()) == proof


def _deciphered(state: CertificateState, secret: Stored, command: Command) -> bytes | None:
    """What the command brings, empty when it has another form; None when the MAC is wrong."""
    protection = message_key("sm4", secret.key, state.take_challenge(), "card_key")
    body, mac = command.data[:-MAC_LENGTH], command.data[-MAC_LENGTH:]
    if protection.mac(covered(command.header, body)) != mac:
        return None
    try:
        return protection.decipher(body)
    except ValueError:
        return b""
