"""Files of the certificate application: public keys and certificates (ref 02 §8.1)."""

from __future__ import annotations

from sscard_ic.apdu import certificate as apdu
from sscard_ic.apdu import iso
from sscard_ic.apdu.status import StatusWord
from sscard_ic.base.errors import CardError, InputError, Text
from sscard_ic.card.certificate_commands import CertificateCommands
from sscard_ic.crypto.certificates import der
from sscard_ic.profile.certificate import Condition

_BLOCK = iso.READ_ALL
_SEQUENCE = bytes((der.SEQUENCE,))
_UNSET = (0x00, 0xFF)
_ENDS = frozenset({StatusWord(0x6B00), StatusWord(0x6282)})
"""What a card says of bytes behind the end of a file."""


def read_public_key(
    commands: CertificateCommands, fid: int, what: Text, condition: Condition
) -> bytes | None:
    """X‖Y of a public key file; None when it was never set (two exchanges).

    The two bytes before X‖Y, whose meaning nobody knows, are not looked at.
    """
    commands.send(iso.select_fid(fid), what)
    command = iso.read_binary(0, apdu.PUBLIC_KEY_FILE)
    data = commands.send(command, what, condition).data
    public = data[apdu.PUBLIC_KEY_HEADER : apdu.PUBLIC_KEY_FILE]
    return None if len(data) < apdu.PUBLIC_KEY_FILE or _unset(public) else public


def read_certificate(
    commands: CertificateCommands, fid: int, what: Text, condition: Condition
) -> bytes | None:
    """The DER certificate of a file, cut at its length; None when there is none.

    The first 256 bytes tell the length: one exchange for SELECT, one for each 256 bytes. Raises
    :class:`CardError` when the file holds something else, or only a part.
    """
    commands.send(iso.select_fid(fid), what)
    data = commands.send(iso.read_binary(0, _BLOCK), what, condition).data
    if not data or _unset(data):
        return None
    length = _length(data)
    if length is None:
        raise _damaged(what)
    while len(data) < length:
        response = commands.ask(iso.read_binary(len(data), min(_BLOCK, length - len(data))))
        if not response.sw.ok and response.sw not in _ENDS:
            raise commands.refusal(what, response.sw, condition)
        if not response.data:
            raise _damaged(what)
        data += response.data
    return data[:length]


def write_certificate(
    commands: CertificateCommands, fid: int, certificate: bytes, what: Text
) -> None:
    """Write a DER certificate in blocks, filled up with 00 as the settings say.

    Raises :class:`InputError` before anything is sent when it is no DER, or too long.
    """
    settings, rule = commands.model.settings, commands.model.rules.update_certificate
    if _length(certificate) != len(certificate):
        raise InputError(
            Text(f"{what.zh}：数据不是 DER 证书", f"{what.en}: the data are no DER certificate"),
            hint=Text("请提供 DER 编码的证书", "give the certificate in DER"),
        )
    filled = certificate.ljust(settings.padded_certificate, b"\x00")
    if len(filled) > settings.certificate_size:
        raise _too_long(what, len(filled), settings.certificate_size)
    commands.send(iso.select_fid(fid), what)
    for start in range(0, len(filled), settings.write_block):
        block = filled[start : start + settings.write_block]
        commands.send(iso.update_binary(start, block), what, rule)


def _length(data: bytes) -> int | None:
    """Bytes of the certificate that ``data`` begin with; None when none does."""
    try:
        return der.length_of(data) if data[:1] == _SEQUENCE else None
    except der.DerError:
        return None


def _unset(data: bytes) -> bool:
    return data[0] in _UNSET and data.count(data[0]) == len(data)


def _damaged(what: Text) -> CardError:
    return CardError(
        Text(
            f"{what.zh}：文件中不是完整的证书",
            f"{what.en}: the file holds no whole certificate",
        ),
        hint=Text(
            "写入可能中断过；请重新写入证书", "writing may have been interrupted; write it again"
        ),
    )


def _too_long(what: Text, length: int, size: int) -> InputError:
    return InputError(
        Text(
            f"{what.zh}：证书连同填充有 {length} 字节，文件只有 {size} 字节",
            f"{what.en}: certificate and filling have {length} bytes, the file has {size}",
        ),
        hint=Text(
            "请 CA 签发更短的证书；若此卡的文件更大，修改卡规范的 certificate_size",
            "ask the CA for a shorter one; if the file of this card is larger, correct "
            "certificate_size of the profile",
        ),
    )
