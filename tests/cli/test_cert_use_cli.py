"""``sscard cert show``, ``sign``, ``verify`` and ``decrypt``, with openssl as second opinion."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from tests.cli.cert_bench import DISTID, USER_PIN, CertBench, openssl
from tests.support.plant import Issued

from sscard_ic.cli import cert_files, readers
from sscard_ic.crypto import sm2
from sscard_ic.crypto.sm2 import forms

MESSAGE = "社会保障卡 — a message\n"
SESSION_KEY = bytes(range(16))


@pytest.fixture
def pem(loaded: CertBench) -> Path:
    """What ``show --pem`` saves."""
    folder = loaded.folder / "pem"
    assert loaded.run("show", "--pem", str(folder)).exit_code == 0
    return folder


def public_key(loaded: CertBench, purpose: str) -> bytes:
    return bytes.fromhex(loaded.done("show")[purpose]["public_key"])


class TestShow:
    def test_both_certificates_in_words(self, loaded: CertBench) -> None:
        result = loaded.run("show", COLUMNS="300")
        assert result.exit_code == 0
        name = loaded.done("show")["signature"]["certificate"]["holder"]
        lines = [line.split(maxsplit=1) for line in result.stdout.splitlines() if line]
        titles = [" ".join(line) for line in lines if line[-1] == "certificate"]
        assert titles == ["signature certificate", "encryption certificate"]
        assert [line[1] for line in lines if line[0] == "holder"] == [name, name]
        assert result.stdout.count("digital signature, non-repudiation") == 1
        assert result.stdout.count("key encipherment, data encipherment") == 1
        assert result.stdout.count("(for tests; proves nothing)") == 2

    def test_json(self, loaded: CertBench) -> None:
        found = loaded.done("show")
        assert set(found) == {"profile", "serial", "signature", "encryption"}
        assert found["profile"] == "regions/urumqi"
        for purpose in ("signature", "encryption"):
            part = found[purpose]
            assert set(part) == {"public_key", "certificate", "valid", "fault"}
            assert (part["valid"], part["fault"]) == (True, None)
            certificate = part["certificate"]
            assert certificate["key_on_card"] is True
            assert certificate["card_number"] == "W00000011"
            assert len(certificate["chain"]) == 2
            assert f"CN={certificate['holder']}" in certificate["subject"]

    def test_chinese(self, loaded: CertBench) -> None:
        shown = loaded.run("show", SSCARD_LANG="zh").stdout
        assert "签名证书" in shown
        assert "数字签名、抗抵赖" in shown
        assert "（测试，不作任何证明）" in shown

    def test_a_card_without_certificates(self, bench: CertBench) -> None:
        result = bench.run("show")
        assert result.exit_code == 0
        assert "not set" in result.stdout
        assert "sscard cert load" in result.stderr
        empty = {"public_key": None, "certificate": None, "valid": False, "fault": None}
        found = bench.done("show")
        assert (found["signature"], found["encryption"]) == (empty, empty)

    def test_pem_files_for_openssl(self, loaded: CertBench, pem: Path) -> None:
        names = {each.name: each.stat().st_mode & 0o777 for each in pem.iterdir()}
        assert names == dict.fromkeys(
            (
                "signature.pem",
                "encryption.pem",
                "authorities.pem",
                "signature-public.pem",
                "encryption-public.pem",
            ),
            0o600,
        )
        leaves = (pem / "signature.pem", pem / "encryption.pem")
        trusted = ("-trusted", pem / "authorities.pem")
        verdict = openssl("verify", "-partial_chain", "-vfyopt", DISTID, *trusted, *leaves)
        assert verdict.count(b": OK") == 2
        shown = openssl("x509", "-in", leaves[0], "-noout", "-subject", "-nameopt", "utf8,sname")
        name = loaded.done("show")["signature"]["certificate"]["holder"]
        assert f"CN={name}" in shown.decode().replace(" = ", "=")

    def test_a_folder_that_cannot_be_made(self, loaded: CertBench) -> None:
        place = loaded.path("file", "")
        assert str(place) in loaded.error("show", "--pem", str(place / "below"))["where"]

    def test_other_trusted_certificates(self, loaded: CertBench, pem: Path) -> None:
        whole = loaded.done("show", "--trust", str(pem / "authorities.pem"))
        assert whole["signature"]["valid"] is True
        found = loaded.done("show", "--trust", str(pem / "encryption.pem"))["signature"]
        assert (found["valid"], found["fault"]["reason"]) == (False, "unknown_issuer")
        result = loaded.run("show", "--trust", str(pem / "encryption.pem"))
        assert "NOT TRUSTED" in result.stdout
        assert "signature certificate:" in result.stderr

    def test_trusted_certificates_that_are_none(self, loaded: CertBench) -> None:
        wrong = loaded.path("ca.pem", "no certificate")
        assert str(wrong) in loaded.error("show", "--trust", str(wrong))["where"]
        missing = loaded.error("show", "--trust", str(loaded.path("none.pem")))
        assert "cannot be read" in missing["message"]

    def test_a_key_pair_that_was_replaced(self, loaded: CertBench) -> None:
        loaded.done("keygen", "--replace")
        found = loaded.done("show")["signature"]
        assert found["certificate"]["key_on_card"] is False
        assert found["valid"] is False
        assert found["fault"]["reason"] == "another_key"
        assert "another key" in found["fault"]["message"]
        shown = loaded.run("show")
        assert "ANOTHER ONE" in shown.stdout
        assert "sscard cert load" in shown.stderr
        assert "证书属于另一密钥" in loaded.run("show", SSCARD_LANG="zh").stderr


@pytest.mark.parametrize("command", ["show", "keygen", "request"])
def test_a_card_of_version_2(
    dalian_card: Issued, bench: CertBench, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """It has no certificate application, and says so."""
    monkeypatch.setattr(readers, "open_connection", lambda *_, **__: dalian_card.session())
    error = bench.error(command)
    assert "no certificate application" in error["message"]
    assert "3.00" in error["hint"]
    assert "没有证书应用" in bench.run(command, SSCARD_LANG="zh").stderr


class TestSign:
    def test_der_verifies_by_openssl(self, loaded: CertBench, pem: Path) -> None:
        file, signature = loaded.path("file.txt", MESSAGE), loaded.path("file.sig")
        result = loaded.run("sign", str(file), "--out", str(signature))
        assert result.exit_code == 0, result.output
        assert str(signature) in result.stderr
        said = openssl(
            *("dgst", "-sm3", "-verify", pem / "signature-public.pem", "-sigopt", DISTID),
            *("-signature", signature, file),
        )
        assert b"Verified OK" in said

    def test_standard_input_and_output(self, loaded: CertBench) -> None:
        result = loaded.run("sign", "-", "--form", "raw", keyboard=MESSAGE)
        assert result.exit_code == 0, result.output
        public = public_key(loaded, "signature")
        digest = sm2.message_digest(public, MESSAGE.encode())
        assert sm2.provider().verify(public, digest, result.stdout_bytes)

    def test_another_identifier_of_the_signer(self, loaded: CertBench, pem: Path) -> None:
        file = loaded.path("file.txt", MESSAGE)
        found = loaded.done("sign", str(file), "--user-id", "ALICE123@YAHOO.COM")
        assert found["form"] == "der"
        assert found["public_key"] == public_key(loaded, "signature").hex().upper()
        signature = loaded.path("file.sig", bytes.fromhex(found["signature"]))
        openssl(
            *("dgst", "-sm3", "-verify", pem / "signature-public.pem"),
            *("-sigopt", "distid:ALICE123@YAHOO.COM", "-signature", signature, file),
        )
        verify = ("verify", str(file), "--signature", str(signature))
        assert loaded.done(*verify, "--user-id", "ALICE123@YAHOO.COM")["valid"] is True
        assert loaded.run(*verify).exit_code == 1

    def test_an_identifier_that_is_too_long(self, loaded: CertBench) -> None:
        result = loaded.run("sign", "-", "--user-id", "x" * 8192, keyboard="")
        assert result.exit_code == 2
        assert "8191" in result.stderr

    def test_without_certificates_a_key_pair_is_enough(self, bench: CertBench) -> None:
        file = bench.path("file.txt", MESSAGE)
        error = bench.error("sign", str(file))
        assert "keygen" in error["hint"]
        bench.done("keygen")
        assert bench.done("sign", str(file))["form"] == "der"

    def test_a_wrong_pin_costs_a_try_and_says_so(self, loaded: CertBench) -> None:
        file = str(loaded.path("file.txt", MESSAGE))
        error = loaded.error("sign", file, SSCARD_PIN="654321")
        assert "5 tries left" in error["message"]
        assert loaded.tries()["user_pin"] == 5
        for _ in range(3):
            loaded.error("sign", file, SSCARD_PIN="654321")
        assert "locks it" in loaded.error("sign", file, SSCARD_PIN="654321")["hint"]
        loaded.error("sign", file, SSCARD_PIN="654321")
        error = loaded.error("sign", file)
        assert "6983" in error["message"]
        assert "issuer" in error["hint"]
        told = loaded.run("sign", file, "--out", "-", SSCARD_LANG="zh")
        assert "已锁定" in told.stderr

    @pytest.mark.parametrize("pin", ["12345", "12a456", "12", ""])
    def test_a_pin_of_another_form(self, loaded: CertBench, pin: str) -> None:
        error = loaded.error("sign", str(loaded.path("f", "")), SSCARD_PIN=pin)
        assert error["where"] == "SSCARD_PIN"
        assert "4 to 14 digits" in error["message"]
        assert loaded.tries()["user_pin"] == 6

    def test_the_pin_in_a_file(self, loaded: CertBench) -> None:
        file, pin = str(loaded.path("f", MESSAGE)), loaded.path("pin", f"{USER_PIN}\r\nother\n")
        assert loaded.done("sign", file, "--pin-file", str(pin), SSCARD_PIN=None)
        assert loaded.done("sign", file, SSCARD_PIN=None, SSCARD_PIN_FILE=str(pin))
        missing = loaded.error("sign", file, "--pin-file", str(loaded.path("none")))
        assert "cannot be read" in missing["message"]

    def test_the_pin_at_the_prompt(self, loaded: CertBench) -> None:
        file = str(loaded.path("f", MESSAGE))
        words = ("sign", file, "--out", f"{file}.sig")
        result = loaded.run(*words, keyboard=f"{USER_PIN}\n", SSCARD_PIN=None)
        assert result.exit_code == 0, result.output
        assert "User PIN of the certificate application" in result.stderr
        assert USER_PIN not in result.output
        nobody = loaded.error("sign", file, SSCARD_PIN=None)
        assert "SSCARD_PIN, --pin-file" in nobody["hint"]

    def test_bytes_are_not_written_to_a_terminal(
        self, loaded: CertBench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = str(loaded.path("f", MESSAGE))
        monkeypatch.setattr(cert_files, "_is_terminal", lambda: True)
        for command in (("sign", file), ("sign", file, "--out", "-"), ("decrypt", file)):
            result = loaded.run(*command)
            assert result.exit_code == 1
            assert "not written to a terminal" in result.stderr
            assert "--out" in result.stderr
        assert loaded.tries()["user_pin"] == 6

    def test_a_file_that_is_not_there(self, loaded: CertBench) -> None:
        error = loaded.error("sign", str(loaded.path("none")))
        assert str(loaded.path("none")) in error["where"]

    def test_an_output_that_cannot_be_written(self, loaded: CertBench) -> None:
        file = str(loaded.path("f", MESSAGE))
        error = loaded.error("sign", file, "--out", str(loaded.path("none") / "x"))
        assert "cannot be read or written" in error["message"]


class TestAnotherKey:
    """The card bears a certificate that is not for its key."""

    def test_whoever_signs_is_told(self, loaded: CertBench) -> None:
        file, out = str(loaded.path("f", MESSAGE)), str(loaded.path("f.sig"))
        told = "the certificate on the card is for another key"
        assert told not in loaded.run("sign", file, "--out", out).stderr
        loaded.done("keygen", "--replace")
        result = loaded.run("sign", file, "--out", out)
        assert result.exit_code == 0, result.output
        assert told in result.stderr
        assert "sscard cert load" in result.stderr
        in_json = loaded.run("sign", file, "--json")
        assert told in in_json.stderr
        assert set(json.loads(in_json.stdout)) == {"form", "signature", "public_key", "profile"}
        chinese = loaded.run("sign", file, "--out", out, SSCARD_LANG="zh").stderr
        assert "卡上的签名证书属于另一密钥" in chinese

    def test_a_card_without_certificate(self, bench: CertBench) -> None:
        bench.done("keygen")
        result = bench.run("sign", str(bench.path("f", MESSAGE)), "--json")
        assert result.exit_code == 0, result.output
        assert result.stderr == ""

    def test_whoever_verifies_is_told(self, loaded: CertBench) -> None:
        file, out = str(loaded.path("f", MESSAGE)), str(loaded.path("f.sig"))
        words, told = ("verify", file, "--signature", out), "key and its certificate do not fit"
        assert loaded.run("sign", file, "--out", out).exit_code == 0
        assert told not in loaded.run(*words).stderr
        loaded.done("keygen", "--replace")
        before = loaded.run(*words)
        assert (before.exit_code, told in before.stderr) == (0, True), "by the key before"
        assert loaded.run("sign", file, "--out", out).exit_code == 0
        now = loaded.run(*words)
        assert (now.exit_code, told in now.stderr) == (1, True)
        assert "与卡内密钥不符" in loaded.run(*words, SSCARD_LANG="zh").stderr


class TestVerify:
    @pytest.fixture
    def signed(self, loaded: CertBench) -> tuple[str, ...]:
        """The words of a verification that succeeds."""
        file, signature = loaded.path("file.txt", MESSAGE), loaded.path("file.sig")
        assert loaded.run("sign", str(file), "--out", str(signature)).exit_code == 0
        return ("verify", str(file), "--signature", str(signature))

    def test_with_the_certificate_of_the_card(
        self, loaded: CertBench, signed: tuple[str, ...]
    ) -> None:
        result = loaded.run(*signed, SSCARD_PIN=None)
        assert result.exit_code == 0, result.output
        name = loaded.done("show")["signature"]["certificate"]["holder"]
        assert result.stdout == f"valid: signed by {name}\n"
        number = loaded.done("show")["signature"]["certificate"]["serial"]
        assert "test CA" in result.stderr
        assert loaded.done(*signed) == {
            "valid": True,
            "faults": {},
            "serial": number,
            "test": True,
        }

    def test_with_a_file_and_no_card(
        self, loaded: CertBench, signed: tuple[str, ...], pem: Path
    ) -> None:
        words = (*signed, "--certificate", str(pem / "signature.pem"))
        gone = {"SSCARD_READER": "virtual:/nowhere"}
        assert loaded.done(*words, "--test-ca", **gone)["valid"] is True
        trusted = loaded.done(*words, "--trust", str(pem / "authorities.pem"), **gone)
        assert trusted["valid"] is True

    def test_a_signature_by_openssl(self, loaded: CertBench) -> None:
        """Of somebody whose certificate nobody vouches for."""
        key, certificate = loaded.path("key.pem"), loaded.path("own.pem")
        openssl("genpkey", "-algorithm", "SM2", "-out", key)
        openssl(
            *("req", "-x509", "-new", "-key", key, "-sm3", "-sigopt", DISTID, "-days", "2"),
            *("-subj", "/CN=somebody", "-out", certificate),
        )
        file, signature = loaded.path("f", MESSAGE), loaded.path("f.sig")
        openssl(
            *("dgst", "-sm3", "-sign", key, "-sigopt", DISTID, "-out", signature, file),
        )
        words = ("verify", str(file), "--signature", str(signature))
        result = loaded.run(*words, "--certificate", str(certificate), "--json")
        assert result.exit_code == 1
        assert list(json.loads(result.stdout)["faults"]) == ["unknown_issuer"]
        trust = ("--trust", str(certificate))
        found = loaded.done(*words, "--certificate", str(certificate), *trust)
        assert (found["valid"], found["test"]) == (True, False)

    def test_another_file(self, loaded: CertBench, signed: tuple[str, ...]) -> None:
        other = str(loaded.path("other.txt", MESSAGE + "."))
        result = loaded.run("verify", other, *signed[2:])
        assert result.exit_code == 1
        assert result.stdout == "invalid\n"
        assert "not one over this file" in result.stderr
        assert "签名与文件不符" in loaded.run("verify", other, *signed[2:], SSCARD_LANG="zh").stderr

    def test_a_certificate_that_is_not_for_signing(
        self, loaded: CertBench, signed: tuple[str, ...], pem: Path
    ) -> None:
        result = loaded.run(*signed, "--certificate", str(pem / "encryption.pem"), "--json")
        assert list(json.loads(result.stdout)["faults"]) == [
            "signature",
            "key_usage",
            "unknown_issuer",
        ]

    @pytest.mark.parametrize("content", [b"", b"x" * 63, base64.b64encode(bytes(64)), b"0" * 5000])
    def test_what_is_no_signature(
        self, loaded: CertBench, signed: tuple[str, ...], content: bytes
    ) -> None:
        wrong = loaded.path("wrong.sig", content)
        error = loaded.error("verify", signed[1], "--signature", str(wrong))
        assert error["where"] == str(wrong)
        assert error["hint"]

    def test_numbers_out_of_range(self, loaded: CertBench, signed: tuple[str, ...]) -> None:
        for content in (bytes(64), b"\xff" * 64):
            wrong = loaded.path("wrong.sig", content)
            assert loaded.run("verify", signed[1], "--signature", str(wrong)).exit_code == 1

    def test_a_card_without_certificate(self, bench: CertBench) -> None:
        file, signature = bench.path("f", MESSAGE), bench.path("s", bytes(64))
        error = bench.error("verify", str(file), "--signature", str(signature))
        assert "no signature certificate" in error["message"]
        assert "--certificate" in error["hint"]


class TestDecrypt:
    @pytest.fixture
    def cipher(self, loaded: CertBench, pem: Path) -> Path:
        """A session key that openssl has wrapped."""
        cipher = loaded.path("key.enc")
        openssl(
            *("pkeyutl", "-encrypt", "-pubin", "-inkey", pem / "encryption-public.pem"),
            *("-out", cipher),
            given=SESSION_KEY,
        )
        return cipher

    def test_what_openssl_wrapped(self, loaded: CertBench, cipher: Path) -> None:
        out = loaded.path("key.bin")
        result = loaded.run("decrypt", str(cipher), "--out", str(out))
        assert result.exit_code == 0, result.output
        assert out.read_bytes() == SESSION_KEY
        assert out.stat().st_mode & 0o777 == 0o600
        assert SESSION_KEY.hex() not in result.output.lower()

    def test_to_standard_output(self, loaded: CertBench, cipher: Path) -> None:
        assert loaded.run("decrypt", str(cipher)).stdout_bytes == SESSION_KEY

    def test_json(self, loaded: CertBench, cipher: Path) -> None:
        out = loaded.path("key.bin")
        found = loaded.done("decrypt", str(cipher), "--out", str(out))
        assert found == {"bytes": 16}
        assert out.read_bytes() == SESSION_KEY
        found = loaded.done("decrypt", str(cipher))
        assert found == {"bytes": 16, "message": SESSION_KEY.hex().upper()}

    @pytest.mark.parametrize("head", [b"", b"\x04"])
    def test_raw_with_and_without_the_byte_before_c1(
        self, loaded: CertBench, cipher: Path, head: bytes
    ) -> None:
        raw = loaded.path("raw.enc", head + forms.cipher_from_der(cipher.read_bytes()))
        assert loaded.run("decrypt", str(raw)).stdout_bytes == SESSION_KEY

    @pytest.mark.parametrize("content", [b"", b"abc", bytes(112), b"\x04" + bytes(112)])
    def test_what_is_no_ciphertext(self, loaded: CertBench, content: bytes) -> None:
        wrong = loaded.path("wrong.enc", content)
        result = loaded.run("decrypt", str(wrong))
        assert result.exit_code == 1
        assert "no SM2 ciphertext" in result.stderr
        assert str(wrong) in result.stderr
        assert "不是 SM2 密文" in loaded.run("decrypt", str(wrong), SSCARD_LANG="zh").stderr

    def test_a_message_that_is_too_long(self, loaded: CertBench) -> None:
        cipher = sm2.provider().encrypt(public_key(loaded, "encryption"), bytes(152))
        result = loaded.run("decrypt", str(loaded.path("long.enc", cipher)))
        assert result.exit_code == 1
        assert "151" in result.stderr

    def test_for_another_card(self, loaded: CertBench) -> None:
        other = sm2.provider().generate()
        cipher = sm2.provider().encrypt(other.public, SESSION_KEY)
        result = loaded.run("decrypt", str(loaded.path("other.enc", cipher)))
        assert result.exit_code == 1
        assert "another public key" in result.stderr

    def test_a_damaged_hash(self, loaded: CertBench, cipher: Path) -> None:
        raw = bytearray(forms.cipher_from_der(cipher.read_bytes()))
        raw[70] ^= 1
        assert loaded.run("decrypt", str(loaded.path("bad.enc", bytes(raw)))).exit_code == 1

    def test_a_card_without_an_encryption_key(self, bench: CertBench) -> None:
        cipher = sm2.provider().encrypt(sm2.provider().generate().public, SESSION_KEY)
        result = bench.run("decrypt", str(bench.path("key.enc", cipher)))
        assert result.exit_code == 1
        assert "cert load" in result.stderr
