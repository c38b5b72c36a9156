"""The connection file: read strictly, rendered with its explanations, nothing secret in it."""

import json
import os
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.client import PartnerConnection, SettingsError
from gateway.client import connection as connections
from gateway.client.connection import read_organisations, renamed, render
from gateway.keys import KeyPurpose, generate_encryption_key, generate_key, jwk_set
from gateway.ledger import note
from tests.authenticator import Authenticator
from tests.each import each
from tests.ports import ORIGIN, key_of, note_signer
from tests.time_stamping import new_root
from tests.verification.logbook import Logbook, witness

VALUES = {
    "api_url": "https://partners.example.org:8444",
    "issuer": "https://gateway.example.org",
    "client_id": "point-de-contact.desk",
    "certificate": "certificate.pem",
    "key": "key.pem",
    "ca": "ca.pem",
    "log_key": str(note_signer().key),
    "attestation_keys": "gateway-keys.json",
}


def written(folder: Path, **changes: str | None) -> Path:
    """A connection file with the attestation keys beside it; None leaves a setting out."""
    (folder / "gateway-keys.json").write_text(json.dumps(jwk_set([key_of("attest")])))
    values = {k: v for k, v in (VALUES | changes).items() if v is not None}
    file = folder / "connection.toml"
    file.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items()))
    return file


def test_a_connection_is_read_with_paths_beside_its_file(tmp_path: Path) -> None:
    read = PartnerConnection.read(
        written(tmp_path, checkpoint_file="newest", outbox="/var/spool/casegate")
    )
    assert (read.api_url, read.issuer) == (VALUES["api_url"], VALUES["issuer"])
    assert (read.client_id, read.organisation) == ("point-de-contact.desk", "point-de-contact")
    assert (read.certificate, read.key) == (tmp_path / "certificate.pem", tmp_path / "key.pem")
    assert (read.checkpoint_file, read.outbox) == (tmp_path / "newest", Path("/var/spool/casegate"))
    assert read.log_key == note_signer().key
    assert tuple(read.trust.origins) == (ORIGIN,)
    assert set(read.trust.gateway_keys) == {key_of("attest").kid}


def test_a_folder_is_read_by_the_connection_file_in_it(tmp_path: Path) -> None:
    file = written(tmp_path)
    assert PartnerConnection.read(tmp_path) == PartnerConnection.read(file)


def test_persons_beside_a_connection_file_count_for_who_verifies(tmp_path: Path) -> None:
    file, key = written(tmp_path), Authenticator()
    persons = {"point-de-contact/analyst-1": {"keys": [key.jwk]}}
    told = connections.render_administrators(VALUES["issuer"], persons)
    (tmp_path / connections.PERSONS_FILE).write_bytes(told)
    for place in (file, tmp_path):
        trust = connections.gather_trust([place], [], [], [])
        assert [*trust.persons] == ["point-de-contact/analyst-1"]
        assert tuple(trust.origins) == (ORIGIN,)


def test_what_is_optional_is_absent(tmp_path: Path) -> None:
    read = PartnerConnection.read(written(tmp_path, checkpoint_file="", outbox=None))
    assert (read.checkpoint_file, read.outbox, read.trust.organisations) == (None, None, {})


def test_all_that_is_missing_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as told:
        PartnerConnection.read(written(tmp_path, api_url=None, log_key=""))
    assert "api_url (the address" in str(told.value)
    assert "log_key (the log's" in str(told.value)
    assert "operator" in str(told.value)


