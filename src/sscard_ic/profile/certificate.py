"""The certificate application as a profile describes it (ref 02 §8, 01 §2.4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, StringConstraints

from sscard_ic.base.errors import Text
from sscard_ic.profile.fields import HexByte, HexBytes, HexWord, Strict

if TYPE_CHECKING:
    from sscard_ic.profile.structure import Structure

Condition = Literal["free", "user_pin", "admin_pin", "user_and_admin_pin"]
"""What must be verified in the application before an operation."""

Purpose = Literal["signature", "encryption"]
"""What a key pair and its certificate are for."""

PinName = Literal["user", "admin"]

Oid = Annotated[str, StringConstraints(pattern=r"^[0-2](\.[0-9]+)+$")]

CONTROL_KEY_LENGTH = 16


class CertificateFiles(Strict):
    """File identifiers (ref 02 §8.1)."""

    signature_public: HexWord = 0x0012
    signature_private: HexWord = 0x0013
    encryption_public: HexWord = 0x0014
    encryption_private: HexWord = 0x0015
    signature_certificate: HexWord = 0x0018
    encryption_certificate: HexWord = 0x0019

    def public(self, purpose: Purpose) -> int:
        """Identifier of the public key file."""
        return self.signature_public if purpose == "signature" else self.encryption_public

    def private(self, purpose: Purpose) -> int:
        """Identifier of the private key file."""
        return self.signature_private if purpose == "signature" else self.encryption_private

    def certificate(self, purpose: Purpose) -> int:
        """Identifier of the certificate file."""
        return self.signature_certificate if purpose == "signature" else self.encryption_certificate


class CertificateRules(Strict):
    """What the card asks for before each operation."""

    generate_key: Condition = "user_pin"
    """A terminal generates the key pair after the user PIN alone (ref 02 §8.9)."""
    read_public: Condition = "free"
    """Public keys."""
    use_private: Condition = "user_pin"
    """Signing and decrypting."""
    import_key: Condition = "user_pin"
    """Session key, encryption key pair; one program verifies both PINs before, one the user's."""
    read_certificate: Condition = "free"
    """Certificates."""
    update_certificate: Condition = "user_pin"
    """The same programs write them as they import keys."""


class CertificateSettings(Strict):
    """What the reference leaves open; each is listed in docs/assumptions.md."""

    environment_fid: HexWord = 0xDDF3
    """File identifier of the environment (DDF)."""
    fci_proprietary: HexBytes = bytes.fromhex("730492023330")
    """What follows the name in the FCI of the environment (recorded, meaning unknown)."""
    public_key_header: Annotated[HexBytes, Field(min_length=2, max_length=2)] = b"\x00\x40"
    """The two bytes before X‖Y in a public key file."""
    certificate_size: int = Field(default=2048, ge=1020, le=0x7FFF)
    """Bytes of a certificate file."""
    write_block: int = Field(default=112, ge=1, le=255)
    """Bytes of one UPDATE BINARY: 112 or 250."""
    padded_certificate: int = Field(default=0, ge=0, le=0x7FFF)
    """Bytes that a terminal fills a certificate up to with 00: none, or 1020."""
    challenge: Literal[8, 16] = 16
    """Bytes of the challenge that a terminal draws; the card takes both, 8 filled with 00."""
    user_pin_tries: int = Field(default=6, ge=1, le=15)
    """Wrong user PINs until it is locked."""
    admin_pin_tries: int = Field(default=6, ge=1, le=15)
    """Wrong administrator PINs until it is locked."""
    control_key_tries: int = Field(default=6, ge=1, le=15)
    """Wrong proofs of a control key until it is locked."""
    session_key_slot: HexByte = 0x10
    """P2 of the import of a session key."""
    control_key_header: Annotated[HexBytes, Field(min_length=3, max_length=3)] = bytes(3)
    """The three bytes before a new control key, which its length counts."""
    change_needs_authentication: bool = True
    """A new control key is taken only after EXTERNAL AUTHENTICATE with the old one."""
    sign_command: Annotated[HexBytes, Field(min_length=4, max_length=4)] = b"\x80\x4c\x00\x01"
    """CLA INS P1 P2 of the signature over a digest; no program sends it (by analogy with 804E)."""
    admin_login: bool = True
    """A terminal verifies the administrator PIN, too, before it writes."""


