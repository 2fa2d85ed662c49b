"""What may be odd about the bytes of an item, in words."""

from __future__ import annotations

from sscard_ic.base.errors import Text

NOT_SET = Text("未写入", "not set")
WRONG_FILLING = Text("填充字节与规范不同", "filled with another byte than the specification says")
REWRITTEN = Text(
    "以 E 填充：1.00 版卡上改写的新数据项",
    "filled with E: a new item written onto a card of version 1.00",
)
OTHER_ALIGNMENT = Text(
    "数字的对齐方式与配置不同", "the digits are aligned otherwise than the profile says"
)
NO_AUTHENTICATION_CODE = Text("认证码未写入", "the authentication code is not set")
FOREIGN_APPLICATION = Text(
    "应用标识符不是 D156000005", "the application identifier is not D156000005"
)
ASCII_DIGITS = Text("BCD 数据项中存有 ASCII 字符", "ASCII characters where BCD digits belong")
ODD_VERSION = Text("不是 N.NN 形式的版本号", "not a version of the form N.NN")
UNDECODABLE = Text("含有不能解码的字节", "holds bytes that are not text")
CUT_CHARACTER = Text(
    "末尾的字符被截断，续在姓名扩展中",
    "the last character is cut: it continues in the name extension",
)
MORE_AFTER_END = Text("文字结束后还有字节", "bytes after the end of the text")
UNKNOWN_CODE = Text("代码不在代码表中", "the code is not in the table")
NOT_DIGITS = Text("含有非数字", "holds other characters than digits")
NOT_TLV = Text("不是 TLV 结构", "not made of TLV parts")


def wrong_length(found: int, expected: int) -> Text:
    """The value has another length than the item."""
    return Text(f"长度 {found} 字节，应为 {expected}", f"{found} bytes long, {expected} expected")


def wrong_parts(known: set[int], found: set[int]) -> Text:
    """A constructed record has other parts than the profile says."""
    lacking = " ".join(f"{tag:02X}" for tag in sorted(known - found)) or "-"
    strange = " ".join(f"{tag:02X}" for tag in sorted(found - known)) or "-"
    return Text(
        f"缺少的数据项：{lacking}；多余的：{strange}",
        f"parts missing: {lacking}; strange: {strange}",
    )
