"""The manual of a card, written from its profile: every file, item, rule, key and code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sscard_ic.base.errors import Language, Text
from sscard_ic.profile.access import AccessRule
from sscard_ic.profile.card_profile import CardProfile
from sscard_ic.profile.fields import Title
from sscard_ic.profile.structure import File, Item, Key

_FORMATS = {"an": "an", "cn": "cn", "b": "b", "btlv": "B-TLV", "record": "record"}
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
}
_RULES = {
    "free": Text("自由", "free"),
    "never": Text("禁止", "never"),
    "internal": Text("仅卡内部", "the card itself only"),
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
_LEVELS = {
    "N1": Text("国家一级", "ministry, first level"),
    "N2": Text("国家二级", "ministry, second level"),
    "P1": Text("省一级", "province"),
    "maker": Text("制卡商", "card maker"),
}


def rule_words(rule: AccessRule) -> Text:
    """An access rule as people read it: ``PIN or RK1DF01``."""
    if rule.kind != "conditions":
        words = _RULES[rule.kind]
    else:
        terms = ["PIN"] * rule.pin + list(rule.keys)
        zh = " 或 " if rule.logic == "or" else " 且 "
        words = Text(zh.join(terms), f" {rule.logic} ".join(terms))
    if rule.mac:
        words = Text(
            f"{words.zh}，并以 {rule.mac} 计算 MAC", f"{words.en}, with a MAC by {rule.mac}"
        )
    return words


def file_words(file: File) -> Text:
    """Structure and status of a file."""
    structure, status = _STRUCTURES[file.structure], _STATUS[file.status]
    return Text(f"{structure.zh}，{status.zh}", f"{structure.en}, {status.en}")


def key_words(key: Key) -> tuple[Text, Text]:
    """Use and owner of a key."""
    return _USES[key.use], _LEVELS[key.level]


def manual(profile: CardProfile, language: Language) -> str:
    """The manual as Markdown."""
    return "\n".join(_Manual(profile, language).lines()) + "\n"


class _Manual:
    def __init__(self, profile: CardProfile, language: Language) -> None:
        self.profile = profile
        self.language = language

    def lines(self) -> Iterator[str]:
        """The whole document."""
        structure = self.profile.structure
        title = self._of(Text("社会保障卡手册", "Manual of the social security card"))
        yield f"# {title}: {self.profile.name}"
        yield ""
        yield from self._identity()
        for name, directory in structure.directories.items():
            yield f"## {name} {self._name(directory)}"
            yield ""
            aid, fid = directory.name.hex().upper(), f"{directory.fid:04X}"
            yield f"FID `{fid}` · {directory.kind} · AID `{aid}`"
            yield ""
            for file_name, file in directory.files.items():
                yield from self._file(name, file_name, file)
            yield from self._keys(name)
        yield from self._code_tables()

    def _of(self, text: Text) -> str:
        return text.to(self.language)

    def _name(self, title: Title) -> str:
        other = title.en if self.language == "zh" else title.zh
        return f"{self._of(title.title)} ({other})"

    def _table(self, heads: Iterable[Text], rows: Iterable[Iterable[str]]) -> Iterator[str]:
        cells = [self._of(head) for head in heads]
        yield f"| {' | '.join(cells)} |"
        yield f"|{' --- |' * len(cells)}"
        for row in rows:
            yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
        yield ""

    def _identity(self) -> Iterator[str]:
        region, dialect = self.profile.region, self.profile.dialect
        rows = [
            (
                Text("规范版本", "Specification version"),
                self.profile.structure.specification_version,
            ),
            (Text("卡操作系统", "Card operating system"), dialect.name),
        ]
        if region:
            issuer = region.issuer
            rows += [
                (
                    Text("发卡地区", "Issuing region"),
                    f"{issuer.division_code} {self._name(issuer)}",
                ),
                (Text("环境", "Environment"), issuer.environment),
                (Text("初始化机构", "Initialising institution"), issuer.initialising_institution),
                (Text("有效期（年）", "Validity in years"), str(region.validity.years)),
            ]
        heads = (Text("项目", "Point"), Text("值", "Value"))
        yield from self._table(heads, ((self._of(name), value) for name, value in rows))

    def _file(self, directory: str, name: str, file: File) -> Iterator[str]:
        yield f"### {directory} {name} {self._name(file)}"
        yield ""
        read, update = self._of(rule_words(file.read)), self._of(rule_words(file.update))
        yield self._of(
            Text(
                f"{file_words(file).zh}。读：{read}。写：{update}。",
                f"{file_words(file).en}. Read: {read}. Update: {update}.",
            )
        )
        yield ""
        yield from self._table(_ITEM_HEADS, self._item_rows(directory, name))

    def _item_rows(self, directory: str, name: str) -> Iterator[list[str]]:
        for located in self.profile.places_of(directory, name):
            number = str(located.number) if located.number else "-"
            yield self._item_row(number, located.item)
            for part in located.item.items if located.occurrence == 1 else ():
                yield self._item_row("↳", part)

    def _item_row(self, number: str, item: Item) -> list[str]:
        rules = [
            self._of(head) + self._of(rule_words(rule))
            for head, rule in (
                (Text("读：", "read: "), item.read),
                (Text("写：", "update: "), item.update),
            )
            if rule
        ]
        return [
            number,
            "-" if item.tag is None else f"{item.tag:02X}",
            item.zh,
            item.en,
            _FORMATS[item.format],
            str(item.length),
            item.codes or "-",
            "; ".join(rules) or "-",
            item.example or "-",
            item.note or "-",
        ]

    def _keys(self, directory: str) -> Iterator[str]:
        keys = self.profile.structure.keys_of(directory)
        if not keys:
            return
        yield self._of(Text(f"### {directory} 密钥", f"### {directory} keys"))
        yield ""
        yield from self._table(_KEY_HEADS, (self._key_row(name, key) for name, key in keys.items()))

    def _key_row(self, name: str, key: Key) -> list[str]:
        use, level = key_words(key)
        psam = "-"
        if key.psam_usage is not None and key.psam_id is not None:
            psam = f"{key.psam_usage:02X} {key.psam_id:02X}"
        size, groups = str(key.length), str(key.groups)
        return [name, f"{key.id:02X}", self._of(use), groups, size, self._of(level), psam]

    def _code_tables(self) -> Iterator[str]:
        used = {located.item.codes for located in self.profile.places}
        yield self._of(Text("## 代码表", "## Code tables"))
        yield ""
        for name, table in self.profile.codes.items():
            if name in used:
                yield f"### {name} {self._name(table)}"
                yield ""
                rows = ((code, entry.zh, entry.en) for code, entry in table.entries.items())
                yield from self._table(_CODE_HEADS, rows)


_ITEM_HEADS = (
    Text("记录", "Record"),
    Text("标签", "Tag"),
    Text("数据项", "中文"),
    Text("English", "Item"),
    Text("格式", "Format"),
    Text("字节", "Bytes"),
    Text("代码表", "Codes"),
    Text("单独规则", "Own rules"),
    Text("示例", "Example"),
    Text("备注", "Note"),
)
_KEY_HEADS = (
    Text("密钥", "Key"),
    Text("标识", "Identifier"),
    Text("用途", "Use"),
    Text("版本数", "Versions"),
    Text("字节", "Bytes"),
    Text("根密钥归属", "Owner of the root"),
    Text("PSAM 用途与标识", "PSAM usage and id"),
)
_CODE_HEADS = (Text("代码", "Code"), Text("含义", "中文"), Text("English", "Meaning"))
