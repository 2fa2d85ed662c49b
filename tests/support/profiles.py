"""Profiles cut down or changed, for tests that want less than a region's whole card."""

from __future__ import annotations

from dataclasses import replace

from sscard_ic.profile import AccessRule, CardProfile, load, load_financial


def only(profile: CardProfile, *directories: str) -> CardProfile:
    """The profile with these directories and their keys alone."""
    structure = profile.structure
    medical = structure.medical
    return replace(
        profile,
        structure=structure.model_copy(
            update={
                "directories": {name: structure.directories[name] for name in directories},
                "keys": {n: k for n, k in structure.keys.items() if k.directory in directories},
                "medical": medical if medical and medical.directory in directories else None,
            }
        ),
    )


def without(profile: CardProfile, directory: str, *files: str) -> CardProfile:
    """The profile without these files."""
    structure = profile.structure
    here = structure.directories[directory]
    kept = {name: file for name, file in here.files.items() if name not in files}
    directories = structure.directories | {directory: here.model_copy(update={"files": kept})}
    return replace(profile, structure=structure.model_copy(update={"directories": directories}))


def of_cos(profile: CardProfile, cos: str) -> CardProfile:
    """The region's profile for blanks of another COS: ``cos/mcos``."""
    return replace(profile, dialect=load(profile.name, cos).dialect)


def with_rules(profile: CardProfile, path: str, **rules: str | None) -> CardProfile:
    """The profile with other rules (``read``, ``update``, ``append``) for the file ``path``."""
    directory, file_name = path.split(".")
    structure = profile.structure
    here = structure.directories[directory]
    parsed = {k: None if text is None else AccessRule.parse(text) for k, text in rules.items()}
    file = here.files[file_name].model_copy(update=parsed)
    changed = here.model_copy(update={"files": here.files | {file_name: file}})
    directories = structure.directories | {directory: changed}
    return replace(profile, structure=structure.model_copy(update={"directories": directories}))


def without_certificates(profile: CardProfile) -> CardProfile:
    """The profile for chips whose mask has no certificate application."""
    structure = profile.structure.model_copy(update={"certificate_application": "none"})
    return replace(profile, structure=structure)


def with_bank(profile: CardProfile, mode: str = "personalize") -> CardProfile:
    """The profile for chips with the bank's application: ``present`` or ``personalize``."""
    structure = profile.structure.model_copy(update={"bank_application": mode})
    return replace(profile, structure=structure, financial=load_financial())


def without_bank(profile: CardProfile) -> CardProfile:
    """The profile for chips without the bank's application."""
    structure = profile.structure.model_copy(update={"bank_application": "none"})
    return replace(profile, structure=structure, financial=None)
