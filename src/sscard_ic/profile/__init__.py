"""The cards as data: profiles, their structure and rules, and the values of their items."""

from sscard_ic.base.problems import Place, Problem
from sscard_ic.profile.access import AccessRule
from sscard_ic.profile.card_profile import CardProfile
from sscard_ic.profile.codes import CodeTable
from sscard_ic.profile.dialect import Dialect
from sscard_ic.profile.fields import Title
from sscard_ic.profile.imports import ImportFormat
from sscard_ic.profile.loader import (
    ProfileInfo,
    available,
    card_profiles,
    check,
    kind_of,
    load,
    load_bank_data,
    load_financial,
    load_import_formats,
    load_psam,
)
from sscard_ic.profile.problems import ProfileError
from sscard_ic.profile.psam import PsamProfile
from sscard_ic.profile.region import Region
from sscard_ic.profile.search import find_items
from sscard_ic.profile.structure import Directory, File, Item, Key, Located, Structure
from sscard_ic.profile.values import Value, decode, encode, unset

__all__ = [
    "AccessRule",
    "CardProfile",
    "CodeTable",
    "Dialect",
    "Directory",
    "File",
    "ImportFormat",
    "Item",
    "Key",
    "Located",
    "Place",
    "Problem",
    "ProfileError",
    "ProfileInfo",
    "PsamProfile",
    "Region",
    "Structure",
    "Title",
    "Value",
    "available",
    "card_profiles",
    "check",
    "decode",
    "encode",
    "find_items",
    "kind_of",
    "load",
    "load_bank_data",
    "load_financial",
    "load_import_formats",
    "load_psam",
    "unset",
]
