"""Lists are published each hour and at once, certificates renewed, authorities taken up."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from cryptography import x509

from gateway import files
from gateway.maintenance.timetable import TIMETABLE
from gateway.maintenance.upkeep import Maintenance
from gateway.pki import authority, rotation
from gateway.pki.authority import (
    CHAIN_FILE,
    CRL_FILE,
    AuthorityError,
    CertificateAuthority,
    authority_id,
    load_authority,
    make_issuing,
)
from gateway.wiring import IssuingAuthority
from tests.maintenance.upkeeping import (
    DAY,
    HOUR,
    NOW,
    certificate,
    maintained,
    member,
    overtaken,
    published_at,
    revocations,
    revoke,
)
from tests.operating import PASSPHRASE, Operator, execute


def test_a_list_is_published_at_the_start_and_then_each_hour(gw: Operator) -> None:
    with maintained(gw) as (upkeep, clock):
        for minutes in (0, 1, 59, 60, 61, 119, 120):
            clock.at = NOW + timedelta(minutes=minutes)
            upkeep.step()
            assert published_at(gw) == NOW + timedelta(minutes=minutes // 60 * 60)


def test_a_revocation_is_published_at_once(gw: Operator) -> None:
    lost, kept = certificate(7), certificate(8)
    with maintained(gw) as (upkeep, clock):
        member(upkeep.gateway, lost, kept)
        upkeep.step()
        revoke(upkeep.gateway, lost)
        clock.at += timedelta(seconds=1)
        upkeep.step()
    listed = revocations(gw)
    entry = listed.get_revoked_certificate_by_serial_number(7)
    assert entry is not None
    assert entry.revocation_date_utc == NOW
    assert listed.get_revoked_certificate_by_serial_number(8) is None


def lost(gw: Operator) -> None:
    (gw.folder / "high-water-mark").unlink()


@pytest.mark.parametrize("harm", [overtaken, lost])
def test_an_older_copy_of_the_database_lets_nobody_in_again_who_was_revoked(
    gw: Operator, harm: Callable[[Operator], None]
) -> None:
    lost, late, kept = certificate(7), certificate(8), certificate(9)
    with maintained(gw) as (upkeep, clock):
        member(upkeep.gateway, lost, late, kept)
        revoke(upkeep.gateway, lost)
        upkeep.step()
        before = "UPDATE certificate SET revoked_at = NULL"
        execute(gw.folder / "casegate.db", before)
        revoke(upkeep.gateway, late)
        harm(gw)
        clock.at += timedelta(hours=1)
        upkeep.step()
        assert {entry.serial_number for entry in revocations(gw)} == {7, 8}
        again = Maintenance(upkeep.gateway, IssuingAuthority(gw.config), TIMETABLE)
        execute(gw.folder / "casegate.db", before)
        again.step()
    assert {entry.serial_number for entry in revocations(gw)} == {7, 8}
    assert published_at(gw) == NOW + timedelta(hours=1)


def test_a_certificate_stays_listed_until_it_would_have_ended(gw: Operator) -> None:
    lost = certificate(7, ends=NOW + DAY)
    with maintained(gw) as (upkeep, clock):
        member(upkeep.gateway, lost)
        revoke(upkeep.gateway, lost)
        for offset, listed in [(DAY - HOUR, 1), (DAY + HOUR, 0)]:
            clock.at = NOW + offset
            upkeep.step()
            assert len(list(revocations(gw))) == listed


def test_a_list_is_whole_at_every_moment_and_read_by_everybody(gw: Operator) -> None:
    with maintained(gw) as (upkeep, _):
        before = (gw.config.published / CRL_FILE).stat()
        upkeep.step()
        after = (gw.config.published / CRL_FILE).stat()
    assert before.st_ino != after.st_ino
    assert after.st_mode & 0o777 == 0o644
    assert not list(gw.config.published.glob(".*"))


def test_lists_of_a_time_to_come_are_made_again_once_the_clock_is_right(gw: Operator) -> None:
    with maintained(gw) as (upkeep, clock):
        clock.at = NOW + DAY
        upkeep.step()
        assert published_at(gw) == NOW + DAY
        (said,) = authority.alarms(gw.config.published, NOW)
        assert "is to come: its clients are refused" in said
        clock.at = NOW
        upkeep.step()
        assert published_at(gw) == NOW
        assert upkeep.alarms() == []


def served(gw: Operator) -> dict[str, datetime]:
    """When the listeners' certificates end."""
    return {
        file.name: x509.load_pem_x509_certificates(file.read_bytes())[0].not_valid_after_utc
        for file in gw.config.server.glob("*.pem")
    }


