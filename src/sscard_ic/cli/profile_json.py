"""Profiles as JSON."""

from __future__ import annotations

from typing import Any

from sscard_ic import profile as profiles
from sscard_ic.profile.manual import FIRST_SECRETS, opened
from sscard_ic.profile.parts import Part
from sscard_ic.profile.structure import Item, Key, Located


def card_json(card: profiles.CardProfile) -> dict[str, Any]:
    """A whole card, code tables aside."""
    structure = card.structure
    return {
        "name": card.name,
        "specification_version": structure.specification_version,
        "dialect": card.dialect.name,
        "region": card.region.model_dump(mode="json") if card.region else None,
        "directories": [directory_json(card, name) for name in structure.directories],
        "keys": [key_json(card, name, key) for name, key in card.keys.items()],
        "certificate_application": certificate_json(card),
    }


def certificate_json(card: profiles.CardProfile) -> dict[str, Any] | None:
    """The certificate application without its first PINs and control key; None: none."""
    model = card.structure.certificates
    return None if model is None else model.model_dump(mode="json", exclude=set(FIRST_SECRETS))


def part_json(card: profiles.CardProfile, part: Part) -> dict[str, Any]:
    """One part of a card; ``part`` says what it is."""
    return {"part": part.kind, **_part(card, part)}


def _part(card: profiles.CardProfile, part: Part) -> dict[str, Any]:
    match part.kind:
        case "directory":
            keys = card.structure.keys_of(part.name)
            return {
                **directory_json(card, part.name),
                "keys": [key_json(card, name, key) for name, key in keys.items()],
            }
        case "file":
            return file_json(card, *part.name.split("."))
        case "item":
            return {"path": part.name, "items": [item_json(place) for place in part.places]}
        case "key":
            return key_json(card, part.name, card.keys[part.name])
        case "table":
            return {"name": part.name, **card.codes[part.name].model_dump(mode="json")}
        case "certificate":
            return certificate_json(card) or {}


def directory_json(card: profiles.CardProfile, name: str) -> dict[str, Any]:
    """A directory with its files."""
    directory = card.structure.directories[name]
    return {
        "name": name,
        "fid": f"{directory.fid:04X}",
        "kind": directory.kind,
        "aid": directory.name.hex().upper(),
        "zh": directory.zh,
        "en": directory.en,
        "files": [file_json(card, name, file_name) for file_name in directory.files],
    }


def file_json(card: profiles.CardProfile, directory: str, name: str) -> dict[str, Any]:
    """A file with its items."""
    file = card.structure.directories[directory].files[name]
    return {
        "fid": name,
        "zh": file.zh,
        "en": file.en,
        "structure": file.structure,
        "status": file.status,
        "read": str(file.read),
        "update": str(file.update),
        "append": str(file.append or file.update),
        "items": [item_json(item) for item in card.places_of(directory, name)],
    }


def item_json(located: Located) -> dict[str, Any]:
    """An item with the rules that hold for it and its parts."""
    return {
        "path": located.path,
        "record": located.number or None,
        "read": str(located.read),
        "update": str(located.update),
        **_content_json(located.item),
        "parts": [_content_json(part) for part in located.item.items],
    }


def _content_json(item: Item) -> dict[str, Any]:
    return {
        "tag": None if item.tag is None else f"{item.tag:02X}",
        "format": item.format,
        "length": item.length,
        "zh": item.zh,
        "en": item.en,
        "codes": item.codes,
        "split": [piece.model_dump() for piece in item.split],
        "example": item.example,
    }


def key_json(card: profiles.CardProfile, name: str, key: Key) -> dict[str, Any]:
    """A key and the rules that name it."""
    return {
        "name": name,
        "directory": key.directory,
        "id": f"{key.id:02X}",
        "use": key.use,
        "versions": key.groups,
        "length": card.key_length(name),
        "level": key.level,
        "psam_usage": None if key.psam_usage is None else f"{key.psam_usage:02X}",
        "psam_id": None if key.psam_id is None else f"{key.psam_id:02X}",
        "hsm_address": None if key.hsm_address is None else f"{key.hsm_address:04X}",
        "opens": [
            {"path": path, "operation": operation.en} for operation, path in opened(card, name)
        ],
    }
