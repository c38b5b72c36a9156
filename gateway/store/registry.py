"""The registry: organisations, memberships and mandates, systems, certificates, people, staff."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from gateway.domain.json_values import read_record, to_json
from gateway.domain.lifecycle import UNSEEN
from gateway.domain.mandate import Mandate
from gateway.domain.organisation import (
    Administrator,
    Certificate,
    Contact,
    Organisation,
    OrganisationName,
    Status,
    System,
)
from gateway.domain.out_of_service import Entry, EntryKind
from gateway.domain.refusals import AlreadyExists, CaseErased, EditConflict, WrongState
from gateway.domain.staff import StaffEntry, StaffInvitation, StaffPasskey
from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import MemberProof
from gateway.store.columns import RecordTable, StorePart, matching, write_json
from gateway.store.content_encryption import CellRef
from gateway.store.tables import (
    certificate,
    client_key,
    competence,
    contact,
    doomed_key,
    member_proof,
    organisation,
    out_of_service,
    passkey,
    person,
    registry,
    staff,
    staff_invitation,
    system,
)
from gateway.store.transaction import insert_new

MOST_REMEMBERED = 10_000
"""Entries of the registry that a process remembers at most; a gateway has fewer."""

_MANDATES = RecordTable(competence, Mandate)
_WITH_COMPETENCES = select(
    organisation, *(column.label(f"competence_{column.name}") for column in _MANDATES.columns)
).order_by(organisation.c.slug, competence.c.position)
ALL_ORGANISATIONS = _WITH_COMPETENCES.select_from(
    organisation.outerjoin(competence, competence.c.organisation == organisation.c.slug)
)
"""Every organisation with its mandates, as `organisations_as_stored` reads them."""
_GET = ALL_ORGANISATIONS.where(matching(organisation, "slug"))


def _page_where(*wanted: ColumnElement[bool]) -> Select[Any]:
    on_page = (
        select(organisation.c.slug)
        .where(organisation.c.slug > bindparam("after"), *wanted)
        .order_by(organisation.c.slug)
        .limit(bindparam("limit"))
        .subquery()
    )
    return _WITH_COMPETENCES.select_from(
        organisation.join(on_page, on_page.c.slug == organisation.c.slug).outerjoin(
            competence, competence.c.organisation == organisation.c.slug
        )
    )


_PAGE = _page_where()
_SEEN_PAGE = _page_where(*(organisation.c.status != one for one in sorted(UNSEEN)))
# What a document says of its kind is found without an index, once a version of the registry.
_PEERS = ALL_ORGANISATIONS.where(organisation.c.document.contains('"kind":"gateway"'))
_REMOTE = ALL_ORGANISATIONS.where(organisation.c.slug.like(bindparam("like")))
_HOLDERS = (
    _MANDATES.all.join(organisation, organisation.c.slug == competence.c.organisation)
    .where(
        matching(competence, "function", "matter"),
        organisation.c.status == Status.ACTIVE,
    )
    .order_by(competence.c.organisation, competence.c.position)
)
_ADD = insert_new(organisation)
_SAVE = update(organisation).where(
    organisation.c.slug == bindparam("of_slug"), organisation.c.version == bindparam("previous")
)
_DROP_COMPETENCES = delete(competence).where(competence.c.organisation == bindparam("slug"))
_ADD_COMPETENCES = insert(competence)

_SYSTEM_RECORDS = RecordTable(
    system,
    System,
    taken="the organisation has a system of this name",
    changed="this system is not registered",
)
_systems = _SYSTEM_RECORDS.by("organisation")
_SYSTEMS = _systems.order_by(system.c.name)

_KEYS = (
    select(client_key.c.jwk)
    .where(matching(client_key, "organisation", "system"))
    .order_by(client_key.c.position)
)
_DROP_KEYS = delete(client_key).where(
    matching(client_key, "organisation", "system", prefix="of_"),
)
_ADD_KEYS = insert(client_key)

_before = certificate.alias()
_next_ordinal = (
    select(func.coalesce(func.max(_before.c.ordinal), 0) + 1)
    .where(matching(_before, "organisation", "system"))
    .scalar_subquery()
)
_CERTIFICATE_RECORDS = RecordTable(
    certificate,
    Certificate,
    keeps=("serial", "organisation", "system"),
    taken="this certificate is recorded already",
    changed="this certificate is not recorded",
    # The registry's lock makes the counted ordinal safe.
    insert=insert_new(certificate).values(
        {c.name: bindparam(c.name) for c in certificate.c if c.name != "ordinal"}
        | {"ordinal": _next_ordinal}
    ),
)
_certificates = _CERTIFICATE_RECORDS.all
_CERTIFICATES = _certificates.where(
    matching(certificate, "organisation", "system"),
).order_by(certificate.c.ordinal)
_REVOKED = _certificates.where(
    certificate.c.revoked_at.is_not(None), certificate.c.not_after > bindparam("after")
).order_by(certificate.c.revoked_at, certificate.c.thumbprint)
_EXPIRING = _certificates.where(
    certificate.c.revoked_at.is_(None),
    certificate.c.not_after > bindparam("after"),
    certificate.c.not_after <= bindparam("until"),
).order_by(certificate.c.not_after, certificate.c.thumbprint)

_CONTACTS = select(contact).where(matching(contact, "organisation")).order_by(contact.c.role)
_HAS_CONTACT = select(contact.c.role).where(matching(contact, "organisation", "role"))
_DROP_CONTACTS = delete(contact).where(matching(contact, "organisation", prefix="of_"))
_ADD_CONTACT = insert(contact)
_DOOM = insert_new(doomed_key)

_ADMINISTRATORS = RecordTable(person, Administrator, taken="there is a person with this id")
_PERSONS = _ADMINISTRATORS.all.order_by(person.c.id)

_OUT = select(out_of_service.c.kind, out_of_service.c.name)
_DROP_OUT = delete(out_of_service)
_ADD_OUT = insert(out_of_service)

_PROOFS = RecordTable(member_proof, MemberProof)
_DROP_PROOF = delete(member_proof).where(matching(member_proof, "organisation", "name"))

_RAISE_VERSION = update(registry).values(version=registry.c.version + 1)

T = TypeVar("T")
Entries = dict[tuple[str, ...], Any]


class RegistryCache:
    """What the registry says, remembered by a process as long as the registry's version stays.

    Each unit of work reads the version in its own transaction, so nothing that was changed is ever
    used: a suspension counts at the next request in every process, as if nothing were remembered.
    """

    def __init__(self) -> None:
        """Start with nothing."""
        self._newest: tuple[int, Entries] = (0, {})

    def at(self, version: int) -> Entries:
        """Return what is remembered of a version; a transaction that sees an older one starts
        anew."""
        known, entries = self._newest
        if version == known:
            return entries
        fresh: Entries = {}
        if version > known:
            self._newest = (version, fresh)
        return fresh


@dataclass(eq=False)
class _RegistryPart(StorePart):
    """A part of the registry. Changes need a REGISTRY transaction."""

    registry = True
    _entries: Entries
    """What is remembered of the version that the transaction found; who changes the registry is
    given nothing, keeps nothing, and always looks."""

    def _remember(self, key: tuple[str, ...], found: Any) -> None:
        """Keep what was found at this version."""
        changes = self._transaction.mode is TransactionMode.REGISTRY
        if not changes and len(self._entries) < MOST_REMEMBERED:
            self._entries[key] = found

    def _remembered(self, key: tuple[str, ...], find: Callable[[], T], *, none: bool = False) -> T:
        """Return what is remembered, or else found.

        That there is ``none`` only of what is registered: others' names have no end.
        """
        if key in self._entries:
            known: T = self._entries[key]
            return known
        found = find()
        if found or none:
            self._remember(key, found)
        return found


class SqlOrganisations(_RegistryPart):
    """Organisations, their mandates, systems, keys and certificates, and the administrators."""

    def raise_version(self) -> None:
        """End the time of what every process remembers: the last statement before a commit."""
        self._write(_RAISE_VERSION)

    def get(self, slug: str) -> Organisation | None:
        """The organisation with its memberships and mandates, as of this transaction."""

        def find() -> Organisation | None:
            found = self._in_service(self._transaction.rows(_GET, {"slug": slug}))
            return found[0] if found else None

        return self._remembered(("organisation", slug), find)

    def left(self, *slugs: str) -> Collection[str]:
        """Those of some organisations that have left."""
        found = map(self.get, slugs)
        return {one.slug for one in found if one is not None and one.status is Status.LEFT}

    def page(self, after: str, limit: int, *, seen: bool = False) -> Sequence[Organisation]:
        """Organisations with a slug greater than ``after``, in order of slug.

        With ``seen`` only those that members may know of (`organisation.UNSEEN`).
        """
        page, values = _SEEN_PAGE if seen else _PAGE, {"after": after, "limit": limit}
        return self._in_service(self._transaction.rows(page, values))

    def peers(self) -> Mapping[str, str]:
        """The URI of each peer gateway whose keys were compared, by its id, also once it ended."""

        def find() -> Mapping[str, str]:
            found = organisations_as_stored(self._transaction.rows(_PEERS, {}))
            return {one.slug: one.peer.pins.issuer for one in found if one.peer is not None}

        return self._remembered(("peers",), find, none=True)

    def members_of(self, peer: str) -> Sequence[Organisation]:
        """The remote members at a peer gateway, by name, whatever the status of that."""
        return organisations_as_stored(self._transaction.rows(_REMOTE, {"like": f"%@{peer}"}))

    def proof(self, organisation: str, name: str) -> MemberProof | None:
        """Return what a peer gateway said of a remote member's key or mandate."""
        return self._get(_PROOFS, organisation=organisation, name=name)

    def keep_proof(self, proof: MemberProof) -> None:
        """Keep what a peer gateway tells of a key or mandate, in place of what it told before."""
        self._write(_DROP_PROOF, {"organisation": proof.organisation, "name": proof.name})
        self._add(_PROOFS, proof)

    def holders(self, function: str, matter: str) -> Sequence[Mandate]:
        """Every mandate of that function and matter, in any territory and whatever its period, of
        organisations that are active."""

        def find() -> Sequence[Mandate]:
            values = {"function": function, "matter": matter}
            found, out = self._all(_MANDATES, _HOLDERS, **values), self.out_of_service()
            return tuple(
                one
                for one in found
                if (EntryKind.ORGANISATION, one.organisation) not in out
                and self._peer_status(one.organisation) in (None, Status.ACTIVE)
            )

        return self._remembered(("holders", function, matter), find, none=True)

    def add(self, organisation: Organisation) -> None:
        """Store a new organisation; AlreadyExists when the slug was ever used."""
        if not self._write(_ADD, _organisation_row(organisation)):
            raise AlreadyExists("this organisation id is taken, and ids are never used again")
        self._add_mandates(organisation)

    def save(self, organisation: Organisation) -> None:
        """Replace the stored one, whose version must be one less; else EditConflict."""
        self._transaction.require_registry()
        if (EntryKind.ORGANISATION, organisation.slug) in self.out_of_service():
            raise WrongState(
                "the organisation's entry is not what its events say: nothing of it is changed "
                "before the operator has put that right"
            )
        values = _organisation_row(organisation)
        expected = {"of_slug": values.pop("slug"), "previous": organisation.version - 1}
        if not self._transaction.run(_SAVE, values | expected).rowcount:
            raise EditConflict("the organisation has changed: read it again")
        self._transaction.run(_DROP_COMPETENCES, {"slug": organisation.slug})
        self._add_mandates(organisation)

    def system(self, organisation: str, name: str) -> System | None:
        """One registered system."""
        return self._remembered(
            ("system", organisation, name),
            lambda: self._get(_SYSTEM_RECORDS, organisation=organisation, name=name),
        )

    def has_system(self, organisation: str) -> bool:
        """Tell whether a system of it is registered and enabled: else nobody reads what it is
        sent."""
        owner = OrganisationName(organisation).peer or organisation
        return self._remembered(
            ("has a system", owner),
            lambda: any(one.enabled for one in self.systems(owner)),
        )

    def systems(self, organisation: str) -> Sequence[System]:
        """All systems of an organisation, by name."""
        return self._all(_SYSTEM_RECORDS, _SYSTEMS, organisation=organisation)

    def add_system(self, system: System) -> None:
        """Register a system; AlreadyExists when the name is taken."""
        self._add(_SYSTEM_RECORDS, system)

    def save_system(self, system: System) -> None:
        """Replace the stored one; EditConflict when it is not registered."""
        self._replace(_SYSTEM_RECORDS, system)

    def client_keys(self, organisation: str, system: str) -> Sequence[str]:
        """The public keys (JWK as JSON) with which a system must authenticate; none for most."""
        return self._remembered(
            ("client keys", organisation, system),
            lambda: tuple(self._firsts(_KEYS, organisation=organisation, system=system)),
            none=True,
        )

    def set_client_keys(self, organisation: str, system: str, keys: Sequence[str]) -> None:
        """Replace the keys of a registered system."""
        self._transaction.require_registry()
        named = {"of_organisation": organisation, "of_system": system}
        self._transaction.run(_DROP_KEYS, named)
        rows = (
            {"organisation": organisation, "system": system, "position": position, "jwk": jwk}
            for position, jwk in enumerate(keys)
        )
        self._transaction.run(_ADD_KEYS, *rows)

    def certificate(self, thumbprint: str) -> Certificate | None:
        """A certificate that this gateway issued."""
        return self._remembered(
            ("certificate", thumbprint),
            lambda: self._get(_CERTIFICATE_RECORDS, thumbprint=thumbprint),
        )

    def certificates(self, organisation: str, system: str) -> Sequence[Certificate]:
        """All certificates of a system, the one recorded last at the end."""
        values = {"organisation": organisation, "system": system}
        return self._all(_CERTIFICATE_RECORDS, _CERTIFICATES, **values)

    def add_certificate(self, certificate: Certificate) -> None:
        """Record an issued certificate; AlreadyExists when known."""
        self._add(_CERTIFICATE_RECORDS, certificate)

    def save_certificate(self, certificate: Certificate) -> None:
        """Replace end, revocation and reminder; EditConflict when it is not recorded."""
        self._replace(_CERTIFICATE_RECORDS, certificate)

    def expiring(self, after: datetime, until: datetime) -> Sequence[Certificate]:
        """Certificates not revoked that end after ``after``, not after ``until``, by their ends."""
        return self._all(_CERTIFICATE_RECORDS, _EXPIRING, after=after, until=until)

    def revoked(self, after: datetime) -> Sequence[Certificate]:
        """The CRL: revoked certificates that would still be valid after ``after``, as revoked."""
        return self._all(_CERTIFICATE_RECORDS, _REVOKED, after=after)

    def contacts(self, organisation: str) -> Sequence[Contact]:
        """Whom to reach at an organisation, by role; without those whose key is gone."""
        found = []
        for row in self._transaction.rows(_CONTACTS, {"organisation": organisation}):
            with suppress(CaseErased):
                said = self._cipher.decrypt(row.said, _contact_cell(organisation, row.role))
                name, address = json.loads(said)
                found.append(Contact(organisation, row.role, name, address, row.registration_event))
        return found

    def has_contact(self, organisation: str, role: str) -> bool:
        """Tell whether an organisation has a contact in a role; none is opened for it."""
        values = {"organisation": organisation, "role": role}
        return self._remembered(
            ("has a contact", organisation, role),
            lambda: self._transaction.first(_HAS_CONTACT, values) is not None,
            none=True,
        )

    def set_contacts(self, organisation: str, contacts: Sequence[Contact]) -> UUID:
        """Store contacts in place of those in their roles, all under a new key, which is returned.

        The key before is doomed. Raises CaseKeysUnavailable.
        """
        named = {one.role for one in contacts}
        kept = [one for one in self.contacts(organisation) if one.role not in named]
        self.end_contacts(organisation)
        key = self._cipher.new_key()
        rows = [
            {
                "organisation": organisation,
                "role": one.role,
                "registration_event": one.registration_event,
                "content_key": key,
                "said": self._cipher.encrypt(
                    write_json([one.name, one.address]), key, _contact_cell(organisation, one.role)
                ),
            }
            for one in (*kept, *contacts)
        ]
        self._transaction.run(_ADD_CONTACT, *rows)
        return key

    def end_contacts(self, organisation: str) -> None:
        """Forget an organisation's contacts, and doom their key."""
        self._transaction.require_registry()
        held = self._transaction.rows(_CONTACTS, {"organisation": organisation})
        for key in {row.content_key for row in held}:
            self._transaction.run(_DOOM, {"content_key": key})
        self._transaction.run(_DROP_CONTACTS, {"of_organisation": organisation})

    def person(self, person: str) -> Administrator | None:
        """One administrator."""
        found = self._get(_ADMINISTRATORS, id=person)
        return found and self._administrator(found)

    def persons(self) -> Sequence[Administrator]:
        """All administrators, by id."""
        return [*map(self._administrator, self._all(_ADMINISTRATORS, _PERSONS))]

    def add_person(self, person: Administrator) -> None:
        """Enrol an administrator; AlreadyExists when the id was ever used."""
        self._add(_ADMINISTRATORS, person)

    def save_person(self, person: Administrator) -> None:
        """Change an administrator's keys, and whether they are enabled; EditConflict when there is
        none."""
        changed = {"of_id": person.id, "enabled": person.enabled, "public_key": person.public_key}
        if not self._write(_ADMINISTRATORS.update, changed):
            raise EditConflict("there is no person with this id")

    def out_of_service(self) -> frozenset[Entry]:
        """Entries that are not used: a kind (`organisation`, `person`, `handoff`, ...) and the id.

        Such an organisation is found suspended, and none of its entry is changed; such an
        administrator is found disabled. Who uses another kind asks for it.
        """
        return self._remembered(
            ("out of service",),
            lambda: frozenset((row.kind, row.name) for row in self._transaction.rows(_OUT)),
            none=True,
        )

    def put_out_of_service(self, entries: frozenset[Entry]) -> None:
        """Let exactly these entries be out of service, in every process."""
        self._write(_DROP_OUT)
        rows = ({"kind": kind, "name": name} for kind, name in entries)
        self._transaction.run(_ADD_OUT, *rows)

    def _in_service(self, rows: Iterable[Any]) -> list[Organisation]:
        """Organisations of whom those out of service are suspended, whatever their rows say, and so
        are members of a peer gateway that does not take part; of one that left, they left."""
        out = self.out_of_service()
        found = []
        for one in organisations_as_stored(rows):
            at_home, status = self._peer_status(one.slug), one.status
            if (EntryKind.ORGANISATION, one.slug) in out:
                status = Status.SUSPENDED
            elif at_home is Status.LEFT or at_home not in (None, Status.ACTIVE, status):
                status = Status.LEFT if Status.LEFT in (at_home, status) else Status.SUSPENDED
            found.append(one if status is one.status else replace(one, status=status))
        return found

    def _peer_status(self, name: str) -> Status | None:
        """That of the gateway of a remote member; None for other names."""
        if (peer := OrganisationName(name).peer) is None:
            return None
        found = self.get(peer)
        return Status.SUSPENDED if found is None else found.status

    def _administrator(self, person: Administrator) -> Administrator:
        in_service = (EntryKind.PERSON, person.id) not in self.out_of_service()
        return replace(person, enabled=person.enabled and in_service)

    def _add_mandates(self, organisation: Organisation) -> None:
        rows = map(_MANDATES.row, organisation.mandates)
        self._transaction.run(
            _ADD_COMPETENCES, *({**row, "position": n} for n, row in enumerate(rows))
        )


