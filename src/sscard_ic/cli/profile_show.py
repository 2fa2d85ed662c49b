"""Profiles as people read them on a terminal: the whole card, or one part of it."""

from __future__ import annotations

from collections.abc import Iterable

import click

from sscard_ic import profile as profiles
from sscard_ic.base.errors import Text
from sscard_ic.cli import common
from sscard_ic.cli.common import tr
from sscard_ic.cli.tables import print_table
from sscard_ic.profile.certificate import CertificateApplication
from sscard_ic.profile.manual import (
    CERTIFICATES,
    certificate_tables,
    file_words,
    form_words,
    key_command,
    key_words,
    opens_words,
    rule_steps,
    rule_words,
    spaced,
)
from sscard_ic.profile.parts import CERTIFICATE_APPLICATION, Part
from sscard_ic.profile.structure import Item, Key, Located
from sscard_ic.profile.values import encode

_MANY_CODES = 60
"""A longer code table is shown alone only, not with an item that uses it."""


def _of(text: Text) -> str:
    return text.to(common.language())


def print_card(card: profiles.CardProfile) -> None:
    """Identity, then directory by directory the files with their items, and the keys."""
    _print_identity(card)
    for name in card.structure.directories:
        _print_directory(card, name)
    if card.structure.certificates is not None:
        click.echo()
        _print_certificates(card.structure.certificates)
    click.echo()
    common.say(
        Text(
            f"只看一部分：sscard profile show {card.name} DF01"
            "（或 DF01.EF06、RK1DF01、T16、联系电话）",
            f"One part of it: sscard profile show {card.name} DF01 "
            "(or DF01.EF06, RK1DF01, T16, 'contact telephone')",
        )
    )


def print_part(card: profiles.CardProfile, part: Part) -> None:
    """One directory, file, item, key or code table, or the certificate application."""
    match part.kind:
        case "directory":
            _print_directory(card, part.name)
        case "file":
            directory, name = part.name.split(".")
            _print_file(card, directory, name, whole=True)
        case "item":
            _print_item(card, part)
        case "key":
            _print_key(card, part.name)
        case "table":
            _print_table(card, part.name)
        case "certificate" if card.structure.certificates is not None:
            _print_certificates(card.structure.certificates)


def _print_identity(card: profiles.CardProfile) -> None:
    rows = [
        (tr("配置", "Profile"), card.name),
        (tr("规范版本", "Specification version"), card.structure.specification_version),
        (tr("卡操作系统", "Card operating system"), card.dialect.name),
        (tr("算法标识", "Algorithm flag"), card.algorithm_flag),
    ]
    if card.region:
        issuer = card.region.issuer
        rows += [
            (tr("发卡地区", "Issuing region"), f"{issuer.division_code} {_of(issuer.title)}"),
            (tr("环境", "Environment"), issuer.environment),
            (tr("初始化机构", "Initialising institution"), issuer.initialising_institution),
            (tr("有效期（年）", "Validity in years"), str(card.region.validity.years)),
        ]
    print_table(rows=rows)


def _print_certificates(model: CertificateApplication) -> None:
    """The certificate application: what it has, and what it asks for."""
    click.echo(f"{CERTIFICATE_APPLICATION} {_of(CERTIFICATES)}")
    for table in certificate_tables(model):
        click.echo()
        rows = [[_of(cell).replace("`", "") or "-" for cell in row] for row in table.rows]
        title = f"{CERTIFICATE_APPLICATION} {_of(table.title)}"
        print_table(*map(_of, table.heads), rows=rows, title=title)


def _print_directory(card: profiles.CardProfile, name: str) -> None:
    directory = card.structure.directories[name]
    click.echo()
    aid = directory.name.hex().upper()
    click.echo(f"{name} {_of(directory.title)} · {directory.kind} {directory.fid:04X} · {aid}")
    for file_name in directory.files:
        click.echo()
        _print_file(card, name, file_name)
    keys = card.structure.keys_of(name)
    if keys:
        click.echo()
        _print_keys(card, name, keys)


