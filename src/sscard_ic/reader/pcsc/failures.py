"""What the numbers of PC/SC mean: a class of the taxonomy, the cause, the next step.

Sources: ``pcsclite.h`` of pcsc-lite 1.9.9, ``winerror.h``; ref 09 §1, ref 10 part B2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sscard_ic.base.errors import Text
from sscard_ic.reader.errors import (
    AccessDenied,
    CardRemoved,
    CardWasReset,
    MuteCard,
    NoCard,
    NoReader,
    NoService,
    ProtocolMismatch,
    ReaderBusy,
    ReaderError,
)


@dataclass(frozen=True, slots=True)
class Failure:
    """One row of the table."""

    kind: type[ReaderError]
    what: Text
    hint: Text


_START_SERVICE = Text(
    "Linux：sudo systemctl start pcscd（没有 systemd 时：sudo pcscd）；"
    "Windows：插好读写器，启动服务 SCardSvr；不用读写器：--reader virtual:文件",
    "Linux: sudo systemctl start pcscd (without systemd: sudo pcscd); Windows: plug the reader "
    "in, start the service SCardSvr; without a reader: --reader virtual:FILE",
)
_TRY_AGAIN = Text(
    "服务恢复后再试；运行 sscard doctor 查找原因",
    "try again when it is back; sscard doctor looks for the cause",
)
_DOCTOR = Text("运行 sscard doctor 查找原因", "sscard doctor looks for the cause")
_RIGHTS = Text(
    "polkit 须允许本用户的 org.debian.pcsc-lite.access_pcsc 和 access_card "
    "（规则放在 /etc/polkit-1/rules.d）；在容器或 SSH 中尤其如此；sscard doctor 有详情",
    "polkit must allow this user org.debian.pcsc-lite.access_pcsc and access_card (a rule in "
    "/etc/polkit-1/rules.d), above all in containers and over SSH; see sscard doctor",
)
_LIST = Text("用 sscard readers 查看现有的读写器", "sscard readers shows those that are there")
_PLUG_IN = Text(
    "插好读写器后再试；运行 sscard doctor 查找原因",
    "plug it in and try again; sscard doctor looks for the cause",
)
_CLOSE_OTHERS = Text("关闭占用它的程序后再试", "close the program that holds it, and try again")
_INSERT_AGAIN = Text(
    "取出卡，擦净触点，按方向重新插入；仍不行则换一张卡或换一台读写器",
    "take the card out, wipe its contacts and insert it the right way round; if that does not "
    "help, try another card or another reader",
)
_UNREADABLE = Text(
    "检查是否插错了卡；换一台读写器再试", "see whether it is the right card; try another reader"
)
_FROM_START = Text(
    "重新插卡，从头开始；已写入了什么，以卡为准",
    "insert the card again and start over: the card itself knows what was written",
)
_ALONE = Text(
    "结束其他使用读写器的程序，或以独占方式打开；然后从头开始",
    "end other programs that use the reader, or open it exclusively; then start over",
)

_SERVICE_DOWN = Failure(
    NoService, Text("PC/SC 服务没有运行", "the PC/SC service does not run"), _START_SERVICE
)
_SERVICE_LOST = Failure(
    NoService, Text("PC/SC 服务已停止", "the PC/SC service was stopped"), _TRY_AGAIN
)
_SERVICE_FULL = Failure(
    NoService,
    Text("PC/SC 服务过忙，不接受新的程序", "the PC/SC service is too busy to take another program"),
    Text("关闭一些使用读写器的程序后再试", "close some programs that use readers, and try again"),
)
_UNPLUGGED = Failure(NoReader, Text("读写器已拔下", "the reader was unplugged"), _PLUG_IN)
_DENIED = Failure(
    AccessDenied,
    Text("PC/SC 服务拒绝本用户访问", "the PC/SC service does not admit this user"),
    _RIGHTS,
)
_SILENT = Failure(MuteCard, Text("卡没有应答", "the card does not answer"), _INSERT_AGAIN)
_NO_RESET_ANSWER = Failure(
    MuteCard,
    Text("卡对复位没有应答", "the card gives no answer to reset"),
    _INSERT_AGAIN,
)
_NO_POWER = Failure(
    MuteCard,
    Text("卡没有电，或通电后没有应答", "the card has no power, or does not answer to it"),
    _INSERT_AGAIN,
)
_BAD_ATR = Failure(
    MuteCard,
    Text("读写器不认识卡的复位应答", "the reader does not understand the card's answer to reset"),
    _UNREADABLE,
)

FAILURES: dict[int, Failure] = {
    0x80100003: _SERVICE_LOST,  # INVALID_HANDLE: the service it belonged to is gone
    0x80100007: _SILENT,  # WAITED_TOO_LONG
    0x80100008: Failure(  # INSUFFICIENT_BUFFER
        ReaderError,
        Text("卡的应答超过读写器的容量", "the answer is longer than the reader can pass on"),
        Text(
            "用短格式命令分次读取；macOS 上可设置 useIFDCCID",
            "read in parts, with short commands; on macOS useIFDCCID may help",
        ),
    ),
    0x80100009: Failure(  # UNKNOWN_READER
        NoReader, Text("没有这个读写器", "there is no such reader"), _LIST
    ),
    0x8010000A: _SILENT,  # TIMEOUT
    0x8010000B: Failure(  # SHARING_VIOLATION
        ReaderBusy,
        Text(
            "读写器正被其他程序，或本程序的另一个连接占用",
            "the reader is held by another program, or by another connection of this one",
        ),
        _CLOSE_OTHERS,
    ),
    0x8010000C: Failure(  # NO_SMARTCARD
        NoCard,
        Text("读写器中没有卡", "there is no card in the reader"),
        Text("插卡后再试", "insert a card and try again"),
    ),
    0x8010000F: Failure(  # PROTO_MISMATCH
        ProtocolMismatch,
        Text(
            "卡不支持所要求的传输协议，或其复位应答有误",
            "the card does not speak the protocol that was asked for, or its ATR is wrong",
        ),
        Text("去掉 --protocol 再试", "try again without --protocol"),
    ),
    0x80100010: _SILENT,  # NOT_READY
    0x80100011: _UNPLUGGED,  # INVALID_VALUE: pcscd has no such reader any more
    0x80100012: _SERVICE_LOST,  # SYSTEM_CANCELLED: logoff or shutdown
    0x80100013: _SILENT,  # F_COMM_ERROR, where the service is still there
    0x80100015: _BAD_ATR,  # INVALID_ATR
    0x80100016: _SILENT,  # NOT_TRANSACTED
    0x80100017: _UNPLUGGED,  # READER_UNAVAILABLE
    0x80100018: _SERVICE_LOST,  # P_SHUTDOWN
    0x8010001A: Failure(  # READER_UNSUPPORTED
        NoReader,
        Text("驱动程序不支持这个读写器", "the driver does not support this reader"),
        _PLUG_IN,
    ),
    0x8010001C: _BAD_ATR,  # CARD_UNSUPPORTED
    0x8010001D: _SERVICE_DOWN,  # NO_SERVICE
    0x8010001E: _SERVICE_LOST,  # SERVICE_STOPPED
    0x80100027: _DENIED,  # NO_ACCESS
    0x8010002E: Failure(  # NO_READERS_AVAILABLE
        NoReader, Text("没有插上读写器", "no reader is plugged in"), _PLUG_IN
    ),
    0x8010002F: _SILENT,  # COMM_DATA_LOST
    0x80100031: _SERVICE_FULL,  # SERVER_TOO_BUSY
    0x80100065: _BAD_ATR,  # UNSUPPORTED_CARD
    0x80100066: _NO_RESET_ANSWER,  # UNRESPONSIVE_CARD
    0x80100067: _NO_POWER,  # UNPOWERED_CARD
    0x80100068: Failure(  # RESET_CARD
        CardWasReset,
        Text(
            "卡被其他程序复位，已作的认证失效",
            "another program reset the card: what was proved to it is forgotten",
        ),
        _ALONE,
    ),
    0x80100069: Failure(  # REMOVED_CARD
        CardRemoved,
        Text("卡在使用中被取出或断电", "the card was taken out, or lost its power, while in use"),
        _FROM_START,
    ),
    0x8010006A: _DENIED,  # SECURITY_VIOLATION: what pcscd says when polkit refuses
}
"""By the number without sign; a number that is not here is told as it is."""


def failure(code: int, where: str, system_text: str = "") -> ReaderError:
    """The error for ``code``; ``system_text`` is told when the table does not know it."""
    row = FAILURES.get(code)
    if row is None:
        told = f"0x{code:08X}" + (f" ({system_text})" if system_text else "")
        return ReaderError(
            Text(f"PC/SC 错误 {told}", f"PC/SC error {told}"), where=where, hint=_DOCTOR
        )
    return row.kind(row.what, where=where, hint=row.hint)


def busy(where: str, holders: Sequence[str]) -> ReaderBusy:
    """The reader is held; ``holders`` are the programs that may be it."""
    row = FAILURES[0x8010000B]
    if not holders:
        return ReaderBusy(row.what, where=where, hint=row.hint)
    return ReaderBusy(
        Text(
            f"读写器正被其他程序占用；可能是正在使用 PC/SC 的程序之一：{'、'.join(holders)}",
            "another program holds the reader; it may be one of those that use PC/SC: "
            f"{', '.join(holders)}",
        ),
        where=where,
        hint=row.hint,
    )


def service_silent() -> NoService:
    """The service takes calls and does not answer them."""
    return NoService(
        Text("PC/SC 服务没有回应", "the PC/SC service does not answer"),
        hint=Text(
            "重启它：sudo systemctl restart pcscd；运行 sscard doctor 查找原因",
            "restart it: sudo systemctl restart pcscd; sscard doctor looks for the cause",
        ),
    )
