"""Profile files: found by name, merged with what they extend, checked line by line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from pydantic import BaseModel, Field, ValidationError

from sscard_ic.base.errors import InputError, Text
from sscard_ic.base.resources import profiles_dir
from sscard_ic.profile import checks
from sscard_ic.profile.card_profile import CardProfile
from sscard_ic.profile.codes import CodeTables
from sscard_ic.profile.dialect import Dialect
from sscard_ic.profile.fields import Strict, Title
from sscard_ic.profile.imports import ImportFormat
from sscard_ic.profile.merge import merge
from sscard_ic.profile.positions import Key, Node, read_toml
from sscard_ic.profile.problems import UNKNOWN_KEY, Problem, ProfileError, reason
from sscard_ic.profile.region import Region
from sscard_ic.profile.structure import Structure

Kind = Literal["national", "cos", "codes", "region", "import"]
Model = TypeVar("Model", bound=BaseModel)


class Head(Title):
    """The keys at the top of every profile file."""

    kind: Kind
    extends: str | None = None


class CardHead(Head):
    """The same for a file that describes a card."""

    cos: str
    codes: str
    rules: dict[str, str] = Field(default={})
    """Named settings: a rule written ``@name`` is the rule of that name."""
    tables: dict[str, Any] = Field(default={})
    """Changes to the code tables."""


_PARTS: dict[str, tuple[type[Strict], ...]] = {
    "national": (CardHead, Structure),
    "region": (CardHead, Structure, Region),
    "cos": (Head, Dialect),
    "codes": (Head, CodeTables),
    "import": (Head, ImportFormat),
}


_KIND_WANTED = Text(f"应为下列之一：{', '.join(_PARTS)}", f"must be one of {', '.join(_PARTS)}")


@dataclass(frozen=True, slots=True)
class ProfileInfo:
    """One profile file: its name, its kind, its title."""

    name: str
    kind: Kind
    title: Text
    file: Path


@dataclass(frozen=True, slots=True)
class _Cached:
    stamps: tuple[tuple[Path, int], ...]
    profile: CardProfile


_cache: dict[Path, _Cached] = {}


def load(name: str) -> CardProfile:
    """The card profile ``name``: a path below ``profiles/``, its unique last part, or a file.

    Raises :class:`InputError` when the name is unknown or ambiguous, and its subclass
    :class:`ProfileError` with every line that is wrong.
    """
    file = find(name)
    cached = _cache.get(file)
    if cached and all(_stamp(part) == stamp for part, stamp in cached.stamps):
        return cached.profile
    document = _Document(file)
    if document.kind not in ("national", "region"):
        raise InputError(
            Text("不是卡片配置（kind 为 national 或 region）", "describes no card"),
            where=name,
            hint=_offer(info.name for info in available() if info.kind in ("national", "region")),
        )
    profile = document.card_profile()
    stamps = tuple((part, _stamp(part)) for part in sorted(document.files))
    _cache[file] = _Cached(stamps, profile)
    return profile


def check(name: str) -> ProfileInfo:
    """Load a profile file of any kind; raises :class:`ProfileError` with all that is wrong."""
    document = _Document(find(name))
    head = document.validate_all()
    return ProfileInfo(name_of(document.file), document.kind, head.title, document.file)


def available() -> list[ProfileInfo]:
    """The profile files below ``profiles/``, by name."""
    infos = []
    for file in _shipped().values():
        document = _Document(file)
        head = document.head()
        infos.append(ProfileInfo(name_of(file), document.kind, head.title, file))
    return infos


def load_import_formats() -> dict[str, ImportFormat]:
    """Every format of holder files by name."""
    formats = {}
    for info in available():
        if info.kind == "import":
            document = _Document(info.file)
            document.validate_all()
            formats[info.name] = document.part(ImportFormat)
    return formats


def find(name: str) -> Path:
    """The file that ``name`` means; raises :class:`InputError` listing what exists."""
    shipped = _shipped()
    if name in shipped:
        return shipped[name]
    hits = [known for known in shipped if known.rsplit("/", 1)[-1] == name]
    if len(hits) == 1:
        return shipped[hits[0]]
    if hits:
        raise InputError(
            Text("配置名不唯一", "the name of the profile is ambiguous"),
            where=name,
            hint=_offer(hits),
        )
    if Path(name).is_file():
        return Path(name).resolve()
    raise InputError(
        Text("没有这个配置", "there is no such profile"), where=name, hint=_offer(shipped)
    )


def name_of(file: Path) -> str:
    """The name by which :func:`load` finds ``file`` again."""
    try:
        return file.relative_to(profiles_dir()).with_suffix("").as_posix()
    except ValueError:
        return str(file)


def _shipped() -> dict[str, Path]:
    return {name_of(file): file for file in sorted(profiles_dir().rglob("*.toml"))}


def _stamp(file: Path) -> int:
    return file.stat().st_mtime_ns if file.exists() else 0


def _offer(names: Iterable[str]) -> Text:
    listed = ", ".join(names)
    return Text(f"可用的有：{listed}", f"these exist: {listed}")


def _kind(root: Node) -> Kind:
    """The kind of a file; raises :class:`ProfileError` when it says none."""
    node = root.get("kind")
    if node is None or not isinstance(node.value, str) or node.value not in _PARTS:
        raise ProfileError([Problem((node or root).place, "kind", _KIND_WANTED)])
    return cast(Kind, node.value)


class _Document:
    """One file with all that it extends, and the problems found in it so far."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.files: set[Path] = set()
        self.problems: list[Problem] = []
        self.root = self._read(file, ())
        self.fail()
        self.kind = _kind(self.root)

    def fail(self) -> None:
        """Raise what was found, if anything was."""
        if self.problems:
            raise ProfileError(self.problems)

    def head(self) -> Head:
        """The keys at the top, checked."""
        head = self.part(_PARTS[self.kind][0])
        assert isinstance(head, Head)
        return head

    def part(self, model: type[Model]) -> Model:
        """The keys of ``model``, checked; raises :class:`ProfileError`."""
        part = self._validate(model)
        self.fail()
        assert part is not None
        return part

    def validate_all(self) -> Head:
        """Check the whole file, whatever its kind."""
        if self.kind in ("national", "region"):
            self.card_profile()
        else:
            self._refuse_unknown_keys()
            part = self._validate(_PARTS[self.kind][1])
            if isinstance(part, ImportFormat):
                self._add_all(checks.check_import(part))
            self._validate(Head)
        return self.head()

    def card_profile(self) -> CardProfile:
        """The profile of a card; raises :class:`ProfileError` with everything that is wrong."""
        self._refuse_unknown_keys()
        self._resolve_rules()
        head = self._validate(CardHead)
        structure = self._validate(Structure)
        region = self._validate(Region) if self.kind == "region" else None
        codes = self._codes(head) if head else None
        dialect = self._dialect(head) if head else None
        if region:
            self._add_all(checks.check_region(region))
        if structure and codes is not None:
            self._add_all(checks.check_structure(structure, codes))
        self.fail()
        assert structure and codes is not None and dialect
        return CardProfile(name_of(self.file), structure, dialect, codes, region)

    def _read(self, file: Path, below: tuple[Path, ...]) -> Node:
        self.files.add(file)
        own = read_toml(file)
        kind = _kind(own)
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
        if _kind(inherited) != kind and (kind, _kind(inherited)) != ("region", "national"):
            text = Text(
                f"{kind} 不能继承 {_kind(inherited)}",
                f"a file of kind {kind} cannot extend one of kind {_kind(inherited)}",
            )
            self.problems.append(Problem(extends.place, "extends", text))
        return merge(inherited, own)

    def _referred(self, key: Key, node: Node) -> Path | None:
        """The file that a reference names; a wrong one becomes a problem."""
        beside = (node.place.file.parent / str(node.value)).resolve()
        if beside.suffix == ".toml" and beside.is_file():
            return beside
        try:
            return find(str(node.value))
        except InputError as error:
            hint = error.hint or Text("", "")
            text = Text(f"{error.what.zh}；{hint.zh}", f"{error.what.en}; {hint.en}")
            self.problems.append(Problem(node.place, str(key[-1]), text))
            return None

    def _sub_document(self, key: str, kind: Kind) -> _Document | None:
        node = self.root.get(key)
        file = self._referred((key,), node) if node else None
        if file is None:
            return None
        try:
            other = _Document(file)
            if other.kind == kind:
                other.validate_all()
                self.files |= other.files
                return other
        except ProfileError as error:
            self.problems += error.problems
            return None
        self._add((key,), Text(f"所指文件不是 {kind}", f"the file it names is not of kind {kind}"))
        return None

    def _dialect(self, head: CardHead) -> Dialect | None:
        other = self._sub_document("cos", "cos")
        return other.part(Dialect) if other else None

    def _codes(self, head: CardHead) -> Any:
        other = self._sub_document("codes", "codes")
        if other is None:
            return None
        changes = self.root.get("tables")
        base = other.root.get("tables")
        if changes is None or base is None:
            return other.part(CodeTables).tables
        tables = Node({"tables": merge(base, changes)}, changes.place)
        found = self._validate(CodeTables, tables)
        return found.tables if found else None

    def _refuse_unknown_keys(self) -> None:
        known = {key for model in _PARTS[self.kind] for key in model.model_fields}
        for key in self.root.value:
            if key not in known:
                self._add((key,), UNKNOWN_KEY)

    def _resolve_rules(self) -> None:
        rules = self.root.get("rules")
        directories = self.root.get("directories")
        if directories is not None:
            named = rules.value if rules and isinstance(rules.value, dict) else {}
            resolved = self._with_rules(directories, named, ("directories",))
            self.root = replace(self.root, value={**self.root.value, "directories": resolved})

    def _with_rules(self, node: Node, rules: dict[str, Node], key: Key) -> Node:
        if isinstance(node.value, dict):
            parts = {k: self._with_rules(v, rules, (*key, k)) for k, v in node.value.items()}
            return replace(node, value=parts)
        if isinstance(node.value, tuple):
            elements = enumerate(node.value)
            return replace(
                node, value=tuple(self._with_rules(v, rules, (*key, n)) for n, v in elements)
            )
        if key[-1] not in ("read", "update") or not str(node.value).startswith("@"):
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
            value = node.value
            if isinstance(value, dict) and name in value:
                node, words = value[name], f"{words}.{name}"
            elif isinstance(value, tuple) and isinstance(name, int) and name < len(value):
                node = value[name]
                tag = node.get("tag")
                words = f"{words}[{tag.value if tag else name + 1}]"
            elif name != "[key]":
                words = f"{words}.{name}"
        problem = Problem(node.place, words.lstrip("."), text)
        if problem not in self.problems:
            self.problems.append(problem)