class CertificateContents(Strict):
    """How certificates name their holder (ref 02 §8.9)."""

    signature_card_number: Oid = "1.2.156.2316.1.1"
    """Extension with the card number, 9 characters."""
    signature_holder_digest: Oid = "1.2.156.2316.1.2"
    """Extension of 32 bytes."""
    encryption_card_number: Oid = "1.2.156.2316.1"
    """The same in the encryption certificate."""
    encryption_holder_digest: Oid = "1.2.156.2316.2"
    """The same in the encryption certificate."""
    holder_digest: Literal["sm3_number", "unchecked"] = "sm3_number"
    """What the 32 bytes are: SM3 of the social security number, or not looked at."""

    def card_number(self, purpose: Purpose) -> str:
        """Extension with the card number."""
        return self.signature_card_number if purpose == "signature" else self.encryption_card_number

    def digest(self, purpose: Purpose) -> str:
        """Extension with the digest of the holder."""
        if purpose == "signature":
            return self.signature_holder_digest
        return self.encryption_holder_digest


class CertificateApplication(Strict):
    """The application: its environment (DDF) and its directory (ADF), files, PINs, first secrets.

    The control key and both PINs of a new card are published values of its maker, replaced when
    the card is issued; they are no secrets (ref 02 §8.1, 05 §4.4).
    """

    environment: HexBytes = Field(min_length=5, max_length=16)
    """Name of the DDF, ``PKI.社会保障``."""
    name: HexBytes = Field(min_length=5, max_length=16)
    """Name of the ADF, ``SS.CERT.ADF1``."""
    fid: HexWord = 0xDF01
    files: CertificateFiles = CertificateFiles()
    user_pin: HexByte = 0x81
    """P2 of the user PIN."""
    admin_pin: HexByte = 0x00
    """P2 of the administrator PIN."""
    initial_user_pin: str = Field(default="123456", pattern=r"^(\d\d){2,7}$")
    initial_admin_pin: str = Field(default="12345678", pattern=r"^(\d\d){2,7}$")
    initial_control_key: HexBytes = Field(
        min_length=CONTROL_KEY_LENGTH, max_length=CONTROL_KEY_LENGTH
    )
    """Of ADF and DDF."""
    rules: CertificateRules = CertificateRules()
    contents: CertificateContents = CertificateContents()
    settings: CertificateSettings = CertificateSettings()

    def pin_reference(self, pin: PinName) -> int:
        """P2 of a PIN."""
        return self.user_pin if pin == "user" else self.admin_pin

    def initial_pin(self, pin: PinName) -> str:
        """Digits of the PIN of a new card."""
        return self.initial_user_pin if pin == "user" else self.initial_admin_pin


def check_certificate(structure: Structure) -> Iterator[tuple[tuple[str, ...], Text]]:
    """Findings of a profile check."""
    if structure.certificate_application == "present" and structure.certificate is None:
        text = Text(
            "certificate_application = present 还需要 [certificate] 表",
            "certificate_application = present needs the table [certificate]",
        )
        yield ("certificate_application",), text
    if structure.certificate is None:
        return
    model = structure.certificate
    names = {directory.name: name for name, directory in structure.directories.items()}
    for field in ("environment", "name"):
        if other := names.get(getattr(model, field)):
            text = Text(f"名称与目录 {other} 相同", f"the directory {other} has this name, too")
            yield ("certificate", field), text
    if model.name == model.environment:
        text = Text("与 environment 相同", "the same as environment")
        yield ("certificate", "name"), text
    if model.admin_pin == model.user_pin:
        yield ("certificate", "admin_pin"), Text("与 user_pin 相同", "the same as user_pin")
    fids = list(model.files.model_dump().values())
    if len(set(fids)) != len(fids):
        text = Text("文件标识符重复", "two files have one identifier")
        yield ("certificate", "files"), text
    if model.settings.padded_certificate > model.settings.certificate_size:
        size = model.settings.certificate_size
        text = Text(f"超过 certificate_size（{size}）", f"more than certificate_size, {size}")
        yield ("certificate", "settings", "padded_certificate"), text
