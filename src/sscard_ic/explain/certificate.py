"""Commands of the certificate application in words (ref 02 §8.2, §8.5, §8.6, §8.8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from sscard_ic.apdu.masked import Masked
from sscard_ic.apdu.names import without_mac
from sscard_ic.apdu.status import StatusWord
from sscard_ic.base.errors import Text
from sscard_ic.explain import layout
from sscard_ic.explain.applications import CERTIFICATE, CERTIFICATE_ENVIRONMENT
from sscard_ic.explain.certificate_files import public_key, read_binary, update_binary
from sscard_ic.explain.certificate_state import file_words
from sscard_ic.explain.layout import Field, field
from sscard_ic.explain.records import mac_of
from sscard_ic.explain.sent import Sent
from sscard_ic.explain.session import Asked, Session, Told
from sscard_ic.explain.statuses import Reasons
from sscard_ic.explain.tags import CERTIFICATE_COMMANDS
from sscard_ic.explain.tlv import REST, explain_objects
from sscard_ic.explain.words import NO_WORDS, Detail, bytes_of, joined, shown
from sscard_ic.profile.certificate import Condition, PinName
from sscard_ic.profile.certificate_words import PIN_NAMES, PIN_WORDS

Handler = Callable[[Session, Sent, Text], Asked]

SIGN = Text("SM2 签名", "SM2 SIGN")

_PUBLIC_FILE, _PRIVATE_FILE = "C0", "C2"
_DATA_OBJECT, _PUBLIC_KEY = "C1", "CA"
_OBJECTS = frozenset({_DATA_OBJECT, _PUBLIC_KEY, "CB"})
"""Objects with data or keys."""
_FETCH = 0x80
"""P2 of EXPORT PUBLIC KEY: the key itself, of the pair named before."""
_PLAIN_KEY, _PRIVATE_KEY = b"\x40\x00", b"\xc0\x01"
"""P1 P2 of IMPORT KEY with a public key, and with a private one."""
_HASH_OBJECT = 2
"""Bytes before what HASH is given: tag and length."""
_BLOCK = 16
_SHORT_CHALLENGE = 8

_BY_CRYPTOGRAM = 0x01
"""P1 of VERIFY."""

_IMPORTED = {
    _PLAIN_KEY: Text("加密公钥", "the public encryption key"),
    _PRIVATE_KEY: Text("加密私钥", "the private encryption key"),
}
"""What IMPORT KEY brings where the file is hidden."""

_HIDDEN = Text("未显示", "hidden")
_ONLY_CRYPTOGRAM = Text(
    "密码只能以密文校验（P1 01）", "PINs are verified by cryptogram only (P1 01)"
)
_NO_PIN = Text("解密后不是密码", "what is deciphered is no PIN")
_NO_KEY = Text("该密钥尚未写入", "there is no such key yet")
_WRONG_MAC = Text("MAC 错误：旧密钥或随机数不对", "the MAC is wrong: another old key, or challenge")
_WRONG_HASH = Text("C3 不符：不是为该密钥加密的", "C3 is wrong: not enciphered for this key")
_PRIVATE_KEY_REASONS: Reasons = {
    0x6985: Text("没有会话密钥，先导入", "no session key: import it first"),
    0x6A80: Text("解密后的私钥与公钥不配", "what is deciphered does not fit the public key"),
}
_CIPHER = (
    Field(Text("C1 的 X 坐标", "C1, X"), 32, secret=True),
    Field(Text("C1 的 Y 坐标", "C1, Y"), 32, secret=True),
    Field(Text("C3 杂凑值", "C3, hash"), 32, secret=True),
    Field(Text("C2 密文", "C2, cipher"), 0, secret=True),
)
_SIGNATURE = (field("签名 r", "r", 32), field("签名 s", "s", 32))
_CRYPTOGRAM = (field("认证密文", "cryptogram", _BLOCK),)


def handler_here(session: Session, header: bytes) -> Handler | None:
    """The words for a command that means something of its own in the application."""
    if session.place.application != "certificate":
        return None
    if header == session.certificates.settings.sign_command:
        return sign
    return _HERE.get(without_mac(header[:2]))


# -- PINs ----------------------------------------------------------------------------------------


def _pin(session: Session, p2: int) -> tuple[PinName | None, Text]:
    """The PIN that P2 means, and its name."""
    for name in PIN_NAMES:
        if p2 == session.certificates.pin_reference(name):
            return name, _the(PIN_WORDS[name])
    return None, Text(f"密码 {p2:02X}", f"PIN {p2:02X}")


def _the(words: Text) -> Text:
    return Text(words.zh, f"the {words.en}")


def _tries(what: Text) -> Reasons:
    """Status words after a wrong PIN or key."""
    wrong = {
        0x63C0 | left: Text(
            f"{what.zh}错误，还可再试 {left} 次",
            f"{what.en} is wrong, {left} {'try' if left == 1 else 'tries'} left",
        )
        for left in range(16)
    }
    return wrong | {0x6983: Text(f"{what.zh}已锁定", f"{what.en} is locked")}


def verify(session: Session, sent: Sent, name: Text) -> Asked:
    """VERIFY by SM4(SM3(PIN)[0..15], challenge); without data it asks for the tries left."""
    pin, words = _pin(session, sent.p2)
    asked = Asked(name, words, session.place.directory, reasons=_tries(words), secret=True)
    if sent.p1 != _BY_CRYPTOGRAM:
        asked.reasons = {**asked.reasons, 0x6A86: _ONLY_CRYPTOGRAM}
    if sent.data:
        asked.details = layout.split(sent.data, (Field(_CRYPTOGRAM[0].name, _BLOCK, secret=True),))
    asked.reasons = _in_directory(session, asked.reasons)
    state = session.certificate
    if pin is not None:
        asked.succeeded = lambda: state.pins.add(pin)

        def wrong(_: StatusWord) -> None:
            state.pins.discard(pin)

        asked.failed = wrong
    return asked


def change_pin(session: Session, sent: Sent, name: Text) -> Asked:
    """Change of a PIN: the new one enciphered with the old one, and a MAC (ref 02 §8.5)."""
    pin, words = _pin(session, sent.p2)
    asked = Asked(name, words, session.place.directory, secret=True)
    asked.reasons = _in_directory(session, {**_tries(words), 0x6A80: _NO_PIN})
    state = session.certificate

    def done(_: StatusWord | None = None) -> None:
        if pin is not None:
            state.pins.discard(pin)

    asked.succeeded = asked.failed = done
    asked.details = _enciphered(sent, Text("新密码密文", "new PIN, enciphered with the old one"))
    return asked


def hash_inside(session: Session, sent: Sent, name: Text) -> Asked:
    """HASH: one program lets the card hash a PIN (ref 02 §8.2)."""
    size = max(len(sent.data) - _HASH_OBJECT, 0)
    about = Text(f"SM3，{bytes_of(size).zh}", f"SM3 of {bytes_of(size).en}")
    model = session.certificates
    for pin in PIN_NAMES:
        if size * 2 == len(model.initial_pin(pin)):
            words = _the(PIN_WORDS[pin])
            about = Text(f"{about.zh}，可能是{words.zh}", f"{about.en}, perhaps {words.en}")
    asked = Asked(name, about, secret=True)
    if size:
        data = Masked.of(size)
        asked.details = (Detail(Text("被杂凑的数据", "what is hashed"), raw=data),)
    asked.read = lambda answer: (
        Told(bytes_of(len(answer)), (Detail(Text("杂凑值", "hash"), raw=Masked.of(len(answer))),))
        if answer
        else Told()
    )
    return asked


# -- control key ---------------------------------------------------------------------------------


def _control_key(session: Session) -> Text:
    place = session.place.directory
    return Text(f"{place} 的主控密钥", f"the control key of {place}")


def authenticate(session: Session, sent: Sent, name: Text) -> Asked:
    """EXTERNAL AUTHENTICATE with the control key of the current directory."""
    words = _control_key(session)
    asked = Asked(name, words, session.place.directory, reasons=_tries(words))
    asked.details = layout.split(sent.data, _CRYPTOGRAM) if sent.data else ()
    state = session.certificate

    def right() -> None:
        state.control = True

    def wrong(_: StatusWord) -> None:
        state.control = False

    asked.succeeded, asked.failed = right, wrong
    return asked


def replace_control_key(session: Session, sent: Sent, name: Text) -> Asked:
    """A new control key, enciphered with the old one, and a MAC (ref 02 §8.6)."""
    words = _control_key(session)
    about = Text(f"{words.zh}，更换", f"{words.en}, a new one")
    asked = Asked(name, about, session.place.directory, secret=True)
    asked.reasons = {**_tries(words), 0x6988: _WRONG_MAC}
    state = session.certificate

    def done(_: StatusWord | None = None) -> None:
        state.control = False

    asked.succeeded = done
    if (
        session.certificates.settings.change_needs_authentication
        and not session.certificate.control
    ):
        needs = Text(f"需要 {words.zh}的认证", f"needs authentication with {words.en}")
        asked.reasons = {**asked.reasons, 0x6982: needs}
    asked.details = _enciphered(sent, Text("新密钥密文", "new key, enciphered with the old one"))
    return asked


def _enciphered(sent: Sent, what: Text) -> tuple[Detail, ...]:
    """Something enciphered and its MAC, both hidden."""
    parts = (Detail(what, raw=Masked.of(len(sent.plain))),) if sent.plain else ()
    return (*parts, *(replace(each, raw=Masked.of(len(each.raw))) for each in mac_of(sent)))


def get_challenge(session: Session, sent: Sent, name: Text) -> Asked:
    """GET CHALLENGE of 16 bytes, or of 8 that are filled with 00."""
    about = bytes_of(sent.le) if sent.le else NO_WORDS
    if sent.le == _SHORT_CHALLENGE:
        about = Text(f"{about.zh}，后补 8 字节 00", f"{about.en}, filled up with 8 bytes 00")
    return Asked(name, about, read=_challenge)


def _challenge(data: Masked) -> Told:
    if not data:
        return Told()
    return Told(shown(data), (Detail(Text("随机数", "challenge"), raw=data),))


# -- key pairs -----------------------------------------------------------------------------------


def generate(session: Session, sent: Sent, name: Text) -> Asked:
    """GENERATE KEY PAIR into a public and a private key file."""
    about, details = _objects(session, sent.data)
    asked = Asked(name, about, CERTIFICATE.directory, details)
    asked.reasons = _needs(session, session.certificates.rules.generate_key)
    return asked


def export(session: Session, sent: Sent, name: Text) -> Asked:
    """EXPORT PUBLIC KEY: which pair first, then the key itself."""
    state = session.certificate
    needs = _needs(session, session.certificates.rules.read_public, {0x6A88: _NO_KEY})
    if sent.p2 == _FETCH:
        about = NO_WORDS
        if state.exporting is not None:
            about = file_words(session.certificates, state.exporting)
        asked = Asked(name, about, CERTIFICATE.directory, reasons=needs)
        asked.read = lambda data: Told(bytes_of(len(data)), public_key(data)) if data else Told()
        return asked
    about, details = _objects(session, sent.data)
    asked = Asked(name, about, CERTIFICATE.directory, details, reasons=needs)

    def chosen() -> None:
        state.exporting = _identifier(details, _PUBLIC_FILE)

    asked.succeeded = chosen
    return asked


def decrypt(session: Session, sent: Sent, name: Text) -> Asked:
    """SM2 DECRYPT: what comes out is a session key."""
    about, details = _objects(session, sent.data, secret=True)
    details = tuple(
        replace(each, parts=layout.split(each.raw, _CIPHER)) if each.tag == _DATA_OBJECT else each
        for each in details
    )
    asked = Asked(name, about, CERTIFICATE.directory, details, secret=True)
    own = {0x6988: _WRONG_HASH, 0x6A88: _NO_KEY}
    asked.reasons = _needs(session, session.certificates.rules.use_private, own)
    asked.read = _decrypted
    return asked


def _decrypted(data: Masked) -> Told:
    if not data:
        return Told()
    raw = Masked.of(len(data))
    name = Text("解密结果（会话密钥）", "what was enciphered, a session key")
    return Told(bytes_of(len(data)), (Detail(name, raw=raw),))


def sign(session: Session, sent: Sent, _: Text) -> Asked:
    """Signature over a digest, by the command of the profile's setting (ref 02 §8.8)."""
    about, details = _objects(session, sent.data)
    asked = Asked(SIGN, about, CERTIFICATE.directory, details)
    own = {0x6A88: _NO_KEY}
    asked.reasons = _needs(session, session.certificates.rules.use_private, own)
    asked.read = lambda data: (
        Told(bytes_of(len(data)), layout.split(data, _SIGNATURE)) if data else Told()
    )
    return asked