@pytest.mark.parametrize("pause", [31 * DAY, 365 * DAY])
def test_after_a_long_pause_one_step_makes_everything_fresh(gw: Operator, pause: timedelta) -> None:
    with maintained(gw) as (upkeep, clock):
        clock.at = NOW + pause
        assert authority.alarms(gw.config.published, clock.at)
        upkeep.step()
        assert upkeep.alarms() == []
    assert published_at(gw) == NOW + pause
    assert served(gw) == {
        "public.pem": NOW + pause + 30 * DAY,
        "partners.pem": NOW + pause + 30 * DAY,
        "deliver.pem": NOW + pause + 30 * DAY,
    }


def test_a_listener_with_another_name_gets_its_certificate_at_the_next_start(gw: Operator) -> None:
    gw.set("partners", "url", '"https://other.example.org"')
    with maintained(gw) as (upkeep, _):
        upkeep.step()
    pem = (gw.config.server / "partners.pem").read_bytes()
    leaf = x509.load_pem_x509_certificates(pem)[0]
    named = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert named.get_values_for_type(x509.DNSName) == ["other.example.org"]


def test_a_gateway_whose_authority_has_ended_does_not_start(gw: Operator) -> None:
    with maintained(gw) as (upkeep, clock):
        clock.at = NOW + 1096 * DAY
        with pytest.raises(AuthorityError):
            upkeep.start()
        (said,) = [one for one in upkeep.alarms() if one.startswith("lists are not published")]
    assert "ca rotate --step publish --no-wait" in said
    assert "ca rotate --step activate --no-wait" in said


def made(gw: Operator, at: datetime) -> CertificateAuthority:
    """A new issuing authority, by the root."""
    pems = ((gw.config.offline / name).read_bytes() for name in ("root.pem", "root.key"))
    return make_issuing("example", load_authority(*pems, PASSPHRASE), at)


def trusted(gw: Operator) -> set[str]:
    pem = (gw.config.published / CHAIN_FILE).read_bytes()
    return {authority_id(c) for c in x509.load_pem_x509_certificates(pem)[1:]}


def test_each_step_of_a_ceremony_is_taken_up_by_the_process_that_runs(gw: Operator) -> None:
    with maintained(gw) as (upkeep, clock):
        upkeep.step()
        (old,) = upkeep.authority.authorities
        new = made(gw, clock.at + HOUR)
        rotation.publish(gw.config.issuing, new, clock.at)
        upkeep.step()
        assert trusted(gw) == {old.id, new.id}
        assert upkeep.authority.authorities[0].id == old.id
        assert (gw.config.published / f"{new.id}.crl").exists()

        (coming, *_) = rotation.kept(gw.config.issuing)
        rotation.use(gw.config.issuing, coming, clock.at)
        upkeep.step()
        assert [a.id for a in upkeep.authority.authorities] == [new.id, old.id]
        assert new.certificate_pem() in (gw.config.server / "partners.pem").read_bytes()

        former = rotation.kept(gw.config.issuing)[-1]
        rotation.retire(gw.config.issuing, former, clock.at)
        upkeep.step()
        assert trusted(gw) == {new.id}
        assert not (gw.config.published / f"{old.id}.crl").exists()
        assert upkeep.alarms() == []


def test_half_a_copy_of_an_authority_changes_nothing_and_is_told_until_it_is_whole(
    gw: Operator,
) -> None:
    with maintained(gw) as (upkeep, clock):
        upkeep.step()
        before, new = trusted(gw), made(gw, clock.at)
        place = gw.config.issuing / "next"
        files.create(place / f"{new.id}.pem", new.certificate_pem())
        upkeep.step()
        assert trusted(gw) == before
        assert any("stay as they were" in sentence for sentence in upkeep.alarms())
        files.create(place / f"{new.id}.key", new.key_pem())
        upkeep.step()
        assert trusted(gw) == before | {new.id}
        assert upkeep.alarms() == []


def test_the_operator_hears_when_a_step_can_be_taken(gw: Operator) -> None:
    with maintained(gw) as (upkeep, clock):
        rotation.publish(gw.config.issuing, made(gw, clock.at + HOUR), clock.at)
        upkeep.step()
        assert upkeep.alarms() == []
        clock.at += DAY
        upkeep.step()
        (told,) = upkeep.alarms()
        assert "--step activate" in told
