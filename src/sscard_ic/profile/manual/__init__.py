"""The manual of a card, written from its profile: every file, item, rule, key and code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sscard_ic.base.errors import Language, Text
from sscard_ic.profile.card_profile import CardProfile
from sscard_ic.profile.manual.certificates import (
    CERTIFICATES,
    certificate_tables,
    certificates,
    presence,
)
from sscard_ic.profile.manual.files import FilesPart
from sscard_ic.profile.manual.keys import keys, opened, opens_words
from sscard_ic.profile.manual.page import Page, spaced
from sscard_ic.profile.manual.rewritten import rewritten
from sscard_ic.profile.manual.settings import FIRST_SECRETS, settings
from sscard_ic.profile.manual.tables import code_tables, tables_page
from sscard_ic.profile.manual.tree import directories, files
from sscard_ic.profile.manual.words import (
    file_words,
    form_words,
    key_command,
    key_words,
    rule_steps,
    rule_words,
)

__all__ = [
    "CERTIFICATES",
    "FIRST_SECRETS",
    "certificate_tables",
    "file_words",
    "form_words",
    "key_command",
    "key_words",
    "manual",
    "opened",
    "opens_words",
    "rule_steps",
    "rule_words",
    "spaced",
    "tables_page",
]


def manual(
    profile: CardProfile, language: Language, tables: Mapping[str, str] | None = None
) -> str:
    """The manual as Markdown.

    ``tables`` says which code tables stand on another page, and on which: the manual links there
    instead of repeating them.
    """
    elsewhere = tables or {}
    page = Page(language)
    title = page.of(Text("社会保障卡手册", "Manual of the social security card"))
    page.heading(1, f"{title}: {profile.name}")
    _identity(page, profile)
    _reading(page)
    directories(page, profile)
    files(page, profile)
    part = FilesPart(page, profile, elsewhere)
    for name in profile.structure.directories:
        part.directory(name)
        keys(page, profile, name)
    certificates(page, profile)
    rewritten(page, profile)
    code_tables(page, profile, elsewhere)
    settings(page, profile)
    return str(page)


def _identity(page: Page, profile: CardProfile) -> None:
    structure, region = profile.structure, profile.region
    rows = [
        (Text("规范版本", "Specification version"), structure.specification_version),
        (Text("卡操作系统", "Card operating system"), profile.dialect.name),
        (Text("密钥算法标识", "Algorithm flag of the keys"), profile.algorithm_flag),
        (Text("文件", "Files"), str(sum(len(d.files) for d in structure.directories.values()))),
        (Text("记录与透明文件", "Records and transparent files"), str(len(profile.places))),
        (Text("密钥名", "Key names"), str(len(structure.keys))),
        (Text("密钥值", "Key values"), str(sum(key.groups for key in structure.keys.values()))),
        (Text("证书应用", "Certificate application"), page.of(presence(profile))),
    ]
    if region:
        issuer = region.issuer
        rows += [
            (Text("发卡地区", "Issuing region"), f"{issuer.division_code} {page.name(issuer)}"),
            (Text("环境", "Environment"), issuer.environment),
            (Text("初始化机构", "Initialising institution"), issuer.initialising_institution),
            (Text("有效期（年）", "Validity in years"), str(region.validity.years)),
        ]
    page.table(
        (Text("项目", "Point"), Text("值", "Value")),
        ((page.of(name), value) for name, value in rows),
    )


def _reading(page: Page) -> None:
    page.heading(2, page.of(Text("怎样阅读", "How to read it")))
    page.points(page.of(point) for point in _points())


def _points() -> Iterator[Text]:
    yield Text(
        "标识符、标签、P1、P2 和卡内字节为十六进制；长度、偏移与个数为十进制。",
        "Identifiers, tags, P1, P2 and bytes on the card are hexadecimal; lengths, offsets and "
        "counts are decimal.",
    )
    yield Text(
        "命令模板中 `nn` 为记录号，`tt` 为标签，`hh ll` 为偏移；Lc、Le 与数据省略。",
        "In commands `nn` is a record number, `tt` a tag, `hh ll` an offset; Lc, Le and data are "
        "left out.",
    )
    yield Text(
        "an：字符，左对齐，右补 `00`；cn：BCD 数字，左对齐，右补 `F`；b：二进制；"
        "B-TLV：各部分带标签与长度；record：各部分依次相接，无标签。",
        "an: characters, filled with `00` on the right; cn: BCD digits, filled with `F` on the "
        "right; b: binary; B-TLV: parts with tag and length; record: parts one after the other "
        "without tags.",
    )
    yield Text(
        "变长记录文件的每条记录含标签、长度和值；↳ 行为组成部分，其后为该部分的值在记录中的偏移。",
        "Each record of a file of variable-length records is tag, length and value. A row with ↳ "
        "is a part; the number is where its value begins in the record.",
    )
    yield Text("`00×26` 表示 26 个字节 00。", "`00×26` stands for 26 bytes 00.")
    yield Text(
        "PIN 通过后在整个社会保障应用内有效；密钥认证只在当前目录内有效，选择另一目录即清除。",
        "A verified PIN holds in the whole social security application; what a key has opened "
        "holds in the current directory until another one is selected.",
    )
