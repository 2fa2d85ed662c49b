"""Vault files that are missing, foreign, cut, altered or opened with another passphrase."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from tests.keys.key_samples import CREATED, PASSPHRASE, key
from tests.support.remembered_scrypt import remember

from sscard_ic.base import Secret
from sscard_ic.crypto.published import published_test_key
from sscard_ic.keys import CardKey, SoftwareVault, VaultError, published_roots, vault_format
from sscard_ic.keys.hierarchy import RootKey
from sscard_ic.keys.inventory import KeySpec
from sscard_ic.keys.vault_contents import STORAGE_KEY_LENGTH, Contents, HeldKey
from sscard_ic.keys.vault_format import VaultKeys
from sscard_ic.keys.vault_records import RecordCipher, records_of

_FEW = {
    "IRK": key("N1", "internal", algorithm="3des"),
    "UKSSSE": key("P1", groups=2, algorithm="3des"),
}
_RECORDS = [
    "the storage key",
    "IRK version 1 (3DES)",
    "TRANSPORT version 1 (3DES)",
    "UKSSSE version 1 (3DES)",
    "UKSSSE version 2 (3DES)",
]
"""Those of a vault with ``_FEW``, as they follow each other in its file."""
_UKSSSE_1, _UKSSSE_2 = 3, 4


@pytest.fixture(autouse=True)
def _remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    remember(monkeypatch)


def _make_few(path: Path) -> None:
    """A vault with the records ``_RECORDS``: without those of a bank."""
    roots = published_roots.published_roots(_FEW, CREATED)
    keys = [root for root in roots if root.level != "bank"]
    SoftwareVault.create(path, PASSPHRASE, environment="test", keys=keys).close()


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A vault with the records ``_RECORDS``."""
    path = tmp_path_factory.mktemp("few") / "vault.json"
    _make_few(path)
    return path.read_bytes()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "vault.json"


def _refused(path: Path, raw: bytes, passphrase: Secret = PASSPHRASE) -> VaultError:
    path.write_bytes(raw)
    with pytest.raises(VaultError) as caught:
        SoftwareVault.open(path, passphrase)
    error = caught.value
    assert error.where == str(path)
    assert error.hint is not None
    assert error.__cause__ is None
    for text in (error.render("zh"), error.render("en"), repr(error)):
        assert published_test_key("IRK", 1).hex() not in text.lower()
        assert "correct horse" not in text
    return error


def _lines(raw: bytes) -> list[bytes]:
    """Head, table of contents, and one line a record, without commas."""
    head, table, opening, *records, closing, rest = raw.split(b"\n")
    assert (opening, closing, rest) == (b'"records":[', b"]}", b"")
    return [head, table, *(line.removesuffix(b",") for line in records)]


def _file(lines: list[bytes]) -> bytes:
    head, table, *records = lines
    return b"\n".join((head, table, b'"records":[', b",\n".join(records), b"]}", b""))


def _with(raw: bytes, change: Callable[[list[bytes]], object]) -> bytes:
    """The file after ``change`` to the list of its records."""
    lines = _lines(raw)
    records = lines[2:]
    change(records)
    return _file([*lines[:2], *records])


# -- the form ----------------------------------------------------------------------------------


def test_identities_can_be_read_and_nothing_else(few: bytes) -> None:
    parsed = json.loads(few)
    head = parsed["head"]
    assert (head["format"], head["version"], head["generation"]) == ("sscard-vault", 2, 1)
    assert head["environment"] == "test"
    assert len(parsed["records"]) == len(parsed["contents"]["entries"]) == len(_RECORDS)
    told = parsed["records"][_UKSSSE_2]["identity"]
    created = told.pop("created")
    assert created.endswith("Z")
    assert told == {
        "name": "UKSSSE",
        "version": 2,
        "algorithm": "3des",
        "level": "P1",
        "use": "external",
        "valid_from": None,
        "valid_until": None,
        "environment": "test",
        "origin": "published",
        "state": "active",
        "destroyed": None,
    }
    sealed = {len(bytes.fromhex(record["sealed"])) for record in parsed["records"]}
    assert sealed == {16 + 16, 32 + 16}
    nonces = {record["nonce"] for record in parsed["records"]}
    assert len(nonces) == len(_RECORDS)


