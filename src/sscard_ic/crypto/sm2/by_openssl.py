"""SM2 by the machine's OpenSSL 3: constant in time, and maintained.

Nothing is kept between two calls: building a key from its bytes costs a seventh of one signature,
and a cache would hold private keys longer than their owner. Every function runs without Python's
lock, and OpenSSL's list of errors, which belongs to the thread, is left as it was found.
"""

from __future__ import annotations

from sscard_ic.base.secret import Secret
from sscard_ic.crypto.openssl_library import Library
from sscard_ic.crypto.sm2 import forms, model
from sscard_ic.crypto.sm2.model import KeyPair, Sm2Error
from sscard_ic.crypto.sm2.openssl_handles import (
    DONE,
    POINT_LENGTH,
    UNCOMPRESSED,
    Handle,
    Handles,
)

_LONGEST_SIGNATURE = 72
"""Bytes of a signature in DER."""


class ByOpenssl:
    """SM2 by OpenSSL; see :class:`~sscard_ic.crypto.sm2.model.Sm2`."""

    name = "openssl"

    def __init__(self, library: Library) -> None:
        self._library = library
        self._ffi = library.ffi
        self._lib = library.functions
        self._null = library.ffi.NULL
        self._handles = Handles(library)

    @property
    def library(self) -> str:
        """The library, its version and its file."""
        return f"{self._library.version} ({self._library.name})"

    def generate(self) -> KeyPair:
        """A new key pair."""
        with self._library.errors_kept(), self._handles.named_context() as context:
            made = self._ffi.new("EVP_PKEY **")
            if (
                self._lib.EVP_PKEY_keygen_init(context) != DONE
                or self._lib.EVP_PKEY_keygen(context, made) != DONE
            ):
                raise Sm2Error("OpenSSL could not make a key pair")
            try:
                pair = KeyPair(self._made_private(made[0]), self._made_public(made[0]))
            finally:
                self._lib.EVP_PKEY_free(made[0])
        model.require_private(pair.private)
        return pair

    def public_of(self, private: Secret) -> bytes:
        """The public key of a private one."""
        model.require_private(private)
        with (
            self._library.errors_kept(),
            self._handles.point() as (group, point),
            self._handles.number(private) as number,
        ):
            out = self._ffi.new("unsigned char[]", POINT_LENGTH)
            lib, null = self._lib, self._null
            done = lib.EC_POINT_mul(group, point, number, null, null, null) == DONE
            if done:
                form, room = UNCOMPRESSED, POINT_LENGTH
                done = lib.EC_POINT_point2oct(group, point, form, out, room, null) == room
            if not done:
                raise Sm2Error("OpenSSL could not compute the public key")
            return bytes(self._ffi.buffer(out))[1:]

    def check_public(self, public: bytes) -> None:
        """Raise :class:`Sm2Error` unless it is a point of the curve."""
        model.require_public(public)
        with self._library.errors_kept(), self._handles.point() as (group, point):
            octets = bytes((UNCOMPRESSED,)) + public
            done = self._lib.EC_POINT_oct2point(group, point, octets, len(octets), self._null)
        if done != DONE:
            raise Sm2Error(model.OFF_CURVE)

    def sign(self, private: Secret, digest: bytes) -> bytes:
        """r‖s over a digest of 32 bytes."""
        model.require_digest(digest)
        with self._handles.private_key(private) as key:
            return self._signed(key, digest)

    def verify(self, public: bytes, digest: bytes, signature: bytes) -> bool:
        """Whether r‖s is the signature over the digest."""
        model.require_digest(digest)
        with self._handles.public_key(public) as key:
            return model.is_signature(signature) and self._verified(key, digest, signature)

    def encrypt(self, public: bytes, message: bytes) -> bytes:
        """C1‖C3‖C2."""
        model.require_message(message)
        with (
            self._handles.public_key(public) as key,
            self._library.errors_kept(),
            self._handles.context(key) as context,
        ):
            if self._lib.EVP_PKEY_encrypt_init(context) != DONE:
                raise Sm2Error("OpenSSL could not encrypt")
            while True:
                cipher = forms.cipher_from_der(self._encrypted(context, message))
                # The standard wants another point when the key stream is all zeros, as every
                # 256th of one byte is; OpenSSL looks for that only since 2024.
                if cipher[model.CIPHER_OVERHEAD :] != message:
                    return cipher

    def decrypt(self, private: Secret, cipher: bytes) -> Secret:
        """The message of C1‖C3‖C2."""
        model.require_cipher(cipher)
        self.check_public(cipher[: model.C1_LENGTH])
        with (
            self._handles.private_key(private) as key,
            self._library.errors_kept(),
            self._handles.context(key) as context,
        ):
            message = self._decrypted(context, cipher)
        # The standard refuses that key stream of zeros, which leaves the message in clear.
        if message is None or message.reveal() == cipher[model.CIPHER_OVERHEAD :]:
            raise Sm2Error(model.DAMAGED)
        return message

    def _signed(self, key: Handle, digest: bytes) -> bytes:
        with self._library.errors_kept(), self._handles.context(key) as context:
            out = self._ffi.new("unsigned char[]", _LONGEST_SIGNATURE)
            length = self._ffi.new("size_t *", _LONGEST_SIGNATURE)
            if (
                self._lib.EVP_PKEY_sign_init(context) != DONE
                or self._lib.EVP_PKEY_sign(context, out, length, digest, len(digest)) != DONE
            ):
                raise Sm2Error("OpenSSL could not sign")
            return forms.signature_from_der(bytes(self._ffi.buffer(out, length[0])))

    def _verified(self, key: Handle, digest: bytes, signature: bytes) -> bool:
        with self._library.errors_kept(), self._handles.context(key) as context:
            if self._lib.EVP_PKEY_verify_init(context) != DONE:
                raise Sm2Error("OpenSSL could not verify")
            der = forms.signature_to_der(signature)
            done = self._lib.EVP_PKEY_verify(context, der, len(der), digest, len(digest))
            return bool(done == DONE)

    def _encrypted(self, context: Handle, message: bytes) -> bytes:
        length = self._ffi.new("size_t *")
        encrypt = self._lib.EVP_PKEY_encrypt
        if encrypt(context, self._null, length, message, len(message)) == DONE:
            out = self._ffi.new("unsigned char[]", length[0])
            if encrypt(context, out, length, message, len(message)) == DONE:
                return bytes(self._ffi.buffer(out, length[0]))
        raise Sm2Error("OpenSSL could not encrypt")

    def _decrypted(self, context: Handle, cipher: bytes) -> Secret | None:
        """The message; None when C3 is not that of the message."""
        room = len(cipher) - model.CIPHER_OVERHEAD
        length = self._ffi.new("size_t *", room)
        der = forms.cipher_to_der(cipher)
        if self._lib.EVP_PKEY_decrypt_init(context) != DONE:
            raise Sm2Error("OpenSSL could not decrypt")
        with self._library.wiped(room) as out:
            if self._lib.EVP_PKEY_decrypt(context, out, length, der, len(der)) != DONE:
                return None
            return Secret(bytes(self._ffi.buffer(out, length[0])))

    def _made_private(self, key: Handle) -> Secret:
        """The private key that a handle holds."""
        number = self._ffi.new("BIGNUM **")
        if self._lib.EVP_PKEY_get_bn_param(key, b"priv", number) != DONE:
            raise Sm2Error("OpenSSL could not make a key pair")
        try:
            with self._library.wiped(model.PRIVATE_LENGTH) as out:
                self._lib.BN_bn2binpad(number[0], out, model.PRIVATE_LENGTH)
                return Secret(bytes(self._ffi.buffer(out)))
        finally:
            self._lib.BN_clear_free(number[0])

    def _made_public(self, key: Handle) -> bytes:
        """The public key that a handle holds."""
        out = self._ffi.new("unsigned char[]", POINT_LENGTH)
        length = self._ffi.new("size_t *")
        got = self._lib.EVP_PKEY_get_octet_string_param(key, b"pub", out, POINT_LENGTH, length)
        if got != DONE or length[0] != POINT_LENGTH or out[0] != UNCOMPRESSED:
            raise Sm2Error("OpenSSL could not make a key pair")
        return bytes(self._ffi.buffer(out))[1:]
