"""``sscard cert keygen``, ``request`` and ``load``: from a key pair to certificates on the card."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partialmethod
from typing import Any

import pytest
from tests.cli.cert_bench import (
    DISTID,
    CertBench,
    openssl,
)
from tests.support.wrong_authorities import Fault, WrongAuthority

from sscard_ic.cli import cert_load
from sscard_ic.cli.cert_trust import environment_of
from sscard_ic.crypto.certificates import Certificate
from sscard_ic.hosts.authority_server import AuthorityServer
from sscard_ic.hosts.certificate_authority import CertificateRequest
from sscard_ic.hosts.test_authority import TestAuthority
from sscard_ic.keys.certificate_grant import CertificateGrant
from sscard_ic.lifecycle.certificates import AskedCard


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows each time that the test CA is asked."""
    opened: list[str] = []

    register = TestAuthority.register

    def watched(authority: TestAuthority, request: CertificateRequest) -> CertificateGrant:
        opened.append("asked")
        return register(authority, request)

    monkeypatch.setattr(TestAuthority, "register", watched)
    return opened


def _at(
    card: AskedCard,
    at: datetime,
    valid_until: Callable[[AskedCard, datetime], datetime | None],
    _now: datetime,
) -> datetime | None:
    """What a card says at another time."""
    return valid_until(card, at)


class TestKeygen:
    def test_the_public_key_for_openssl(self, bench: CertBench) -> None:
        out = bench.path("public.pem")
        found = bench.done("keygen", "--out", str(out))
        assert (found["replaced"], found["certificate_worthless"]) == (False, False)
        assert out.read_text() == found["pem"]
        shown = openssl("pkey", "-pubin", "-in", out, "-noout", "-text").decode()
        bare = shown.replace(":", "").replace(" ", "").replace("\n", "").upper()
        assert found["public_key"] in bare
        assert "SM2" in shown

    def test_in_words(self, bench: CertBench) -> None:
        result = bench.run("keygen")
        assert result.stdout.startswith("-----BEGIN PUBLIC KEY-----\n")
        assert "has generated" in result.stderr
        assert bench.done("keygen")["replaced"] is True, "nobody vouches for the first one yet"

    def test_a_certified_key_pair_is_kept(self, loaded: CertBench) -> None:
        before = loaded.done("show")["signature"]["public_key"]
        error = loaded.error("keygen")
        assert "worthless" in error["message"]
        assert "--replace" in error["hint"]
        assert loaded.done("show")["signature"]["public_key"] == before
        assert "--replace" in loaded.run("keygen", SSCARD_LANG="zh").stderr
        found = loaded.done("keygen", "--replace")
        assert (found["replaced"], found["certificate_worthless"]) == (True, True)
        assert found["public_key"] != before

    def test_a_wrong_pin(self, bench: CertBench) -> None:
        assert "5 tries left" in bench.error("keygen", SSCARD_PIN="000000")["message"]
        assert bench.done("show")["signature"]["public_key"] is None