def import_session_key(session: Session, sent: Sent, name: Text) -> Asked:
    """IMPORT SESSION KEY into a slot."""
    about = Text(f"SM4，密钥槽 {sent.p2:02X}", f"SM4, slot {sent.p2:02X}")
    asked = Asked(name, about, CERTIFICATE.directory, secret=True)
    size = max(len(sent.data) - _HASH_OBJECT, 0)
    if size:
        asked.details = (Detail(Text("会话密钥", "session key"), raw=Masked.of(size)),)
    asked.reasons = _needs(session, session.certificates.rules.import_key)
    return asked


def import_key(session: Session, sent: Sent, name: Text) -> Asked:
    """IMPORT KEY: the public encryption key plain, the private one under the session key."""
    public = sent.header[2:] == _PLAIN_KEY and _holds_public_key(sent.data)
    about, details = _objects(session, sent.data, secret=not public)
    if public:
        details = tuple(
            replace(each, parts=public_key(each.raw)) if each.tag == _PUBLIC_KEY else each
            for each in details
        )
    if not about.en and sent.header[2:] in _IMPORTED:
        about = _IMPORTED[sent.header[2:]]
    asked = Asked(name, about, CERTIFICATE.directory, details, secret=not public)
    own = {} if sent.header[2:] == _PLAIN_KEY else _PRIVATE_KEY_REASONS
    asked.reasons = _needs(session, session.certificates.rules.import_key, own)
    return asked


