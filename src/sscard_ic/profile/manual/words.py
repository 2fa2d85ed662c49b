"""What a profile says, in words: rules, structures, uses of keys, forms of values."""

from __future__ import annotations

from sscard_ic.base.errors import Text
from sscard_ic.profile.access import AccessRule
from sscard_ic.profile.structure import File, Item, Key, Structure

_STRUCTURES = {
    "transparent": Text("透明", "transparent"),
    "fixed": Text("定长记录", "fixed-length records"),
    "variable": Text("变长记录", "variable-length records"),
    "cyclic": Text("循环记录", "cyclic records"),
}
_STATUS = {
    "active": Text("启用", "in use"),
    "planned": Text("预设", "planned"),
    "reserved": Text("预留", "reserved"),
    "informative": Text("附录 B（资料性）", "annex B (informative)"),
}
_RULES = {
    "free": Text("自由", "free"),
    "never": Text("禁止", "never"),
    "internal": Text("仅卡内部", "the card itself only"),
}
_STEPS = {
    "free": Text("无条件", "no condition"),
    "never": Text("任何命令均不可", "by no command"),
    "internal": Text("仅由卡自身进行，任何命令均不可", "by the card itself, by no command"),
}
_USES = {
    "external": Text("外部认证", "external authentication"),
    "internal": Text("内部认证", "internal authentication"),
    "mac": Text("安全报文 MAC", "MAC of secure messaging"),
    "master": Text("主控密钥", "control key"),
    "purchase": Text("消费", "medical purchase"),
    "load": Text("账户划入", "account credit"),
    "tac": Text("交易认证码", "transaction certificate (TAC)"),
}
_ROLES = {
    "lock": Text("锁定", "lock"),
    "unlock_pin": Text("PIN 解锁", "unlock the PIN"),
    "amount": Text("写金额文件", "write the file of amounts"),
}
_LEVELS = {
    "N1": Text("国家一级", "ministry, first level"),
    "N2": Text("国家二级", "ministry, second level"),
    "P1": Text("省一级", "province"),
    "maker": Text("制卡商", "card maker"),
}
_FORMS = {
    "name": Text("姓名", "name"),
    "version": Text("版本 N.NN", "version N.NN"),
    "identification": Text("32 位十六进制数字", "32 hex digits"),
    "date": Text("日期 YYYY-MM-DD", "date YYYY-MM-DD"),
    "month": Text("年月 YYYY-MM", "month YYYY-MM"),
    "year": Text("年份 YYYY", "year YYYY"),
    "timestamp": Text("时间 YYYY-MM-DD hh:mm:ss", "moment YYYY-MM-DD hh:mm:ss"),
    "amount": Text("金额（元，卡内为分）", "amount in yuan, on the card in fen"),
    "number": Text("数", "number"),
}
_PLAIN = {
    "an": Text("字符", "characters"),
    "cn": Text("数字", "digits"),
    "b": Text("二进制", "binary"),
    "btlv": Text("由各部分构成", "its parts"),
    "record": Text("由各部分构成", "its parts"),
}
FORMATS = {"an": "an", "cn": "cn", "b": "b", "btlv": "B-TLV", "record": "record"}
"""Formats as the reference writes them."""


def rule_words(rule: AccessRule) -> Text:
    """An access rule as people read it: ``PIN or RK1DF01``."""
    if rule.kind != "conditions":
        words = _RULES[rule.kind]
    else:
        words = _joined(rule, [Text("PIN", "PIN")] * rule.pin + [Text(k, k) for k in rule.keys])
    if rule.mac:
        words = Text(
            f"{words.zh}，并以 {rule.mac} 计算 MAC", f"{words.en}, with a MAC by {rule.mac}"
        )
    return words


def rule_steps(structure: Structure, rule: AccessRule, directory: str) -> Text:
    """What a terminal must do for it: ``VERIFY `00 20 00 00` in SSSE, or …``.

    What a key opens holds in the current directory only, hence in ``directory``, whose rule it is;
    a PIN once verified holds everywhere.
    """
    if rule.kind != "conditions":
        words = _STEPS[rule.kind]
    else:
        home = structure.pin_directory
        steps = [Text(f"在 {home} 执行 VERIFY `00 20 00 00`", f"VERIFY `00 20 00 00` in {home}")]
        steps = steps * rule.pin + [
            _authentication(structure.keys[name], directory) for name in rule.keys
        ]
        words = _joined(rule, steps, "，", ",")
    if rule.mac:
        words = Text(
            f"{words.zh}；命令以 CLA `04` 带 {rule.mac} 的 MAC",
            f"{words.en}; the command has CLA `04` and a MAC by {rule.mac}",
        )
    return words


def _authentication(key: Key, directory: str) -> Text:
    command = f"EXTERNAL AUTHENTICATE `{key_command(key)}`"
    return Text(f"在 {directory} 执行 {command}", f"{command} in {directory}")


def _joined(rule: AccessRule, terms: list[Text], zh: str = " ", en: str = "") -> Text:
    word = "或" if rule.logic == "or" else "且"
    return Text(
        f"{zh}{word}{' ' if zh == ' ' else ''}".join(term.zh for term in terms),
        f"{en} {rule.logic} ".join(term.en for term in terms),
    )


def key_command(key: Key) -> str:
    """CLA INS P1 P2 of the command that uses an authentication key."""
    return f"00 {'88' if key.use == 'internal' else '82'} 00 {key.id:02X}"


def file_words(file: File) -> Text:
    """Structure and status of a file."""
    structure, status = _STRUCTURES[file.structure], _STATUS[file.status]
    return Text(f"{structure.zh}，{status.zh}", f"{structure.en}, {status.en}")


def status_words(file: File) -> Text:
    """Status alone: in use, planned …"""
    return _STATUS[file.status]


def structure_words(file: File) -> Text:
    """Structure alone: transparent, cyclic …"""
    return _STRUCTURES[file.structure]


def key_words(key: Key) -> tuple[Text, Text]:
    """Use and owner of a key."""
    use = _USES[key.use]
    if key.role is not None:
        role = _ROLES[key.role]
        use = Text(f"{use.zh}（{role.zh}）", f"{use.en} ({role.en})")
    return use, _LEVELS[key.level]


def form_words(item: Item) -> Text:
    """How a value is written, code tables aside."""
    words = _FORMS.get(item.text, _PLAIN[item.format])
    if item.align == "right":
        words = Text(f"{words.zh}，右对齐", f"{words.en}, to the right")
    return words
