"""What is wrong with a TOML file, profile or settings, and on which line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sscard_ic.base.errors import InputError, Text
from sscard_ic.base.resources import profiles_dir

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


class Unusable(ValueError):
    """A value that a field refuses, said in both languages."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.text = Text(zh, en)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line of a file, counted from 1."""

    file: Path
    line: int

    def __str__(self) -> str:
        return f"{display(self.file)}:{self.line}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where, under which key, and why."""

    place: Place
    key: str
    text: Text

    @property
    def message(self) -> Text:
        """Key and reason."""
        head = f"{self.key}: " if self.key else ""
        return Text(head + self.text.zh, head + self.text.en)


class DocumentError(InputError):
    """A TOML file cannot be used; ``problems`` are all that were found, by file and line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.place))
        first, *others = self.problems
        more = [(str(problem.place), problem.message) for problem in others]
        super().__init__(
            Text(
                "\n".join([first.message.zh, *(f"{place}: {text.zh}" for place, text in more)]),
                "\n".join([first.message.en, *(f"{place}: {text.en}" for place, text in more)]),
            ),
            where=str(first.place),
            hint=Text("请改正所列各行后重试", "correct the lines named and try again"),
        )


def display(file: Path) -> str:
    """The path of ``file`` as people know it: ``profiles/…`` for the shipped ones."""
    try:
        return f"profiles/{file.relative_to(profiles_dir()).as_posix()}"
    except ValueError:
        return str(file)


UNKNOWN_KEY = Text("未知的键", "unknown key")

_TYPES = {
    "extra_forbidden": UNKNOWN_KEY,
    "string_type": Text("应为引号中的文字", "text in quotes is expected"),
    "int_type": Text("应为整数", "a whole number is expected"),
    "bool_type": Text("应为 true 或 false", "true or false is expected"),
    "tuple_type": Text("应为数组 […]", "an array […] is expected"),
    "dict_type": Text("应为表", "a table is expected"),
    "model_type": Text("应为表", "a table is expected"),
    "missing": Text("缺少此键", "this key is missing"),
}


def reason(error: ErrorDetails) -> Text:
    """The words for one error of pydantic."""
    kind, context = error["type"], error.get("ctx", {})
    if kind in _TYPES:
        return _TYPES[kind]
    cause = context.get("error")
    if isinstance(cause, Unusable):
        return cause.text
    return _limits(kind, context) or Text(f"值无效：{error['msg']}", error["msg"])


def _limits(kind: str, context: dict[str, Any]) -> Text | None:
    match kind:
        case "literal_error":
            expected = context["expected"].replace(" or ", ", ")
            return Text(f"应为下列之一：{expected}", f"must be one of {expected}")
        case "greater_than_equal":
            return Text(f"不得小于 {context['ge']}", f"must not be less than {context['ge']}")
        case "less_than_equal":
            return Text(f"不得大于 {context['le']}", f"must not be more than {context['le']}")
        case "bytes_too_short" | "too_short":
            least = context["min_length"]
            return Text(f"长度不足 {least}", f"shorter than {least}")
        case "bytes_too_long" | "too_long":
            most = context["max_length"]
            return Text(f"长度超过 {most}", f"longer than {most}")
        case "string_pattern_mismatch":
            pattern = context["pattern"]
            return Text(f"不符合格式 {pattern}", f"does not match {pattern}")
    return None