def _holds_public_key(data: Masked) -> bool:
    """A file and X, Y, nothing else: anything else may hold a private key."""
    objects = [(each.tag, len(each.raw)) for each in explain_objects(data)]
    return objects == [(_PUBLIC_FILE, 2), (_PUBLIC_KEY, 64)]


def _needs(session: Session, condition: Condition, own: Reasons | None = None) -> Reasons:
    """Why an operation on keys is refused; ``own``: besides what its rule says."""
    needs = {0x6982: session.certificate.missing(condition), **(own or {})}
    return _in_directory(session, needs)


def _in_directory(session: Session, reasons: Reasons) -> Reasons:
    """The reasons, and what a refusal says where only the environment is selected."""
    if session.place != CERTIFICATE_ENVIRONMENT:
        return reasons
    name = CERTIFICATE.directory
    return {**reasons, 0x6985: Text(f"先选择 {name}", f"select {name} first")}


# -- objects in commands -------------------------------------------------------------------------


def _objects(
    session: Session, data: Masked, *, secret: bool = False
) -> tuple[Text, tuple[Detail, ...]]:
    """The files that a command names, and its objects; of a ``secret`` one only the files."""
    details, files = [], []
    for each in explain_objects(data, CERTIFICATE_COMMANDS):
        size = len(each.raw)
        if each.tag in (_PUBLIC_FILE, _PRIVATE_FILE) and size == 2 and not each.raw.hidden:
            words = file_words(session.certificates, int.from_bytes(each.raw.head, "big"))
            files.append(words)
            details.append(replace(each, value=words))
        elif each.tag in _OBJECTS and secret:
            details.append(Detail(each.name, raw=Masked.of(size), tag=each.tag))
        elif secret or (each.name is REST and each.raw.hidden):
            details.append(Detail(_HIDDEN, raw=Masked.of(size)))
        else:
            details.append(each)
    return joined(files, "、", " and "), tuple(details)


def _identifier(details: tuple[Detail, ...], tag: str) -> int | None:
    """The file that an object names."""
    for each in details:
        if each.tag == tag and not each.raw.hidden:
            return int.from_bytes(each.raw.head, "big")
    return None


_HERE: Mapping[bytes, Handler] = {
    b"\x00\x20": verify,
    b"\x00\x82": authenticate,
    b"\x00\x84": get_challenge,
    b"\x00\xb0": read_binary,
    b"\x00\xd6": update_binary,
    b"\x80\x5e": change_pin,
    b"\x80\xd4": replace_control_key,
}
"""Commands that mean something else in other applications."""
