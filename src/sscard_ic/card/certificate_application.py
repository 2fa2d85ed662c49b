"""The certificate application of a card, as a terminal uses it (ref 02 §8, 01 §2.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sscard_ic.apdu import certificate as apdu
from sscard_ic.base.errors import CardError, InputError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.card import certificate_files as files
from sscard_ic.card.certificate_commands import (
    NOT_OFFERED,
    PLACES,
    WRONG_MAC,
    CertificateCommands,
    ControlKeyRefused,
    Place,
    WrongCertificatePin,
)
from sscard_ic.card.channel import Channel
from sscard_ic.crypto import sm4
from sscard_ic.crypto.sm2 import DEFAULT_USER_ID, message_digest
from sscard_ic.crypto.sm2.model import CIPHER_OVERHEAD, DIGEST_LENGTH, SIGNATURE_LENGTH
from sscard_ic.keys.certificate_keys import CertificatePin, ControlKey
from sscard_ic.profile.certificate import CertificateApplication as Model
from sscard_ic.profile.certificate import PinName, Purpose
from sscard_ic.profile.certificate_words import PIN_WORDS, PURPOSE_WORDS
from sscard_ic.reader.connection import Connection

if TYPE_CHECKING:
    from sscard_ic.apdu.status import StatusWord
    from sscard_ic.crypto.enveloped_key import EnvelopedKey

_GENERATE = Text("生成签名密钥对", "generate the signature key pair")
_SIGN = Text("签名", "sign")
_DECRYPT = Text("解密", "decrypt")
_OPEN_ENVELOPE = Text("解开会话密钥", "decrypt the session key")
_IMPORT_SESSION = Text("导入会话密钥", "import the session key")
_IMPORT_PUBLIC = Text("导入加密公钥", "import the encryption public key")
_IMPORT_PRIVATE = Text("导入加密私钥", "import the encryption private key")

_OTHER_KEY: Mapping[int, Text] = dict.fromkeys(
    (0x6A80, WRONG_MAC),
    Text(
        "密文已损坏，或是用另一把公钥加密的",
        "the ciphertext is damaged, or was made with another public key",
    ),
)
"""6988 says here that C3 is not that of the message."""
_OTHER_SIGN_COMMAND: Mapping[int, Text] = dict.fromkeys(
    NOT_OFFERED,
    Text(
        "签名命令没有公开；此卡用的是另一条，修改卡规范的 sign_command",
        "the command that signs is not published; this card has another one: correct "
        "sign_command of the profile",
    ),
)


class CertificateApplication:
    """A session with the application; the constructor selects it (two exchanges).

    A connection has one session at a time: whoever selects another application of the card ends
    this one, and what was verified in it; a new one begins where this is needed again. Raises
    :class:`NoCertificateApplication` when the card has none.
    """

    def __init__(self, connection: Connection, model: Model) -> None:
        self._commands = CertificateCommands(connection, model)
        self._model = model
        self._place: Place = "environment"
        self._signature_public: bytes | None = None
        self._select("environment")
        self._select("application")

    @property
    def channel(self) -> Channel:
        """The way of single commands to this card."""
        return self._commands.channel

    @property
    def model(self) -> Model:
        """What the card obeys."""
        return self._model

    # PINs

    def verify_pin(self, name: PinName, pin: CertificatePin) -> None:
        """VERIFY by challenge (two exchanges); raises :class:`WrongCertificatePin`.

        Never repeated by itself.
        """
        title = PIN_WORDS[name]
        self._check_pin(name, pin, Text(f"校验{title.zh}", f"verify the {title.en}"))

    def accepts_pin(self, name: PinName, pin: CertificatePin) -> bool:
        """Whether the card takes the PIN, which is then verified; a wrong one costs a try.

        Raises :class:`WrongCertificatePin` when the PIN is locked already.
        """
        try:
            self.verify_pin(name, pin)
        except WrongCertificatePin as refused:
            if _is_wrong(refused.sw):
                return False
            raise
        return True

    def change_pin(self, name: PinName, old: CertificatePin, new: CertificatePin) -> None:
        """Change a PIN (two exchanges); raises :class:`WrongCertificatePin`.

        Only the old PIN proves the change: none need be verified before.
        """
        self._enter_application()
        title = PIN_WORDS[name]
        what = Text(f"修改{title.zh}", f"change the {title.en}")
        reference, challenge = self._model.pin_reference(name), self._commands.challenge()
        self._commands.verified.discard(name)
        sw = self._commands.ask(old.change(new, challenge, reference)).sw
        if not sw.ok:
            raise WrongCertificatePin(what, sw, name)

    def _check_pin(self, name: PinName, pin: CertificatePin, what: Text) -> None:
        self._enter_application()
        challenge = self._commands.challenge()
        self._commands.verified.discard(name)
        command = apdu.verify(self._model.pin_reference(name), pin.proof(challenge))
        sw = self._commands.ask(command).sw
        if not sw.ok:
            raise WrongCertificatePin(what, sw, name)
        self._commands.verified.add(name)

    # Keys

    def generate_key(self) -> bytes:
        """A new signature key pair; its public key X‖Y (three exchanges)."""
        self._enter_application()
        file = self._model.files
        command = apdu.generate_key(file.signature_public, file.signature_private)
        self._signature_public = None
        self._commands.send(command, _GENERATE, self._model.rules.generate_key)
        public = self.public_key("signature")
        if public is None:
            raise CardError(
                Text(
                    "卡生成了密钥对，但公钥文件仍为空",
                    "the card generated a key pair, and the file of its public key is empty",
                ),
                hint=Text(
                    "检查卡规范的 [certificate.files]", "check [certificate.files] of the profile"
                ),
            )
        return public

    def public_key(self, purpose: Purpose) -> bytes | None:
        """X‖Y, 64 bytes; None when it was never set (two exchanges)."""
        self._enter_application()
        fid, title = self._model.files.public(purpose), PURPOSE_WORDS[purpose]
        what = Text(f"读取{title.zh}公钥", f"read the {title.en} public key")
        rule = self._model.rules.read_public
        public = files.read_public_key(self._commands, fid, what, rule)
        if purpose == "signature":
            self._signature_public = public
        return public

    def import_encryption_key(self, enveloped: EnvelopedKey) -> None:
        """Give the card its encryption key pair, which the CA enveloped (four exchanges).

        The card unwraps the session key and gets it back: nothing shows that the terminal could
        be left out (ref 02 §8.2). Raises :class:`CertificateRefused` when the envelope is not for
        this card's signature key.
        """
        self._enter_application()
        file, rule, send = self._model.files, self._model.rules.import_key, self._commands.send
        unwrap = apdu.decrypt(file.signature_private, enveloped.cipher)
        session = Secret(send(unwrap, _OPEN_ENVELOPE, rule, _OTHER_KEY).data)
        try:
            if len(session) != sm4.KEY_LENGTH:
                raise CardError(
                    Text(
                        f"会话密钥有 {len(session)} 字节，应为 {sm4.KEY_LENGTH}",
                        f"the session key has {len(session)} bytes, not {sm4.KEY_LENGTH}",
                    ),
                    hint=Text("CA 的加密密钥不是 SM4 封装", "the CA did not wrap with SM4"),
                )
            slot = self._model.settings.session_key_slot
            send(apdu.import_session_key(slot, session), _IMPORT_SESSION, rule)
        finally:
            session.clear()
        public = apdu.import_public_key(file.encryption_public, enveloped.public)
        send(public, _IMPORT_PUBLIC, rule)
        private = apdu.import_private_key(file.encryption_private, enveloped.encrypted_private)
        send(private, _IMPORT_PRIVATE, rule)

    # Certificates

    def write_certificate(self, purpose: Purpose, der: bytes) -> None:
        """Write a DER certificate: one exchange for SELECT, one for each block.

        Raises :class:`InputError` before anything is sent when it is no DER, or too long for its
        file.
        """
        title = PURPOSE_WORDS[purpose]
        what = Text(f"写入{title.zh}证书", f"write the {title.en} certificate")
        self._enter_application()
        files.write_certificate(self._commands, self._model.files.certificate(purpose), der, what)

    def certificate(self, purpose: Purpose) -> bytes | None:
        """The DER certificate without what fills its file; None when there is none.

        Raises :class:`CardError` when the file holds something else, or only a part.
        """
        self._enter_application()
        fid, title = self._model.files.certificate(purpose), PURPOSE_WORDS[purpose]
        what = Text(f"读取{title.zh}证书", f"read the {title.en} certificate")
        return files.read_certificate(self._commands, fid, what, self._model.rules.read_certificate)

    # What the private keys do

    def sign_digest(self, digest: bytes) -> bytes:
        """r‖s, 64 bytes, over a digest e of 32 bytes by the signature key (one exchange)."""
        if len(digest) != DIGEST_LENGTH:
            raise InputError(
                Text(
                    f"待签名的摘要应为 {DIGEST_LENGTH} 字节",
                    f"SM2 signs digests of {DIGEST_LENGTH} bytes",
                )
            )
        self._enter_application()
        head, file = self._model.settings.sign_command, self._model.files.signature_private
        command, rule = apdu.sign(head, file, digest), self._model.rules.use_private
        signature = self._commands.send(command, _SIGN, rule, _OTHER_SIGN_COMMAND).data
        if len(signature) != SIGNATURE_LENGTH:
            raise CardError(
                Text(
                    f"签名有 {len(signature)} 字节，应为 {SIGNATURE_LENGTH}",
                    f"the signature has {len(signature)} bytes, not {SIGNATURE_LENGTH}",
                ),
                hint=_OTHER_SIGN_COMMAND[0x6D00],
            )
        return signature

    def sign(self, message: bytes, user_id: bytes = DEFAULT_USER_ID) -> bytes:
        """r‖s over SM3(Z‖message); the public key is read for Z unless it is known."""
        public = self._signature_public or self.public_key("signature")
        if public is None:
            raise CardError(
                Text("卡内没有签名密钥", "the card has no signature key"),
                hint=Text(
                    "先生成签名密钥对（sscard cert keygen）",
                    "generate it first (sscard cert keygen)",
                ),
            )
        return self.sign_digest(message_digest(public, message, user_id))

    def decrypt(self, cipher: bytes, purpose: Purpose = "encryption") -> Secret:
        """The message of C1‖C3‖C2 by a private key of the card (one exchange).

        Raises :class:`InputError` before anything is sent for a ciphertext that is too short, or
        too long for one command (247 bytes, a message of 151).
        """
        if not CIPHER_OVERHEAD < len(cipher) <= apdu.LONGEST_CIPHER:
            longest = apdu.LONGEST_CIPHER
            raise InputError(
                Text(
                    f"密文（C1‖C3‖C2）有 {len(cipher)} 字节，"
                    f"应为 {CIPHER_OVERHEAD + 1} 至 {longest}",
                    f"the ciphertext C1‖C3‖C2 has {len(cipher)} bytes; a command takes "
                    f"{CIPHER_OVERHEAD + 1} to {longest}",
                ),
                hint=Text(
                    f"一次最多解密 {longest - CIPHER_OVERHEAD} 字节；更长的数据用对称密钥加密，"
                    "只把该密钥用卡的公钥加密",
                    f"a message has at most {longest - CIPHER_OVERHEAD} bytes; encrypt more with "
                    "a symmetric key, and that key for the card",
                ),
            )
        self._enter_application()
        command = apdu.decrypt(self._model.files.private(purpose), cipher)
        rule = self._model.rules.use_private
        return Secret(self._commands.send(command, _DECRYPT, rule, _OTHER_KEY).data)

    # Control keys

    def accepts_control_key(self, place: Place, key: ControlKey) -> bool:
        """Whether the directory takes the control key; a wrong one costs a try.

        Two exchanges, and one to select the directory where it is not the current one. Raises
        :class:`ControlKeyRefused` when the key is locked already.
        """
        try:
            self.prove_control_key(place, key)
        except ControlKeyRefused as refused:
            if _is_wrong(refused.sw):
                return False
            raise
        return True

    def prove_control_key(self, place: Place, key: ControlKey) -> None:
        """EXTERNAL AUTHENTICATE in a directory, exchanges as above; a wrong key costs a try.

        Raises :class:`ControlKeyRefused`, which says how many are left.
        """
        self._enter(place)
        sw = self._authenticate(key)
        if not sw.ok:
            raise ControlKeyRefused(_proof(place), sw, place)

    def replace_control_key(self, place: Place, old: ControlKey, new: ControlKey) -> None:
        """Put ``new`` in the place of ``old``: the directory is selected anew, the old key proved.

        Five exchanges, three where the card asks for no proof. Raises :class:`ControlKeyRefused`.
        """
        self._select(place)
        if self._model.settings.change_needs_authentication:
            sw = self._authenticate(old)
            if not sw.ok:
                raise ControlKeyRefused(_proof(place), sw, place)
        challenge = self._commands.challenge()
        sw = self._commands.ask(old.replacement(new, challenge, self._model.settings)).sw
        if not sw.ok:
            title = PLACES[place]
            what = Text(f"更换{title.zh}的主控密钥", f"replace the control key of {title.en}")
            raise ControlKeyRefused(what, sw, place)

    def _authenticate(self, key: ControlKey) -> StatusWord:
        challenge = self._commands.challenge()
        return self._commands.ask(apdu.authenticate(key.proof(challenge))).sw

    # Directories

    def _enter_application(self) -> None:
        self._enter("application")

    def _enter(self, place: Place) -> None:
        if self._place != place:
            self._select(place)

    def _select(self, place: Place) -> None:
        self._commands.select(place)
        self._place = place


def _proof(place: Place) -> Text:
    title = PLACES[place]
    return Text(f"认证{title.zh}的主控密钥", f"authenticate the control key of {title.en}")


def _is_wrong(sw: StatusWord) -> bool:
    """63Cx, or 6300 of a card that counts nothing: another PIN or key than the card's."""
    return sw >> 8 == 0x63
