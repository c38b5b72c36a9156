"""A gateway in which four organisations take part: real policy, real keys, a clock that stands.

``founded()`` fills the Ports over a borrowed SQLite database, or over any store given, and makes
the organisations of the founding story through the administrators' own actions. The story is told
once in a process: later gateways begin with what it left. `tests.log_check` proves
afterwards that the log holds exactly what was handed out.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from functools import cache, lru_cache, partial
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Table, select

from gateway.domain.organisation import SCOPES
from gateway.kernel.actors import GATEWAY
from gateway.kernel.ports import Ports, TransactionMode
from gateway.registry import keys as registry_keys
from gateway.store import tables
from gateway.store.unit_of_work import SqlUnitOfWork
from tests.evidence.ingredients import chance
from tests.founded_gateway import (
    ABROAD,
    ALICE,
    BENOIT,
    CSAM_FR,
    DESK,
    HOTLINE,
    OCRVP,
    OFMIN,
    ORGANISATIONS,
    Founded,
    administrator,
    registry_rows,
)
from tests.lent import LentStore, MemoryKeys
from tests.log_check import all_events, check_log, made_again, slugs, transaction_of
from tests.ports import (
    FINGERPRINT_KEY,
    ISSUER,
    ORIGIN,
    SHORT_NAME,
    ZONE,
    Calendar,
    Clock,
    Ids,
    Opened,
    RememberingSigner,
    Store,
    Watched,
    WatchedSigner,
    key_of,
    note_signer,
    policy,
)


def founded(
    store: Callable[..., Store] | None = None,
    simulated_reference_date: date | None = None,
    keys: Any = None,
) -> Founded:
    """A gateway in which the four organisations take part.

    ``store`` makes a store from origin, policy revision, clock and source of randomness: on it all
    is done again. ``keys`` are those of its cases.
    """
    if store is not None:
        gateway = unfounded(store, simulated_reference_date, keys)
        _tell_the_story(gateway)
        return gateway
    return retold(*_told(simulated_reference_date), simulated_reference_date, keys)


def retold(
    told: Founded, copy: bytes, simulated_reference_date: date | None = None, keys: Any = None
) -> Founded:
    """A gateway to which all happened that did to another one, whose database is the copy."""
    keys = keys or MemoryKeys()
    keys.made = told.ports.keys.made  # type: ignore[attr-defined]
    gateway = unfounded(
        partial(LentStore, keys=keys, held=copy),
        simulated_reference_date,
        keys,
        issuer=told.ports.issuer,
        origin=told.origin,
    )
    _go_on_from(told, gateway)
    gateway.compared = told.compared
    return gateway


def founded_at(place: Any) -> Founded:
    """A gateway in which they take part, on an empty database of `tests.store.places`."""
    told, copy = _told(None)
    gateway = unfounded(
        lambda origin, _, now, random: place.open(origin=origin, now=now, random=random)
    )
    with gateway.store.begin(TransactionMode.REGISTRY) as work:
        for table, rows in _rows_of(copy).items():
            transaction_of(work).run(table.delete(), {})
            transaction_of(work).run(table.insert(), *rows)
        work.commit()
    _go_on_from(told, gateway)
    return gateway


@lru_cache(1)
def _rows_of(copy: bytes) -> dict[Table, list[dict[str, Any]]]:
    """What each table of a copy holds, as any database takes it."""
    store = unfounded(partial(LentStore, held=copy)).store
    with store.begin(TransactionMode.READ) as work:
        ask = cast(SqlUnitOfWork, work).rows
        every = tables.metadata.sorted_tables
        return {one: [row._asdict() for row in ask(select(one), {})] for one in every}


def _go_on_from(told: Founded, gateway: Founded) -> None:
    gateway.ports = replace(gateway.ports, attester=told.ports.attester)
    gateway.clock._start = told.clock._start
    gateway.beside |= told.beside
    gateway.clock.reads = told.clock.reads
    gateway.ports.new_id.made = told.ports.new_id.made  # type: ignore[attr-defined]
    gateway.ports.random.calls = told.ports.random.calls  # type: ignore[attr-defined]
    gateway.checkpoint_signer.signed |= told.checkpoint_signer.signed
    gateway.receipts += told.receipts
    gateway.registered |= told.registered
    gateway.checked, gateway.made_again = told.checked, told.made_again
    gateway._confirmed |= told._confirmed
    gateway._keys = told._keys


def unfounded(
    store: Callable[..., Store] | None = None,
    simulated_reference_date: date | None = None,
    keys: Any = None,
    *,
    issuer: str = ISSUER,
    origin: str = ORIGIN,
) -> Founded:
    """A gateway whose registry and log are empty; see ``founded``."""
    clock, random, opened = Clock(), chance("founding"), Opened()
    keys = keys or MemoryKeys()
    revision = policy().revision
    made: Any = partial(LentStore, keys=keys) if store is None else store
    kept = made(origin, lambda: revision, clock, random)
    checkpoint_signer, calendar = (
        RememberingSigner(note_signer(origin), opened),
        Calendar(simulated_reference_date),
    )
    ports = Ports(
        issuer=issuer,
        gateway=SHORT_NAME,
        begin=lambda *asked: Watched(kept.begin(*asked), opened),  # type: ignore[arg-type,return-value]
        policy=policy(),
        attester=key_of("attest"),
        notifier=WatchedSigner(key_of("notification"), opened),
        checkpoint_signer=checkpoint_signer,
        keys=keys,
        now=clock,
        reference_date=calendar,
        new_id=Ids(),
        random=random,
        fingerprint_key=FINGERPRINT_KEY,
        emergency_numbers=("17", "112"),
        child_numbers=("119",),
    )
    return Founded(ports, kept, clock, checkpoint_signer, calendar)


@cache
def _told(simulated_reference_date: date | None) -> tuple[Founded, bytes]:
    """The story told once, its log found sound, and what the database holds then."""
    gateway = unfounded(None, simulated_reference_date)
    _tell_the_story(gateway)
    return settled(gateway)


def settled(gateway: Founded) -> tuple[Founded, bytes]:
    """A gateway whose log was found sound, and what its database holds: to be told by `retold`."""
    check_log(gateway)
    with gateway.ports.begin(TransactionMode.READ) as work:
        logged = all_events(gateway, work, work.log.head(), (GATEWAY, *slugs(work)))
    gateway.checked = {one.event.id: one for one in logged}
    gateway.compared, gateway.made_again = registry_rows(gateway.store), made_again(gateway)
    return gateway, gateway.store.copy()  # type: ignore[attr-defined]


def _tell_the_story(gateway: Founded) -> None:
    persons = [administrator(ALICE, "A. Martin"), administrator(BENOIT, "B. Dubois")]
    gateway.do(registry_keys.found, persons, ZONE.key)
    _admit(gateway, HOTLINE, "Point de Contact", kind="hotline")
    _admit(gateway, OCRVP, "OCRVP", kind="police_office", regimes=["gdpr", "led"])
    _admit(gateway, OFMIN, "OFMIN", kind="police_office", regimes=["gdpr", "led"])
    _admit(gateway, ABROAD, "A hotline abroad", kind="hotline", country="BE")
    _grant_membership(gateway, HOTLINE, "full", date(2000, 1, 1), "statutes")
    _grant_membership(gateway, OCRVP, "observer", date(2010, 1, 1), "board 2010-01")
    _grant_membership(gateway, OFMIN, "observer", date(2023, 10, 31), "board 2023-10-31")
    _grant_membership(gateway, ABROAD, "full", date(2000, 1, 1), "statutes")
    _mandate(gateway, OCRVP, date(2006, 5, 6), date(2023, 8, 31), "décret 2006-519")
    _mandate(gateway, OFMIN, date(2023, 8, 31), None, "décret 2023-829")
    for organisation in ORGANISATIONS:
        gateway.administer("system.register", organisation, system=DESK, scopes=sorted(SCOPES))


def _admit(
    gateway: Founded,
    slug: str,
    name: str,
    *,
    kind: str,
    country: str = "FR",
    regimes: Iterable[str] = ("gdpr",),
) -> None:
    gateway.administer(
        "organisation.admit",
        slug,
        name=name,
        kind=kind,
        public_authority=kind == "police_office",
        regimes=list(regimes),
        country=country,
    )


def _grant_membership(
    gateway: Founded, slug: str, membership: str, start: date, reference: str
) -> None:
    gateway.administer(
        "membership.grant",
        slug,
        membership=membership,
        start=start.isoformat(),
        decision_ref=reference,
    )


def _mandate(gateway: Founded, slug: str, start: date, end: date | None, act: str) -> None:
    _, matter, territory = CSAM_FR.split("/")
    until = {} if end is None else {"until": end.isoformat()}
    written = gateway.administer(
        "mandate.grant",
        slug,
        function="receive",
        matter=matter,
        territory=territory,
        legal_act=act,
        start=start.isoformat(),
        **until,
    )
    gateway.registered[slug] = UUID(written.result["event"])
