"""No chain of ``sscard cert load`` and ``cert pin --admin`` locks a card up by guessing."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Any

import pytest
from tests.cli.cert_bench import CertBench

from sscard_ic.base.errors import CardError, Text
from sscard_ic.base.secret import Secret
from sscard_ic.card import CertificateApplication
from sscard_ic.cli import cert_load, cert_trust
from sscard_ic.hosts.certificate_authority import CertificateRequest
from sscard_ic.hosts.test_authority import TestAuthority
from sscard_ic.keys.certificate_grant import CertificateGrant

WRONG_PINS = tuple(f"9999999{digit}" for digit in range(8))


class SameLock(TestAuthority):
    """Grants the same administrator PIN and control key each time."""

    def register(self, request: CertificateRequest) -> CertificateGrant:
        grant = super().register(request)
        pin, key = Secret(bytes.fromhex("87654321")), Secret(bytes(range(16)))
        return replace(grant, admin_pin=pin, control_key=key)


def test_a_lost_grant_costs_one_try(loaded: CertBench) -> None:
    pin, key = loaded.secrets()
    loaded.kept()[0].unlink()
    for attempt in range(7):
        result = loaded.run("load", "--renew")
        assert result.exit_code == 1
        assert "run the command again" not in result.output
        assert "SSCARD_ADMIN_PIN" in result.output
        assert ("is not known here" in result.output) is (attempt > 0)
        assert loaded.tries()["admin_pin"] == 5
    found = loaded.done("load", "--renew", SSCARD_ADMIN_PIN=pin, SSCARD_CONTROL_KEY=key)
    assert found["resumed"] is True
    assert set(loaded.tries().values()) == {6}


def test_what_a_person_says_never_spends_the_last_try(loaded: CertBench) -> None:
    pin = loaded.secrets()[0]
    loaded.kept()[0].unlink()
    for wrong in WRONG_PINS:
        assert loaded.run("load", "--renew", SSCARD_ADMIN_PIN=wrong).exit_code == 1
    assert loaded.tries()["admin_pin"] == 1
    told = loaded.run("load", "--renew", SSCARD_ADMIN_PIN=WRONG_PINS[-1], SSCARD_LANG="zh").stderr
    assert "还可试 1 次" in told
    loaded.done("pin", "--admin", SSCARD_ADMIN_PIN=pin, SSCARD_NEW_PIN="31415926")
    assert loaded.tries()["admin_pin"] == 6


def test_a_wrong_control_key_is_tried_once(loaded: CertBench) -> None:
    pin = loaded.secrets()[0]
    loaded.kept()[0].unlink()
    for _ in range(4):
        assert loaded.run("load", "--renew", SSCARD_ADMIN_PIN=pin).exit_code == 1
    left = loaded.tries()
    assert min(left.values()) == 5
    for digit in range(8):
        loaded.run("load", "--renew", SSCARD_CONTROL_KEY=f"{digit:032d}", SSCARD_ADMIN_PIN=pin)
    assert min(loaded.tries().values()) == 1
    assert "SSCARD_CONTROL_KEY" in loaded.error("load", "--renew", SSCARD_ADMIN_PIN=pin)["hint"]


def test_answers_that_were_never_loaded_are_no_candidates(
    loaded: CertBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise CardError(Text("坏", "import refused"))

    with monkeypatch.context() as patch:
        patch.setattr(CertificateApplication, "import_encryption_key", fails)
        for number in range(8):
            answer = loaded.answer(TestAuthority(), f"answer{number}.json")
            error = loaded.error("load", "--renew", "--answer", str(answer))
            assert "import refused" in error["message"]
            assert loaded.tries()["admin_pin"] == 6
    assert len(loaded.grant().locks.admin_pin.values) == 1
    assert loaded.done("load", "--renew")["resumed"] is True


@pytest.mark.parametrize("kind", ["torn-before", "torn-after"])
@pytest.mark.parametrize("writes", [9, 10, 11, 12])
def test_other_answers_after_interruptions(loaded: CertBench, kind: str, writes: int) -> None:
    for number in range(7):
        answer = loaded.answer(TestAuthority(), f"answer{number}.json")
        loaded.fault(kind, "--after", str(writes))
        loaded.run("load", "--renew", "--answer", str(answer))
        assert min(loaded.tries().values()) >= 4
    assert loaded.done("load", "--renew")["loaded"] is True
    assert set(loaded.tries().values()) == {6}


def test_many_interrupted_changes_of_the_pin(loaded: CertBench) -> None:
    pin = loaded.secrets()[0]
    for digit in range(8):
        loaded.fault("torn-before")
        words = {"SSCARD_ADMIN_PIN": pin, "SSCARD_NEW_PIN": f"1122334{digit}"}
        assert loaded.run("pin", "--admin", **words).exit_code == 1
        assert len(loaded.grant().locks.admin_pin.values) == 2
    assert loaded.done("load", "--renew")["loaded"] is True
    assert set(loaded.tries().values()) == {6}


def test_the_same_lock_is_granted_again(bench: CertBench) -> None:
    bench.done("keygen")
    for _ in range(3):
        assert (
            bench.done("load", "--renew", "--answer", str(bench.answer(SameLock())))["loaded"]
            is True
        )
        assert set(bench.tries().values()) == {6}


def test_a_pin_that_is_said_is_the_only_one_for_a_strange_card(loaded: CertBench) -> None:
    """The published one is not tried after it."""
    loaded.kept()[0].unlink()
    assert loaded.run("load", "--renew", SSCARD_ADMIN_PIN=WRONG_PINS[0]).exit_code == 1
    assert loaded.tries()["admin_pin"] == 5


def test_production_asks_again_after_a_mistyped_pin(
    loaded: CertBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    pin, key = loaded.secrets()
    loaded.kept()[0].unlink()
    known = cert_load._locks

    def as_in_production(look: Any) -> Any:
        with monkeypatch.context() as patch:
            patch.setattr(cert_load, "environment_of", lambda _: "production")
            return known(look)

    monkeypatch.setattr(cert_load, "_locks", as_in_production)
    assert loaded.run("load", "--renew", keyboard=f"{WRONG_PINS[0]}\n{key}\n").exit_code == 1
    again = loaded.run("load", "--renew", keyboard=f"{pin}\n")
    assert "Administrator PIN" in again.stderr
    assert loaded.tries()["admin_pin"] == 6


def test_another_card_after_the_authority_has_answered(
    loaded: CertBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = loaded.path("another")
    made = loaded.sscard("sim", "new", "--profile", "urumqi", "--out", str(folder))
    assert made.exit_code == 0, made.output
    [image] = folder.glob("*.img") if folder.is_dir() else [folder]
    register = TestAuthority.register

    def swapping(authority: TestAuthority, request: CertificateRequest) -> CertificateGrant:
        shutil.copy(image, loaded.image)
        return register(authority, request)

    monkeypatch.setattr(TestAuthority, "register", swapping)
    result = loaded.run("load", "--renew")
    assert result.exit_code == 1
    assert not loaded.grant().loaded


def test_production_never_trusts_the_published_authority(
    loaded: CertBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded.done("show", "--pem", str(loaded.path("pem")))
    words = ("show", "--trust", str(loaded.path("pem") / "authorities.pem"))
    assert loaded.done(*words)["signature"]["valid"] is True
    monkeypatch.setattr(cert_trust, "environment_of", lambda _: "production")
    for more in ((), ("--test-ca",)):
        assert loaded.done(*words, *more)["signature"]["fault"]["reason"] == "unknown_issuer"


def test_a_certificate_of_tests_proves_nothing_unless_asked_for(loaded: CertBench) -> None:
    loaded.done("show", "--pem", str(loaded.path("pem")))
    message, signature = loaded.path("message", "text"), loaded.path("signature")
    loaded.done("sign", str(message), "--out", str(signature))
    certificate = str(loaded.path("pem") / "signature.pem")
    words = ("verify", str(message), "--signature", str(signature), "--certificate", certificate)
    result = loaded.run(*words)
    assert result.exit_code == 1
    assert "--test-ca" in result.stderr
    assert loaded.done(*words, "--test-ca")["test"] is True
    assert loaded.done(*words, "--profile", "urumqi")["valid"] is True
