"""How one issuing authority takes the place of another: three steps, and the files that say where.

::

    issuing/<id>.pem, <id>.key         in use: the newest signs certificates, each signs its list
    issuing/next/<id>.pem, <id>.key    published, so that every listener trusts it; signs nothing
    issuing/retired/<id>.pem           was in use; its key is destroyed

A file says since when it is where it is by its time. A step that was broken off can be repeated.
"""

import os
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from cryptography import x509

from gateway import files
from gateway.keys import RotationStep
from gateway.pki import authority

NEXT, RETIRED = "next", "retired"

PUBLISHED_BEFORE = timedelta(days=1)
"""How long an authority is shown before it signs: nodes, proxies and copies have it by then."""


class AuthorityStage(StrEnum):
    """What an authority is to its gateway."""

    NEXT = "next"
    CURRENT = "current"
    FORMER = "former"
    RETIRED = "retired"


IN_USE = (AuthorityStage.CURRENT, AuthorityStage.FORMER)


@dataclass(frozen=True)
class StoredAuthority:
    """An issuing authority in the operator's folder."""

    certificate: x509.Certificate
    place: AuthorityStage
    since: datetime
    file: Path

    @property
    def id(self) -> str:
        """16 hex digits: what its files are called."""
        return authority.authority_id(self.certificate)


@dataclass(frozen=True)
class PendingAuthorityStep:
    """The step that comes next, and from when on; of which authority, unless it is to be made."""

    step: RotationStep
    due: datetime
    of: StoredAuthority | None = None


def ceremony(folder: Path) -> AbstractContextManager[None]:
    """Be the only one who changes the authorities of a folder; AuthorityError when another is."""
    busy = authority.AuthorityError("another ceremony is going on in this folder")
    return files.hold(folder, busy, os.O_RDONLY | os.O_DIRECTORY)


def kept(folder: Path) -> tuple[StoredAuthority, ...]:
    """Every issuing authority of the operator's folder: next, current, former, retired.

    Reads certificates alone, never a key. AuthorityError when one cannot be read.
    """
    using = sorted(_read(folder, AuthorityStage.FORMER), key=_age, reverse=True)
    if not using:
        raise authority.AuthorityError(
            f"{folder} holds no issuing authority; `casegate init` makes one"
        )
    first = using[0]
    current = StoredAuthority(first.certificate, AuthorityStage.CURRENT, first.since, first.file)
    there = {one.id for one in using}
    # A step that was broken off leaves a certificate in two places: the later place counts.
    coming = [one for one in _read(folder / NEXT, AuthorityStage.NEXT) if one.id not in there]
    retired = [
        one for one in _read(folder / RETIRED, AuthorityStage.RETIRED) if one.id not in there
    ]
    return (*coming, current, *using[1:], *sorted(retired, key=_age, reverse=True))


def _read(folder: Path, place: AuthorityStage) -> list[StoredAuthority]:
    found = []
    for file in sorted(folder.glob("*.pem")):
        try:
            certificate = x509.load_pem_x509_certificate(file.read_bytes())
        except ValueError as error:
            raise authority.AuthorityError(
                f"{file} is not a certificate. Restore it from its backup."
            ) from error
        since = datetime.fromtimestamp(file.stat().st_mtime, UTC)
        found.append(StoredAuthority(certificate, place, since, file))
    return found


def _age(one: StoredAuthority) -> tuple[datetime, datetime]:
    """Authorities are as old as their beginning; in one second, as when they came into use."""
    return one.certificate.not_valid_before_utc, one.since


def load(folder: Path, *places: AuthorityStage) -> tuple[authority.CertificateAuthority, ...]:
    """The authorities in these places with their keys, the newest first.

    Of those in use the newest signs certificates; each signs its own revocation list until its
    last certificate has ended. Raises AuthorityError as for `kept`, and PrivateFileError for a key
    file that others may read.
    """
    return tuple(
        authority.load_authority(
            one.file.read_bytes(), files.read_private(one.file.with_suffix(".key"))
        )
        for one in kept(folder)
        if one.place in places
    )


def next_turn(folder: Path, now: datetime) -> PendingAuthorityStep:
    """The step that comes next for the authorities of a folder; nothing is changed.

    A former authority is retired when the last certificate that it can have signed has ended: a
    certificate's life after the one that follows it was taken into use, and a day for other nodes.
    """
    found = kept(folder)
    coming = [one for one in found if one.place is AuthorityStage.NEXT]
    if coming:
        return PendingAuthorityStep(
            RotationStep.ACTIVATE, coming[0].since + PUBLISHED_BEFORE, coming[0]
        )
    (current,) = (one for one in found if one.place is AuthorityStage.CURRENT)
    former = [one for one in found if one.place is AuthorityStage.FORMER]
    if former:
        return PendingAuthorityStep(
            RotationStep.RETIRE, current.since + authority.LEAF_LIFE + PUBLISHED_BEFORE, former[-1]
        )
    return PendingAuthorityStep(RotationStep.PUBLISH, now)


def publish(folder: Path, new: authority.CertificateAuthority, now: datetime) -> None:
    """Put a new authority beside those in use.

    AuthorityError when it would be older than the one in use: the newest is the one that signs.
    """
    (current,) = (one for one in kept(folder) if one.place is AuthorityStage.CURRENT)
    if new.certificate.not_valid_before_utc < current.certificate.not_valid_before_utc:
        raise authority.AuthorityError(
            "the clock is behind the authority in use: set it right first"
        )
    files.create(folder / NEXT / f"{new.id}.key", new.key_pem())  # first: it has no meaning alone
    files.create(folder / NEXT / f"{new.id}.pem", new.certificate_pem())
    files.set_time(folder / NEXT / f"{new.id}.pem", now)


def use(folder: Path, coming: StoredAuthority, now: datetime) -> None:
    """Let a published authority sign from now on, as the newest of those in use."""
    for suffix in (".key", ".pem"):
        with suppress(FileExistsError):  # of a step that was broken off
            os.link(coming.file.with_suffix(suffix), folder / f"{coming.id}{suffix}")
    files.set_time(folder / f"{coming.id}.pem", now)
    files.sync_folder(folder)
    for suffix in (".pem", ".key"):
        coming.file.with_suffix(suffix).unlink(missing_ok=True)


def retire(folder: Path, former: StoredAuthority, now: datetime) -> None:
    """Trust an authority no more: its certificate is kept for the record, its key destroyed."""
    place = folder / RETIRED
    place.mkdir(mode=0o700, exist_ok=True)
    record = place / f"{former.id}.pem"
    files.replace(record, former.file.read_bytes())
    files.set_time(record, now)
    former.file.unlink()
    files.destroy(former.file.with_suffix(".key"))
    files.sync_folder(folder)


def forget_retired_keys(folder: Path) -> None:
    """Destroy keys that a broken-off `retire` left without their certificate."""
    for record in (folder / RETIRED).glob("*.pem"):
        if not (folder / record.name).exists():
            files.destroy((folder / record.name).with_suffix(".key"))


def reminder(folder: Path, now: datetime) -> list[str]:
    """Return what the operator can go on with, as a sentence; nothing while no rotation is under
    way."""
    turn = next_turn(folder, now)
    if turn.of is None or now < turn.due:
        return []
    if turn.step is RotationStep.ACTIVATE:
        return [
            f"issuing authority {turn.of.id} can be activated: `casegate ca rotate --step activate`"
        ]
    return [f"issuing authority {turn.of.id} can be retired: `casegate ca rotate --step retire`"]
