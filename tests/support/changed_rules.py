"""Profiles with other rules and other settings of secure messaging."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tests.support.profiles import with_rules

from sscard_ic.profile import CardProfile


def with_messaging(profile: CardProfile, **settings: Any) -> CardProfile:
    """The profile with other settings of its table ``[messaging]``."""
    changed = profile.dialect.messaging.model_copy(update=settings)
    return replace(profile, dialect=profile.dialect.model_copy(update={"messaging": changed}))


def with_file_rules(profile: CardProfile, rules: Mapping[str, Mapping[str, str]]) -> CardProfile:
    """The profile with other rules for files: ``SSSE.EF05`` → operation → rule."""
    for path, changes in rules.items():
        profile = with_rules(profile, path, **changes)
    return profile