def _contact_cell(organisation: str, role: str) -> CellRef:
    return CellRef(contact.name, f"{organisation}/{role}", "said")


_OWN = len(organisation.c)
_OWN_COLUMNS = ("slug", "status", "version", "mandates")
"""The fields of an organisation that are not in its document."""


def organisations_as_stored(rows: Iterable[Any]) -> list[Organisation]:
    """Rows of one organisation stand together, one for each competence, or one without any."""
    grouped = ([*group] for _, group in groupby(rows, attrgetter("slug")))
    return [
        read_record(
            Organisation,
            {
                **json.loads(row.document),
                # What a document says of these hides no row: statements look for the columns.
                "slug": row.slug,
                "status": row.status,
                "version": row.version,
                "mandates": [
                    _MANDATES.read(r[_OWN:]) for r in group if r.competence_id is not None
                ],
            },
        )
        for group in grouped
        for row in group[:1]
    ]


def _organisation_row(organisation: Organisation) -> dict[str, Any]:
    document = {n: to_json(v) for n, v in vars(organisation).items() if n not in _OWN_COLUMNS}
    return {
        "slug": organisation.slug,
        "status": organisation.status,
        "version": organisation.version,
        "document": write_json(document),
    }


# --- Staff registers -----------------------------------------------------------------------------