def test_the_same_vault_never_looks_the_same_twice(target: Path, few: bytes) -> None:
    _make_few(target)
    one, other = json.loads(few), json.loads(target.read_bytes())
    for name in ("vault", "salt", "check"):
        assert one["head"][name] != other["head"][name]


# -- what is no vault of ours ------------------------------------------------------------------


def test_wrong_passphrase(few: bytes, target: Path) -> None:
    for wrong in (b"", b"correct horse ", b"Correct horse"):
        error = _refused(target, few, Secret(wrong))
        assert error.what.en == "the passphrase is wrong"


def test_missing_file(target: Path) -> None:
    with pytest.raises(VaultError, match="there is no vault") as caught:
        SoftwareVault.open(target, PASSPHRASE)
    assert caught.value.hint is not None
    assert "sscard keys init --test" in caught.value.hint.en


def test_a_folder_is_not_a_vault(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match="cannot be read"):
        SoftwareVault.open(tmp_path, PASSPHRASE)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00" * 100,
        b"{}",
        b"[]",
        b"null",
        b"hello",
        b"\xff\xfe",
        b"\n\n\n\n]}\n",
        b'{"head":,\n\n"records":[\n\n]}',
        b"[" * 100_000,
        b'{"a":' * 50_000,
    ],
    ids=[
        "empty", "zeros", "object", "list", "null", "text", "bytes", "lines", "frame", "deep list",
        "deep object",
    ],
)  # fmt: skip
def test_not_a_vault(target: Path, raw: bytes) -> None:
    assert "not a vault" in _refused(target, raw).what.en


def test_too_large(target: Path) -> None:
    target.write_bytes(bytes(16 * 1024 * 1024 + 1))
    with pytest.raises(VaultError, match="too large"):
        SoftwareVault.open(target, PASSPHRASE)


_VERSION_1 = """{
 "format": "sscard-vault",
 "version": 1,
 "kdf": {"name": "scrypt", "n": 32768, "r": 8, "p": 1, "salt": "00"},
 "check": "00",
 "nonce": "00",
 "body": "00"
}
"""


def test_version_1_is_refused_with_the_next_step(target: Path) -> None:
    error = _refused(target, _VERSION_1.encode())
    assert "format version 1" in error.what.en
    assert error.hint is not None
    assert "sscard keys init --test" in error.hint.en


def test_a_later_version_is_refused_with_the_next_step(few: bytes, target: Path) -> None:
    for later in (_VERSION_1.replace(": 1,", ": 3,", 1).encode(), few.replace(b":2,", b":3,", 1)):
        error = _refused(target, later)
        assert "format version 3" in error.what.en
        assert error.hint is not None
        assert "upgrade" in error.hint.en


@pytest.mark.parametrize("field", ['"n":65536', '"kdf":"scrypt"', '"p":4'])
def test_a_file_cannot_ask_for_other_work(few: bytes, target: Path, field: str) -> None:
    asking = few.replace(b'"salt":', f'{field},"salt":'.encode(), 1)
    assert "the head" in _refused(target, asking).what.en


def test_a_file_says_as_many_records_as_it_likes_without_the_passphrase(
    few: bytes, target: Path
) -> None:
    """Its lines are not looked at before the passphrase has fitted."""
    longer = _with(few, lambda records: records.extend(records * 500))
    assert "passphrase" in _refused(target, longer, Secret(b"another")).what.en


# -- damage ------------------------------------------------------------------------------------


def test_every_truncation(few: bytes, target: Path) -> None:
    for end in range(len(few)):
        assert "not a whole one" in _refused(target, few[:end]).what.en, end


