"""Settings of COS, medical account, certificate application and region: value, default, meaning."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from functools import cache
from itertools import pairwise
from typing import Any

from pydantic import BaseModel

from sscard_ic.base.errors import Text
from sscard_ic.profile.card_profile import CardProfile
from sscard_ic.profile.manual.page import Page, code

FIRST_SECRETS = frozenset({"initial_user_pin", "initial_admin_pin", "initial_control_key"})
"""Those of a new certificate application."""
_SECRET = FIRST_SECRETS | {"initial", "factory_key"}
"""PINs and keys, known as they are: a page for everybody does not show them."""


def settings(page: Page, profile: CardProfile) -> None:
    """Everything that a profile may choose, with what this one has chosen."""
    page.heading(2, page.of(Text("设置", "Settings")), "settings")
    page.paragraph(
        Text(
            "没有默认值的设置须在配置中写明。说明为英文。",
            "A setting without a default must be written out in the profile.",
        )
    )
    name = profile.dialect.name
    _model(page, Text(f"卡操作系统 {name}", f"Card operating system {name}"), profile.dialect)
    if profile.structure.medical is not None:
        _model(page, Text("医疗账户", "Medical account"), profile.structure.medical)
    if profile.structure.certificates is not None:
        _model(page, Text("证书应用", "Certificate application"), profile.structure.certificates)
    if profile.region is not None:
        region = Text(f"地区 {profile.region.issuer.zh}", f"Region {profile.region.issuer.en}")
        _model(page, region, profile.region)


def _model(page: Page, title: Text, model: BaseModel, path: str = "") -> None:
    """One model as a table, those within it as tables of their own."""
    page.heading(3, page.of(title) + (f" `[{path}]`" if path else ""))
    rows, inner = [], []
    meanings, shown = _meanings(type(model)), model.model_dump(mode="json")
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            inner.append((name, value))
        elif name not in _SECRET:
            default = "" if field.is_required() else _default(model, name)
            rows.append(
                [code(name), code(_text(shown[name])), code(default), meanings.get(name, "")]
            )
    if rows:
        page.table(_HEADS, rows)
    for name, value in inner:
        _model(page, title, value, f"{path}.{name}".lstrip("."))


def _default(model: BaseModel, name: str) -> str:
    value = type(model).model_fields[name].get_default(call_default_factory=False)
    return _text(model.model_copy(update={name: value}).model_dump(mode="json")[name])


def _text(value: Any) -> str:
    """A value as a profile writes it; quotes only where they are needed to see it."""
    plain = isinstance(value, str) and value.isprintable()
    return value if plain else json.dumps(value, ensure_ascii=False)


@cache
def _meanings(model: type[BaseModel]) -> dict[str, str]:
    """What the source says below each field of ``model`` and of the models it extends."""
    found: dict[str, str] = {}
    for part in reversed(model.__mro__):
        if part is BaseModel or not issubclass(part, BaseModel):
            continue
        tree = ast.parse(textwrap.dedent(inspect.getsource(part)))
        (body,) = (node.body for node in tree.body if isinstance(node, ast.ClassDef))
        for field, after in pairwise(body):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(after, ast.Expr)
                and isinstance(after.value, ast.Constant)
            ):
                found[field.target.id] = " ".join(str(after.value.value).split())
    return found


_HEADS = (
    Text("设置", "Setting"),
    Text("值", "Value"),
    Text("默认", "Default"),
    Text("说明", "Meaning"),
)
