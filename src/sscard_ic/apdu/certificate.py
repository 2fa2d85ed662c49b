"""Commands of the certificate application (ref 02 §8.1-8.2, §8.5-8.6, §8.8).

Numbers of files are file identifiers. Commands that carry or encipher a PIN or a key, or prove
one, are finished ones and secret.
"""

from __future__ import annotations

from sscard_ic.apdu.command import Command
from sscard_ic.apdu.iso import READ_ALL
from sscard_ic.base.secret import Secret

PUBLIC_KEY_HEADER = 2
"""Bytes before X‖Y in a public key file."""
PUBLIC_KEY_FILE = PUBLIC_KEY_HEADER + 64
LONGEST_CIPHER = 255 - 4 - 4
"""Bytes of the longest C1‖C3‖C2 that one command holds beside its file and its length."""

_PUBLIC_FILE, _PRIVATE_FILE = 0xC0, 0xC2
_DATA = 0xC1
_PUBLIC_VALUE, _PRIVATE_VALUE = 0xCA, 0xCB
_LONG_LENGTH = 0x82
_ONLY_KEY = 0x00
"""P2 of EXTERNAL AUTHENTICATE: the control key of the current directory."""


def verify(reference: int, proof: Secret) -> Secret:
    """VERIFY of a PIN by SM4 over the challenge: ``proof`` 16 bytes."""
    return Secret(bytes(Command(0x00, 0x20, 0x01, reference, proof.reveal())))


def change_pin(reference: int) -> Command:
    """Change of a PIN, without its data: enciphered new PIN 16 ‖ MAC 4 (ref 02 §8.5)."""
    return Command(0x84, 0x5E, 0x01, reference)


def authenticate(proof: Secret) -> Secret:
    """EXTERNAL AUTHENTICATE of the control key: ``proof`` 16 bytes."""
    return Secret(bytes(Command(0x00, 0x82, 0x00, _ONLY_KEY, proof.reveal())))


def replace_control_key() -> Command:
    """New control key, without its data: enciphered key 32 ‖ MAC 4 (ref 02 §8.6)."""
    return Command(0x84, 0xD4, 0x01, 0x00)


def generate_key(public_file: int, private_file: int) -> Command:
    """A new SM2 key pair in the two files."""
    data = _file(_PUBLIC_FILE, public_file) + _file(_PRIVATE_FILE, private_file)
    return Command(0x80, 0x40, 0x00, 0x00, data)


def decrypt(private_file: int, cipher: bytes) -> Secret:
    """SM2 decryption of C1‖C3‖C2; the answer is the message."""
    head = bytes((_DATA, _LONG_LENGTH)) + len(cipher).to_bytes(2, "big")
    data = _file(_PRIVATE_FILE, private_file) + head + cipher
    return Secret(bytes(Command(0x80, 0x4E, 0x00, 0x01, data, READ_ALL)))


def sign(head: bytes, private_file: int, digest: bytes) -> Command:
    """SM2 signature r‖s over a digest; ``head`` is CLA INS P1 P2, a setting (ref 02 §8.8)."""
    data = _file(_PRIVATE_FILE, private_file) + _object(_DATA, digest)
    cla, ins, p1, p2 = head
    return Command(cla, ins, p1, p2, data, READ_ALL)


def import_session_key(slot: int, key: Secret) -> Secret:
    """The SM4 key, 16 bytes, that deciphers the private key to come."""
    return Secret(bytes(Command(0x80, 0x4A, 0x02, slot, _object(_DATA, key.reveal()))))


def import_public_key(file: int, public: bytes) -> Command:
    """A public key X‖Y, in plain."""
    data = _file(_PUBLIC_FILE, file) + _object(_PUBLIC_VALUE, public)
    return Command(0x80, 0xC2, 0x40, 0x00, data)


def import_private_key(file: int, enciphered: bytes) -> Secret:
    """A private key, 32 bytes, enciphered with the session key."""
    data = _file(_PRIVATE_FILE, file) + _object(_PRIVATE_VALUE, enciphered)
    return Secret(bytes(Command(0x80, 0xC2, 0xC0, 0x01, data)))


def _object(tag: int, value: bytes) -> bytes:
    return bytes((tag, len(value))) + value


def _file(tag: int, fid: int) -> bytes:
    return _object(tag, fid.to_bytes(2, "big"))
