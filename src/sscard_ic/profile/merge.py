"""Inheritance: a file that ``extends`` another changes only what it names."""

from __future__ import annotations

from sscard_ic.profile.positions import Node


def merge(base: Node, over: Node) -> Node:
    """``base`` changed by ``over``.

    Tables merge key by key. Arrays of tables that all bear a ``tag`` merge by tag: a known tag
    changes that element, a new one is added at the end. Any other value replaces the old one.
    """
    if isinstance(base.value, dict) and isinstance(over.value, dict):
        merged = dict(base.value)
        for key, node in over.value.items():
            merged[key] = merge(merged[key], node) if key in merged else node
        return Node(merged, over.place)
    if _is_tagged(base) and _is_tagged(over):
        return Node(_by_tag(base.value, over.value), over.place)
    return over


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


def _is_tagged(node: Node) -> bool:
    return isinstance(node.value, tuple) and all(part.get("tag") for part in node.value)


def _tag(node: Node) -> str:
    tag = node.get("tag")
    assert tag is not None
    return str(tag.value).upper()