def _print_file(
    card: profiles.CardProfile, directory: str, name: str, *, whole: bool = False
) -> None:
    """A file with its items; ``whole`` adds the values with examples, and the rules in steps."""
    file = card.structure.directories[directory].files[name]
    click.echo(f"{directory}.{name} {_of(file.title)}")
    rules = [(tr("读", "read"), file.read), (tr("写", "update"), file.update)]
    if file.append is not None:
        rules.append((tr("追加", "append"), file.append))
    words = [f"{head} {_of(rule_words(rule))}" for head, rule in rules]
    click.echo(" · ".join([_of(file_words(file)), *words]))
    for head, rule in rules if whole else ():
        click.echo(f"  {head}: {_steps(card, rule, directory)}")
    heads = _item_heads(whole)
    rows = [row for place in card.places_of(directory, name) for row in _rows(card, place, whole)]
    if not any(row[-1] for row in rows):
        heads, rows = heads[:-1], [row[:-1] for row in rows]
    print_table(*heads, rows=rows, numbers=(3,))


def _steps(card: profiles.CardProfile, rule: profiles.AccessRule, directory: str) -> str:
    return _of(rule_steps(card.structure, rule, directory)).replace("`", "")


def _item_heads(whole: bool) -> tuple[str, ...]:
    heads: tuple[str, ...] = (
        tr("记录", "record"),
        tr("标签", "tag"),
        tr("格式", "format"),
        tr("字节", "bytes"),
        tr("数据项", "Chinese"),
        tr("英文", "English"),
    )
    if whole:
        heads += (tr("值", "values"), tr("示例", "example"))
    return (*heads, tr("单独规则", "own rules"))


def _rows(card: profiles.CardProfile, place: Located, whole: bool) -> Iterable[list[str]]:
    """The rows of an item: itself with all its repetitions, then its parts."""
    if place.occurrence > 1:
        return
    last = place.number + place.item.repeat - 1
    number = str(place.number or "-") if last <= place.number else f"{place.number}-{last}"
    yield _row(number, place.item, whole)
    for part in place.item.items:
        yield _row("↳", part, whole)


def _row(number: str, item: Item, whole: bool) -> list[str]:
    tag = "-" if item.tag is None else f"{item.tag:02X}"
    cells = [number, tag, item.format, str(item.length), item.zh, item.en]
    if whole:
        example = item.example or ""
        cells += [_values(item), "" if item.items else example]
    return [*cells, "; ".join(_own_rules(item))]


def _values(item: Item) -> str:
    names = (item.codes,) if item.codes else tuple(piece.codes for piece in item.split)
    return " ".join(names) or _of(form_words(item))


def _own_rules(item: Item) -> Iterable[str]:
    for zh, en, rule in (("读", "read", item.read), ("写", "update", item.update)):
        if rule:
            yield f"{tr(zh, en)} {_of(rule_words(rule))}"


def _print_item(card: profiles.CardProfile, part: Part) -> None:
    """Everything about one item."""
    place = part.places[0]
    item, directory = place.item, place.directory_name
    example = encode(item, item.example, card.codes) if item.example else None
    rows = [
        (tr("路径", "Path"), part.name),
        (tr("数据项", "Chinese"), item.zh),
        (tr("英文", "English"), item.en),
        (tr("文件", "File"), _of(place.file.title)),
        (tr("记录", "Records"), " ".join(str(place.number) for place in part.places)),
        (tr("格式", "Format"), f"{item.format} {item.length}"),
        (tr("值", "Values"), _values(item)),
        (tr("示例", "Example"), item.example or "-"),
        (tr("卡内字节", "On the card"), "-" if example is None else spaced(place.record(example))),
        (tr("读", "Read"), _of(rule_words(place.read))),
        ("", _steps(card, place.read, directory)),
        (tr("写", "Update"), _of(rule_words(place.update))),
        ("", _steps(card, place.update, directory)),
        (tr("备注", "Remarks"), item.note or "-"),
    ]
    print_table(rows=rows)
    if item.items:
        click.echo()
        parts = [_row("↳", inner, whole=True)[:-1] for inner in item.items]
        print_table(*_item_heads(whole=True)[:-1], rows=parts, numbers=(3,))
    for name in _tables_of(item):
        click.echo()
        if len(card.codes[name].entries) <= _MANY_CODES:
            _print_table(card, name)
        else:
            click.echo(f"{name}: sscard profile show {card.name} {name}")


