"""Status words and their meaning (ref 01 §11.3, 02 §1.5)."""

from __future__ import annotations

from sscard_ic.base.errors import Text


class StatusWord(int):
    """Two status bytes as an integer, 0x9000 for success."""

    @property
    def ok(self) -> bool:
        """Whether the command succeeded: 9000 or 61xx."""
        return self == 0x9000 or self >> 8 == 0x61

    @property
    def remaining(self) -> int | None:
        """Bytes waiting for GET RESPONSE (61xx, 0 meaning 256), else None."""
        return (self & 0xFF or 256) if self >> 8 == 0x61 else None

    @property
    def correct_length(self) -> int | None:
        """The right Le (6Cxx, 0 meaning 256), else None."""
        return (self & 0xFF or 256) if self >> 8 == 0x6C else None

    @property
    def tries_left(self) -> int | None:
        """Tries left after a failed verification: 63Cx, 0 for 6983, else None."""
        if self & 0xFFF0 == 0x63C0:
            return self & 0x0F
        return 0 if self == 0x6983 else None

    @property
    def text(self) -> Text:
        """The meaning for the social security application, Chinese and English."""
        if self in _MEANINGS:
            return _MEANINGS[self]
        if (tries := self.tries_left) is not None:
            left = "1 try left" if tries == 1 else f"{tries} tries left"
            return Text(f"认证失败，还可再试 {tries} 次", f"verification failed, {left}")
        if (waiting := self.remaining) is not None:
            return Text(f"还有 {waiting} 字节可取", f"{waiting} bytes available")
        if (length := self.correct_length) is not None:
            return Text(f"Le 错误，应为 {length}", f"wrong Le, should be {length}")
        return UNKNOWN

    def __repr__(self) -> str:
        return f"StatusWord({self:04X})"

    def __str__(self) -> str:
        return f"{self:04X}"

    def __format__(self, spec: str) -> str:
        return int.__format__(self, spec or "04X")


UNKNOWN = Text("未知状态字", "unknown status word")

_MEANINGS = {
    0x9000: Text("成功", "success"),
    0x6281: Text("返回的数据可能有误", "returned data may be corrupted"),
    0x6283: Text("选择的文件或应用已锁定", "selected file or application is blocked"),
    0x6300: Text("认证失败", "authentication failed"),
    0x6581: Text("写存储器失败", "memory write failed"),
    0x6700: Text("长度错误", "wrong length"),
    0x6882: Text("不支持安全报文", "secure messaging not supported"),
    0x6900: Text("CLA 与线路保护要求不符", "the class does not suit the line protection"),
    0x6901: Text("当前状态不接受该命令", "command not accepted in this state"),
    0x6981: Text("命令与文件结构不相符", "command does not suit the file structure"),
    0x6982: Text("不满足安全条件", "security condition not satisfied"),
    0x6983: Text("认证方法（PIN 或密钥）已锁定", "authentication method (PIN or key) is locked"),
    0x6984: Text("没有有效的随机数或引用数据", "no valid challenge or referenced data"),
    0x6985: Text("不满足使用条件", "conditions of use not satisfied"),
    0x6986: Text("没有当前基本文件", "no current elementary file"),
    0x6987: Text("缺少安全报文数据", "secure messaging data missing"),
    0x6988: Text("安全报文数据（MAC）错误", "secure messaging data (MAC) wrong"),
    0x6A80: Text("数据域参数不正确", "wrong parameters in the data field"),
    0x6A81: Text("不支持该功能，或卡/应用已锁定", "function not supported, or card blocked"),
    0x6A82: Text("未找到文件", "file not found"),
    0x6A83: Text("未找到记录", "record not found"),
    0x6A84: Text("文件空间不足", "not enough space in the file"),
    0x6A85: Text("Lc 与 TLV 结构不符", "Lc does not agree with the TLV structure"),
    0x6A86: Text("P1/P2 错误", "wrong P1 or P2"),
    0x6A87: Text("Lc 与 P1、P2 不符", "Lc does not agree with P1 and P2"),
    0x6A88: Text("未找到密钥", "key not found"),
    0x6A89: Text("文件已存在", "the file exists already"),
    0x6B00: Text("偏移量超出文件", "offset beyond the end of the file"),
    0x6D00: Text("不支持该 INS", "INS not supported"),
    0x6E00: Text("不支持该 CLA", "CLA not supported"),
    0x6F00: Text("卡内部错误", "internal error of the card"),
    0x9302: Text("MAC 无效", "MAC invalid"),
    0x9303: Text("应用已永久锁定", "application permanently blocked"),
    0x9401: Text("余额不足", "insufficient balance"),
    0x9402: Text("交易计数器已达最大值", "the transaction counter is at its maximum"),
    0x9403: Text("不支持该密钥索引", "key index not supported"),
    0x9406: Text("所需的 MAC 不可用", "the MAC asked for is not available"),
}