def test_a_flip_of_any_byte_is_found_and_named(few: bytes, target: Path) -> None:
    """One bit of each byte in turn; the line it is in says what must be named."""
    lines = few.splitlines(keepends=True)
    at = 0
    for number, line in enumerate(lines):
        record = number - 3
        for _ in range(len(line)):
            flipped = bytearray(few)
            flipped[at] ^= 1 << at % 8
            error = _refused(target, bytes(flipped)).what.en
            last = at == len(few) - len(lines[-1]) - 1
            if number in (2, len(lines) - 1) or last:
                assert "not a whole one" in error
            elif number == 0:
                assert "the head" in error or "not a vault" in error or "version" in error
                assert "passphrase" not in error
            elif number == 1:
                assert "the table of contents" in error or "not a vault" in error
            else:
                assert f"altered: {_RECORDS[record]} is damaged" in error
            at += 1


def test_another_spelling_of_the_same_values(few: bytes, target: Path) -> None:
    sealed = json.loads(few)["records"][_UKSSSE_2]["sealed"].encode()
    salt = json.loads(few)["head"]["salt"].encode()
    assert (
        f"{_RECORDS[_UKSSSE_2]} is damaged"
        in _refused(target, few.replace(sealed, sealed.upper())).what.en
    )
    for other in (
        few.replace(salt, salt.upper()),
        few.replace(b"\n", b"\r\n"),
        json.dumps(json.loads(few)).encode(),
        few + b"\n",
        b"\xef\xbb\xbf" + few,
    ):
        error = _refused(target, other).what.en
        assert "not a whole one" in error or "the head" in error


def test_a_forged_head(few: bytes, target: Path) -> None:
    """The digest in the head is no proof: whoever makes it anew is found out all the same."""
    head = vault_format.head_of(few, "")
    keys = VaultKeys(PASSPHRASE, head.salt)
    for forged in (
        vault_format.Head.of(head.vault, head.environment, 7, keys),
        vault_format.Head.of(head.vault, "production", head.generation, keys),
        vault_format.Head.of(bytes(16), head.environment, head.generation, keys),
    ):
        raw = few.replace(head.json_bytes(), forged.json_bytes())
        assert raw != few
        assert "the table of contents, or the head" in _refused(target, raw).what.en


def _swapped(records: list[bytes]) -> None:
    records[_UKSSSE_1], records[_UKSSSE_2] = records[_UKSSSE_2], records[_UKSSSE_1]


def _sealed_swapped(records: list[bytes]) -> None:
    one, other = (json.loads(records[number]) for number in (_UKSSSE_1, _UKSSSE_2))
    for name in ("nonce", "sealed"):
        one[name], other[name] = other[name], one[name]
    records[_UKSSSE_1], records[_UKSSSE_2] = (
        json.dumps(each, separators=(",", ":")).encode() for each in (one, other)
    )


@pytest.mark.parametrize("swap", [_swapped, _sealed_swapped])
def test_swapped_records(few: bytes, target: Path, swap: Callable[[list[bytes]], object]) -> None:
    error = _refused(target, _with(few, swap)).what.en
    assert "UKSSSE version 2 (3DES) is in the place of UKSSSE version 1 (3DES)" in error
    assert "UKSSSE version 1 (3DES) is in the place of UKSSSE version 2 (3DES)" in error


@pytest.mark.parametrize("number", range(len(_RECORDS)))
def test_a_dropped_record(few: bytes, target: Path, number: int) -> None:
    error = _refused(target, _with(few, lambda records: records.pop(number))).what.en
    assert error.endswith(f"altered: {_RECORDS[number]} is missing")


@pytest.mark.parametrize("at", [0, _UKSSSE_1, len(_RECORDS)])
def test_a_doubled_record(few: bytes, target: Path, at: int) -> None:
    error = _refused(target, _with(few, lambda records: records.insert(at, records[2]))).what.en
    assert error.endswith(f"altered: {_RECORDS[2]} is there twice")


