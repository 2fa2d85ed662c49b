"""Names of the commands that the toolkit and its standards know (ref 02 §1.3, 11 §5.1)."""

from __future__ import annotations

from sscard_ic.base.errors import Text

_PLAIN, _PLAIN_MAC = 0x00, 0x04
_OWN, _OWN_MAC = 0x80, 0x84

_INTERINDUSTRY = {
    0x14: Text("写 ATR", "WRITE ATR"),
    0x20: Text("校验密码", "VERIFY"),
    0x82: Text("外部认证", "EXTERNAL AUTHENTICATE"),
    0x84: Text("取随机数", "GET CHALLENGE"),
    0x88: Text("内部认证", "INTERNAL AUTHENTICATE"),
    0xA4: Text("选择", "SELECT"),
    0xB0: Text("读二进制", "READ BINARY"),
    0xB2: Text("读记录", "READ RECORD"),
    0xC0: Text("取响应", "GET RESPONSE"),
    0xD2: Text("写记录", "WRITE RECORD"),
    0xD4: Text("写密钥", "WRITE KEY"),
    0xD6: Text("更新二进制", "UPDATE BINARY"),
    0xDC: Text("更新记录", "UPDATE RECORD"),
    0xE2: Text("追加记录", "APPEND RECORD"),
}

_PROPRIETARY = {
    0x16: Text("卡片锁定", "CARD BLOCK"),
    0x18: Text("应用解锁", "APPLICATION UNBLOCK"),
    0x1E: Text("应用锁定", "APPLICATION BLOCK"),
    0x24: Text("重装或解锁密码", "PIN CHANGE/UNBLOCK"),
    0x5E: Text("修改密码", "CHANGE PIN"),
    0xD4: Text("写密钥", "WRITE KEY"),
    0xE0: Text("建立文件", "CREATE FILE"),
    0xE1: Text("删除文件", "DELETE FILE"),
    0xFA: Text("数据加密", "CIPHER DATA"),
}

_T514 = {
    0x02: Text("预个人化结束", "END PERSONALIZATION"),
    0x03: Text("认证传输码", "VERIFY TRANSPORT CODE"),
    0x05: Text("写卡片序号", "WRITE SERIAL"),
}
"""What P1 makes of CREATE FILE (ref 11 §5.1)."""

_PSAM = {0xDE: Text("分散会话密钥", "DELIVERY SESSION KEY")}

_BY_CLASS = {
    _PLAIN: _INTERINDUSTRY,
    _PLAIN_MAC: _INTERINDUSTRY,
    _OWN: _PROPRIETARY,
    _OWN_MAC: _PROPRIETARY,
    0xBF: _PSAM,
}


def command_name(header: bytes) -> Text | None:
    """The name of the command with this CLA INS P1 P2; None when it is not known."""
    if len(header) < 4:
        return None
    cla, ins, p1 = header[:3]
    if (cla, ins) == (_OWN, 0xE0) and p1 in _T514:
        return _T514[p1]
    return _BY_CLASS.get(cla, {}).get(ins)
