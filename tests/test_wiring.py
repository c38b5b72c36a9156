"""The parts meet: clock, days, ids, keys, databases, and the issuing authority's port."""

import re
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway import wiring
from gateway.evidence import base64url
from gateway.files import PrivateFileError
from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import ReferenceDate
from gateway.keys import KeyPurpose, generate_key, write_key
from gateway.pki.authority import load_authority, make_issuing
from gateway.store.database import UnsuitableDatabase
from gateway.wiring import IssuingAuthority
from tests.operating import ISSUER, PASSPHRASE, Operator, operator, request


@pytest.fixture
def gw(tmp_path: Path) -> Operator:
    return operator(tmp_path)


# --- Time and ids


def test_now_is_of_one_time_zone_and_of_this_moment() -> None:
    assert wiring.now().tzinfo is UTC
    assert abs(wiring.now().timestamp() - Path("/proc/self").stat().st_ctime) < 3600


@pytest.mark.parametrize(
    ("moved", "followed"),
    [
        (timedelta(minutes=1), timedelta(minutes=1)),
        (timedelta(days=-1), timedelta(days=-1)),
        (timedelta(days=1), timedelta(0)),
    ],
)
def test_now_follows_no_leap_ahead_within_one_process(
    monkeypatch: pytest.MonkeyPatch, moved: timedelta, followed: timedelta
) -> None:
    before, system = wiring.now(), wiring._system
    monkeypatch.setattr(wiring, "_system", lambda: system() + moved)
    assert abs(wiring.now() - before - followed) < timedelta(seconds=5)
    assert wiring.leapt() is (moved != followed)
    assert abs(wiring.clock_ahead() - moved) < timedelta(seconds=5)


def test_a_pause_of_the_host_is_no_leap(monkeypatch: pytest.MonkeyPatch) -> None:
    pause, system, elapsed = timedelta(hours=3), wiring._system, wiring._elapsed
    monkeypatch.setattr(wiring, "_system", lambda: system() + pause)
    monkeypatch.setattr(wiring, "_elapsed", lambda: elapsed() + pause.total_seconds())
    assert not wiring.leapt()


def test_ids_are_uuids_of_version_7_in_the_order_of_their_making() -> None:
    made = [wiring.new_id() for _ in range(1000)]
    assert made == sorted(set(made))
    assert {(one.version, one.variant) for one in made} == {(7, "specified in RFC 4122")}
    moment = made[0].int >> 80
    assert abs(moment / 1000 - wiring.now().timestamp()) < 60


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2026, 1, 1, 22, 59, 59, tzinfo=UTC), date(2026, 1, 1)),
        (datetime(2026, 1, 1, 23, 0, tzinfo=UTC), date(2026, 1, 2)),
        (datetime(2026, 7, 1, 21, 59, 59, tzinfo=UTC), date(2026, 7, 1)),
        (datetime(2026, 7, 1, 22, 0, tzinfo=UTC), date(2026, 7, 2)),
    ],
)
def test_rights_are_judged_on_the_civil_day(gw: Operator, moment: datetime, day: date) -> None:
    assert wiring.reference_date(gw.config)(moment) == ReferenceDate(day, day)


def test_another_place_has_another_civil_day(gw: Operator) -> None:
    gw.set("gateway", "civil_time_zone", '"America/Cayenne"')
    moment = datetime(2026, 1, 2, 2, 59, tzinfo=UTC)
    assert wiring.reference_date(gw.config)(moment).day == date(2026, 1, 1)


def test_a_demonstration_sets_the_day_and_says_so_at_every_moment(gw: Operator) -> None:
    gw.set("demo", "simulated_reference_date", "2023-10-31")
    reference_date = wiring.reference_date(gw.config)
    for moment in (datetime(2026, 1, 1, tzinfo=UTC), datetime(1999, 1, 1, tzinfo=UTC)):
        told = reference_date(moment)
        assert told.day == told.simulated == date(2023, 10, 31)
        assert told.civil == moment.date()


def test_the_day_of_a_demonstration_moves_no_clock(gw: Operator) -> None:
    gw.set("demo", "simulated_reference_date", "2023-10-31")
    with gw.opened() as gateway:
        assert gateway.ports.now().year >= 2025
        assert gateway.ports.reference_date(gateway.ports.now()).simulated


# --- Keys


def replaced(purpose: KeyPurpose) -> Callable[[Path], None]:
    def replace(file: Path) -> None:
        file.unlink()
        write_key(file, generate_key(purpose))

    return replace


