"""``sscard.toml``: what holds for a machine or an office, so that no command has to be told.

The file is the one that ``SSCARD_CONFIG`` names, else ``sscard.toml`` under ``SSCARD_HOME``. One in
the present folder is never read: whoever can put a file there would decide where keys come from.
Each section belongs to a package, which has it checked against a model of its own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, ValidationInfo

from sscard_ic.base.errors import InputError, Text
from sscard_ic.base.positions import Key, Node, read_toml
from sscard_ic.base.problems import UNKNOWN_KEY, DocumentError, Problem, Unusable, reason
from sscard_ic.base.resources import home_dir

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

ENVIRONMENT = "SSCARD_CONFIG"
FILE_NAME = "sscard.toml"
SECTIONS = ("keys", "certificates", "bank")
"""The tables of the file: that of the package ``keys``, and those of ``hosts``."""

_FOLDER = "folder"
_SECRET_WORDS = frozenset({"pin", "password", "passwd", "passphrase", "secret", "口令", "密码"})
_NO_SECRETS = Text(
    "设置文件中不得有口令、PIN 等秘密；请用提示输入，或环境变量 SSCARD_PASSPHRASE、SSCARD_HSM_PIN"
    "（文件：SSCARD_PASSPHRASE_FILE、SSCARD_HSM_PIN_FILE）；请从文件中删除并更换该秘密",
    "no secret belongs in the settings: it is typed at the prompt, or comes from "
    "SSCARD_PASSPHRASE, SSCARD_HSM_PIN (files: SSCARD_PASSPHRASE_FILE, SSCARD_HSM_PIN_FILE); "
    "take it out of the file, and change it",
)


class Section(BaseModel):
    """Base of the models of sections: immutable, unknown keys refused, values never quoted."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _path(value: Any, info: ValidationInfo) -> Path:
    """A path of the file as seen from the folder of the file, ``~`` being the user's home."""
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value or "\0" in value:
        raise Unusable("应为引号中的路径", "a path in quotes is expected")
    path = Path(value).expanduser()
    folder = info.context.get(_FOLDER) if info.context else None
    return folder / path if folder is not None else path


FilePath = Annotated[Path, BeforeValidator(_path)]
"""A path in the settings; a relative one is meant from the folder of the file."""

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of this machine; ``path`` is None where there is no file."""

    path: Path | None
    root: Node | None

    def section(self, name: str, model: type[Model]) -> Model:
        """The table ``name`` as ``model``, with its defaults where the file says nothing.

        Raises :class:`DocumentError` with the line of everything that is wrong.
        """
        if self.root is None or self.path is None:
            return model()
        table = self.root.get(name)
        if table is None:
            return model()
        context = {_FOLDER: self.path.parent}
        try:
            return model.model_validate(table.plain(), strict=True, context=context)
        except ValidationError as error:
            found = error.errors(include_url=False, include_input=False)
        # Outside of the handler: the error of pydantic knows the values, and must not be kept.
        raise DocumentError([_problem(table, name, model, detail) for detail in found])


def settings_path(
    environment: Mapping[str, str] | None = None, home: Path | None = None
) -> Path | None:
    """The file of settings; None where there is none.

    Raises :class:`InputError` when ``SSCARD_CONFIG`` names a file that is not there.
    """
    values = os.environ if environment is None else environment
    if chosen := values.get(ENVIRONMENT):
        path = Path(chosen)
        if not path.is_file():
            raise InputError(
                Text("没有这个设置文件", "there is no such file of settings"),
                where=str(path),
                hint=Text(f"检查环境变量 {ENVIRONMENT}", f"check the variable {ENVIRONMENT}"),
            )
        return path.resolve()
    path = (home_dir() if home is None else home) / FILE_NAME
    return path.resolve() if path.is_file() else None


def read_settings(
    environment: Mapping[str, str] | None = None, home: Path | None = None
) -> Settings:
    """The settings in force; raises :class:`InputError`, with lines where the file is wrong."""
    path = settings_path(environment, home)
    if path is None:
        return Settings(None, None)
    root = read_toml(path)
    unknown = [name for name in root.value if name not in SECTIONS]
    if unknown:
        raise DocumentError(
            [
                Problem(root.value[name].place, name, _unknown(name, SECTIONS, section=True))
                for name in unknown
            ]
        )
    return Settings(path, root)


def _problem(table: Node, name: str, model: type[BaseModel], detail: ErrorDetails) -> Problem:
    key: Key = detail["loc"]
    node, words = table, name
    for part in key:
        node = node.part(part) or node
        words += f"[{part + 1}]" if isinstance(part, int) else f".{part}"
    text = reason(detail)
    if text is UNKNOWN_KEY:
        text = _unknown(str(key[-1]), _allowed(model, key[:-1]))
    return Problem(node.place, words, text)


def _unknown(name: str, allowed: Sequence[str], *, section: bool = False) -> Text:
    """Why there is no such key, and which one may be meant."""
    if _SECRET_WORDS & set(re.split(r"[_\-.]", name.casefold())):
        return _NO_SECRETS
    head = Text("未知的表", "unknown section") if section else UNKNOWN_KEY
    near = get_close_matches(name, allowed, 1)
    if near:
        return Text(f"{head.zh}；是否为 {near[0]}？", f"{head.en}; is {near[0]} meant?")
    if not allowed:
        return head
    known = ", ".join(allowed)
    return Text(f"{head.zh}；可用：{known}", f"{head.en}; there are: {known}")


def _allowed(model: type[BaseModel], way: Key) -> list[str]:
    """The keys of the table at ``way``; none where it is no table of fixed keys."""
    for name in way:
        if isinstance(name, int):
            continue  # a position in an array of such tables
        field = model.model_fields.get(name)
        inner = _model_in(field.annotation) if field else None
        if inner is None:
            return []
        model = inner
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
