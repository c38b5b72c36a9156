"""The registry as the log's events make it: each recorded change is made again, from its event.

The table of changes says once what a change does. It is asked again here, so a new change is made
again without a second description, and so is how many administrators of that moment have to have
signed it: what they signed is in its event. Policy is not asked: the signed log says that it was.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from operator import attrgetter
from types import SimpleNamespace
from typing import Any, TypeVar, cast
from uuid import UUID

from gateway.domain.audit_event import EVENT_TYPES, EventResult
from gateway.domain.json_values import parse_date, parse_timestamp
from gateway.domain.organisation import Administrator
from gateway.domain.refusals import InvalidApproval
from gateway.domain.staff import CommittedStaff
from gateway.evidence import event
from gateway.evidence.declarations import Approval, read_unverified_changes
from gateway.kernel import approvals, changes
from gateway.kernel.actors import Administrators
from gateway.kernel.approvals import APART
from gateway.kernel.fields import read_fields
from gateway.kernel.ports import Ports, UnitOfWork
from gateway.kernel.request import ActionRequest, RequestContext
from gateway.kernel.results import iterate
from gateway.kernel.values import LoggedEvent, ReferenceDate
from gateway.registry import enrolment, remote_members, staff, witnessing
from gateway.registry.change_table import CHANGES


class Rebuild:
    """Makes the changes of logged events again, in the log's order."""

    def __init__(self, issuer: str, civil_day: Callable[[datetime], date]) -> None:
        """``issuer`` is the gateway's address, ``civil_day`` the day of a moment where it is."""
        # A change asks for nothing else; how the log here is called was asked when it was made.
        signer = SimpleNamespace(origin="")
        self._ports = cast(
            Ports, SimpleNamespace(issuer=issuer, fingerprint_key=b"", checkpoint_signer=signer)
        )
        self._civil_day = civil_day

    def __call__(self, logged: LoggedEvent, work: UnitOfWork) -> None:
        """Make the change of one event in ``work``; nothing for one that changed nothing.

        Raises what the change itself raises, and KeyError or ValueError where its event does not
        say what it was.
        """
        told = event.read(logged.event.document)
        action = _ACTION_OF.get(told["type"])
        if action is None or told["result"] != EventResult.ALLOWED:
            return
        details: dict[str, Any] = {one.kind: one.value for one in logged.event.disclosures}
        parties = [one.value for one in logged.event.disclosures if one.kind == event.PARTY]
        now = parse_timestamp(told["time"])
        civil, simulated = self._civil_day(now), told.get("simulated_date")
        day = civil if simulated is None else parse_date(simulated)
        context = RequestContext(
            ports=self._ports,
            work=work,
            actor=Administrators(tuple(details.get(event.APPROVALS, ()))),
            request=ActionRequest(action),
            now=now,
            today=ReferenceDate(day, civil),
            event=logged.event.id,
            persons=tuple(details.get("by", ())),
        )
        if action in _STAFF:
            named = frozenset(one["organisation"] for one in parties)
            kept = cast(CommittedStaff, work.staff)
            for one in json.loads(details[staff.ENTRIES]):
                _STAFF[action](kept, {**one, "parties": named}, logged.event.id)
        else:
            _OTHERS[action](context, json.loads(details["subject"]))


class NotApproved(ValueError):
    """What administrators signed of a change is less than it needs, or not by whom it names."""


def _require_approved(
    context: RequestContext, kind: changes.ChangeType, change: changes.Change
) -> None:
    """Require what as many administrators signed as the table says, each enabled at that moment.

    What is signed names the change by its digest: where its event tells a part of the values
    apart, the digest cannot be made again, and is the one that all of them signed.
    """
    signed, named = cast(Administrators, context.actor).approvals, set(context.persons)
    if change.action == "key.register" and not signed:
        # A first document key came with an invitation: who approved that named it.
        member = context.work.organisations.get(change.organisation)
        rows = partial(context.work.invitations.open, context.now)
        invited = any(
            one.organisation == change.organisation and set(one.approved_by) == named
            for one in iterate(rows, attrgetter("id"), None)
        )
        if not invited or member is None or member.document_keys:
            raise NotApproved("a document key was registered without approvals, or an invitation")
        return
    counted = _counted(context, change)
    for one in counted:
        approvals.consume(context, one)
    if len(counted) < kind.persons or {one.person for one in counted} != named:
        raise NotApproved("the change was not approved by administrators of that moment")


def _counted(context: RequestContext, change: changes.Change) -> list[Approval]:
    """The approvals of an event that count for a change; NotApproved."""
    signed = cast(Administrators, context.actor).approvals
    if change.action in APART and signed:
        ((_, digest),) = read_unverified_changes(signed[0])
    else:
        digest = changes.digest_of(change)
    try:
        return approvals.count(context, signed, digest)
    except InvalidApproval as why:
        raise NotApproved(why.detail) from why


