"""Names of what the certificate application has: its files, its PINs, its rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sscard_ic.base.errors import Text
from sscard_ic.profile.certificate import CertificateFiles, Condition, PinName, Purpose

PIN_NAMES: tuple[PinName, ...] = ("user", "admin")
PIN_WORDS: Mapping[PinName, Text] = {
    "user": Text("用户密码", "user PIN"),
    "admin": Text("管理员密码", "admin PIN"),
}
NEEDED_PINS: Mapping[Condition, tuple[PinName, ...]] = {
    "free": (),
    "user_pin": ("user",),
    "admin_pin": ("admin",),
    "user_and_admin_pin": ("user", "admin"),
}

PURPOSE_WORDS: Mapping[Purpose, Text] = {
    "signature": Text("签名", "signature"),
    "encryption": Text("加密", "encryption"),
}
CERTIFICATE_WORDS: Mapping[Purpose, Text] = {
    purpose: Text(f"{words.zh}证书", f"{words.en} certificate")
    for purpose, words in PURPOSE_WORDS.items()
}

FREE = Text("自由", "free")

_TITLES = {
    "signature_public": Text("签名公钥", "signature public key"),
    "signature_private": Text("签名私钥", "signature private key"),
    "encryption_public": Text("加密公钥", "encryption public key"),
    "encryption_private": Text("加密私钥", "encryption private key"),
    "signature_certificate": CERTIFICATE_WORDS["signature"],
    "encryption_certificate": CERTIFICATE_WORDS["encryption"],
}


def file_titles(files: CertificateFiles) -> dict[int, Text]:
    """The files of the application by their identifiers, in the order of ref 02 §8.1."""
    return {getattr(files, name): title for name, title in _TITLES.items()}


def pin_list(pins: Iterable[PinName]) -> Text:
    """``user PIN and admin PIN``."""
    words = [PIN_WORDS[pin] for pin in pins]
    return Text(" 和 ".join(word.zh for word in words), " and ".join(word.en for word in words))


def condition_words(condition: Condition) -> Text:
    """What must be verified before an operation."""
    return pin_list(NEEDED_PINS[condition]) if NEEDED_PINS[condition] else FREE