def _tables_of(item: Item) -> Iterable[str]:
    yield from filter(None, (item.codes, *(piece.codes for piece in item.split)))


def _print_table(card: profiles.CardProfile, name: str) -> None:
    table = card.codes[name]
    rows = [(code, entry.zh, entry.en) for code, entry in table.entries.items()]
    digits = "1 digit" if table.digits == 1 else f"{table.digits} digits"
    notes = [tr(f"{table.digits} 位，{table.stored}", f"{digits}, {table.stored}")]
    if table.open:
        notes.append(tr("表外的代码也可使用", "codes outside the table may be used"))
    title = f"{name} {_of(table.title)} ({', '.join(notes)})"
    print_table(
        tr("代码", "code"), tr("含义", "Chinese"), tr("英文", "English"), rows=rows, title=title
    )


def _addresses(key: Key) -> str:
    return " ".join(f"{address:04X}" for address in key.hsm_addresses) or "-"


def _print_key(card: profiles.CardProfile, name: str) -> None:
    """Everything about one key."""
    key = card.keys[name]
    use, level = key_words(key)
    asked = key.use in ("external", "internal")
    usage, number = key.psam_usage, key.psam_id
    psam = "-" if usage is None or number is None else f"{usage:02X} {number:02X}"
    rows = [
        (tr("密钥", "Key"), name),
        (tr("目录", "Directory"), key.directory),
        (tr("标识", "Identifier"), _identifiers(key)),
        (tr("用途", "Use"), _of(use)),
        (tr("命令", "Command"), key_command(key) if asked else "-"),
        (tr("组（版本）", "Groups (versions)"), str(key.groups)),
        (tr("字节", "Bytes"), str(card.key_length(name))),
        (tr("算法", "Algorithm"), card.key_algorithm(name).upper()),
        (tr("根密钥归属", "Owner of the root"), _of(level)),
        (tr("PSAM 用途与标识", "PSAM usage and id"), psam),
        (tr("加密机密钥地址", "Address in HSMs"), _addresses(key)),
        (tr("开放", "Opens"), opens_words(card, name, common.language()) or "-"),
        (tr("使用条件", "To use it"), _of(rule_words(key.usable))),
        (tr("更换条件", "To replace it"), _of(rule_words(key.change))),
    ]
    print_table(rows=rows)


def _identifiers(key: Key) -> str:
    count = key.groups if key.indexed else 1
    return " ".join(f"{key.id + number:02X}" for number in range(count))


def _print_keys(card: profiles.CardProfile, directory: str, keys: dict[str, Key]) -> None:
    rows = []
    for name, key in keys.items():
        use, level = key_words(key)
        opens = opens_words(card, name, common.language())
        cells = (name, _identifiers(key), _of(use), str(key.groups), str(card.key_length(name)))
        rows.append((*cells, _of(level), opens))
    print_table(
        tr("密钥", "key"),
        tr("标识", "identifier"),
        tr("用途", "use"),
        tr("组", "groups"),
        tr("字节", "bytes"),
        tr("根密钥归属", "owner of the root"),
        tr("开放", "opens"),
        rows=rows,
        title=tr(f"{directory} 密钥", f"{directory} keys"),
        numbers=(3, 4),
    )
