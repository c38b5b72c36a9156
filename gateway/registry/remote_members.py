"""The members of two gateways, as each tells the other of those that show themselves to it.

What a peer tells is compared with the keys that two persons pinned, and with what this gateway
cosigned of its log; each change is an event here, by which the entry is made, and made again.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from gateway.domain.fields import free
from gateway.domain.json_values import parse_timestamp, read_record, to_json
from gateway.domain.mandate import Mandate, Period, format_competence
from gateway.domain.organisation import (
    KINDS,
    MemberDocumentKey,
    Organisation,
    OrganisationName,
    Status,
    StatusEntry,
    of_remote,
    organisation_uri,
)
from gateway.domain.peer import GATEWAY_KIND, PeerGateway, PeerPins, RemoteMember
from gateway.domain.refusals import NotFound, WrongState
from gateway.domain.vocabulary import COUNTRIES, Regime
from gateway.evidence import (
    canonical,
    declarations,
    membership_attestation,
    receipt,
    sd_jwt,
    signature,
)
from gateway.evidence.event import KEY, SUBJECT
from gateway.evidence.receipt import Receipt, VerifiedReceipt
from gateway.kernel import transact
from gateway.kernel.changes import LOG
from gateway.kernel.events import gateway_and, record_by_gateway
from gateway.kernel.ports import Ports, TransactionMode, UnitOfWork
from gateway.kernel.request import ActionRequest, RequestContext, authorize
from gateway.kernel.values import Caller, LoggedEvent, MemberProof, TreeHead
from gateway.ledger.note import VerificationKey
from gateway.registry import results
from gateway.registry.directory import (
    ENDED,
    SIGNING,
    events_of,
    key_status,
    showing,
    stated_of,
)
from gateway.registry.queries import every_organisation

FRESH = timedelta(hours=12)
"""How long before its end an attestation is recorded anew: what nobody confirms ends in a day."""

RECORDED_A_DAY = 5000
"""Changes of a peer's members that are recorded in a day: each is an entry of the log here."""


# --- What a peer gateway reads here --------------------------------------------------------------


@dataclass(frozen=True)
class _ReadMember:
    """A member that shows itself, as it was read."""

    organisation: Organisation
    stated: Mapping[str, Any] | None
    keys: Sequence[tuple[str, LoggedEvent, LoggedEvent | None]]
    locks: Sequence[LoggedEvent]
    mandates: Sequence[tuple[UUID, LoggedEvent, Sequence[LoggedEvent]]]

    @property
    def whole(self) -> bool:
        """Tell whether all of its keys and mandates are proved."""
        one = self.organisation
        return self.stated is None or (len(self.keys), len(self.mandates)) == (
            len(one.document_keys),
            len(one.mandates),
        )


@dataclass(frozen=True)
class ShownMembers:
    """The members that show themselves to a peer gateway. ``tag`` stays while nothing of them
    changes, whatever others here do; None where the log tells more than what is proved yet."""

    ports: Ports
    head: TreeHead
    found: Sequence[_ReadMember]
    tag: str | None

    def members(self) -> Sequence[results.ShownMember]:
        """Them, signed; called with no transaction open. LogFrozen, HighWaterMarkUnavailable."""
        note = self.ports.checkpoint_signer.sign(self.head)
        return [_shown(self.ports, one, note) for one in self.found]