def test_a_record_in_the_place_of_another(few: bytes, target: Path) -> None:
    def copy(records: list[bytes]) -> None:
        records[_UKSSSE_2] = records[_UKSSSE_1]

    error = _refused(target, _with(few, copy)).what.en
    assert "UKSSSE version 2 (3DES) is missing" in error
    assert "UKSSSE version 1 (3DES) is there twice" in error


def test_much_damage_is_counted(vault_file: Path, target: Path) -> None:
    raw = vault_file.read_bytes()
    error = _refused(target, _with(raw, lambda records: records.__delitem__(slice(1, 9))))
    assert error.what.en.count("is missing") == 5
    assert error.what.en.endswith("; and 3 more")
    assert error.what.zh.endswith("；另有 3 处")


@pytest.mark.parametrize("line", [b"", b"{}", b"null"])
def test_a_line_too_many(few: bytes, target: Path, line: bytes) -> None:
    error = _refused(target, _with(few, lambda records: records.insert(3, line))).what.en
    assert error.endswith("altered: there are lines too many")


def test_identities_altered_to_another_valid_one(few: bytes, target: Path) -> None:
    """Not only flips: a level, an environment, a state, a name that could well be."""
    for old, new in (
        (b'"level":"P1"', b'"level":"C1"'),
        (b'"environment":"test"', b'"environment":"production"'),
        (b'"origin":"published"', b'"origin":"generated"'),
        (b'"valid_until":null', b'"valid_until":"2099-12-31"'),
        (b'"version":2', b'"version":9'),
        (b'"name":"UKSSSE"', b'"name":"UKMF"'),
    ):

        def alter(records: list[bytes], old: bytes = old, new: bytes = new) -> None:
            assert old in records[_UKSSSE_2]
            records[_UKSSSE_2] = records[_UKSSSE_2].replace(old, new)

        error = _refused(target, _with(few, alter)).what.en
        assert error.endswith(f"altered: {_RECORDS[_UKSSSE_2]} is damaged")


def test_records_of_an_older_copy(target: Path, few: bytes) -> None:
    target.write_bytes(few)
    vault = SoftwareVault.open(target, PASSPHRASE)
    vault.set_validity("UKSSSE", 2, "3des", None, date(2030, 1, 1))
    newer = target.read_bytes()
    older = _lines(few)
    for number in (_UKSSSE_2, _UKSSSE_1, 0):

        def put_back(records: list[bytes], number: int = number) -> None:
            records[number] = older[2 + number]

        error = _refused(target, _with(newer, put_back)).what.en
        assert error.endswith(f"altered: {_RECORDS[number]} comes from another copy of this vault")
    lines = _lines(newer)
    for mixed in ([older[0], *lines[1:]], [lines[0], older[1], *lines[2:]]):
        assert "the table of contents, or the head" in _refused(target, _file(mixed)).what.en


def test_a_destroyed_key_cannot_be_put_back(target: Path, few: bytes) -> None:
    target.write_bytes(few)
    SoftwareVault.open(target, PASSPHRASE).destroy("UKSSSE", 2, "3des")
    older = _lines(few)

    def put_back(records: list[bytes]) -> None:
        records[_UKSSSE_2] = older[2 + _UKSSSE_2]

    error = _refused(target, _with(target.read_bytes(), put_back)).what.en
    assert f"{_RECORDS[_UKSSSE_2]} comes from another copy" in error


def test_a_record_that_the_table_does_not_know(target: Path, few: bytes) -> None:
    target.write_bytes(few)
    vault = SoftwareVault.open(target, PASSPHRASE)
    vault.generate(KeySpec("NEW", 1, "P1", "external"))
    added = _lines(target.read_bytes())[2 + 2]
    assert b'"NEW"' in added
    error = _refused(target, _with(few, lambda records: records.append(added))).what.en
    assert error.endswith("altered: NEW version 1 (3DES) does not belong to it")


