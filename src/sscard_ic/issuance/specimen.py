"""Specimen cards: a row of a sample batch on a virtual blank, with published keys.

For developers and tests, who want a card that is finished without running a batch.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from typing import Literal

from sscard_ic.base.clock import SystemClock
from sscard_ic.base.errors import InputError, Text
from sscard_ic.base.resources import samples_dir
from sscard_ic.base.secret import Secret
from sscard_ic.card import (
    Blank,
    CardIdentity,
    CertificateApplication,
    Habits,
    SocialSecurityCard,
    chip_serial,
)
from sscard_ic.hosts.test_authority import TestAuthority
from sscard_ic.issuance.bank.desk import desk_of
from sscard_ic.issuance.bank.steps import bank_steps
from sscard_ic.issuance.certificate_steps import card_name
from sscard_ic.issuance.certifying import (
    CertificateHolder,
    check_certificates,
    load_grant,
    request_grant,
    trusted_by,
)
from sscard_ic.issuance.checks import CheckedRow, CheckReport, check_file, region_of
from sscard_ic.issuance.photo import PhotoLimits, card_photo, load_photo
from sscard_ic.issuance.prepare import Planner, PreparedCard
from sscard_ic.issuance.verification import verify
from sscard_ic.keys import published_keys, require_environment
from sscard_ic.profile import CardProfile, load_import_formats
from sscard_ic.profile.certificate import CertificateApplication as Model
from sscard_ic.profile.region import Region
from sscard_ic.reader import Connection

SpecimenState = Literal["initialised", "personalized"]
"""With structure and keys, still open; or with its data, ended and verified."""

_REGION_IN_NAME = re.compile(r"-([0-9]{6})-[0-9]{8}-")
"""The division code in the name of a sample, before its day."""


class SpecimenMaker:
    """Makes specimens of one region, each of another holder of its sample batch in turn.

    A region without a sample of its own borrows the synthetic holders of another one's: their
    cards are of this region (identification code, issuer, keys), while what the holders bring
    (numbers, name, addresses) stays that of the sample. Raises :class:`InputError` for a profile
    without region or of production, and for one whose rules no sample satisfies.
    """

    def __init__(self, profile: CardProfile) -> None:
        region = region_of(profile)
        self._profile = profile
        self._region = region
        self._keys = published_keys(profile.keys)
        require_environment(self._keys, region.issuer.environment, profile.name)
        report = _sample_of(profile, region)
        self._rows = [row for row in report.rows if not row.reasons]
        bank = desk_of(profile)
        self._planner = Planner(profile, region, report.batch_date, self._keys, bank)
        self._bank = bank_steps(profile, self._keys) if bank is not None else None
        self._made = 0

    def make(self, session: Connection, state: SpecimenState = "personalized") -> PreparedCard:
        """Bring the blank of ``session`` to ``state``; what it holds or, while open, would hold.

        Raises :class:`CardError` when the card is no blank of the profile.
        """
        row = self._rows[self._made % len(self._rows)]
        plan = self._plan(row)
        self._made += 1
        identity = CardIdentity(plan.division_code, plan.historical)
        blank = Blank(session, self._profile, self._keys, chip_serial(session.atr))
        blank.check_fresh()
        blank.initialise(identity, plan.pin)
        if state == "personalized":
            habits = Habits()
            card = SocialSecurityCard(
                session, self._profile, self._keys, identity=identity, habits=habits
            )
            card.update(plan.items)
            if self._profile.structure.certificates is not None:
                self._certify(session, self._profile.structure.certificates, row, plan)
                session.reset(cold=True)
                blank.unlock(identity)
            if self._bank is not None and plan.bank is not None:
                self._bank.personalize(session, plan.bank)
                session.reset(cold=True)
                blank.unlock(identity)
            blank.finish(identity)
            session.reset(cold=True)
            verify(session, self._profile, self._keys, plan, habits)
            if self._bank is not None:
                self._bank.prove(session, plan.bank, row.row.fields)
            session.reset(cold=True)
        return plan

    def _certify(
        self, session: Connection, model: Model, row: CheckedRow, plan: PreparedCard
    ) -> None:
        """Certificates of the test CA, loaded and proved.

        Administrator PIN and control keys stay the published ones: nobody keeps those of the CA.
        """
        now = SystemClock().now()
        holder = CertificateHolder.of(row.row.fields, plan.division_code)
        authority = TestAuthority(contents=model.contents)
        application = CertificateApplication(session, model)
        grant = replace(
            request_grant(application, authority, holder, model, card=card_name(plan), at=now),
            control_key=Secret(model.initial_control_key),
            admin_pin=Secret(bytes.fromhex(model.initial_admin_pin)),
        )
        load_grant(application, model, grant)
        trusted = trusted_by(authority)
        check_certificates(application, model, holder, trusted, now, grant, specimen=True)

    def _plan(self, checked: CheckedRow) -> PreparedCard:
        identity = self._region.identity
        numbers = range(identity.serial_first, identity.serial_last + 1)
        return self._planner.plan(checked.row.fields, secrets.choice(numbers), self._photo(checked))

    def _photo(self, checked: CheckedRow) -> bytes:
        room = self._planner.photo_bytes
        if checked.photo is None or not room:
            return b""
        rules = self._region.batch
        limits = PhotoLimits(rules.photo_longest_side, rules.photo_max_bytes)
        return card_photo(load_photo(checked.photo, limits), room, limits.longest_side)


def _sample_of(profile: CardProfile, region: Region) -> CheckReport:
    """The sample batch of the region, else the first of another one that its rules accept."""
    own = region.issuer.division_code
    samples = {
        found.group(1): file
        for file in sorted((samples_dir() / "batches").glob("*.csv"))
        if (found := _REGION_IN_NAME.search(file.name))
    }
    for code in sorted(samples, key=lambda code: code != own):
        issuer = region.issuer.model_copy(update={"division_code": code})
        there = replace(profile, region=region.model_copy(update={"issuer": issuer}))
        photos = samples_dir() / "photos"
        report = check_file(samples[code], there, load_import_formats(), photos=photos)
        if report.accepted:
            return report
    raise InputError(
        Text(
            "没有符合该地区规则的样本数据",
            "there is no sample batch that satisfies the rules of this region",
        ),
        where=profile.name,
        hint=Text(
            "用自己的批次文件发卡：sscard batch import",
            "issue cards of a batch file of your own: sscard batch import",
        ),
    )