def list_shown(ports: Ports, caller: Caller, size: int | None) -> ShownMembers:
    """The members that show themselves to the calling peer gateway, with what proves it.

    Receipts end in the log's checkpoint of ``size``, which that gateway cosigned; what came after
    it is not told yet.
    """

    def query(context: RequestContext) -> ShownMembers:
        authorize(context, LOG)
        head = context.work.log.head_at(size)
        shown = [
            one for one in every_organisation(context.work) if caller.organisation in one.shown_to
        ]
        found = [_read(context, one, head) for one in shown]
        if not all(one.whole for one in found):
            return ShownMembers(ports, head, found, None)
        told = [[one.slug, one.version] for one in shown]
        told.append([f"{context.now:%Y%m%d}", context.now.hour // 6])
        return ShownMembers(ports, head, found, sha256(canonical.encode(told)).hexdigest())

    return transact.read(ports, caller, ActionRequest("relay.members"), query)


def _read(context: RequestContext, one: Organisation, head: TreeHead) -> _ReadMember:
    log = context.work.log
    try:
        stated = stated_of(context, one)
    except WrongState:
        return _ReadMember(one, None, (), (), ())
    keys = list[tuple[str, LoggedEvent, LoggedEvent | None]]()
    for key in one.document_keys:
        registered = log.logged(key.registration_event, head)
        revoked = None if key.revoked_by is None else log.logged(key.revoked_by, head)
        if registered is not None:
            keys.append((key.kid, registered, revoked))
    ends = events_of(context, one.slug, ENDED, head=head)
    mandates = list[tuple[UUID, LoggedEvent, Sequence[LoggedEvent]]]()
    for held in one.mandates:
        granted = log.logged(held.registration_event, head)
        if granted is not None:
            over = [end for end in ends if end.subject["competence"] == held.key]
            mandates.append((held.registration_event, granted, over))
    return _ReadMember(
        one, stated, keys, events_of(context, one.slug, *SIGNING, head=head), mandates
    )


def _shown(ports: Ports, one: _ReadMember, note: str) -> results.ShownMember:
    slug = one.organisation.slug

    def prove(logged: LoggedEvent, kind: str = SUBJECT) -> Receipt:
        return showing(ports, replace(logged, note=note), kind)

    mark = one.stated and membership_attestation.issue(
        issuer=ports.issuer, organisation=slug, signer=ports.attester, **one.stated
    )
    return results.ShownMember(
        id=slug,
        status=one.organisation.status,
        name=one.organisation.name,
        kind=one.organisation.kind,
        country=one.organisation.country,
        public_authority=one.organisation.public_authority,
        regimes=sorted(one.organisation.regimes),
        attestation=mark or None,
        keys=[
            results.RegisteredDocumentKey(
                slug,
                kid,
                prove(registered),
                [] if revoked is None else [prove(revoked, KEY)],
                [prove(lock) for lock in one.locks],
                key_status(ports, slug, kid, note) if revoked is None else None,
            )
            for kid, registered, revoked in one.keys
        ],
        mandates=[
            results.MandateRegistration(slug, event, prove(granted), [prove(end) for end in ends])
            for event, granted, ends in one.mandates
        ],
    )


# --- What this gateway takes of what a peer tells ------------------------------------------------


class NotProved(ValueError):
    """A peer told something of a member that its keys, or its log, do not prove."""


@dataclass(frozen=True)
class _Told:
    """What a peer said of one member, proved: what its event has, and the answers that prove it."""

    said: Mapping[str, Any]
    proofs: Sequence[MemberProof]


def record(ports: Ports, peer: str, told: Iterable[Mapping[str, Any]]) -> Sequence[str]:
    """Record what changed of a peer's members by what it tells of all that show themselves to this
    gateway; the sentences of what is not taken.

    One of whom it tells no more is suspended here. A key for which nobody known here vouches is
    not taken, and the others of its member are.
    """
    with ports.begin(TransactionMode.READ) as work:
        found = work.organisations.get(peer)
        if found is None or found.peer is None:
            raise NotFound("no peer gateway has that id")
        known = {one.slug: one for one in work.organisations.members_of(peer)}
        proving = _Proving(found.peer, peer, work, ports.now())
        read, wrong = list[_Told](), list[str]()
        for one in told:
            try:
                read.append(proving.member(one, known))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                wrong.append(f"a member of {peer} is not as its gateway says: {error}")
    named = {one.said["organisation"] for one in read}
    if not wrong:
        read += [
            _Told({"organisation": slug, "status": str(Status.SUSPENDED)}, ())
            for slug, one in known.items()
            if slug not in named and one.status is Status.ACTIVE
        ]
    wanted = [one for one in read if one.said["organisation"] in known or "name" in one.said]
    recorded = [_record(ports, peer, one) for one in wanted]
    wrong += proving.unknown
    if not all(recorded):
        wrong.append(f"{peer} changed more of its members today than are recorded")
    return wrong


def _record(ports: Ports, peer: str, told: _Told) -> bool:
    """Record one member where something of it changed, or its attestation soon ends; False where
    that was too often today. Who takes part no more is recorded all the same."""
    with ports.begin(TransactionMode.REGISTRY) as work:
        now, event = work.log.moment(ports.now()), ports.new_id()
        before = _stored(work, str(told.said["organisation"]))
        store(work, told.said, event, ports.reference_date(now).day)
        after = _stored(work, str(told.said["organisation"]))
        if before is None or not _same(before, after, now):
            window = f"members/{now:%Y-%m-%d}"
            if "name" in told.said and not work.budgets.consume(peer, window, RECORDED_A_DAY):
                return False
            for proof in told.proofs:
                work.organisations.keep_proof(proof)
            if after is not None and after.status is Status.LEFT:
                work.duties.end_with(after.slug, now)
            parties = gateway_and(peer)
            record_by_gateway(
                ports, work, "peer.record_member", parties, said=told.said, event=event, at=now
            )
            work.commit()
    return True


def _stored(work: UnitOfWork, name: str) -> Organisation | None:
    peer = OrganisationName(name).peer or ""
    return next((one for one in work.organisations.members_of(peer) if one.slug == name), None)


def _same(before: Organisation, after: Organisation | None, now: datetime) -> bool:
    """Tell whether an entry says the same, and goes on being good for a while."""
    if after is None or before.remote is None or after.remote is None:
        return False
    until = before.remote.attested_until
    remote = replace(after.remote, event=before.remote.event, attested_until=until)
    same = replace(after, version=before.version, history=before.history, remote=remote)
    return same == before and not (after.status is Status.ACTIVE and until < now + FRESH)


def store(work: UnitOfWork, said: Mapping[str, Any], event: UUID, day: date) -> None:
    """Store a remote member's entry as an event says it; of one that takes no part the status."""
    name, status = OrganisationName(said["organisation"]), Status(said["status"])
    found, home = _stored(work, name), work.organisations.get(name.peer or "")
    if home is None or home.peer is None:
        raise ValueError("the gateway of a remote member is no peer")
    if "name" in said:
        made = _entry(said, event)
    elif found is not None and found.remote is not None:
        made = replace(found, remote=replace(found.remote, event=event))
    else:
        raise ValueError("a remote member is recorded while it takes part")
    history = () if found is None else found.history
    if not history or history[-1].status is not status:
        history = (*history, StatusEntry(status, day, event))
    made = of_remote(replace(made, status=status, history=history), home.peer)
    if found is None:
        work.organisations.add(made)
    else:
        work.organisations.save(replace(made, version=found.version + 1))


def _entry(said: Mapping[str, Any], event: UUID) -> Organisation:
    remote = RemoteMember(
        public_authority=said["public_authority"],
        regimes=frozenset(said["regimes"]),
        mandates=tuple(read_record(Mandate, one) for one in said["mandates"]),
        attested_until=parse_timestamp(said["attested_until"]),
        event=event,
    )
    return Organisation(
        slug=said["organisation"],
        name=said["name"],
        kind=said["kind"],
        public_authority=False,
        regimes=frozenset(),
        country=said["country"],
        status=Status.ACTIVE,
        document_keys=tuple(read_record(MemberDocumentKey, one) for one in said["keys"]),
        remote=remote,
    )


def _require_plain(said: Mapping[str, Any]) -> None:
    """Require of what no log proves that it is what an entry here may have."""
    if fault := _NAME.judge(said["name"]):
        raise NotProved(f"its name {fault}")
    if said["country"] not in COUNTRIES or not set(said["regimes"]) <= {*Regime}:
        raise NotProved("its country or its regimes are not known")
    if not isinstance(said["public_authority"], bool):
        raise NotProved("it does not say whether it is a public authority")


_NAME = free(200)


@dataclass(frozen=True)
class _Proving:
    """What a peer tells, held against its pinned keys and what was cosigned of its log."""

    gateway: PeerGateway
    peer: str
    work: UnitOfWork
    now: datetime
    unknown: list[str] = field(default_factory=list)

    @property
    def pins(self) -> PeerPins:
        """Return what two persons compared of it."""
        return self.gateway.pins

    def member(self, told: Mapping[str, Any], known: Mapping[str, Organisation]) -> _Told:
        """One member; NotProved, or what the readers raise."""
        name = OrganisationName(f"{told['id']}@{self.peer}")
        status = Status(told["status"])
        if status is not Status.ACTIVE:
            ended = Status.LEFT if status is Status.LEFT else Status.SUSPENDED
            return _Told({"organisation": name, "status": str(ended)}, ())
        if told["kind"] not in KINDS or told["kind"] == GATEWAY_KIND:
            raise NotProved(f"it is a {told['kind']}")
        until = self._attested(name, told["attestation"])
        before = known[name].document_keys if name in known else ()
        keys = self._keys(name, told["keys"], before)
        granted = (self._mandate(name, one) for one in told["mandates"])
        mandates = [one for one in granted if one is not None]
        said = {
            "organisation": str(name),
            "status": str(status),
            **{one: told[one] for one in ("name", "kind", "country", "public_authority")},
            "regimes": sorted(told["regimes"]),
            "attested_until": until.isoformat(),
            "keys": [to_json(one) for one in keys],
            "mandates": [to_json(one) for one in mandates],
        }
        _require_plain(said)
        taken = {*(one.kid for one in keys), *(str(one.id) for one in mandates)}
        return _Told(
            said,
            [
                MemberProof(name, named, canonical.encode(one).decode())
                for one in (*told["keys"], *told["mandates"])
                if (named := str(one.get("kid", one.get("event")))) in taken
            ],
        )

    def _attested(self, name: OrganisationName, text: str) -> datetime:
        key_set = {"keys": [json.loads(one) for one in self.pins.attestation_keys]}
        mark = membership_attestation.verify(text, signature.public_keys(key_set))
        if (mark.issuer, mark.organisation) != (self.pins.issuer, name.id):
            raise NotProved("its attestation is of another organisation")
        if mark.ends <= self.now:
            raise NotProved("its attestation is over")
        return mark.ends

    def _event(self, members: Any, *types: str) -> VerifiedReceipt:
        """An event of the peer's log, in a checkpoint that this gateway cosigned."""
        keys = [VerificationKey.parse(one) for one in self.pins.log_keys]
        told = receipt.verify(receipt.from_json(members), keys, self.pins.origin)
        shown = told.checkpoint
        if not self.work.witnessed.has(shown.origin, shown.size, shown.root):
            raise NotProved("a receipt ends in a checkpoint that this gateway did not cosign")
        if told.type not in types or not told.allowed:
            raise NotProved(f"an event is {told.type}")
        return told

    def _subject(self, told: VerifiedReceipt) -> Mapping[str, Any]:
        ((said),) = told.details(SUBJECT)
        return dict(json.loads(said) if isinstance(said, str) else said)

    def _keys(
        self, name: OrganisationName, told: Sequence[Any], before: Sequence[MemberDocumentKey]
    ) -> list[MemberDocumentKey]:
        """The keys that the peer's log registered; a new one counts where one that is known here
        vouches for it, or two persons do, a first one by the log alone. What is known stays,
        revoked too, whatever the peer says of it: one that leaves a key out does not replace it."""
        found = [self._key(name, one) for one in told]
        ends = {key.kid: key for key, _ in found if key.valid_until is not None}
        kept = {
            one.kid: one if one.valid_until is not None else ends.get(one.kid, one)
            for one in before
        }
        for key, countersignature in sorted(found, key=lambda one: one[0].valid_from):
            if not before or self._vouched(name, key, countersignature, kept.values()):
                kept.setdefault(key.kid, key)
            elif key.kid not in kept and key.valid_until is None:
                self.unknown.append(
                    f"a new key of {name} is not taken, as none that is known here vouches for it: "
                    f"two persons compare {key.kid} with {name.id} itself (casegate admin peer "
                    f"vouch {self.peer} {name.id} {key.kid})"
                )
        return [*kept.values()]

    def _vouched(
        self,
        name: OrganisationName,
        key: MemberDocumentKey,
        countersignature: str | None,
        known: Iterable[MemberDocumentKey],
    ) -> bool:
        """Tell whether a known key, not revoked before, says that another one follows; or two
        persons here."""
        if self.gateway.has_vouched(name.id, key.kid):
            return True
        holding = (one for one in known if one.holds(key.valid_from))
        with suppress(sd_jwt.DocumentError):
            return countersignature is not None and bool(
                declarations.verify_declaration(
                    countersignature,
                    organisation=organisation_uri(self.pins.issuer, name.id),
                    audience=self.pins.issuer,
                    says=declarations.KEY_SUCCESSION,
                    kid=key.kid,
                    keys=dict(signature.read_document_key(json.loads(one.jwk)) for one in holding),
                    now=None,
                )
            )
        return False

    def _key(self, name: OrganisationName, told: Any) -> tuple[MemberDocumentKey, str | None]:
        event = self._event(told["receipt"], "key.registered")
        said = self._subject(event)
        kid, public = signature.read_document_key(said["jwk"])
        if (said["organisation"], kid) != (name.id, told["kid"]):
            raise NotProved("a key is another's")
        declarations.verify_declaration(
            said["proof"],
            organisation=organisation_uri(self.pins.issuer, name.id),
            audience=self.pins.issuer,
            says=declarations.POSSESSION,
            kid=kid,
            keys={kid: public},
            now=None,
        )
        ends = [self._event(one, "key.revoked") for one in told["revocations"]]
        if any([name.id, kid] not in [list(said) for said in one.details(KEY)] for one in ends):
            raise NotProved("a revocation is of another key")
        key = MemberDocumentKey(
            kid,
            canonical.encode(said["jwk"]).decode(),
            event.time,
            UUID(event.event["id"]),
            min((one.time for one in ends), default=None),
            UUID(ends[0].event["id"]) if ends else None,
        )
        return key, said.get("countersignature")

    def _mandate(self, name: OrganisationName, told: Any) -> Mandate | None:
        """One mandate; None where it was taken back on its first day."""
        event = self._event(told["receipt"], "mandate.granted", "succession.planned")
        said = self._subject(event)
        if event.type == "mandate.granted":
            holder, first, last = said["organisation"], said["from"], said.get("until")
            key = format_competence(said["function"], said["matter"], said["territory"])
        else:
            holder, first, last = said["successor"], said["effective_on"], None
            key = said["competence"]
        over = [self._subject(self._event(one, "mandate.ended")) for one in told["ends"]]
        days = [one["until"] for one in over if one["competence"] == key and first <= one["until"]]
        if holder != name.id or any(one["organisation"] != name.id for one in over):
            raise NotProved("a mandate is another's")
        start = date.fromisoformat(first)
        until = [date.fromisoformat(one) for one in (*days, last) if one is not None]
        end = min(until, default=None)
        if end is not None and end <= start:
            return None
        identifier, (function, matter, territory) = UUID(event.event["id"]), key.split("/")
        return Mandate(
            id=identifier,
            organisation=name,
            function=function,
            matter=matter,
            territory=territory,
            legal_act=said["legal_act"],
            period=Period(start, end),
            registration_event=identifier,
        )