class TestRequest:
    def test_fields(self, bench: CertBench) -> None:
        public = bench.done("keygen")["public_key"]
        result = bench.run("request", "--keys", SSCARD_PIN=None)
        assert result.exit_code == 0, result.output
        found = json.loads(result.stdout)
        assert set(found) == {"xm", "kh", "shbzhm", "xzqhdm", "qmgy", "sf", "busiFlowNo"}
        assert found["qmgy"] == public
        assert (found["sf"], found["xzqhdm"], found["kh"]) == ("SM2", "650100", "W00000011")
        again = json.loads(bench.run("request", "--keys").stdout)
        assert again == found, "the same request has the same reference"
        bench.done("keygen")
        other = json.loads(bench.run("request", "--keys").stdout)
        assert other["busiFlowNo"] != found["busiFlowNo"]

    def test_the_names_of_the_settings(self, bench: CertBench) -> None:
        (bench.home / "sscard.toml").write_text(
            '[certificates.http]\nurl = "http://127.0.0.1:9/ca"\nenvironment = "test"\n'
            '[certificates.http.request]\nname = "AAC003"\npublic_key = "SM2PUB"\n'
            'public_key_coding = "base64"\nalgorithm = ""\n[certificates.http.request.constants]\n'
            'maker = "M01"\n'
        )
        bench.done("keygen")
        found = json.loads(bench.run("request", "--keys").stdout)
        assert {"AAC003", "SM2PUB", "maker"} < set(found)
        assert "sf" not in found

    def test_a_card_that_keeps_the_data_closed(self, bench: CertBench) -> None:
        bench.done("keygen")
        error = bench.error("request")
        assert "keys are needed" in error["message"]
        assert "--keys" in error["hint"]
        assert "--from" in error["hint"]

    def test_without_a_key_pair(self, bench: CertBench) -> None:
        assert "keygen" in bench.error("request", "--keys")["hint"]

    def test_the_holder_in_a_file(self, bench: CertBench) -> None:
        bench.done("keygen")
        holder = {"xm": "张三", "kh": "D2143569X", "shbzhm": "11010519491231002X"}
        path = bench.path("holder.json", json.dumps(holder))
        found = json.loads(bench.run("request", "--from", str(path)).stdout)
        assert {name: found[name] for name in holder} == holder
        assert found["xzqhdm"] == "650100", "the region of the profile"
        path.write_text(json.dumps({**holder, "xzqhdm": "210203"}))
        out = bench.path("request.json")
        assert bench.run("request", "--from", str(path), "--out", str(out)).exit_code == 0
        assert json.loads(out.read_text())["xzqhdm"] == "210203"
        assert out.stat().st_mode & 0o777 == 0o600

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("", "no JSON object"),
            ("[1]", "no JSON object"),
            ('{"xm": 1}', "no JSON object"),
            ('{"xm": "张三"}', "kh, shbzhm"),
            ('{"xm": "张三", "kh": "12", "shbzhm": "11010519491231002X"}', "card number"),
        ],
    )
    def test_a_file_that_cannot_be_used(self, bench: CertBench, text: str, told: str) -> None:
        bench.done("keygen")
        error = bench.error("request", "--from", str(bench.path("holder.json", text)))
        assert told in error["message"]
        assert "张三" not in json.dumps(error, ensure_ascii=False)

    def test_pkcs10_verifies_by_openssl(self, bench: CertBench) -> None:
        public = bench.done("keygen")["public_key"]
        out = bench.path("request.pem")
        words = ("request", "--keys", "--format", "pkcs10")
        result = bench.run(*words, "--out", str(out))
        assert result.exit_code == 0, result.output
        said = openssl("req", "-in", out, "-noout", "-verify", "-vfyopt", DISTID, "-text").decode()
        assert "verify OK" in said
        assert public in said.replace(":", "").replace(" ", "").replace("\n", "").upper()
        assert bench.done(*words)["pem"].startswith("-----BEGIN CERTIFICATE REQUEST-----")
        assert "5 tries left" in bench.error(*words, SSCARD_PIN="000000")["message"]


class TestLoad:
    def test_from_nothing_to_proved(self, bench: CertBench) -> None:
        result = bench.run("load")
        assert result.exit_code == 0, result.output
        assert "asking test CA" in result.stderr
        assert "loaded and proved" in result.stderr
        assert "published initial one" in result.stderr
        found = bench.done("show")
        assert found["signature"]["valid"]
        assert found["encryption"]["valid"]
        assert found["signature"]["public_key"] != found["encryption"]["public_key"]
        assert set(bench.tries().values()) == {6}, "what was tried out has been given back"

    def test_json(self, bench: CertBench) -> None:
        found = bench.done("load")
        [kept] = bench.kept()
        assert set(found) == {
            *("loaded", "resumed", "renewed", "kept", "initial_user_pin"),
            *("signature", "encryption", "profile"),
        }
        assert (found["loaded"], found["resumed"], found["renewed"]) == (True, False, False)
        assert found["kept"] == str(kept)
        assert found["initial_user_pin"] is True
        shown = bench.done("show")
        for purpose in ("signature", "encryption"):
            assert found[purpose]["serial"] == shown[purpose]["certificate"]["serial"]

    def test_what_is_kept_is_sealed_and_private(self, loaded: CertBench) -> None:
        [path] = loaded.kept()
        assert path.name == f"{loaded.done('show')['serial']}.grant"
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
        kept = loaded.grant()
        assert kept == kept.done()
        for part in (kept.grant.control_key.reveal(), kept.grant.signature_certificate[-32:]):
            assert part not in path.read_bytes()

    def test_no_secret_in_what_is_printed(self, bench: CertBench) -> None:
        outputs = [bench.run("load").output, bench.run("load", "--json").output]
        pin, key = bench.secrets()
        for output in outputs:
            assert pin not in output
            assert key not in output.upper()

    def test_renewal_knows_what_the_card_is_locked_with(self, loaded: CertBench) -> None:
        before = loaded.secrets()
        assert loaded.done("load", "--renew")["resumed"] is False
        assert loaded.secrets() != before
        loaded.done("keygen", "--replace")
        loaded.done("load")
        assert loaded.done("show")["signature"]["valid"]

    def test_a_wrong_pin_before_anybody_is_asked(self, bench: CertBench, asked: list[str]) -> None:
        assert "5 tries left" in bench.error("load", SSCARD_PIN="000000")["message"]
        assert not asked
        assert not bench.kept()

    def test_another_user_pin(self, bench: CertBench) -> None:
        bench.done("pin", SSCARD_NEW_PIN="246810")
        assert bench.done("load", SSCARD_PIN="246810")["initial_user_pin"] is False

    def test_without_a_vault(self, bench: CertBench) -> None:
        (bench.home / "vault.json").unlink()
        assert "vault.json" in bench.error("load")["where"]

    def test_a_blank(self, bench: CertBench) -> None:
        made = bench.sscard("sim", "new", "--profile", "urumqi", "--out", str(bench.path("new")))
        image = made.stdout.strip()
        error = bench.error("load", SSCARD_READER=f"virtual:{image}")
        assert "no social security application" in error["message"]


