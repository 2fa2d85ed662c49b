"""Inheritance: a file that ``extends`` another changes only what it names."""

from __future__ import annotations

from dataclasses import replace

from sscard_ic.base.positions import Node


def merge(base: Node, over: Node) -> Node:
    """``base`` changed by ``over``.

    Tables merge key by key. Arrays of tables that all bear a ``tag`` merge by tag: a known tag
    changes that element, a new one is added at the end. Arrays of a single table without ``tag``
    (the item of a transparent or cyclic file) merge too. Any other value replaces the old one.
    """
    if isinstance(base.value, dict) and isinstance(over.value, dict):
        merged = dict(base.value)
        for key, node in over.value.items():
            merged[key] = merge(merged[key], node) if key in merged else node
        return replace(over, value=merged)
    if _is_tagged(base) and _is_tagged(over):
        return replace(over, value=_by_tag(base.value, over.value))
    if _is_single(base) and _is_single(over):
        return replace(over, value=(merge(base.value[0], over.value[0]),))
    return over


def without_absent(node: Node) -> Node:
    """``node`` without the tables that say ``absent = true``, at any depth.

    A profile declares what only some regions have, in its place, as absent; a region that has it
    says ``absent = false``, and one that lacks something says ``absent = true``.
    """
    if isinstance(node.value, dict):
        kept = {
            key: without_absent(part)
            for key, part in node.value.items()
            if not _is_absent(part) and not _is_flag(key, part)
        }
        return replace(node, value=kept)
    if isinstance(node.value, tuple):
        return replace(
            node, value=tuple(without_absent(part) for part in node.value if not _is_absent(part))
        )
    return node


def _is_absent(node: Node) -> bool:
    flag = node.get("absent")
    return flag is not None and flag.value is True


def _is_flag(key: str, node: Node) -> bool:
    """A flag that says ``false``; anything else is left for the loader to refuse."""
    return key == "absent" and node.value is False


def _by_tag(base: tuple[Node, ...], over: tuple[Node, ...]) -> tuple[Node, ...]:
    elements = list(base)
    known = {_tag(node): position for position, node in reversed(list(enumerate(base)))}
    for node in over:
        # A tag that the file itself bears twice stays twice, so that the loader can refuse it.
        position = known.pop(_tag(node), None)
        if position is None:
            elements.append(node)
        else:
            elements[position] = merge(elements[position], node)
    return tuple(elements)


def _is_single(node: Node) -> bool:
    return (
        isinstance(node.value, tuple)
        and len(node.value) == 1
        and isinstance(node.value[0].value, dict)
        and node.value[0].get("tag") is None
    )


def _is_tagged(node: Node) -> bool:
    return isinstance(node.value, tuple) and all(part.get("tag") for part in node.value)


def _tag(node: Node) -> str:
    tag = node.get("tag")
    assert tag is not None
    return str(tag.value).upper()
