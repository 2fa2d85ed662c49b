"""One profile file with all that it extends, checked line by line."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from sscard_ic.base.errors import InputError, Text
from sscard_ic.base.positions import Key, Node
from sscard_ic.base.problems import UNKNOWN_KEY, Problem, reason
from sscard_ic.profile import checks
from sscard_ic.profile.card_profile import CardProfile
from sscard_ic.profile.catalogue import find, name_of
from sscard_ic.profile.codes import CodeFile, CodeTable, CodeTables
from sscard_ic.profile.cos import DIALECTS
from sscard_ic.profile.dialect import Dialect
from sscard_ic.profile.fields import Strict
from sscard_ic.profile.financial import FinancialApplication
from sscard_ic.profile.heads import PARTS, CardHead, Head, Kind, PsamHead, kind_at
from sscard_ic.profile.imports import ImportFormat
from sscard_ic.profile.merge import merge, without_absent
from sscard_ic.profile.problems import ProfileError, read_toml
from sscard_ic.profile.psam import PsamModel, PsamProfile, check_psam
from sscard_ic.profile.region import Region
from sscard_ic.profile.structure import OPERATIONS, Structure

Model = TypeVar("Model", bound=BaseModel)

_FINANCIAL_WANTED = Text(
    "银行应用在芯片上时，还需要 financial 指明其配置",
    "a chip with the bank's application needs financial, the name of its profile",
)


class Document:
    """One file with all that it extends, and the problems found in it so far."""

    def __init__(self, file: Path, *, head: bool = False) -> None:
        self.file = file
        self.files: set[Path] = set()
        self._head = head
        self.problems: list[Problem] = []
        self.codes: CodeTables | None = None
        self.root = self._read(file, ())
        self.fail()
        self.kind = kind_at(self.root)

    def fail(self) -> None:
        """Raise what was found, if anything was."""
        if self.problems:
            raise ProfileError(self.problems)

    def put_on(self, dialect: Path) -> None:
        """Have the card built on another COS than the file says."""
        cos = replace(self.root, value=str(dialect))
        self.root = replace(self.root, value={**self.root.value, "cos": cos})

    @property
    def _models(self) -> tuple[type[Strict], ...]:
        """The models that the keys of this file belong to."""
        if self.kind != "cos":
            return PARTS[self.kind]
        return Head, DIALECTS.get(self._dialect_name(), Dialect)

    def _dialect_name(self) -> str:
        name = self.root.get("name")
        return str(name.value) if name else ""

    def division_code(self) -> str | None:
        """That of the region which the file, or the nearest one that it extends, names."""
        code, extends = self.own_division_code(), read_toml(self.file).get("extends")
        if code is not None:
            return code
        base = self._referred(("extends",), extends) if extends else None
        return Document(base, head=True).division_code() if base else None

    def own_division_code(self) -> str | None:
        """That of the region which the file itself names."""
        issuer = read_toml(self.file).get("issuer")
        code = issuer.get("division_code") if issuer else None
        return None if code is None else str(code.value)

    def head(self) -> Head:
        """The keys at the top, checked."""
        head = self.part(PARTS[self.kind][0])
        assert isinstance(head, Head)
        return head

    def part(self, model: type[Model]) -> Model:
        """The keys of ``model``, checked; raises :class:`ProfileError`."""
        part = self._validate(model)
        self.fail()
        assert part is not None
        return part

    def validate_all(self, load_card: Callable[[str], CardProfile]) -> Head:
        """Check the whole file, whatever its kind; ``load_card`` as in :meth:`psam_profile`."""
        if self.kind in ("national", "region"):
            self.card_profile()
        elif self.kind == "psam":
            self.psam_profile(load_card)
        else:
            self.validate()
            self._check_table_files()
        return self.head()

    def validate(self) -> None:
        """Check what this file says itself; files of tables that it names stay unread."""
        if self.kind == "cos" and self._dialect_name() not in DIALECTS:
            known = ", ".join(DIALECTS)
            self._add(("name",), Text(f"应为下列之一：{known}", f"must be one of {known}"))
            return
        self._refuse_unknown_keys()
        self._validate(Head)
        if self.kind == "codes":
            self.codes = self.code_tables(None)
            return
        part = self._validate(self._models[1])
        if isinstance(part, ImportFormat):
            self._add_all(checks.check_import(part))

    def card_profile(self) -> CardProfile:
        """The profile of a card; raises :class:`ProfileError` with everything that is wrong."""
        self._refuse_unknown_keys()
        self._drop_absent()
        self._resolve_rules()
        head = self._validate(CardHead)
        structure = self._validate(Structure)
        region = self._validate(Region) if self.kind == "region" else None
        codes = self._codes() if head else None
        dialect = self._dialect(head) if head else None
        financial = self._financial()
        if (
            structure
            and structure.bank_application != "none"
            and "financial" not in self.root.value
        ):
            self._add(("bank_application",), _FINANCIAL_WANTED)
        if region:
            self._add_all(checks.check_region(region))
        if structure and codes is not None:
            self._add_all(checks.check_structure(structure, codes))
        self.fail()
        assert structure and codes is not None and dialect
        bank = financial if structure.bank_application != "none" else None
        return CardProfile(name_of(self.file), structure, dialect, codes, region, financial=bank)

    def psam_profile(self, load_card: Callable[[str], CardProfile]) -> PsamProfile:
        """The profile of a PSAM; raises :class:`ProfileError` with everything that is wrong.

        ``load_card`` loads the profile of the cards that it is for.
        """
        self._refuse_unknown_keys()
        self._drop_absent()
        head = self._validate(PsamHead)
        model = self._validate(PsamModel)
        node = self.root.get("card")
        file = self._referred(("card",), node) if node else None
        self.fail()
        assert head and model and file
        profile = PsamProfile(name_of(self.file), model, load_card(str(file)))
        self._add_all(check_psam(profile))
        self.fail()
        return profile

    def _read(self, file: Path, below: tuple[Path, ...]) -> Node:
        self.files.add(file)
        own = read_toml(file, head=self._head)
        kind = kind_at(own)
        extends = own.get("extends")
        if extends is None:
            return own
        base = self._referred(("extends",), extends)
        if base is None:
            return own
        if base in (*below, file):
            text = Text("extends 成环", "extends comes back to this file")
            self.problems.append(Problem(extends.place, "extends", text))
            return own
        inherited = self._read(base, (*below, file))
        if kind_at(inherited) != kind and (kind, kind_at(inherited)) != ("region", "national"):
            text = Text(
                f"{kind} 不能继承 {kind_at(inherited)}",
                f"a file of kind {kind} cannot extend one of kind {kind_at(inherited)}",
            )
            self.problems.append(Problem(extends.place, "extends", text))
        return merge(inherited, own)

    def _referred(self, key: Key, node: Node) -> Path | None:
        """The file that a reference names; a wrong one becomes a problem."""
        beside = (node.source.file.parent / str(node.value)).resolve()
        if beside.suffix == ".toml" and beside.is_file():
            return beside
        try:
            return find(str(node.value))
        except InputError as error:
            hint = error.hint or Text("", "")
            text = Text(f"{error.what.zh}；{hint.zh}", f"{error.what.en}; {hint.en}")
            self.problems.append(Problem(node.place, str(key[-1]), text))
            return None

    def _sub_document(self, key: str, kind: Kind) -> Document | None:
        node = self.root.get(key)
        file = self._referred((key,), node) if node else None
        if file is None:
            return None
        try:
            other = Document(file)
            if other.kind == kind:
                other.validate()
                other.fail()
                self.files |= other.files
                return other
        except ProfileError as error:
            self.problems += error.problems
            return None
        self._add((key,), Text(f"所指文件不是 {kind}", f"the file it names is not of kind {kind}"))
        return None

    def _dialect(self, head: CardHead) -> Dialect | None:
        other = self._sub_document("cos", "cos")
        if other is None:
            return None
        dialect = other.part(other._models[1])
        assert isinstance(dialect, Dialect)
        return dialect

    def _financial(self) -> FinancialApplication | None:
        if "financial" not in self.root.value:
            return None
        other = self._sub_document("financial", "financial")
        return other.part(FinancialApplication) if other else None

    def _codes(self) -> CodeTables | None:
        other = self._sub_document("codes", "codes")
        changes = self.root.get("tables")
        if other is None or changes is None:
            return other.codes if other else None
        codes = other.code_tables(changes)
        self.problems += other.problems
        return codes

    def code_tables(self, changes: Node | None) -> CodeTables | None:
        """The tables of a file of kind ``codes``, changed by ``changes``.

        A table that stands in a file of its own is read only when something changes it.
        """
        elsewhere = self._table_files
        own = self.root.get("tables") or replace(self.root, value={})
        tables = merge(own, changes) if changes else own
        if isinstance(tables.value, dict):
            parts = {
                name: self._with_base(name, part, elsewhere) for name, part in tables.value.items()
            }
            tables = replace(tables, value=parts)
        root = replace(self.root, value={"tables": tables})
        found = self._validate(CodeFile, root)
        if found is None:
            return None
        for name, table in found.tables.items():
            for code, text in table.faults():
                self._add(("tables", name, "entries", code), text, root)
        self.files |= set(elsewhere.values())
        return CodeTables(found.tables, elsewhere, _read_tables)

    @cached_property
    def _table_files(self) -> dict[str, Path]:
        """Which file holds a table that does not stand in this one."""
        files = self.root.get("files")
        listed = replace(self.root, value={"files": files} if files else {})
        found = self._validate(CodeFile, listed)
        where: dict[str, Path] = {}
        for name, tables in found.files.items() if found else ():
            node = replace(listed.value["files"].value[name], value=name)
            if file := self._referred(("files", name), node):
                where |= dict.fromkeys(tables, file)
        return where

    def _with_base(self, name: str, table: Node, elsewhere: dict[str, Path]) -> Node:
        """What this file says of a table, over what the file of that table says."""
        if name not in elsewhere:
            return table
        base = Document(elsewhere[name]).root.get("tables")
        whole = base.get(name) if base else None
        return merge(whole, table) if whole else table

    def _check_table_files(self) -> None:
        """The files of tables that this one names must hold those tables."""
        files = self._table_files
        for file in dict.fromkeys(files.values()):
            try:
                _read_tables(file, [name for name in files if files[name] == file])
            except ProfileError as error:
                self.problems += error.problems

    def _refuse_unknown_keys(self) -> None:
        known = {key for model in self._models for key in model.model_fields}
        for key in self.root.value:
            if key not in known:
                self._add((key,), UNKNOWN_KEY)

    def _drop_absent(self) -> None:
        changed = {
            key: without_absent(self.root.value[key])
            for key in ("directories", "keys")
            if key in self.root.value
        }
        self.root = replace(self.root, value={**self.root.value, **changed})

    def _resolve_rules(self) -> None:
        rules = self.root.get("rules")
        named = rules.value if rules and isinstance(rules.value, dict) else {}
        resolved = {
            part: self._with_rules(self.root.value[part], named, (part,))
            for part in ("directories", "keys")
            if part in self.root.value
        }
        self.root = replace(self.root, value={**self.root.value, **resolved})

    def _with_rules(self, node: Node, rules: dict[str, Node], key: Key) -> Node:
        if isinstance(node.value, dict):
            parts = {k: self._with_rules(v, rules, (*key, k)) for k, v in node.value.items()}
            return replace(node, value=parts)
        if isinstance(node.value, tuple):
            elements = enumerate(node.value)
            return replace(
                node, value=tuple(self._with_rules(v, rules, (*key, n)) for n, v in elements)
            )
        if key[-1] not in OPERATIONS or not str(node.value).startswith("@"):
            return node
        name = str(node.value)[1:]
        if name in rules:
            return rules[name]
        known = ", ".join(rules) or "-"
        self._add(
            key, Text(f"没有规则 {name}；已有：{known}", f"there is no rule {name}; known: {known}")
        )
        return replace(node, value="free")

    def _validate(self, model: type[Model], root: Node | None = None) -> Model | None:
        node = root or self.root
        keys = model.model_fields
        plain = {key: part.plain() for key, part in node.value.items() if key in keys}
        try:
            return model.model_validate(plain, strict=True)
        except ValidationError as error:
            for detail in error.errors():
                self._add(detail["loc"], reason(detail), node)
            return None

    def _add_all(self, findings: Iterable[checks.Finding]) -> None:
        for key, text in findings:
            self._add(key, text)

    def _add(self, key: Key, text: Text, root: Node | None = None) -> None:
        """Note a problem at the line where ``key``, or the deepest part of it, stands."""
        node, words = root or self.root, ""
        for name in key:
            found = node.part(name)
            node = found or node
            if found and isinstance(name, int):
                tag = node.get("tag")
                words = f"{words}[{tag.value if tag else name + 1}]"
            elif name != "[key]":
                words = f"{words}.{name}"
        problem = Problem(node.place, words.lstrip("."), text)
        if problem not in self.problems:
            self.problems.append(problem)


def _read_tables(file: Path, names: Collection[str]) -> dict[str, CodeTable]:
    """The tables ``names`` of a file of tables; raises :class:`ProfileError`."""
    document = Document(file)
    document.validate()
    tables = document.part(CodeFile).tables
    for name in names:
        if name not in tables:
            text = Text(f"此文件中没有代码表 {name}", f"there is no code table {name} in this file")
            raise ProfileError([Problem(document.root.place, "tables", text)])
    return {name: tables[name] for name in names}