def _make(action: str, context: RequestContext, said: dict[str, Any]) -> None:
    kind, organisation = CHANGES[action], said.pop("organisation")
    change = changes.Change(action, organisation, said)
    _require_approved(context, kind, change)
    found = context.work.organisations.get(organisation)
    apart = APART.get(action, frozenset())
    told = [field for field in kind.fields if field.name not in apart]
    values = {**dict.fromkeys(apart), **read_fields(told, said, recorded=True)}
    kind.apply(changes.ChangeContext(context, change, values, found, context.persons))


def _propose(context: RequestContext, said: dict[str, Any]) -> None:
    """A proposal, without what its event tells apart: its action is the one that was signed."""
    (signed,) = cast(Administrators, context.actor).approvals
    organisation, named = said.pop("organisation"), read_unverified_changes(signed)
    proposed = [changes.Change(action, organisation, said) for action, _ in named]
    change = next(
        (
            one
            for one, (_, digest) in zip(proposed, named, strict=True)
            if len(named) == 1 or changes.digest_of(one) == digest
        ),
        None,
    )
    if change is None:
        raise NotApproved("a proposal is none of the changes that its proposer signed")
    action = change.action
    (given,) = _counted(replace(context, request=ActionRequest(action)), change)
    changes.store_proposal(context, change, given, signed)


def _end_proposal(action: str, context: RequestContext, said: dict[str, Any]) -> None:
    proposal, own = UUID(said["proposal"]), action == changes.WITHDRAW
    ended = changes.withdrawal_of(proposal)
    if not own:
        ended = changes.refusal_of(proposal, said["reason"])
    (given,) = _counted(context, ended)
    approvals.consume(context, given)
    stored = context.work.proposals.get(proposal)
    if stored is None or (stored.proposer == given.person) is not own:
        raise NotApproved("a proposal was ended by a person who may not")
    voided = changes.change_of(stored)
    approvals.void(context, stored.approval, voided.action, changes.digest_of(voided))
    context.work.proposals.withdraw(stored.id, context.event)


def _create(context: RequestContext, said: Mapping[str, Any]) -> None:
    for person in said["persons"]:
        context.work.organisations.add_person(Administrator(**person))


_T = TypeVar("_T")


def _found(one: _T | None, lacking: str = changes.UNKNOWN) -> _T:
    if one is None:
        raise ValueError(lacking)
    return one


# What a subject says of staff ends with its term; the commitments of entries stay.


def _enter(kept: CommittedStaff, said: Mapping[str, Any], event: UUID) -> None:
    entry, parties = said["entry"], said["parties"]
    if "invitation" in said:
        kept.invite(entry, parties, said["invitation"], event)
    else:
        kept.enter(entry, parties, event, said["ends_at"] and parse_timestamp(said["ends_at"]))


_STAFF: Mapping[str, Callable[[CommittedStaff, Mapping[str, Any], UUID], None]] = {
    "staff.establish": _enter,
    "staff.add": _enter,
    "staff.end": lambda kept, said, _: kept.end(
        said["entry"], said["parties"], parse_timestamp(said["ends_at"])
    ),
    "staff.invite": lambda kept, said, event: kept.invite(
        said["entry"], said["parties"], said["invitation"], event
    ),
    "staff.register_passkey": lambda kept, said, event: kept.register(
        said["entry"], said["parties"], said["passkey"], event, UUID(said["invited"])
    ),
    "staff.revoke_passkey": lambda kept, said, event: kept.revoke(
        said["entry"], said["parties"], said["passkey"], event
    ),
}
_CHANGING_NOTHING = ("contact.set", "contact.consult", "succession.preview")
"""Who reads changes nothing; and contacts decide nothing, and end."""
_OTHERS: Mapping[str, Callable[[RequestContext, dict[str, Any]], None]] = {
    **{one: partial(_make, one) for one in CHANGES if one not in (*_CHANGING_NOTHING, *_STAFF)},
    "proposal.create": _propose,
    **{one: partial(_end_proposal, one) for one in (changes.WITHDRAW, changes.REFUSE)},
    "gateway.create": _create,
    "certificate.issue": lambda context, said: context.work.organisations.add_certificate(
        enrolment.recorded_certificate(said)
    ),
    "organisation.enrol": lambda context, said: enrolment.enrol(
        context.work,
        _found(context.work.organisations.get(said["organisation"])),
        context.today.day,
        context.event,
    ),
    "invitation.redeem": lambda context, said: context.work.invitations.save(
        _found(
            context.work.invitations.get(UUID(said["invitation"])), "there is no such invitation"
        ).use(said["key"], context.event, context.now)
    ),
    "succession.apply": lambda context, said: context.work.successions.save(
        _found(
            context.work.successions.get(UUID(said["succession"])), "there is no such succession"
        ).end(context.event)
    ),
    "peer.record_member": lambda context, said: remote_members.store(
        context.work, said, context.event, context.today.day
    ),
    "peer.diverge": lambda context, said: witnessing.store_divergence(
        context.work,
        _found(context.work.organisations.get(said["organisation"])),
        context.today.day,
        context.event,
    ),
}
_ACTION_OF = {EVENT_TYPES[action][0]: action for action in (*_OTHERS, *_STAFF)}
