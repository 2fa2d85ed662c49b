"""SELECT by identifier, READ and UPDATE BINARY."""

from __future__ import annotations

from sscard_ic.apdu import Command
from sscard_ic.codec.tlv import encode_ber
from sscard_ic.profile.certificate import Purpose
from sscard_ic.simulator.application import Refusal
from sscard_ic.simulator.certificate.state import CertificateState
from sscard_ic.simulator.certificate.stored import PURPOSES, Place

_FCI, _NAME = 0x6F, 0x84
_ANSWER_MAX = 256
_LONGEST_OFFSET = 0x7FFF


def enter(state: CertificateState, place: Place) -> bytes:
    """Make a directory current; its FCI (ref 02 §8.9)."""
    state.enter(place)
    model = state.model
    if place == "environment":
        return encode_ber(
            _FCI, encode_ber(_NAME, model.environment), model.settings.fci_proprietary
        )
    return encode_ber(_FCI, encode_ber(_NAME, model.name))


def select_fid(state: CertificateState, command: Command) -> bytes:
    """SELECT by identifier, P1 P2 00: a directory (its FCI) or a file of the application."""
    if command.p1 or command.p2:
        raise Refusal(0x6A86)
    if len(command.data) != 2:
        raise Refusal(0x6700)
    wanted = int.from_bytes(command.data, "big")
    if state.place == "application" and wanted in dict(state.files.sizes()):
        state.file = wanted
        return b""
    if wanted == state.model.fid:
        return enter(state, "application")
    if wanted == state.model.settings.environment_fid:
        return enter(state, "environment")
    raise Refusal(0x6A82)


def read_binary(state: CertificateState, command: Command) -> bytes:
    """READ BINARY of a public key or certificate; 6982 for a private key, 6B00 from the end on."""
    if command.data:
        raise Refusal(0x6700)
    offset = _offset(command)
    fid = _current(state)
    content = _readable(state, fid)
    if offset >= len(content):
        raise Refusal(0x6B00)
    return content[offset : offset + (command.le or _ANSWER_MAX)]


def update_binary(state: CertificateState, command: Command) -> bytes:
    """UPDATE BINARY of a certificate; 6982 for keys, 6B00 from the end on, 6700 beyond it."""
    if not command.data:
        raise Refusal(0x6700)
    offset = _offset(command)
    purpose = _of_certificate(state, _current(state))
    if purpose is None:
        raise Refusal(0x6982)
    state.require(state.model.rules.update_certificate)
    content = state.files.certificate(purpose)
    end = offset + len(command.data)
    if offset >= len(content):
        raise Refusal(0x6B00)
    if end > len(content):
        raise Refusal(0x6700)
    state.files.put_certificate(purpose, content[:offset] + command.data + content[end:])
    return b""


def public_key_file(state: CertificateState, purpose: Purpose) -> bytes:
    """Header and X‖Y; 00 while there is no key."""
    header = state.model.settings.public_key_header
    public = state.files.public_key(purpose)
    return bytes(len(header) + 64) if public is None else header + public


def _offset(command: Command) -> int:
    """The offset in P1 P2; short identifiers are unknown here: 6A86."""
    offset = command.p1 << 8 | command.p2
    if offset > _LONGEST_OFFSET:
        raise Refusal(0x6A86)
    return offset


def _current(state: CertificateState) -> int:
    if state.file is None:
        raise Refusal(0x6986)
    return state.file


def _readable(state: CertificateState, fid: int) -> bytes:
    """The content of a file that may be read now; refuses 6982."""
    rules = state.model.rules
    purpose = _of_certificate(state, fid)
    if purpose is not None:
        state.require(rules.read_certificate)
        return state.files.certificate(purpose)
    for purpose in PURPOSES:
        if state.model.files.public(purpose) == fid:
            state.require(rules.read_public)
            return public_key_file(state, purpose)
    raise Refusal(0x6982)


def _of_certificate(state: CertificateState, fid: int) -> Purpose | None:
    for purpose in PURPOSES:
        if state.model.files.certificate(purpose) == fid:
            return purpose
    return None