_ENTRIES = RecordTable(staff, StaffEntry)
_staff = _ENTRIES.by("organisation").where(
    ~exists().where(
        out_of_service.c.kind == EntryKind.STAFF,
        out_of_service.c.name == staff.c.organisation + "/" + staff.c.pseudonym,
    ),
)
"""An entry that is not what its events say is nobody's."""
_NAMED_PERSONS = ("first", "second", "third", "fourth", "fifth")
# As many places as a request may name persons: one text of the statement, compiled once.
_STAFF_NAMED = _staff.where(or_(*(staff.c.pseudonym == bindparam(name) for name in _NAMED_PERSONS)))
_STAFF_PAGE = (
    _staff.where(staff.c.pseudonym > bindparam("after"))
    .order_by(staff.c.pseudonym)
    .limit(bindparam("limit"))
)


_PASSKEYS = RecordTable(passkey, StaffPasskey)
_PASSKEYS_OF = _PASSKEYS.by("organisation", "pseudonym").order_by(passkey.c.event)
_INVITED = RecordTable(staff_invitation, StaffInvitation)
_INVITED_BY_TOKEN = _INVITED.by("token_sha256")
_END_INVITED = delete(staff_invitation).where(
    matching(staff_invitation, "organisation", "pseudonym")
)


class SqlStaff(_RegistryPart):
    """The staff registers of organisations; of entries and passkeys no row is ever taken away."""

    def named(self, organisation: str, pseudonyms: Collection[str]) -> Sequence[StaffEntry]:
        """The organisation's entries of these pseudonyms, five at most, in one statement."""
        keys = [(EntryKind.STAFF, organisation, one) for one in pseudonyms]
        if all(key in self._entries for key in keys):
            return [self._entries[key] for key in keys]
        first, *others = pseudonyms
        names = dict(zip(_NAMED_PERSONS, (first, *others), strict=False))
        values = {**dict.fromkeys(_NAMED_PERSONS, first), **names, "organisation": organisation}
        found = self._all(_ENTRIES, _STAFF_NAMED, **values)
        for one in found:
            self._remember((EntryKind.STAFF, organisation, one.pseudonym), one)
        return found

    def page(self, organisation: str, after: str, limit: int) -> Sequence[StaffEntry]:
        """The organisation's entries with a pseudonym greater than ``after``, in its order."""
        values = {"organisation": organisation, "after": after, "limit": limit}
        return self._all(_ENTRIES, _STAFF_PAGE, **values)

    def add(self, entry: StaffEntry) -> bool:
        """Store a new entry; False, and nothing stored, when the pseudonym was ever used."""
        return self._write(_ENTRIES.insert, vars(entry))

    def end(self, organisation: str, pseudonym: str, ends_at: datetime) -> None:
        """Let an entry end at a moment."""
        values = {"of_organisation": organisation, "of_pseudonym": pseudonym, "ends_at": ends_at}
        self._write(_ENTRIES.update, values)

    def passkeys(self, organisation: str, pseudonym: str) -> Sequence[StaffPasskey]:
        """The passkeys that a person has or had, the oldest first."""

        def find() -> Sequence[StaffPasskey]:
            of = {"organisation": organisation, "pseudonym": pseudonym}
            return self._all(_PASSKEYS, _PASSKEYS_OF, **of)

        return self._remembered(("passkeys", organisation, pseudonym), find, none=True)

    def add_passkey(self, made: StaffPasskey) -> bool:
        """Store a passkey; False, and nothing stored, when it was ever registered."""
        return self._write(_PASSKEYS.insert, vars(made))

    def revoke_passkey(self, kid: str, event: UUID) -> None:
        """Let a passkey count no more, by an event."""
        self._write(_PASSKEYS.update, {"of_kid": kid, "revocation_event": event})

    def invitation(self, organisation: str, pseudonym: str) -> StaffInvitation | None:
        """The invitation of a person that was not used yet, which may be over."""
        return self._get(_INVITED, organisation=organisation, pseudonym=pseudonym)

    def invited(self, token_sha256: str) -> StaffInvitation | None:
        """The invitation of a token, likewise."""
        return self._one(_INVITED, _INVITED_BY_TOKEN, token_sha256=token_sha256)

    def invite(self, made: StaffInvitation) -> None:
        """Store an invitation, in place of the one before."""
        self.end_invitation(made.organisation, made.pseudonym)
        self._add(_INVITED, made)

    def end_invitation(self, organisation: str, pseudonym: str) -> None:
        """Let the invitation of a person be used no more."""
        self._write(_END_INVITED, {"organisation": organisation, "pseudonym": pseudonym})
