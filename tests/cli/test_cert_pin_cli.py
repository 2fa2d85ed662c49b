"""``sscard cert pin``: the PINs of the certificate application, and where one of them is kept."""

from __future__ import annotations

import pytest
from tests.cli.cert_bench import ADMIN_PIN, USER_PIN, CertBench
from tests.support.terminal import Terminal

NEW = "87654321"
ADMIN = {"SSCARD_ADMIN_PIN": ADMIN_PIN, "SSCARD_NEW_PIN": NEW}


class TestUser:
    def test_change(self, bench: CertBench) -> None:
        assert bench.done("pin", SSCARD_NEW_PIN="246810") == {
            "pin": "user",
            "changed": True,
            "published": False,
            "kept": False,
        }
        assert bench.done("keygen", SSCARD_PIN="246810")
        assert "5 tries left" in bench.error("keygen")["message"]

    def test_in_words(self, bench: CertBench) -> None:
        result = bench.run("pin", SSCARD_NEW_PIN="246810")
        assert result.stderr == "The user PIN is changed.\n"
        assert "246810" not in result.output
        chinese = bench.run("pin", SSCARD_PIN="246810", SSCARD_NEW_PIN="24681012", SSCARD_LANG="zh")
        assert chinese.stderr == "用户 PIN 已修改。\n"

    def test_back_to_the_published_one(self, bench: CertBench) -> None:
        bench.done("pin", SSCARD_NEW_PIN="246810")
        back = {"SSCARD_PIN": "246810", "SSCARD_NEW_PIN": USER_PIN}
        result = bench.run("pin", **back)
        assert result.exit_code == 0
        assert "published initial PIN" in result.stderr
        bench.done("pin", SSCARD_NEW_PIN="246810")
        assert bench.done("pin", **back)["published"] is True

    def test_at_the_prompts(self, bench: CertBench) -> None:
        typed = f"{USER_PIN}\n246810\n246811\n246810\n246810\n"
        result = bench.run("pin", keyboard=typed, SSCARD_PIN=None)
        assert result.exit_code == 0, result.output
        assert "New PIN" in result.stderr
        assert "Once more" in result.stderr
        assert "24681" not in result.output
        assert bench.done("keygen", SSCARD_PIN="246810")

    def test_at_a_real_terminal(self, bench: CertBench) -> None:
        env = {name: text for name, text in bench.env.items() if name != "SSCARD_PIN"}
        with Terminal("cert", "pin", env=env) as terminal:
            terminal.answer("User PIN of the certificate application", USER_PIN)
            terminal.answer("New PIN", "246810")
            terminal.answer("Once more", "246810")
            assert terminal.finish() == 0
            assert "The user PIN is changed." in terminal.shown
            assert USER_PIN not in terminal.shown
            assert "246810" not in terminal.shown
        with Terminal("cert", "sign", str(bench.path("f", "x")), env=env) as terminal:
            assert terminal.finish() == 1
            assert "not written to a terminal" in terminal.shown

    def test_in_files(self, bench: CertBench) -> None:
        old, new = bench.path("old", USER_PIN), bench.path("new", "246810\n")
        words = ("pin", "--pin-file", str(old), "--new-pin-file", str(new))
        assert bench.done(*words, SSCARD_PIN="999999")["changed"] is True

    @pytest.mark.parametrize("new", ["1234567", "12", "123456789012345678", "12345x"])
    def test_a_new_pin_of_another_form(self, bench: CertBench, new: str) -> None:
        error = bench.error("pin", SSCARD_NEW_PIN=new)
        assert error["where"] == "SSCARD_NEW_PIN"
        assert "4 to 14 digits" in error["message"]
        assert new not in str(error["message"]) + str(error["hint"])

    def test_the_same_pin(self, bench: CertBench) -> None:
        assert "the old one" in bench.error("pin", SSCARD_NEW_PIN=USER_PIN)["message"]

    def test_a_wrong_pin(self, bench: CertBench) -> None:
        error = bench.error("pin", SSCARD_PIN="000000", SSCARD_NEW_PIN="246810")
        assert "5 tries left" in error["message"]
        assert bench.done("pin", SSCARD_NEW_PIN="246810")


class TestAdmin:
    def test_of_a_card_that_nothing_is_kept_of(self, bench: CertBench) -> None:
        (bench.home / "vault.json").unlink()
        result = bench.run("pin", "--admin", **ADMIN)
        assert result.exit_code == 0, result.output
        assert "The administrator PIN is changed." in result.stderr
        assert "not kept here" in result.stderr
        assert NEW not in result.output

    def test_the_users_pin_is_not_taken_for_it(self, bench: CertBench) -> None:
        error = bench.error("pin", "--admin", SSCARD_NEW_PIN=NEW)
        assert "SSCARD_ADMIN_PIN" in error["hint"]
        assert bench.tries()["admin_pin"] == 6

    def test_what_is_kept_changes_with_it(self, loaded: CertBench) -> None:
        pin = self.present(loaded)
        found = loaded.done("pin", "--admin", SSCARD_ADMIN_PIN=pin, SSCARD_NEW_PIN=NEW)
        assert found["kept"] is True
        assert self.present(loaded) == NEW
        assert loaded.done("load", "--renew")["loaded"] is True
        assert set(loaded.tries().values()) == {6}

    def test_a_wrong_one_changes_nothing_that_is_kept(self, loaded: CertBench) -> None:
        before = loaded.grant()
        error = loaded.error("pin", "--admin", **ADMIN)
        assert "no try was spent" in error["message"]
        assert loaded.grant() == before
        assert loaded.tries()["admin_pin"] == 6
        assert loaded.done("load", "--renew")["loaded"] is True

    @pytest.mark.parametrize("kind", ["torn-before", "torn-after"])
    def test_a_change_that_was_cut_off(self, loaded: CertBench, kind: str) -> None:
        """Whichever the card has, it is known."""
        pin = self.present(loaded)
        loaded.fault(kind)
        result = loaded.run("pin", "--admin", SSCARD_ADMIN_PIN=pin, SSCARD_NEW_PIN=NEW)
        assert result.exit_code == 1
        assert loaded.done("load", "--renew")["loaded"] is True
        assert set(loaded.tries().values()) == {6}

    def test_not_while_certificates_are_loaded_in_part(self, loaded: CertBench) -> None:
        pin = self.present(loaded)
        loaded.fault("torn-after", "--after", "3")
        assert loaded.run("load", "--renew").exit_code == 1
        error = loaded.error("pin", "--admin", SSCARD_ADMIN_PIN=pin, SSCARD_NEW_PIN=NEW)
        assert "in part" in error["message"]
        assert "sscard cert load" in error["hint"]

    @staticmethod
    def present(loaded: CertBench) -> str:
        """The administrator PIN that is kept."""
        return loaded.secrets()[0]
