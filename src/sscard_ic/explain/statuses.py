"""What a status word means for one application and one command (ref 02 §1.5, 04 §4.2, 12 §4.1)."""

from __future__ import annotations

from collections.abc import Mapping

from sscard_ic.apdu.status import UNKNOWN, StatusWord
from sscard_ic.base.errors import Text
from sscard_ic.explain.applications import Application

Reasons = Mapping[int, Text]
"""Meanings by status word."""

_OF_APPLICATION: dict[Application, Reasons] = {
    "bank": {
        0x6283: Text("应用已锁定，只给 AAC", "the application is blocked and gives AAC only"),
        0x6300: Text("发卡行认证失败", "issuer authentication failed"),
        0x6984: Text("密码次数早已用尽", "the PIN tries were exhausted before"),
        0x6985: Text("当前交易状态不允许", "not in this state of the transaction"),
        0x6A81: Text("卡片已锁定", "the card is blocked"),
        0x6A88: Text("没有该数据对象", "there is no such data object"),
    },
    "payment system": {
        0x6A83: Text("目录到此为止", "the directory ends here"),
    },
    "certificate": {
        0x6A80: Text("数据不对：标签、曲线点或密文", "wrong data: tags, point or cipher"),
        0x6A88: Text("没有该密码或密钥", "there is no such PIN or key"),
        0x6984: Text("没有有效随机数，先取随机数", "no valid challenge: GET CHALLENGE first"),
        0x6985: Text("前一步命令未执行", "the command before it is missing"),
        0x6988: Text("MAC 错误", "the MAC is wrong"),
    },
    "psam": {
        0x6901: Text("前一步命令未执行", "the command before it is missing"),
        0x6A80: Text("分散级数或数据不对", "wrong number of diversification steps, or wrong data"),
        0x6A88: Text("PSAM 中没有该密钥", "the PSAM has no such key"),
        0x6983: Text("密钥已锁定", "the key is locked"),
    },
}

_CLASSES: dict[int, Text] = {
    0x62: Text("警告，数据未改变", "warning, nothing was changed"),
    0x63: Text("警告，数据已改变", "warning, something was changed"),
    0x64: Text("执行错误，数据未改变", "execution error, nothing was changed"),
    0x65: Text("执行错误，数据可能已改变", "execution error, something may have changed"),
    0x66: Text("安全错误", "security issue"),
    0x67: Text("长度错误", "wrong length"),
    0x68: Text("不支持该 CLA 的功能", "functions of the class not supported"),
    0x69: Text("命令不允许", "command not allowed"),
    0x6A: Text("参数错误", "wrong parameters"),
    0x6B: Text("参数错误", "wrong parameters"),
    0x6D: Text("不支持该 INS", "INS not supported"),
    0x6E: Text("不支持该 CLA", "CLA not supported"),
    0x6F: Text("卡内部错误", "internal error of the card"),
}

_FIRST, _LAST = 0x61, 0x6F


def status_words(sw: StatusWord, application: Application = "other") -> Text:
    """The meaning of a status word for an application, whatever the command was."""
    own = _OF_APPLICATION.get(application, {}).get(sw)
    if own is not None:
        return own
    general = sw.text
    return _CLASSES.get(sw >> 8, UNKNOWN) if general is UNKNOWN else general


def may_be_status(sw: int) -> bool:
    """Whether two bytes can be a status word: 61xx to 6Fxx, or 9xxx."""
    return _FIRST <= sw >> 8 <= _LAST or sw >> 12 == 0x9
