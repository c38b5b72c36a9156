"""Signing keys: one purpose each, private on disk, verifiable by others' libraries."""

import json
import stat
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey
from joserfc.jwk import KeySet as JoseKeySet

from gateway import files
from gateway.files import PrivateFileError
from gateway.keys import (
    ALGORITHMS,
    ED25519,
    ES256,
    KeyPurpose,
    PendingStep,
    RotationStep,
    generate_key,
    generate_secret,
    jwk_set,
    load_key,
    load_key_set,
    load_secret,
    pending_step,
    perform_step,
    thumbprint,
    write_key,
    write_secret,
)
from tests.evidence.ingredients import rsa_key

EVERY_KIND = [(purpose, alg) for purpose in KeyPurpose for alg in ALGORITHMS[purpose]]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def pem_of(private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@pytest.mark.parametrize(("purpose", "alg"), EVERY_KIND)
def test_another_library_verifies_what_a_key_signs(purpose: KeyPurpose, alg: str) -> None:
    key = generate_key(purpose, alg)
    head, payload = b"eyJhbGciOiJ" + (b"FUzI1NiJ9" if alg == ES256 else b"FZDI1NTE5In0"), b"e30"
    signature = key.sign(head + b"." + payload)
    assert len(signature) == 64
    kind = ECKey if alg == ES256 else OKPKey
    token = b".".join((head, payload, urlsafe_b64encode(signature).rstrip(b"=")))
    assert jws.deserialize_compact(token, kind.import_key(key.public_jwk()), [alg]).payload == b"{}"


def test_a_key_set_is_read_by_another_library_with_its_kids() -> None:
    keys = [generate_key(KeyPurpose.TOKEN), generate_key(KeyPurpose.LOG)]
    published = jwk_set(keys)
    read = JoseKeySet.import_key_set(published)
    assert [key.kid for key in read] == [key.kid for key in keys]
    assert [key.thumbprint() for key in read] == [key.kid for key in keys]
    assert published["keys"][0].keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert published["keys"][1].keys() == {"kty", "crv", "x", "kid", "use", "alg"}
    assert [entry["alg"] for entry in published["keys"]] == [ES256, ED25519]


def test_the_thumbprint_is_that_of_rfc_8037_appendix_a3() -> None:
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    assert thumbprint({**jwk, "use": "sig"}) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_the_thumbprint_of_another_key_type_is_refused() -> None:
    with pytest.raises(ValueError, match="EC, OKP and RSA"):
        thumbprint({"kty": "oct", "k": "AA"})


def test_a_short_coordinate_is_padded_to_the_size_of_the_curve(tmp_path: Path) -> None:
    """RFC 7518 6.2.1.2: the coordinate's octets are those of the curve, zeros in front kept."""
    for number in range(1, 2000):
        private = ec.derive_private_key(number, ec.SECP256R1())
        if private.public_key().public_numbers().x < 1 << 248:
            break
    files.create(tmp_path / "key.pem", pem_of(private))
    key = load_key(tmp_path / "key.pem", KeyPurpose.TOKEN)
    assert len(key.public_jwk()["x"]) == 43
    assert ECKey.import_key(key.public_jwk()).thumbprint() == key.kid


@pytest.mark.parametrize(("purpose", "alg"), EVERY_KIND)
def test_a_written_key_is_loaded_as_the_same_key(
    tmp_path: Path, purpose: KeyPurpose, alg: str
) -> None:
    key = generate_key(purpose, alg)
    write_key(tmp_path / "key.pem", key)
    assert load_key(tmp_path / "key.pem", purpose) == key


def test_a_key_with_a_passphrase_needs_it(tmp_path: Path) -> None:
    key, path = generate_key(KeyPurpose.PERSON), tmp_path / "key.pem"
    write_key(path, key, b"a passphrase")
    assert load_key(path, KeyPurpose.PERSON, b"a passphrase") == key
    with pytest.raises(PrivateFileError, match="needs its passphrase"):
        load_key(path, KeyPurpose.PERSON)
    with pytest.raises(PrivateFileError, match="the passphrase is wrong"):
        load_key(path, KeyPurpose.PERSON, b"another")


def test_a_passphrase_for_a_key_without_one_is_said(tmp_path: Path) -> None:
    write_key(tmp_path / "key.pem", generate_key(KeyPurpose.LOG))
    with pytest.raises(PrivateFileError, match="has no passphrase"):
        load_key(tmp_path / "key.pem", KeyPurpose.LOG, b"a passphrase")


def test_what_is_no_key_is_refused(tmp_path: Path) -> None:
    files.create(tmp_path / "key.pem", b"nothing of the sort\n")
    with pytest.raises(PrivateFileError, match="holds no private key"):
        load_key(tmp_path / "key.pem", KeyPurpose.TOKEN)


@pytest.mark.parametrize(
    "private",
    [
        rsa_key(),
        ec.generate_private_key(ec.SECP384R1()),
    ],
    ids=["RSA", "P-384"],
)
def test_a_key_of_an_unused_type_is_refused(
    tmp_path: Path, private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
) -> None:
    files.create(tmp_path / "key.pem", pem_of(private))
    with pytest.raises(PrivateFileError, match="a token key is ES256"):
        load_key(tmp_path / "key.pem", KeyPurpose.TOKEN)


def test_a_log_key_does_not_serve_for_tokens_nor_a_token_key_for_the_log(tmp_path: Path) -> None:
    write_key(tmp_path / "log.pem", generate_key(KeyPurpose.LOG))
    write_key(tmp_path / "token.pem", generate_key(KeyPurpose.TOKEN))
    with pytest.raises(PrivateFileError, match="a token key is ES256, this one is Ed25519"):
        load_key(tmp_path / "log.pem", KeyPurpose.TOKEN)
    with pytest.raises(PrivateFileError, match="a log key is Ed25519, this one is ES256"):
        load_key(tmp_path / "token.pem", KeyPurpose.LOG)


def test_a_key_of_a_wrong_type_is_not_made() -> None:
    with pytest.raises(ValueError, match="a log key is Ed25519, not ES256"):
        generate_key(KeyPurpose.LOG, ES256)


def test_the_next_key_is_published_before_it_signs(tmp_path: Path) -> None:
    current, following = generate_key(KeyPurpose.TOKEN), generate_key(KeyPurpose.TOKEN)
    write_key(tmp_path / "current.pem", current)
    write_key(tmp_path / "next.pem", following)
    keys = load_key_set(tmp_path, KeyPurpose.TOKEN)
    assert keys.current == current
    assert [key["kid"] for key in keys.jwks()["keys"]] == [current.kid, following.kid]


def test_a_key_set_without_a_current_key_is_refused(tmp_path: Path) -> None:
    write_key(tmp_path / "next.pem", generate_key(KeyPurpose.TOKEN))
    with pytest.raises(PrivateFileError, match="current"):
        load_key_set(tmp_path, KeyPurpose.TOKEN)


def test_one_key_under_two_names_is_refused(tmp_path: Path) -> None:
    key = generate_key(KeyPurpose.TOKEN)
    write_key(tmp_path / "current.pem", key)
    write_key(tmp_path / "previous.pem", key)
    with pytest.raises(PrivateFileError, match="one key under two names"):
        load_key_set(tmp_path, KeyPurpose.TOKEN)


DAY_0 = datetime(2030, 1, 1, 12, tzinfo=UTC)
DAY = timedelta(hours=24)


def turned(folder: Path, now: datetime) -> PendingStep:
    turn = pending_step(folder, KeyPurpose.TOKEN, now)
    perform_step(folder, turn, now)
    return turn


def kids(folder: Path) -> list[str]:
    return [key["kid"] for key in load_key_set(folder, KeyPurpose.TOKEN).jwks()["keys"]]


def test_m4_a_key_takes_the_place_of_another_in_three_steps(tmp_path: Path) -> None:
    old = generate_key(KeyPurpose.TOKEN)
    write_key(tmp_path / "current.pem", old)
    shown = turned(tmp_path, DAY_0)
    assert shown.step is RotationStep.PUBLISH
    assert kids(tmp_path) == [old.kid, shown.key.kid]
    assert turned(tmp_path, DAY_0 + DAY) == PendingStep(RotationStep.ACTIVATE, shown.key)
    assert kids(tmp_path) == [shown.key.kid, old.kid]
    assert turned(tmp_path, DAY_0 + 2 * DAY) == PendingStep(RotationStep.RETIRE, old)
    assert kids(tmp_path) == [shown.key.kid]
    assert turned(tmp_path, DAY_0 + 2 * DAY).step is RotationStep.PUBLISH
    assert all(mode(file) == 0o600 for file in tmp_path.iterdir())


def test_m4_no_step_comes_within_a_day_of_the_one_before(tmp_path: Path) -> None:
    write_key(tmp_path / "current.pem", generate_key(KeyPurpose.TOKEN))
    for number in range(2):
        turned(tmp_path, DAY_0 + number * DAY)
        before = kids(tmp_path)
        early = DAY_0 + (number + 1) * DAY - timedelta(seconds=1)
        with pytest.raises(PrivateFileError, match="less than a day"):
            pending_step(tmp_path, KeyPurpose.TOKEN, early)
        assert kids(tmp_path) == before


@pytest.mark.parametrize(
    "place", ["os.link", "files.set_time", "Path.replace", "files.sync_folder"]
)
def test_m4_a_step_that_is_cut_off_anywhere_is_taken_again_and_no_key_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Meanwhile a gateway starts, and takes what either key signed."""
    write_key(tmp_path / "current.pem", generate_key(KeyPurpose.TOKEN))
    turned(tmp_path, DAY_0)
    old, new = kids(tmp_path)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(f"gateway.keys.{place}", stop)
        with pytest.raises(KeyboardInterrupt):
            turned(tmp_path, DAY_0 + DAY)
    assert {*kids(tmp_path)} == {old, new}
    if kids(tmp_path) == [old, new]:
        assert turned(tmp_path, DAY_0 + 2 * DAY).step is RotationStep.ACTIVATE
    assert kids(tmp_path) == [new, old]
    with pytest.raises(PrivateFileError, match="less than a day"):
        pending_step(tmp_path, KeyPurpose.TOKEN, DAY_0 + DAY + timedelta(hours=23))
    assert turned(tmp_path, DAY_0 + 3 * DAY).step is RotationStep.RETIRE
    assert kids(tmp_path) == [new]


def test_to_ask_what_is_due_changes_nothing(tmp_path: Path) -> None:
    write_key(tmp_path / "current.pem", generate_key(KeyPurpose.TOKEN))
    pending_step(tmp_path, KeyPurpose.TOKEN, DAY_0)
    assert [file.name for file in tmp_path.iterdir()] == ["current.pem"]


def test_the_private_part_is_neither_shown_nor_published() -> None:
    key = generate_key(KeyPurpose.ATTEST)
    secret = json.dumps({**key.public_jwk(), "shown": repr(key)})
    assert '"d"' not in secret
    assert "object at" not in secret


def test_a_secret_is_loaded_as_it_was_written(tmp_path: Path) -> None:
    secret = generate_secret()
    write_secret(tmp_path / "retry.key", secret)
    assert load_secret(tmp_path / "retry.key") == secret
    assert (len(secret), mode(tmp_path / "retry.key")) == (32, 0o600)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"A" * 43 + b"\n\n",
        b"A" * 42 + b"\n",
        b"A" * 42 + b"B\n",  # set bits after the last byte
        b"A" * 43 + b"\nA\n",
        "Ａ".encode() * 43 + b"\n",
    ],
)
def test_a_secret_in_another_spelling_is_refused(tmp_path: Path, text: bytes) -> None:
    files.create(tmp_path / "retry.key", text)
    with pytest.raises(PrivateFileError, match="holds no secret"):
        load_secret(tmp_path / "retry.key")