@pytest.mark.parametrize(
    ("file", "harm"),
    [
        ("token/current.pem", Path.unlink),
        ("attest/current.pem", Path.unlink),
        ("log/current.pem", Path.unlink),
        ("fingerprint.secret", Path.unlink),
        ("token/current.pem", replaced(KeyPurpose.LOG)),
        ("log/current.pem", replaced(KeyPurpose.TOKEN)),
    ],
)
def test_a_key_that_is_not_what_it_must_be_is_named(
    gw: Operator, file: str, harm: Callable[[Path], Any]
) -> None:
    harm(gw.config.keys / file)
    with pytest.raises(PrivateFileError, match=re.escape(str(gw.config.keys / file))):
        wiring.connect(gw.config)


def test_a_listener_s_copy_of_the_folder_has_all_that_it_needs(gw: Operator) -> None:
    """deploy/: the listeners' user has neither the issuing key, nor the root, nor a person's."""
    for folder in ("issuing", "offline", "people"):
        shutil.rmtree(gw.folder / folder)
    with gw.opened() as gateway, gateway.ports.begin(TransactionMode.READ) as work:
        assert gateway.ports.checkpoint_signer.sign(work.log.head())


def test_no_key_is_shown_where_a_gateway_is_printed(gw: Operator) -> None:
    with gw.opened() as gateway:
        secret = base64url.encode(gateway.keys.fingerprint)
        for shown in (repr(gateway.keys), repr(gateway.ports)):
            assert secret not in shown
            assert repr(gateway.keys.fingerprint) not in shown


# --- Databases


def test_a_database_that_was_never_set_up_is_said(gw: Operator) -> None:
    file = gw.config.database_file
    assert file is not None
    file.unlink()
    file.touch()
    with pytest.raises(UnsuitableDatabase, match="set it up first"):
        wiring.connect(gw.config)


def test_a_database_of_another_log_is_said(gw: Operator) -> None:
    gw.set("gateway", "log_origin", '"elsewhere.example.org/log"')
    with pytest.raises(UnsuitableDatabase, match="not elsewhere"):
        wiring.connect(gw.config)


def test_a_mark_that_cannot_be_opened_is_said(gw: Operator) -> None:
    gw.set("high_water_mark", "url", '"file:/proc/nowhere/mark"')
    with pytest.raises(UnsuitableDatabase, match=r"see \[high_water_mark\] url"):
        wiring.connect(gw.config)


# --- The issuing authority


def issued(gw: Operator, at: datetime, csr: str = "") -> Any:
    return IssuingAuthority(gw.config).issue(csr or request().decode(), "ofmin", "desk", at)


def test_what_is_registered_is_the_certificate_that_was_made(gw: Operator) -> None:
    now = wiring.now().replace(microsecond=0)
    pem, registered = issued(gw, now)
    leaf, above = x509.load_pem_x509_certificates(pem.encode())
    assert registered.thumbprint == base64url.digest(leaf.public_bytes(Encoding.DER))
    assert registered.serial == leaf.serial_number
    assert (registered.organisation, registered.system) == ("ofmin", "desk")
    assert registered.not_after == leaf.not_valid_after_utc == now + timedelta(days=30)
    assert registered.revoked_at is None
    assert [above] == [one.certificate for one in IssuingAuthority(gw.config).authorities]


def test_a_certificate_says_where_its_list_is_published(gw: Operator) -> None:
    pem, _ = issued(gw, wiring.now())
    leaf, *_ = x509.load_pem_x509_certificates(pem.encode())
    (point,) = leaf.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    (authority,) = IssuingAuthority(gw.config).authorities
    assert point.full_name is not None
    assert [name.value for name in point.full_name] == [f"{ISSUER}/crl/{authority.id}.crl"]
    assert (gw.config.published / f"{authority.id}.crl").exists()


@pytest.mark.parametrize("csr", ["no request", "\udcff"])
def test_a_request_that_is_none_is_a_value_error(gw: Operator, csr: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        issued(gw, wiring.now(), csr)


def test_the_newest_authority_issues(gw: Operator) -> None:
    offline, issuing = gw.config.offline, gw.config.issuing
    pems = ((offline / name).read_bytes() for name in ("root.pem", "root.key"))
    later = wiring.now() + timedelta(days=1)
    newer = make_issuing("example", load_authority(*pems, PASSPHRASE), later)
    (issuing / f"{newer.id}.pem").write_bytes(newer.certificate_pem())
    (issuing / f"{newer.id}.key").write_bytes(newer.key_pem())
    (issuing / f"{newer.id}.key").chmod(0o600)
    pem, _ = issued(gw, later)
    leaf, above = x509.load_pem_x509_certificates(pem.encode())
    assert above == newer.certificate
    leaf.verify_directly_issued_by(newer.certificate)
