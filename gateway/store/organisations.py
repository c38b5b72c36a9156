"""The registry: organisations with seats and competences, their systems, certificates, people."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Select,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from gateway.actions.ports import Mode
from gateway.domain.membership import UNSEEN
from gateway.domain.organisation import (
    Certificate,
    Competence,
    Contact,
    Organisation,
    Person,
    Status,
    System,
)
from gateway.domain.refusals import AlreadyExists, Stale
from gateway.store.entries import (
    read_certificate,
    read_competence,
    read_organisations,
    read_person,
    read_system,
    write_competence,
    write_organisation,
)
from gateway.store.remembered import MOST, Entries, RegistryMemory
from gateway.store.tables import (
    certificate,
    client_key,
    competence,
    contact,
    organisation,
    person,
    registry,
    system,
)
from gateway.store.transaction import Transaction, insert_new

_COMPETENCE = [
    column.label(f"competence_{column.name}")
    for column in competence.c
    if column.name not in {"organisation", "position"}
]
_WITH_COMPETENCES = select(organisation, *_COMPETENCE).order_by(
    organisation.c.slug, competence.c.position
)
_GET = _WITH_COMPETENCES.select_from(
    organisation.outerjoin(competence, competence.c.organisation == organisation.c.slug)
).where(organisation.c.slug == bindparam("slug"))


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
_SEEN_PAGE = _page_where(*(organisation.c.status != one.value for one in sorted(UNSEEN)))
_RECEIVERS = (
    select(competence.c.organisation, *_COMPETENCE)
    .join(organisation, organisation.c.slug == competence.c.organisation)
    .where(
        competence.c.function == "receive",
        competence.c.matter == bindparam("matter"),
        competence.c.territory == bindparam("territory"),
        organisation.c.status == Status.ACTIVE.value,
    )
    .order_by(competence.c.organisation, competence.c.position)
)
_ADD = insert_new(organisation)
_SAVE = update(organisation).where(
    organisation.c.slug == bindparam("of_slug"), organisation.c.version == bindparam("previous")
)
_DROP_COMPETENCES = delete(competence).where(competence.c.organisation == bindparam("slug"))
_ADD_COMPETENCES = insert(competence)

_SYSTEMS = (
    select(system).where(system.c.organisation == bindparam("organisation")).order_by(system.c.name)
)
_SYSTEM = select(system).where(
    system.c.organisation == bindparam("organisation"), system.c.name == bindparam("name")
)
_ADD_SYSTEM = insert_new(system)
_SAVE_SYSTEM = (
    update(system)
    .where(
        system.c.organisation == bindparam("of_organisation"),
        system.c.name == bindparam("of_name"),
    )
    .values(scopes=bindparam("scopes"), enabled=bindparam("enabled"))
)
_END_TOKENS = (
    update(system)
    .where(
        system.c.organisation == bindparam("of_organisation"),
        system.c.name == bindparam("of_name"),
    )
    .values(tokens_from=bindparam("at"))
)

_KEYS = (
    select(client_key.c.jwk)
    .where(
        client_key.c.organisation == bindparam("organisation"),
        client_key.c.system == bindparam("system"),
    )
    .order_by(client_key.c.position)
)
_DROP_KEYS = delete(client_key).where(
    client_key.c.organisation == bindparam("of_organisation"),
    client_key.c.system == bindparam("of_system"),
)
_ADD_KEYS = insert(client_key)

_CERTIFICATE = select(certificate).where(certificate.c.thumbprint == bindparam("thumbprint"))
_CERTIFICATES = (
    select(certificate)
    .where(
        certificate.c.organisation == bindparam("organisation"),
        certificate.c.system == bindparam("system"),
    )
    .order_by(certificate.c.ordinal)
)
_REVOKED = (
    select(certificate)
    .where(certificate.c.revoked_at.is_not(None), certificate.c.not_after > bindparam("after"))
    .order_by(certificate.c.revoked_at, certificate.c.thumbprint)
)
_EXPIRING = (
    select(certificate)
    .where(
        certificate.c.revoked_at.is_(None),
        certificate.c.not_after > bindparam("after"),
        certificate.c.not_after <= bindparam("until"),
    )
    .order_by(certificate.c.not_after, certificate.c.thumbprint)
)
_before = certificate.alias()
_next_ordinal = (
    select(func.coalesce(func.max(_before.c.ordinal), 0) + 1)
    .where(
        _before.c.organisation == bindparam("organisation"),
        _before.c.system == bindparam("system"),
    )
    .scalar_subquery()
)
# The registry's lock makes the counted ordinal safe.
_ADD_CERTIFICATE = insert_new(certificate).values(
    {c.name: bindparam(c.name) for c in certificate.c if c.name != "ordinal"}
    | {"ordinal": _next_ordinal}
)
_SAVE_CERTIFICATE = update(certificate).where(
    certificate.c.thumbprint == bindparam("of_thumbprint")
)

_CONTACTS = (
    select(contact)
    .where(contact.c.organisation == bindparam("organisation"))
    .order_by(contact.c.role)
)
_DROP_CONTACT = delete(contact).where(
    contact.c.organisation == bindparam("of_organisation"), contact.c.role == bindparam("of_role")
)
_ADD_CONTACT = insert(contact)

_PERSON = select(person).where(person.c.id == bindparam("person"))
_PERSONS = select(person).order_by(person.c.id)
_ADD_PERSON = insert_new(person)
_SAVE_PERSON = (
    update(person).where(person.c.id == bindparam("of_id")).values(enabled=bindparam("enabled"))
)

_RAISE_VERSION = update(registry).values(version=registry.c.version + 1)

T = TypeVar("T")


class SqlOrganisations:
    """The registry in SQL; the contract is that of `gateway.actions.ports.Organisations`."""

    def __init__(self, transaction: Transaction, memory: RegistryMemory, version: int) -> None:
        """Work in this transaction, which found ``version``, with what the process remembers."""
        self._transaction = transaction
        self._entries: Entries = memory.at(version)

    def raise_version(self) -> None:
        """End the time of what every process remembers: the last statement before a commit."""
        self._transaction.require_registry()
        self._transaction.execute(_RAISE_VERSION)

    def get(self, slug: str) -> Organisation | None:
        """See the port."""

        def look() -> Organisation | None:
            found = read_organisations(self._transaction.execute(_GET, {"slug": slug}))
            return found[0] if found else None

        return self._remembered(("organisation", slug), look)

    def page(self, after: str, limit: int, *, seen: bool = False) -> Sequence[Organisation]:
        """See the port."""
        page, values = _SEEN_PAGE if seen else _PAGE, {"after": after, "limit": limit}
        return read_organisations(self._transaction.execute(page, values))

    def receivers(self, matter: str, territory: str) -> Sequence[Competence]:
        """See the port."""

        def look() -> tuple[Competence, ...]:
            values = {"matter": matter, "territory": territory}
            rows = self._transaction.execute(_RECEIVERS, values)
            return tuple(read_competence(row, row.organisation) for row in rows)

        return self._remembered(("receivers", matter, territory), look)

    def add(self, organisation: Organisation) -> None:
        """See the port."""
        self._transaction.require_registry()
        if not self._transaction.changed(_ADD, write_organisation(organisation)):
            raise AlreadyExists("this organisation id is taken, and ids are never used again")
        self._add_competences(organisation)

    def save(self, organisation: Organisation) -> None:
        """See the port."""
        self._transaction.require_registry()
        values = write_organisation(organisation)
        expected = {"of_slug": values.pop("slug"), "previous": organisation.version - 1}
        if not self._transaction.changed(_SAVE, values | expected):
            raise Stale("the organisation has changed: read it again")
        self._transaction.execute(_DROP_COMPETENCES, {"slug": organisation.slug})
        self._add_competences(organisation)

    def system(self, organisation: str, name: str) -> System | None:
        """See the port."""

        def look() -> System | None:
            values = {"organisation": organisation, "name": name}
            row = self._transaction.execute(_SYSTEM, values).first()
            return row and read_system(row)

        return self._remembered(("system", organisation, name), look)

    def systems(self, organisation: str) -> Sequence[System]:
        """See the port."""
        rows = self._transaction.execute(_SYSTEMS, {"organisation": organisation})
        return [read_system(row) for row in rows]

    def add_system(self, system: System) -> None:
        """See the port."""
        self._transaction.require_registry()
        if not self._transaction.changed(_ADD_SYSTEM, vars(system)):
            raise AlreadyExists("the organisation has a system of this name")

    def save_system(self, system: System) -> None:
        """See the port; Stale when it is not registered."""
        self._transaction.require_registry()
        values = {
            "of_organisation": system.organisation,
            "of_name": system.name,
            "scopes": system.scopes,
            "enabled": system.enabled,
        }
        if not self._transaction.changed(_SAVE_SYSTEM, values):
            raise Stale("this system is not registered")

    def end_tokens(self, organisation: str, system: str, at: datetime) -> None:
        """See the port."""
        self._transaction.require_registry()
        named = {"of_organisation": organisation, "of_name": system, "at": at}
        self._transaction.execute(_END_TOKENS, named)

    def client_keys(self, organisation: str, system: str) -> Sequence[str]:
        """See the port."""
        values = {"organisation": organisation, "system": system}
        return [row.jwk for row in self._transaction.execute(_KEYS, values)]

    def set_client_keys(self, organisation: str, system: str, keys: Sequence[str]) -> None:
        """See the port."""
        self._transaction.require_registry()
        named = {"of_organisation": organisation, "of_system": system}
        self._transaction.execute(_DROP_KEYS, named)
        rows = [
            {"organisation": organisation, "system": system, "position": position, "jwk": jwk}
            for position, jwk in enumerate(keys)
        ]
        if rows:
            self._transaction.execute(_ADD_KEYS, rows)

    def certificate(self, thumbprint: str) -> Certificate | None:
        """See the port."""

        def look() -> Certificate | None:
            row = self._transaction.execute(_CERTIFICATE, {"thumbprint": thumbprint}).first()
            return row and read_certificate(row)

        return self._remembered(("certificate", thumbprint), look)

    def certificates(self, organisation: str, system: str) -> Sequence[Certificate]:
        """See the port; the newest is the one recorded last."""
        values = {"organisation": organisation, "system": system}
        return [read_certificate(row) for row in self._transaction.execute(_CERTIFICATES, values)]

    def add_certificate(self, certificate: Certificate) -> None:
        """See the port."""
        self._transaction.require_registry()
        values = {**vars(certificate), "serial": str(certificate.serial)}
        if not self._transaction.changed(_ADD_CERTIFICATE, values):
            raise AlreadyExists("this certificate is recorded already")

    def save_certificate(self, certificate: Certificate) -> None:
        """See the port; Stale when it is not recorded. Only end, revocation, reminder change."""
        self._transaction.require_registry()
        values = {
            "of_thumbprint": certificate.thumbprint,
            "not_after": certificate.not_after,
            "revoked_at": certificate.revoked_at,
            "reminded": certificate.reminded,
        }
        if not self._transaction.changed(_SAVE_CERTIFICATE, values):
            raise Stale("this certificate is not recorded")

    def expiring(self, after: datetime, until: datetime) -> Sequence[Certificate]:
        """See the port; in order of their ends."""
        values = {"after": after, "until": until}
        return [read_certificate(row) for row in self._transaction.execute(_EXPIRING, values)]

    def revoked(self, after: datetime) -> Sequence[Certificate]:
        """See the port; in order of revocation."""
        return [
            read_certificate(row) for row in self._transaction.execute(_REVOKED, {"after": after})
        ]

    def contacts(self, organisation: str) -> Sequence[Contact]:
        """See the port."""
        rows = self._transaction.execute(_CONTACTS, {"organisation": organisation})
        return [
            Contact(row.organisation, row.role, row.name, row.address, row.registered_by)
            for row in rows
        ]

    def set_contact(self, contact: Contact) -> None:
        """See the port."""
        self._transaction.require_registry()
        named = {"of_organisation": contact.organisation, "of_role": contact.role}
        self._transaction.execute(_DROP_CONTACT, named)
        self._transaction.execute(_ADD_CONTACT, [vars(contact)])

    def person(self, person: str) -> Person | None:
        """See the port."""
        row = self._transaction.execute(_PERSON, {"person": person}).first()
        return row and read_person(row)

    def persons(self) -> Sequence[Person]:
        """See the port."""
        return [read_person(row) for row in self._transaction.execute(_PERSONS)]

    def add_person(self, person: Person) -> None:
        """See the port."""
        self._transaction.require_registry()
        if not self._transaction.changed(_ADD_PERSON, vars(person)):
            raise AlreadyExists("there is a person with this id")

    def save_person(self, person: Person) -> None:
        """See the port; Stale when there is none of that id."""
        self._transaction.require_registry()
        values = {"of_id": person.id, "enabled": person.enabled}
        if not self._transaction.changed(_SAVE_PERSON, values):
            raise Stale("there is no person with this id")

    def _remembered(self, key: tuple[str, ...], look: Callable[[], T]) -> T:
        """What was found before at this version; who changes the registry always looks."""
        if self._transaction.mode is Mode.REGISTRY:
            return look()
        found: T | None = self._entries.get(key)
        if found is None:
            found = look()
            if found and len(self._entries) < MOST:
                self._entries[key] = found
        return found

    def _add_competences(self, organisation: Organisation) -> None:
        rows = [write_competence(c, n) for n, c in enumerate(organisation.competences)]
        if rows:
            self._transaction.execute(_ADD_COMPETENCES, rows)