def test_parts_of_two_vaults_do_not_fit(few: bytes, target: Path) -> None:
    """Of the same passphrase and the same keys."""
    _make_few(target)
    mine, other = _lines(few), _lines(target.read_bytes())
    for number in range(2):
        mixed = [*mine[:number], other[number], *mine[number + 1 :]]
        assert "the table of contents" in _refused(target, _file(mixed)).what.en
    for number in range(len(_RECORDS)):

        def foreign(records: list[bytes], number: int = number) -> None:
            records[number] = other[2 + number]

        error = _refused(target, _with(few, foreign)).what.en
        assert error.endswith(f"altered: {_RECORDS[number]} is damaged")


def test_a_record_means_nothing_in_another_vault() -> None:
    """Even under the same key: the number of the vault is bound in."""
    key, value = Secret(bytes(range(32))), Secret(bytes(range(16)))
    held = HeldKey(_root().info("test"), value)
    storage = Secret(bytes(STORAGE_KEY_LENGTH))
    contents = Contents.joined("test", CREATED, storage, [held])
    _, record = records_of(contents, RecordCipher(key, b"1" * 16))
    opened = RecordCipher(key, b"1" * 16).opened(record)
    assert opened is not None
    assert opened.reveal() == value.reveal()
    assert RecordCipher(key, b"2" * 16).opened(record) is None


# -- content that only a key holder could write ------------------------------------------------


def _root(name: str = "IRK", **values: object) -> RootKey:
    given = {"value": Secret(b"\x0f" * 16), **values}
    return RootKey(name, 1, "N1", "internal", CREATED, **given)  # type: ignore[arg-type]


def _held(root: RootKey, **changes: object) -> HeldKey:
    return HeldKey(replace(root.info("test"), **changes), root.value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "keys",
    [
        [_held(_root(), environment="production")],
        [_held(_root(), algorithm="aes")],
        [_held(_root(), use="wrap")],
        [_held(_root(), level="site")],
        [_held(_root(), algorithm="des")],
        [_held(_root(), algorithm="sm1")],
        [_held(_root(), state="destroyed")],
        [_held(_root(), destroyed=CREATED)],
        [_held(_root(), state="destroyed", destroyed=CREATED)],
        [_held(_root(), valid_from=date(2026, 2, 1), valid_until=date(2026, 1, 1))],
        [_held(_root()), _held(_root(value=Secret(b"\x0e" * 8), algorithm="des"))],
    ],
)
def test_content_that_breaks_the_rules(target: Path, keys: list[HeldKey]) -> None:
    keyring = VaultKeys.fresh(PASSPHRASE)
    good = Contents.of("test", CREATED, Secret(bytes(32)), [_root()])
    target.write_bytes(vault_format.written(good, bytes(16), 1, keyring).raw)
    assert len(SoftwareVault.open(target, PASSPHRASE).keys()) == 1
    held = {(str(number), 1, ""): key for number, key in enumerate(keys)}
    broken = Contents("test", CREATED, Secret(bytes(32)), held)
    error = _refused(target, vault_format.written(broken, bytes(16), 1, keyring).raw)
    assert "breaks its own rules" in error.what.en
    assert "0f0f" not in error.render("en").lower()


def test_a_storage_key_of_another_length(target: Path) -> None:
    broken = Contents("test", CREATED, Secret(bytes(31)), {})
    raw = vault_format.written(broken, bytes(16), 1, VaultKeys.fresh(PASSPHRASE)).raw
    assert "breaks its own rules" in _refused(target, raw).what.en


def test_single_des_and_sm4_roots_of_one_name(target: Path) -> None:
    roots = [
        _root(algorithm="sm4", value=Secret(b"\xf0" * 16)),
        _root(algorithm="des", value=Secret(b"\x0f" * 8)),
    ]
    SoftwareVault.create(target, PASSPHRASE, environment="test", keys=roots)
    vault = SoftwareVault.open(target, PASSPHRASE)
    listed = vault.keys()
    assert [info.algorithm for info in listed] == ["des", "sm4"]
    factor = bytes(8)
    assert len(vault.cryptogram(CardKey("IRK", 1, "210200", factor), factor, factor)) == 8
    assert vault.root_check_value("IRK", 1) != vault.root_check_value("IRK", 1, "sm4")