@each(
    "name, value, told",
    [
        ("api_url", "http://partners.example.org", "api_url must be https://host"),
        ("api_url", "https://partners.example.org/", "api_url must be https://host"),
        ("api_url", "https://x@partners.example.org", "api_url must be https://host"),
        ("api_url", "https://PARTNERS.example.org", "api_url must be https://host"),
        ("issuer", "https://gateway.example.org/x", "issuer must be https://host"),
        ("client_id", "point-de-contact", "client_id must be"),
        ("log_key", "gateway.example.org", "not a verifier key"),
        ("attestation_keys", "missing.json", "cannot be read"),
        ("attestation_keys", "connection.toml", "JWK set"),
        ("password", "x", "do not exist: password"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, name: str, value: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        PartnerConnection.read(written(tmp_path, **{name: value}))


@each(
    "text, told",
    [
        ("# \xe9", "byte 3 is not UTF-8"),
        ("api_url =", "not TOML"),
        ("api_url = 5", "text in quotes"),
        ('key = "a\\nb"', "quotes"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "connection.toml"
    file.write_text(text, encoding="latin-1")
    with pytest.raises(SettingsError, match=told):
        PartnerConnection.read(file)


def test_a_missing_or_endless_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        PartnerConnection.read(tmp_path / "connection.toml")
    with pytest.raises(SettingsError):
        connections.read_file(Path("/dev/zero"))


def test_a_log_key_of_a_kind_that_signs_no_checkpoints_here_is_refused(tmp_path: Path) -> None:
    public = bytes(32)
    kind = note.COSIGNATURE
    key = note.VerificationKey(ORIGIN, note.key_id(ORIGIN, kind, public), kind, public)
    with pytest.raises(SettingsError, match="kind Ed25519"):
        PartnerConnection.read(written(tmp_path, log_key=str(key)))


def test_a_rendered_file_reads_as_its_values_and_explains_each(tmp_path: Path) -> None:
    text = render({**VALUES, "checkpoint_file": "newest", "outbox": "spo\\ol"})
    assert tomllib.loads(text) == {**VALUES, "checkpoint_file": "newest", "outbox": "spo\\ol"}
    settings = [line for line in text.split("\n") if " = " in line]
    explained = [line for line in text.split("\n") if line.startswith("# ") and " = " not in line]
    assert len(explained) == len(settings) + 1
    written(tmp_path)
    (tmp_path / "connection.toml").write_text(text)
    assert PartnerConnection.read(tmp_path / "connection.toml").issuer == VALUES["issuer"]


def test_what_is_unknown_when_rendered_is_asked_for_when_read(tmp_path: Path) -> None:
    file = tmp_path / "connection.toml"
    file.write_text(render({**VALUES, "api_url": ""}))
    with pytest.raises(SettingsError):
        PartnerConnection.read(file)
    with pytest.raises(KeyError):
        render({"password": "x"})


def test_members_own_keys_are_read_by_organisation(tmp_path: Path) -> None:
    key = generate_key(KeyPurpose.ATTEST)
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "ofmin.json").write_text(json.dumps(jwk_set([key])))
    (tmp_path / "keys" / "Not an id.json").write_text("rubbish")
    read = PartnerConnection.read(written(tmp_path, organisation_keys="keys"))
    assert {slug: set(keys) for slug, keys in read.trust.organisations.items()} == {
        "ofmin": {key.kid}
    }
    assert read_organisations(None).organisations == {}


def test_a_key_that_the_client_fetched_is_vouched_for_until_a_person_compared_it(
    tmp_path: Path,
) -> None:
    fetched, key = tmp_path / "keys" / connections.FETCHED, generate_key(KeyPurpose.ATTEST)
    fetched.mkdir(parents=True)
    (fetched / "ofmin.json").write_text(json.dumps(jwk_set([key])))
    file = written(tmp_path, organisation_keys="keys")
    assert PartnerConnection.read(file).trust.vouched == {("ofmin", key.kid)}
    assert connections.gather_trust([file], [], [], []).vouched == {("ofmin", key.kid)}
    (tmp_path / "keys" / "ofmin.json").write_text(json.dumps(jwk_set([key])))
    assert connections.gather_trust([file], [], [], []).vouched == frozenset()


def test_witnesses_in_a_folder_or_named_are_no_keys_of_logs_and_confirm_every_log(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "log.vkey").write_text(f"{Logbook().signer.vkey}\n")
    (folder / "witnesses.vkey").write_text(f"# of peers\n{witness('a').key}\n")
    (tmp_path / "more.vkey").write_text(f"{witness('a').key}\n{witness('b').key}\n")
    trust = connections.gather_trust([folder], [], [], [], [str(tmp_path / "more.vkey")])
    assert (trust.log_keys, trust.quorum) == ((Logbook().signer.key,), 1)
    assert set(trust.witnesses) == {witness("a").key, witness("b").key}
    named = {one["of"]: one["from"] for one in trust.named_keys() if one["kind"] == "witness"}
    assert named == {"a": "witnesses.vkey", "b": "more.vkey"}
    with pytest.raises(SettingsError, match="cosignature/v1"):
        connections.gather_trust([], [], [], [], [Logbook().signer.vkey])


def test_a_connection_names_the_time_stamp_authorities_that_it_asks_for(tmp_path: Path) -> None:
    root = new_root()
    (tmp_path / "tsa.pem").write_bytes(root.pem())
    read = PartnerConnection.read(written(tmp_path, time_stamp_authorities="tsa.pem"))
    assert read.trust.authorities == (root.certificate,)
    with pytest.raises(SettingsError, match=r"none\.pem cannot be read"):
        PartnerConnection.read(written(tmp_path, time_stamp_authorities="none.pem"))


def test_root_certificates_of_time_stamp_authorities_lie_in_a_folder_or_are_named(
    tmp_path: Path,
) -> None:
    one, other = new_root("One"), new_root("Other")
    (tmp_path / "tsa").mkdir()
    (tmp_path / "tsa" / "one.pem").write_bytes(one.pem())
    (tmp_path / "other.pem").write_bytes(other.pem() + one.pem())
    given = [tmp_path / "other.pem"]
    trust = connections.gather_trust([tmp_path], [], [], [], authorities=given)
    assert set(trust.authorities) == {one.certificate, other.certificate}
    assert len(trust.authorities) == 2
    named = {key["of"]: key["from"] for key in trust.named_keys() if key["kind"] == "authority"}
    assert named["CN=Other"] == "other.pem"
    (tmp_path / "other.pem").write_bytes(b"none")
    with pytest.raises(SettingsError, match="no certificates that can be read"):
        connections.gather_trust([], [], [], [], authorities=given)


def test_a_connection_names_the_witnesses_that_it_asks_for(tmp_path: Path) -> None:
    keys = [witness("a").key, witness("b").key]
    (tmp_path / "w.vkey").write_text("".join(f"{one}\n" for one in keys))
    read = PartnerConnection.read(written(tmp_path, witnesses="w.vkey", quorum="2", within="6h"))
    assert (list(read.trust.witnesses), read.trust.quorum) == (keys, 2)
    assert read.within == timedelta(hours=6)
    trust = connections.gather_trust([tmp_path / "connection.toml"], [], [], [])
    assert (list(trust.witnesses), trust.quorum) == (keys, 2)
    bare = PartnerConnection.read(written(tmp_path))
    assert (bare.trust.witnesses, bare.trust.quorum, bare.within) == ((), 1, timedelta(hours=24))


@each("named, wrong", [
    ("quorum", "0"), ("quorum", "3"), ("quorum", "two"), ("within", "24"), ("within", "0h"),
])  # fmt: skip
def test_what_a_connection_cannot_ask_of_witnesses_is_named(
    tmp_path: Path, named: str, wrong: str
) -> None:
    (tmp_path / "w.vkey").write_text(f"{witness('a').key}\n{witness('b').key}\n")
    with pytest.raises(SettingsError, match=named):
        PartnerConnection.read(written(tmp_path, **{"witnesses": "w.vkey", named: wrong}))


AT = "https://gateway.example.org"


def deciding(file: Path, issuer: str = AT, **persons: Any) -> Path:
    file.write_bytes(connections.render_administrators(issuer, persons))
    return file


def test_administrators_are_read_from_a_folder_of_keys_and_beside_a_connection(
    tmp_path: Path,
) -> None:
    key = generate_key(KeyPurpose.PERSON)
    (tmp_path / "folder").mkdir()
    deciding(tmp_path / "folder" / "administrators.json", martin=key.public_jwk())
    deciding(tmp_path / "who.json", martin=key.public_jwk())
    file = written(tmp_path, administrators="who.json")
    for trust in (
        connections.gather_trust([tmp_path / "folder"], [], [], []),
        PartnerConnection.read(file).trust,
    ):
        assert trust.administrators == {"martin": {key.kid: key.public_key}}
        assert trust.issuer == AT
        named = [one for one in trust.named_keys() if one["kind"] == "administrator"]
        assert [(one["of"], one["id"]) for one in named] == [("martin", key.kid)]
        assert named[0]["from"] in ("administrators.json", "who.json")


@each(
    "wrong",
    [
        {"persons": {}},
        {"issuer": AT},
        {"issuer": "gateway.example.org", "persons": {}},
        {"issuer": AT, "persons": {"Martin": {}}},
        {"issuer": AT, "persons": {"martin": {"kty": "EC"}}},
        {"issuer": AT, "persons": {"martin": "key"}},
        [],
    ],
)
def test_what_holds_no_keys_of_administrators_is_refused(tmp_path: Path, wrong: Any) -> None:
    (tmp_path / "administrators.json").write_text(json.dumps(wrong))
    with pytest.raises(SettingsError, match="keys of administrators"):
        connections.gather_trust([tmp_path], [], [], [])


def test_administrators_of_another_gateway_and_two_keys_of_one_person_are_refused(
    tmp_path: Path,
) -> None:
    one, other = (generate_key(KeyPurpose.PERSON).public_jwk() for _ in range(2))
    deciding(tmp_path / "who.json", "https://other.example.org", martin=one)
    with pytest.raises(SettingsError, match="and not of"):
        PartnerConnection.read(written(tmp_path, administrators="who.json"))
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder, key in zip(folders, (one, other), strict=True):
        folder.mkdir()
        deciding(folder / "administrators.json", martin=key)
    with pytest.raises(SettingsError, match="two different keys"):
        connections.gather_trust(folders, [], [], [])


def test_a_newer_file_of_administrators_may_have_a_passkey_more(tmp_path: Path) -> None:
    key, passkey = generate_key(KeyPurpose.PERSON).public_jwk(), Authenticator().jwk
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder, recorded in zip(folders, (key, {"keys": [key, passkey]}), strict=True):
        folder.mkdir()
        deciding(folder / "administrators.json", martin=recorded)
    known = connections.gather_trust(folders, [], [], []).administrators["martin"]
    assert [*known] == [key["kid"], passkey["kid"]]


def test_keys_to_seal_to_stand_among_a_members_keys_and_never_verify(tmp_path: Path) -> None:
    signing, sealing = generate_key(KeyPurpose.DOCUMENT), generate_encryption_key()
    (tmp_path / "keys").mkdir()
    members = {"keys": [signing.public_jwk(), sealing.public_jwk()]}
    (tmp_path / "keys" / "ofmin.json").write_text(json.dumps(members))
    read = PartnerConnection.read(written(tmp_path, organisation_keys="keys"))
    assert set(read.trust.organisations["ofmin"]) == {signing.kid}
    assert set(read.seal_to["ofmin"]) == {sealing.kid}
    members["keys"][1]["alg"] = "RSA-OAEP"
    (tmp_path / "keys" / "ofmin.json").write_text(json.dumps(members))
    with pytest.raises(SettingsError):
        PartnerConnection.read(written(tmp_path, organisation_keys="keys"))


def _pem(passphrase: bytes | None = None) -> bytes:
    encryption = (
        serialization.BestAvailableEncryption(passphrase)
        if passphrase
        else serialization.NoEncryption()
    )
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )


def test_files_that_tls_cannot_use_are_named(
    tls_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = PartnerConnection.read(written(tls_files))
    read.tls()
    (tls_files / "key.pem").chmod(0o640)
    with pytest.raises(SettingsError, match="chmod 600"):
        read.tls()
    (tls_files / "key.pem").chmod(0o600)
    with monkeypatch.context() as another:  # user: the owner counts, as for every private file
        another.setattr(os, "geteuid", lambda: os.getuid() + 4242)
        if os.getuid() == 0:
            os.chown(tls_files / "key.pem", 4243, -1)
        with pytest.raises(SettingsError, match="chown"):
            read.tls()
    os.chown(tls_files / "key.pem", os.getuid(), -1)
    whole = (tls_files / "key.pem").read_bytes()
    for wrong in (_pem(), b"rubbish"):
        (tls_files / "key.pem").write_bytes(wrong)
        with pytest.raises(SettingsError):
            read.tls()
    (tls_files / "key.pem").write_bytes(_pem(b"a passphrase"))
    with pytest.raises(SettingsError):
        read.tls()
    (tls_files / "key.pem").write_bytes(whole)
    (tls_files / "ca.pem").write_text("rubbish")
    with pytest.raises(SettingsError):
        read.tls()
    (tls_files / "key.pem").unlink()
    with pytest.raises(SettingsError):
        read.tls()


@each(
    "line",
    [
        'certificate = "old.pem"',
        'certificate="old.pem"',
        "certificate\t= 'old.pem' # the present one",
        '"certificate" = "old.pem"',
        '  certificate   =   """old.pem"""',
    ],
)
def test_a_setting_is_changed_however_it_was_written(line: str) -> None:
    text = f'# certificate = "x"\n{line}\nkey="old.key"\nca = "ca.pem" # kept\n'
    made = renamed(text, {"certificate": 'new "1".pem', "key": "new.key"})
    told = tomllib.loads(made)
    assert told == {"certificate": 'new "1".pem', "key": "new.key", "ca": "ca.pem"}
    assert 'ca = "ca.pem" # kept\n' in made
    assert made.startswith('# certificate = "x"\n')


@each(
    "text",
    [
        'key = "k"\n',
        'key = "k"\n[more]\ncertificate = "c"\n',
        'certificate = """\\\nc"""\nkey = "k"',
    ],
)
def test_a_setting_that_cannot_be_changed_for_certain_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"certificate"):
        renamed(text, {"certificate": "new.pem", "key": "new.key"})
