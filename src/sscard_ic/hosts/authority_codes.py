"""Codes by which the ministry's certificate authority refuses (ref 03 §4.3).

One line of a program's text names them; where it gives a range one meaning, every code of it has
that meaning.
"""

from __future__ import annotations

from dataclasses import dataclass

from sscard_ic.base.errors import Text


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code says; ``again``: the same request may succeed later."""

    text: Text
    again: bool


def meaning_of(code: str) -> Meaning | None:
    """The meaning of ``code``; None for one that nobody has described."""
    return _MEANINGS.get(code)


def _all(first: int, last: int, zh: str, en: str, *, again: bool = False) -> dict[str, Meaning]:
    meaning = Meaning(Text(zh, en), again)
    return {str(code): meaning for code in range(first, last + 1)}


def _one(code: int, zh: str, en: str, *, again: bool = False) -> dict[str, Meaning]:
    return _all(code, code, zh, en, again=again)


_MEANINGS: dict[str, Meaning] = {
    **_one(10001, "数据校验未通过", "the check of the data failed"),
    **_one(10002, "无法连接加密机", "it does not reach its HSM", again=True),
    **_one(10003, "无法连接签发系统", "it does not reach its issuing system", again=True),
    **_one(10004, "签名异常", "its signing broke down", again=True),
    **_one(10005, "应答为空", "it got an empty answer within", again=True),
    **_one(10006, "文件为空", "the file is empty"),
    **_one(10007, "没有证书", "there is no certificate"),
    **_one(10008, "不是文本文件", "the file is no text"),
    **_one(10009, "文件名不正确", "the file name is wrong"),
    **_one(10010, "文件重复", "the file has been sent before"),
    **_one(10011, "密文结构不正确", "the structure of the ciphertext is wrong"),
    **_all(10012, 10013, "系统异常", "an exception within", again=True),
    **_one(10014, "文件未上传", "the file has not been uploaded"),
    **_one(10015, "校验和不正确", "the checksum is wrong"),
    **_all(10016, 10020, "正在处理", "it is in progress", again=True),
    **_one(10021, "读取错误", "it could not read", again=True),
    **_one(10022, "姓名为空", "the name is empty"),
    **_one(10023, "社保卡号为空", "the card number is empty"),
    **_one(10024, "社会保障号码为空", "the social security number is empty"),
    **_one(10025, "公钥为空", "the public key is empty"),
    **_one(10026, "行政区划代码为空", "the division code is empty"),
    **_one(10027, "业务流水号为空", "the reference is empty"),
    **_one(10028, "操作类型为空", "the type of operation is empty"),
    **_one(10029, "注销原因为空", "the reason of a cancellation is empty"),
    **_one(10030, "系统代码为空", "the code of the system is empty"),
    **_one(10031, "社保卡号不正确", "the card number is wrong"),
    **_one(10032, "社会保障号码不正确", "the social security number is wrong"),
    **_one(10033, "公钥不正确", "the public key is wrong"),
    **_one(10034, "行政区划代码不正确", "the division code is wrong"),
    **_one(10035, "操作类型不正确", "the type of operation is wrong"),
    **_one(10036, "原因不正确", "the reason is wrong"),
    **_all(20001, 20008, "证书签发系统错误", "an error of its issuing system", again=True),
    **_all(30001, 30008, "密钥管理系统错误", "an error of its key management", again=True),
}
