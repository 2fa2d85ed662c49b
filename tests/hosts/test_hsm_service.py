"""What an HSM service answers and what it refuses, without the wire."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.hsm_vectors import REGION, VECTORS, VectorKeys, vector_keys

from sscard_ic.base import InputError, Text
from sscard_ic.base.authority import AuditEvent
from sscard_ic.base.errors import SscardError
from sscard_ic.hosts.hsm_service import HsmService, ServiceSettings
from sscard_ic.hosts.serving import ServiceAnswer
from sscard_ic.keys import CardKey, EnvironmentMismatchError, SoftwareVault, published_keys
from sscard_ic.profile import CardProfile, load

EXCHANGES: dict[str, dict[str, str]] = {case["name"]: case for case in VECTORS["exchange"]}
XML: list[dict[str, str]] = VECTORS["xml"]
RESET = EXCHANGES["03 PIN reset"]["request"]
BLOCK = EXCHANGES["03 CARD BLOCK"]["request"]
AUTHENTICATION = EXCHANGES["02 by UKSSSE, 3DES"]["request"]
BASIC = EXCHANGES["01 with both parts"]["request"]
DEBIT = EXCHANGES["04 E1"]["request"]


class Log:
    """An audit log that remembers."""

    def __init__(self, *, broken: bool = False) -> None:
        self.events: list[AuditEvent] = []
        self._broken = broken

    def record(self, event: AuditEvent) -> None:
        if self._broken:
            raise SscardError(Text("磁盘已满", "the disk is full"))
        self.events.append(event)


@pytest.fixture(scope="module")
def profile() -> CardProfile:
    return load(REGION)


@pytest.fixture
def service(profile: CardProfile) -> HsmService:
    return HsmService(vector_keys(), profile)


def _with(request: str, field: int, text: str) -> bytes:
    texts = request.split("|")
    texts[field - 1] = text
    return "|".join(texts).encode()


def _refusal(answer: ServiceAnswer) -> str:
    """The code of a refusal of the bar form."""
    assert answer.status == 422, answer.body
    assert answer.body.count(b"|") == 2
    return answer.body.decode().split("|")[0]


# ── Vectors ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("case", EXCHANGES.values(), ids=list(EXCHANGES))
def test_bars(service: HsmService, case: dict[str, str]) -> None:
    answer = service.answer(case["request"].encode())
    assert answer == ServiceAnswer(200, "text/plain; charset=utf-8", case["reply"].encode())


@pytest.mark.parametrize("case", XML, ids=lambda case: case["name"])
@pytest.mark.parametrize("before", ["", "\ufeff", '\n<?xml version="1.0" encoding="UTF-8"?>'])
def test_xml(service: HsmService, case: dict[str, str], before: str) -> None:
    body = f"{before}{case['request']}".lstrip("\n").encode()
    expected = ServiceAnswer(200, "application/xml; charset=utf-8", case["reply"].encode())
    assert service.answer(body) == expected


def test_the_card_is_named_as_fully_as_the_request_does(profile: CardProfile) -> None:
    keys = vector_keys()
    HsmService(keys, profile).answer(BASIC.encode())
    names = {key.name: key.card for key in keys.asked}
    assert names.keys() == {"IRK", "RKSSSE"}
    for card in names.values():
        assert card is not None
        assert card.historical.hex().upper() == "0000000000866033110000048A"
        assert card.identification_code.hex().upper().startswith("320800D156")


@pytest.mark.parametrize(("address", "version"), [("0094", 1), ("0095", 2), ("0096", 3)])
def test_groups_stand_behind_each_other(profile: CardProfile, address: str, version: int) -> None:
    keys = vector_keys()
    assert HsmService(keys, profile).answer(_with(AUTHENTICATION, 5, address)).status == 200
    assert [(key.name, key.version) for key in keys.asked] == [("UKSSSE", version)]


def test_the_second_purchase_key(profile: CardProfile) -> None:
    keys = vector_keys()
    HsmService(keys, profile).answer(_with(DEBIT, 6, "0180"))
    assert {(key.name, key.version) for key in keys.asked} == {("DPK", 2), ("DTK", 1)}


@pytest.mark.parametrize(
    ("address", "served"),
    # The identifier in a PSAM, that in the card, another one (ref 03 §1.6).
    [("009412", True), ("009404", True), ("009413", False), ("009601", False), ("017F01", True)],
)
def test_addresses_with_an_identifier(service: HsmService, address: str, served: bool) -> None:
    request, field = (DEBIT, 6) if address.startswith("017F") else (AUTHENTICATION, 5)
    answer = service.answer(_with(request, field, address))
    assert answer.status == (200 if served else 422)


def test_the_group_of_type_01_is_that_of_the_region(profile: CardProfile) -> None:
    assert profile.region is not None
    terminal = profile.region.terminal.model_copy(update={"key_group": 2})
    region = profile.region.model_copy(update={"terminal": terminal})
    keys = vector_keys()
    HsmService(keys, replace(profile, region=region)).answer(BASIC.encode())
    assert {(key.name, key.version) for key in keys.asked} == {("IRK", 2), ("RKSSSE", 2)}


def test_the_plaintext_may_be_a_block(profile: CardProfile) -> None:
    """03 §1.8: one counter page sends LL ‖ PIN ‖ 80 00… itself."""
    service = HsmService(vector_keys(), profile, settings=ServiceSettings(plaintext="block"))
    expected = EXCHANGES["03 PIN reset"]["reply"].encode()
    assert service.answer(_with(RESET, 8, "0312345680000000")).body == expected
    assert service.answer(EXCHANGES["03 CARD BLOCK"]["request"].encode()).status == 200
    for wrong in ("123456", "0312345600000000", "0412345680000000", "FF12345680000000"):
        assert _refusal(service.answer(_with(RESET, 8, wrong))) == "23"


@pytest.mark.parametrize(
    ("method", "mac"),
    [("card_key", "012085BA"), ("process_key", "FD89FB5C")],
)
def test_how_commands_are_protected_is_said_by_the_cos(
    profile: CardProfile, method: str, mac: str
) -> None:
    """Ref 02 §4.2 item 3: variants B and A."""
    messaging = profile.dialect.messaging.model_copy(update={"secure_messaging": method})
    dialect = profile.dialect.model_copy(update={"messaging": messaging})
    service = HsmService(vector_keys(), replace(profile, dialect=dialect))
    assert service.answer(BLOCK.encode()).body == f"8416000004{mac}|".encode()


# ── What is refused ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "10"),
        (b"nonsense", "10"),
        (_with(AUTHENTICATION, 2, "210200"), "20"),
        (_with(BASIC, 5, "210200" + "00" * 13), "20"),
        (_with(BASIC, 5, "FFFFFF" + "00" * 13), "20"),
        (_with(AUTHENTICATION, 4, "02"), "21"),
        (_with(AUTHENTICATION, 5, "0001"), "22"),
        (_with(AUTHENTICATION, 5, "0091"), "22"),
        (_with(AUTHENTICATION, 5, "RKMFEF0C_370000"), "22"),
        (_with(AUTHENTICATION, 5, "017F"), "30"),
        (_with(AUTHENTICATION, 5, "0173"), "30"),
        (_with(RESET, 5, "017F"), "30"),
        (_with(RESET, 6, "00" * 16), "23"),
        (_with(RESET, 7, "8424000110"), "23"),
        (_with(RESET, 7, "8424000104"), "23"),
        (_with(BLOCK, 7, "841600000C"), "23"),
        (_with(BLOCK, 7, "84D4000004"), "23"),
        (_with(BLOCK, 8, "123456"), "23"),
        (_with(DEBIT, 6, "0094"), "24"),
        (_with(DEBIT, 6, "00B2"), "24"),
    ],
)
def test_requests_that_are_not_served(profile: CardProfile, body: bytes, code: str) -> None:
    log = Log()
    service = HsmService(vector_keys(), profile, log)
    assert _refusal(service.answer(body)) == code
    (event,) = log.events
    assert (event.action, event.subject, event.outcome) == (
        "hsm.serve",
        "regions/huaian",
        "refused",
    )
    assert event.detail["code"] == code


def test_other_cities_of_the_province_are_served(service: HsmService) -> None:
    assert service.answer(_with(AUTHENTICATION, 2, "320100")).status == 200


def test_a_refusal_as_xml(service: HsmService) -> None:
    body = XML[1]["request"].replace("0094", "0001").encode()
    answer = service.answer(body)
    assert (answer.status, answer.content_type) == (200, "application/xml; charset=utf-8")
    text = answer.body.decode()
    assert "<RETCODE>22</RETCODE>" in text
    assert "no key stands at this address" in text
    assert "没有这个密钥地址" in text
    assert "RESULT" not in text


def test_other_codes_of_success(profile: CardProfile) -> None:
    service = HsmService(vector_keys(), profile, settings=ServiceSettings(success_code="1"))
    assert b"<RETCODE>1</RETCODE>" in service.answer(XML[0]["request"].encode()).body


def test_an_audit_log_that_cannot_be_written(profile: CardProfile) -> None:
    answer = HsmService(vector_keys(), profile, Log(broken=True)).answer(b"")
    assert _refusal(answer) == "90"


class Failing(VectorKeys):
    """Breaks down with a key in its words."""

    def cryptogram(self, key: CardKey, challenge: bytes, text: bytes) -> bytes:
        raise RuntimeError(self._derive(key).hex())


def test_a_breakdown_within_tells_nothing(profile: CardProfile) -> None:
    log = Log()
    answer = HsmService(Failing(profile), profile, log).answer(AUTHENTICATION.encode())
    assert _refusal(answer) == "90"
    assert "something went wrong within" in answer.body.decode()
    assert not re.search(r"[0-9a-fA-F]{16}", answer.body.decode() + repr(log.events))
    assert "RuntimeError" not in answer.body.decode()
    [event] = log.events
    assert event.detail == {"code": "90", "type": "02", "error": "RuntimeError"}


def test_a_refusal_that_was_foreseen_has_no_error_in_the_log(profile: CardProfile) -> None:
    log = Log()
    HsmService(vector_keys(), profile, log).answer(b"nothing")
    [event] = log.events
    assert "error" not in event.detail


# ── What it is made of ───────────────────────────────────────────────────────────────────────


def test_a_profile_of_no_region() -> None:
    with pytest.raises(InputError, match="of no region"):
        HsmService(vector_keys(), load("2.00"))


def test_test_keys_for_a_production_profile(profile: CardProfile) -> None:
    assert profile.region is not None
    issuer = profile.region.issuer.model_copy(update={"environment": "production"})
    region = profile.region.model_copy(update={"issuer": issuer})
    with pytest.raises(EnvironmentMismatchError):
        HsmService(vector_keys(), replace(profile, region=region))
    HsmService(VectorKeys(profile, "production"), replace(profile, region=region))


def test_a_key_of_a_purpose_that_has_expired(profile: CardProfile, tmp_path: Path) -> None:
    """The policy of the key service holds for what terminals ask, too."""
    vault = published_keys(profile.keys)
    expired = _expired(vault)
    answer = HsmService(expired, profile).answer(AUTHENTICATION.encode())
    assert _refusal(answer) == "30"
    assert "expired" in answer.body.decode()


def _expired(vault: SoftwareVault) -> Any:
    """The vault, all of whose keys ended in 2020."""

    class Old(VectorKeys):
        def root_info(self, name: str, version: int, algorithm: str = "3des") -> Any:
            info = vault.root_info(name, version, algorithm)
            return replace(info, valid_until=datetime(2020, 1, 1, tzinfo=UTC).date())

    return Old(load(REGION))


# ── Fuzz ─────────────────────────────────────────────────────────────────────────────────────

_PIECES = st.one_of(
    st.sampled_from(["|", "01", "02", "03", "04", "0094", "0173", "017F", "842400010C", "123456"]),
    st.text("0123456789ABCDEF|", max_size=40),
    st.text(max_size=6),
)
_REQUESTS = [case["request"] for case in [*EXCHANGES.values(), *XML]]


@st.composite
def mutated(draw: Callable[..., Any]) -> bytes:
    """A request of the vectors with some of its bytes changed, left out or put in."""
    body = bytearray(draw(st.sampled_from(_REQUESTS)).encode())
    for _ in range(draw(st.integers(1, 4))):
        at, length = draw(st.integers(0, len(body))), draw(st.integers(0, 3))
        body[at : at + length] = draw(st.binary(max_size=4) | _PIECES.map(lambda t: t.encode()))
    return bytes(body)


@pytest.fixture(scope="module")
def test_service(profile: CardProfile) -> HsmService:
    return HsmService(published_keys(profile.keys), profile)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=400) | mutated())
def test_whatever_comes_is_answered(test_service: HsmService, body: bytes) -> None:
    """Never an error, never "within", and nothing longer than a reply can be."""
    answer = test_service.answer(body)
    assert answer.status in (200, 422)
    assert len(answer.body) < 1000
    assert b"Traceback" not in answer.body
    if answer.status == 422:
        assert _refusal(answer) != "90"
    elif answer.content_type.startswith("application/xml"):
        assert b"<RETCODE>90<" not in answer.body
