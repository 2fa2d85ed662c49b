"""The certificate application in a session: its names, what was verified, the files so far.

Source: ref 02 §8.1, §8.9, 01 §2.4.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

from sscard_ic.apdu.masked import Masked
from sscard_ic.base.errors import Text
from sscard_ic.explain.applications import ForeignFile
from sscard_ic.profile import CardProfile, load
from sscard_ic.profile.certificate import CertificateApplication, Condition, PinName
from sscard_ic.profile.certificate_words import NEEDED_PINS, PIN_NAMES, file_titles, pin_list

STANDARD = "national/3.00"
"""Whose certificate application is meant where the card's profile describes none."""

DIRECTORY = "PKI.ADF1"
"""Short name of the directory with keys and certificates; no profile gives it one."""

_SEQUENCE = 0x30
_SHORT_LENGTH, _MORE_LENGTH = 0x80, 0x7F


def certificate_model(profile: CardProfile) -> CertificateApplication:
    """The application of a profile, else the national one."""
    return profile.structure.certificate or _standard()


@cache
def _standard() -> CertificateApplication:
    model = load(STANDARD).structure.certificate
    assert model is not None, f"{STANDARD} describes the certificate application"
    return model


def certificate_files(model: CertificateApplication) -> dict[int, ForeignFile]:
    """The files of the application by their identifiers."""
    return {fid: ForeignFile(title) for fid, title in file_titles(model.files).items()}


def file_path(fid: int) -> str:
    """``PKI.ADF1.0012``."""
    return f"{DIRECTORY}.{fid:04X}"


def file_words(model: CertificateApplication, fid: int) -> Text:
    """Path and title of a file of the application."""
    path, known = file_path(fid), certificate_files(model).get(fid)
    return (
        Text(f"{path} {known.title.zh}", f"{path} {known.title.en}") if known else Text(path, path)
    )


def length_of(head: bytes) -> int | None:
    """Bytes of the DER object that begins with ``head``; None where they do not tell."""
    if len(head) < 2 or head[0] != _SEQUENCE:
        return None
    first = head[1]
    if first < _SHORT_LENGTH:
        return 2 + first
    size = first & _MORE_LENGTH
    if size not in (1, 2) or len(head) < 2 + size:
        return None
    return 2 + size + int.from_bytes(head[2 : 2 + size], "big")


@dataclass(slots=True)
class CertificateState:
    """What the session did in the application since it was entered."""

    pins: set[PinName] = field(default_factory=set)
    control: bool = False
    """The control key of the current directory was proved."""
    exporting: int | None = None
    """The public key that EXPORT PUBLIC KEY fetches next."""
    contents: dict[int, bytes] = field(default_factory=dict)
    """Certificate files from their beginning, as far as they were seen."""

    def missing(self, condition: Condition) -> Text:
        """What a refusal says: the PINs that are needed, and those verified so far."""
        if not NEEDED_PINS[condition]:
            return Text("规则：自由", "the rule says: free")
        needed = pin_list(NEEDED_PINS[condition])
        verified = pin_list(pin for pin in PIN_NAMES if pin in self.pins)
        if not verified.en:
            return Text(f"需要{needed.zh}，尚未校验", f"needs {needed.en}; nothing verified so far")
        return Text(
            f"需要{needed.zh}；已校验{verified.zh}",
            f"needs {needed.en}; verified so far: {verified.en}",
        )

    def with_piece(self, fid: int, offset: int, data: Masked) -> bytes:
        """The file from its beginning once ``data`` stand at ``offset``; empty: not known."""
        before = self.contents.get(fid, b"")
        if data.hidden or offset > len(before):
            return b""
        return before[:offset] + data.head + before[offset + len(data) :]

    def keep(self, fid: int, offset: int, data: Masked) -> None:
        """``data`` stand in the file at ``offset``."""
        if offset == 0:
            self.contents.pop(fid, None)
        self.contents[fid] = self.with_piece(fid, offset, data)