class TestRenewal:
    """Valid certificates are not replaced by mistake."""

    def test_only_when_asked_for(self, loaded: CertBench, asked: list[str]) -> None:
        before = loaded.done("show")
        day = before["signature"]["certificate"]["not_after"][:10]
        kept = loaded.grant()
        error = loaded.error("load")
        assert error["message"] == f"the card bears valid certificates (until {day})"
        assert "--renew" in error["hint"]
        told = loaded.run("load", SSCARD_LANG="zh").stderr
        assert f"卡上已有有效证书（至 {day}）" in told
        assert "--renew" in told
        assert not asked
        assert loaded.grant() == kept
        assert loaded.done("show") == before
        result = loaded.run("load", "--renew", "--json")
        assert f"renewing: the card bears certificates valid until {day}" in result.stderr
        assert json.loads(result.stdout)["renewed"] is True
        assert f"换发：卡上证书有效期至 {day}" in (
            loaded.run("load", "--renew", SSCARD_LANG="zh").stderr
        )

    def test_an_answer_in_a_file(self, loaded: CertBench) -> None:
        answer = str(loaded.answer(TestAuthority()))
        assert "--renew" in loaded.error("load", "--answer", answer)["hint"]
        assert loaded.done("load", "--renew", "--answer", answer)["renewed"] is True

    def test_certificates_for_another_key(self, loaded: CertBench) -> None:
        loaded.done("keygen", "--replace")
        assert loaded.done("load")["renewed"] is False

    def test_certificates_that_have_expired(
        self, loaded: CertBench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        later = datetime.now(UTC) + timedelta(days=20 * 365)
        monkeypatch.setattr(
            AskedCard, "valid_until", partialmethod(_at, later, AskedCard.valid_until)
        )
        result = loaded.run("load", "--json")
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["renewed"] is False
        assert "renewing" not in result.stderr

    def test_no_renewal_of_a_bare_card(self, bench: CertBench) -> None:
        """Asking for it where there is nothing to renew does no harm."""
        assert bench.done("load", "--renew")["renewed"] is False


class TestInterrupted:
    @pytest.mark.parametrize("kind", ["torn-before", "torn-after"])
    @pytest.mark.parametrize("writes", [0, 3, 10, 11, 12, 17])
    def test_the_next_run_goes_on(
        self, loaded: CertBench, asked: list[str], kind: str, writes: int
    ) -> None:
        loaded.fault(kind, "--after", str(writes))
        broken = loaded.run("load", "--renew")
        assert broken.exit_code == 1, broken.output
        assert "run the command again to continue" in broken.stderr
        assert asked == ["asked"]
        kept = loaded.grant()
        for der in (kept.grant.signature_certificate, kept.grant.encryption_certificate):
            assert f"certificate {Certificate.parse(der).number} " in broken.stderr
        assert not kept.loaded
        assert len(kept.locks.admin_pin.values) <= 2
        again = loaded.run("load", "--json")
        assert again.exit_code == 0, again.output
        assert json.loads(again.stdout)["resumed"] is True
        assert "Going on" in again.stderr
        assert asked == ["asked"], "nobody is asked twice"
        assert loaded.grant() == kept.done()
        assert loaded.done("show")["encryption"]["valid"]
        assert set(loaded.tries().values()) == {6}

    def test_a_first_load(self, bench: CertBench, asked: list[str]) -> None:
        bench.fault("torn-after", "--after", "8")
        assert bench.run("load").exit_code == 1
        assert bench.done("load")["resumed"] is True
        assert asked == ["asked"]

    def test_another_key_pair_in_between(self, loaded: CertBench, asked: list[str]) -> None:
        """What was granted for the old one is of no use, but may have locked the card."""
        loaded.fault("torn-after", "--after", "11")
        assert loaded.run("load", "--renew").exit_code == 1
        loaded.done("keygen", "--replace")
        assert loaded.done("load")["resumed"] is False
        assert asked == ["asked", "asked"]
        assert loaded.done("show")["signature"]["valid"]

    def test_with_the_answer_in_a_file(self, loaded: CertBench) -> None:
        answer = str(loaded.answer(TestAuthority()))
        loaded.fault("torn-after", "--after", "11")
        assert loaded.run("load", "--renew", "--answer", answer).exit_code == 1
        assert loaded.done("load", "--answer", answer)["loaded"] is True

    def test_another_vault_cannot_go_on(self, loaded: CertBench) -> None:
        loaded.fault("torn-after", "--after", "3")
        assert loaded.run("load", "--renew").exit_code == 1
        (loaded.home / "vault.json").unlink()
        assert loaded.sscard("keys", "init", "--test").exit_code == 0
        error = loaded.error("load")
        assert error["where"] == str(loaded.kept()[0])
        assert "another vault" in error["message"]


class TestStrangeCard:
    """A card that bears certificates which nobody has kept anything of."""

    @pytest.fixture
    def strange(self, loaded: CertBench) -> Iterator[tuple[CertBench, str, str]]:
        pin, key = loaded.secrets()
        loaded.kept()[0].unlink()
        yield loaded, pin, key

    def test_the_published_values_are_wrong(self, strange: tuple[CertBench, str, str]) -> None:
        bench, pin, key = strange
        error = bench.error("load", "--renew")
        assert "administrator PIN" in error["message"] or "admin" in error["message"]
        assert "SSCARD_ADMIN_PIN" in error["hint"]
        assert bench.tries()["admin_pin"] == 5
        # The grant is kept meanwhile; with the right secrets the same one goes in.
        found = bench.done("load", SSCARD_ADMIN_PIN=pin, SSCARD_CONTROL_KEY=key)
        assert found["resumed"] is True
        assert bench.tries()["admin_pin"] == 6

    def test_the_secrets_of_the_environment(self, strange: tuple[CertBench, str, str]) -> None:
        bench, pin, key = strange
        files = {
            "SSCARD_ADMIN_PIN_FILE": str(bench.path("admin", pin + "\n")),
            "SSCARD_CONTROL_KEY_FILE": str(bench.path("key", key.lower() + "\n")),
        }
        assert bench.done("load", "--renew", **files)["resumed"] is False
        assert set(bench.tries().values()) == {6}

    @pytest.mark.parametrize(
        ("name", "value", "told"),
        [
            ("SSCARD_ADMIN_PIN", "1234567", "4 to 14 digits"),
            ("SSCARD_CONTROL_KEY", "0011", "16 bytes"),
            ("SSCARD_CONTROL_KEY", "no key at all", "32 hex digits"),
        ],
    )
    def test_secrets_of_another_form(
        self, strange: tuple[CertBench, str, str], name: str, value: str, told: str
    ) -> None:
        bench = strange[0]
        error = bench.error("load", "--renew", **{name: value})
        assert error["where"] == name
        assert told in error["message"]
        assert value not in json.dumps(error)
        assert not bench.kept()

    def test_a_card_of_production_asks(
        self, strange: tuple[CertBench, str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bench, pin, key = strange
        seen: list[str] = []

        def at_second(profile: Any) -> str:
            seen.append(environment_of(profile))
            return "production" if len(seen) == 2 else seen[-1]

        monkeypatch.setattr(cert_load, "environment_of", at_second)
        result = bench.run("load", "--renew", keyboard=f"{pin}\n{key}\n")
        assert result.exit_code == 0, result.output
        assert "Administrator PIN" in result.stderr
        assert "Present control key" in result.stderr
        assert pin not in result.output
        assert key not in result.output


class TestAnswers:
    def test_a_good_one(self, bench: CertBench, asked: list[str]) -> None:
        bench.done("keygen")
        answer = bench.answer(TestAuthority())
        asked.clear()
        assert bench.done("load", "--answer", str(answer))["loaded"] is True
        assert not asked

    @pytest.mark.parametrize(
        ("fault", "told"),
        [
            ("another_key", "another public key"),
            ("another_person", "another person"),
            ("another_name", "another person"),
            ("another_card", "another person"),
            ("expired", "expired"),
            ("not_yet_valid", "valid"),
            ("swapped", "another public key"),
            ("another_pair", "another key pair"),
            ("foreign_chain", "is not trusted"),
            ("truncated", "cannot be used"),
        ],
    )
    def test_wrong_ones(self, bench: CertBench, fault: Fault, told: str) -> None:
        bench.done("keygen")
        answer = bench.answer(WrongAuthority(fault))
        name = json.loads(bench.request().read_text())["xm"]
        error = bench.error("load", "--answer", str(answer))
        said = json.dumps(error, ensure_ascii=False)
        assert told in error["message"], said
        assert error["hint"]
        assert name not in said
        assert not bench.kept(), "nothing of it is kept"
        shown = bench.done("show")
        assert shown["signature"]["certificate"] is None
        assert bench.run("load", "--answer", str(answer), SSCARD_LANG="zh").exit_code == 1

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("", "no JSON object"),
            ('{"errflag": "0"}', "qmzs"),
            ('{"errflag": "-1", "errcode": "10031"}', "10031"),
        ],
    )
    def test_what_is_no_grant(self, bench: CertBench, text: str, told: str) -> None:
        bench.done("keygen")
        path = bench.path("answer.json", text)
        error = bench.error("load", "--answer", str(path))
        assert told in error["message"]
        assert str(path) in error["where"]

    def test_a_card_without_key_pair(self, bench: CertBench) -> None:
        error = bench.error("load", "--answer", str(bench.path("answer.json", "{}")))
        assert "keygen" in error["hint"]

    def test_a_file_that_is_not_there(self, bench: CertBench) -> None:
        error = bench.error("load", "--answer", str(bench.path("none")))
        assert "cannot be read" in error["message"]

    def test_trusted_certificates_of_somebody_else(self, bench: CertBench) -> None:
        key, other = bench.path("key.pem"), bench.path("other.pem")
        openssl("genpkey", "-algorithm", "SM2", "-out", key)
        openssl(
            *("req", "-x509", "-new", "-key", key, "-sm3", "-sigopt", DISTID, "-days", "2"),
            *("-subj", "/CN=somebody", "-out", other),
        )
        assert "issue" in bench.error("load", "--trust", str(other))["message"]


class TestAuthorities:
    def settings(self, bench: CertBench, url: str) -> None:
        (bench.home / "sscard.toml").write_text(
            f'[certificates]\nservice = "http"\n[certificates.http]\nurl = "{url}"\n'
            'environment = "test"\nretries = 0\n'
        )

    def test_by_http(self, bench: CertBench) -> None:
        with AuthorityServer(TestAuthority()) as server:
            server.start()
            self.settings(bench, server.url)
            result = bench.run("load")
            assert result.exit_code == 0, result.output
            assert server.url in result.stderr
        assert bench.done("show")["signature"]["valid"]

    def test_one_that_answers_for_another_person(self, bench: CertBench) -> None:
        with AuthorityServer(WrongAuthority("another_person")) as server:
            server.start()
            self.settings(bench, server.url)
            error = bench.error("load")
        assert "another person" in error["message"]
        assert not bench.kept()

    def test_nobody_there(self, bench: CertBench) -> None:
        with AuthorityServer(TestAuthority()) as server:
            url = server.url
        self.settings(bench, url)
        error = bench.error("load")
        assert "cannot connect" in error["message"]
        assert error["where"] == url
        assert "无法连接" in bench.run("load", SSCARD_LANG="zh").stderr

    def test_settings_that_are_wrong(self, bench: CertBench) -> None:
        (bench.home / "sscard.toml").write_text('[certificates]\nservise = "http"\n')
        result = bench.run("load")
        assert result.exit_code == 1
        assert "sscard.toml:2" in result.stderr
        assert "is service meant" in result.stderr
        (bench.home / "sscard.toml").unlink()
        assert bench.done("show")["signature"]["public_key"] is None, "nothing was generated"
