"""Staff registers: an organisation enters and ends its persons; it alone knows who they are.

Two administrators enter the first ones. From then on the organisation keeps its register itself.
"""

import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter
from typing import Any

from gateway.domain import staff
from gateway.domain.audit_event import Party
from gateway.domain.json_values import parse_date
from gateway.domain.refusals import (
    AlreadyExists,
    InvalidInvitation,
    InvitationUnusable,
    SecondPersonRequired,
    ValidationFailed,
    WrongState,
)
from gateway.evidence import base64url, canonical, declarations
from gateway.evidence.passkey import read_passkey
from gateway.evidence.sd_jwt import DocumentError
from gateway.kernel import events
from gateway.kernel.changes import ChangeContext
from gateway.kernel.ports import Ports, TransactionMode
from gateway.kernel.request import ActionRequest, RequestContext, authorize, deny_as_not_found
from gateway.kernel.results import Page, collect_page, iterate, shown, to_json
from gateway.kernel.transact import WriteResult, read, transact
from gateway.kernel.values import Caller
from gateway.registry.results import (
    PasskeyChanged,
    StaffAdded,
    StaffEnded,
    StaffInvited,
    StaffMember,
)

ENTRIES = "entries"
"""The detail of an event that has the commitments of the entries that it is about, with their ends:
what stays of it when the subject, which names persons, has ended with its term."""

_SALT_BYTES = 16
_CHARACTERS = 4
_TWO = 2
_NEED_TWO_WHO_STAY = (
    "to end an approver or head takes two others in force as approver or head (approved_by), who "
    "stay: enter another one before, if there are no two others"
)
_NEED_TWO_TO_INVITE = (
    "to invite an approver or head takes two persons in force as approver or head (approved_by): "
    "with the token somebody can approve"
)
_NEED_ANOTHER_TO_INVITE = (
    "another person, in force as approver or head, agrees to this invitation (approved_by): you "
    "entered this person, or they have or had a passkey"
)
_NEED_ANOTHER_TO_REVOKE = (
    "another person, in force as approver or head, agrees to this (approved_by): fewer than two "
    "other approvers or heads would have a passkey, and two invite those who were shut out"
)
_NEED_TWO = (
    "an entry as approver or head needs two persons in force as approver or head (approved_by); "
    "the gateway's administrators enter the first two"
)


def add(ports: Ports, caller: Caller, key: str, asked: Mapping[str, Any]) -> WriteResult:
    """Enter persons, all or none; each gets a pseudonym.

    ``asked`` says ``by`` whom, and the roles and days of each of the ``entries``; ``approved_by``
    whom, where one approves, and whether they are ``temporary``. Raises ValidationFailed, and
    SecondPersonRequired for one that approves without two that agree.
    """
    by, approved_by = asked["by"], asked.get("approved_by", ())
    temporary = asked.get("temporary", False)
    persons = _persons(by, staff.ENTERING_TEMPORARILY if temporary else staff.ENTERING, approved_by)
    request = ActionRequest("staff.add", by, key, dict(asked), persons, registry=True)

    def act(context: RequestContext) -> Mapping[str, Any]:
        authorize(context, context.entity())
        make = partial(_entry, context, caller.organisation, temporary=temporary)
        entries = [make(one) for one in asked["entries"]]
        found = [staff.entry_error(one, context.today.day) for one in entries]
        if errors := [(f"/entries/{n}", error) for n, error in enumerate(found) if error]:
            raise ValidationFailed(errors)
        if any(one.roles & staff.APPROVING for one in entries) and len(set(approved_by)) < _TWO:
            raise SecondPersonRequired(_NEED_TWO)
        return _enter(context, entries, (Party(caller.organisation, "actor"),), approved_by)

    return transact(ports, caller, request, act)


def _persons(
    by: str, roles: frozenset[staff.RegisterRole], approved_by: Sequence[str]
) -> tuple[staff.NamedPerson, ...]:
    """Tell who asks, in one of the roles, and who agree."""
    return (
        staff.NamedPerson("/by", by, roles),
        *(
            staff.NamedPerson(f"/approved_by/{n}", one, staff.APPROVING)
            for n, one in enumerate(approved_by)
        ),
    )


@dataclass(frozen=True)
class StaffEnd:
    """Who ends an entry, and who agree."""

    by: str
    approved_by: tuple[str, ...] = ()


def end(ports: Ports, caller: Caller, key: str, person: str, wanted: StaffEnd) -> WriteResult:
    """End an entry at once; its pseudonym is never used again.

    Raises WrongState, and SecondPersonRequired for one that approves, unless two others agree: so
    that nobody ends the others, and two are left.
    """
    approved_by = wanted.approved_by
    asked = {"pseudonym": person, "approved_by": list(approved_by)}
    persons = _persons(wanted.by, staff.ENTERING, approved_by)
    request = ActionRequest("staff.end", wanted.by, key, asked, persons, registry=True)

    def act(context: RequestContext) -> Mapping[str, Any]:
        entry = _own(context, person)
        if entry.ends_at is not None and entry.ends_at <= context.now:
            raise WrongState("the entry ended before")
        if entry.roles & staff.APPROVING and len({*approved_by} - {person}) < _TWO:
            raise SecondPersonRequired(_NEED_TWO_WHO_STAY)
        context.work.staff.end(caller.organisation, person, context.now)
        ended = replace(entry, ends_at=context.now)
        _record(context, [ended], (Party(caller.organisation, "actor"),), approved_by)
        return dict(to_json(StaffEnded(context.event, person)))

    return transact(ports, caller, request, act)


def _own(context: RequestContext, person: str) -> staff.StaffEntry:
    """An entry of the caller's register that it may change; a denial when there is none."""
    authorize(context, context.entity())
    found = context.work.staff.named(context.caller.organisation, [person])
    return found[0] if found else deny_as_not_found()


def page(ports: Ports, caller: Caller, after: str, limit: int) -> Page[StaffMember]:
    """The caller's own register by pseudonym, with those that ended."""

    def query(context: RequestContext) -> Page[StaffMember]:
        authorize(context, context.entity())
        rows = partial(context.work.staff.page, caller.organisation)
        view = partial(_view, context)
        return collect_page(rows, attrgetter("pseudonym"), view, after, limit)

    return read(ports, caller, ActionRequest("staff.read"), query)


# --- Their passkeys: whoever has the token of an invitation registers one, once -------------------


@dataclass(frozen=True)
class PasskeyInvitation:
    """Who invites a person, by the digest of which token, and who agree."""

    by: str
    token_sha256: str
    approved_by: tuple[str, ...] = ()


def invite(
    ports: Ports, caller: Caller, key: str, person: str, wanted: PasskeyInvitation
) -> WriteResult:
    """Invite a person to register a passkey, within `INVITATION`; the newest invitation counts.

    Whoever has the token acts as the person from then on. So one of an approver or head takes two
    that agree, and one by who entered the person, or of who has or had a passkey, another:
    SecondPersonRequired. Else one who keeps the register could act as two, or as anybody.
    """
    approved_by = wanted.approved_by
    asked = {"pseudonym": person, "token_sha256": wanted.token_sha256}
    persons = _persons(wanted.by, staff.ENTERING, approved_by)
    content = {**asked, "approved_by": list(approved_by)}
    request = ActionRequest("staff.invite", wanted.by, key, content, persons, registry=True)

    def act(context: RequestContext) -> Mapping[str, Any]:
        entry = _in_force(context, person)
        if entry.roles & staff.APPROVING and len(set(approved_by)) < _TWO:
            raise SecondPersonRequired(_NEED_TWO_TO_INVITE)
        if not {*approved_by} - {wanted.by, person} and _could_pose(context, entry, wanted.by):
            raise SecondPersonRequired(_NEED_ANOTHER_TO_INVITE)
        made = _invited(context, entry, wanted.token_sha256)
        context.work.staff.invite(made)
        subject = {"pseudonym": person, "approved_by": list(approved_by)}
        _record_beside(context, entry, subject, invitation=entry.commits(made))
        return dict(to_json(StaffInvited(context.event, person, made.expires_at)))

    return transact(ports, caller, request, act)


@dataclass(frozen=True)
class NewPasskey:
    """The person's passkey, by which statement it proves itself, and the invitation's token."""

    by: str
    token: str
    jwk: Mapping[str, Any]
    proof: str


def proved(person: str, jwk: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that a new passkey signs about itself, of the action `REGISTER_PASSKEY`."""
    return {"pseudonym": person, "jwk": dict(jwk)}


def register_passkey(
    ports: Ports, caller: Caller, key: str, person: str, wanted: NewPasskey
) -> WriteResult:
    """Register a passkey of the person who was invited, and use up the invitation.

    Raises InvalidInvitation, InvitationUnusable, ValidationFailed, and AlreadyExists for a key that
    somebody has or had.
    """
    if wanted.by != person:
        raise ValidationFailed((("/by", "is not the person who was invited"),))
    digest = base64url.digest(wanted.token.encode())
    asked = {**proved(person, wanted.jwk), "proof": wanted.proof, "token_sha256": digest}
    request = ActionRequest(staff.REGISTER_PASSKEY, person, key, asked, registry=True)

    def act(context: RequestContext) -> Mapping[str, Any]:
        entry = _in_force(context, person)
        invited = context.work.staff.invitation(caller.organisation, person)
        if invited is None or not hmac.compare_digest(invited.token_sha256, digest):
            raise InvalidInvitation("no open invitation of this person has this token")
        if invited.expires_at <= context.now:
            raise InvitationUnusable("the invitation has expired: ask for another one")
        kid = _prove(context, person, wanted)
        jwk = canonical.encode(dict(wanted.jwk)).decode()
        made = staff.StaffPasskey(caller.organisation, person, kid, jwk, context.event)
        if not context.work.staff.add_passkey(made):
            raise AlreadyExists("somebody has or had this passkey: make a new one")
        context.work.staff.end_invitation(caller.organisation, person)
        subject = {"pseudonym": person, "jwk": dict(wanted.jwk)}
        kept = {"passkey": entry.commits(made), "invited": str(invited.event)}
        _record_beside(context, entry, subject, **kept)
        return dict(to_json(PasskeyChanged(context.event, person, kid)))

    return transact(ports, caller, request, act)


def open_invitation(ports: Ports, token: str) -> tuple[staff.StaffInvitation, str] | None:
    """The invitation that a token opens now, and who invites; None where there is none."""
    with ports.begin(TransactionMode.READ) as work:
        found = work.staff.invited(base64url.digest(token.encode()))
        if found is None or found.expires_at <= ports.now():
            return None
        logged = work.log.logged(found.event)
    told = () if logged is None else logged.event.disclosures
    return found, next((str(one.value) for one in told if one.kind == "by"), "")


def _prove(context: RequestContext, person: str, wanted: NewPasskey) -> str:
    """The id of a passkey that signed a statement about itself; ValidationFailed."""
    slug = context.caller.organisation
    try:
        kid, made = read_passkey(wanted.jwk)
    except ValueError as error:
        raise ValidationFailed((("/jwk", str(error)),)) from None
    try:
        said = declarations.verify_approval(
            wanted.proof,
            person=person,
            audience=context.ports.issuer,
            keys={kid: made},
            organisation=slug,
        )
    except DocumentError as error:
        raise ValidationFailed((("/proof", str(error)),)) from None
    digest = declarations.change_digest(staff.REGISTER_PASSKEY, slug, proved(person, wanted.jwk))
    if (said.action, said.change) != (staff.REGISTER_PASSKEY, digest):
        raise ValidationFailed((("/proof", "is about another person, or another key"),))
    return kid


@dataclass(frozen=True)
class PasskeyRevocation:
    """Who revokes a passkey, which may be their own, which one, and who agrees."""

    by: str
    kid: str
    approved_by: tuple[str, ...] = ()


def revoke_passkey(
    ports: Ports, caller: Caller, key: str, person: str, wanted: PasskeyRevocation
) -> WriteResult:
    """Let nothing count any more that a passkey signs, at once; the person may, and who keeps the
    register, with another one where two others who approve would no longer have a passkey:
    SecondPersonRequired. So one person shuts out whom they must, and two others can undo it."""
    approved_by = () if wanted.by == person else wanted.approved_by
    asked = {"pseudonym": person, "kid": wanted.kid, "approved_by": list(approved_by)}
    own = wanted.by == person
    persons = () if own else _persons(wanted.by, staff.ENTERING, approved_by)
    request = ActionRequest("staff.revoke_passkey", wanted.by, key, asked, persons, registry=True)

    def act(context: RequestContext) -> Mapping[str, Any]:
        entry = _own(context, person)
        had = context.work.staff.passkeys(caller.organisation, person)
        found = next((one for one in had if one.kid == wanted.kid), None)
        if found is None:
            deny_as_not_found()
        if not found.in_force:
            raise WrongState("the passkey is revoked already")
        agreed = own or {*approved_by} - {wanted.by, person}
        if not agreed and _leaves_fewer_than_two(context, entry, wanted):
            raise SecondPersonRequired(_NEED_ANOTHER_TO_REVOKE)
        context.work.staff.revoke_passkey(wanted.kid, context.event)
        _record_beside(context, entry, asked, passkey=entry.commits(found))
        return dict(to_json(PasskeyChanged(context.event, person, wanted.kid)))

    return transact(ports, caller, request, act)


def _leaves_fewer_than_two(
    context: RequestContext, entry: staff.StaffEntry, wanted: PasskeyRevocation
) -> bool:
    """Tell whether fewer than two approvers or heads beside the keeper would have a passkey."""
    work, day, now = context.work, context.today.day, context.now
    rows = partial(work.staff.page, entry.organisation)
    able = {
        one.pseudonym
        for one in iterate(rows, attrgetter("pseudonym"), "")
        if one.roles & staff.APPROVING and one.in_force(day, now) and one.pseudonym != wanted.by
        for made in work.staff.passkeys(one.organisation, one.pseudonym)
        if made.in_force and made.kid != wanted.kid
    }
    counted = entry.roles & staff.APPROVING and entry.in_force(day, now)
    return bool(counted) and entry.pseudonym not in able and len(able) < _TWO


def _in_force(context: RequestContext, person: str) -> staff.StaffEntry:
    entry = _own(context, person)
    if not entry.in_force(context.today.day, context.now):
        raise WrongState("the entry is not in force")
    return entry


def _could_pose(context: RequestContext, entry: staff.StaffEntry, by: str) -> bool:
    """Tell whether who invites could make up this person, or take their place: they entered the
    person, or nobody knows any more who did; or the person has or had a passkey."""
    work = context.work
    if work.staff.passkeys(entry.organisation, entry.pseudonym):
        return True
    entered = work.log.logged(entry.event)
    if entered is None or not (said := [d for d in entered.event.disclosures if d.kind == "by"]):
        return True
    return by in said[0].value


def _invited(
    context: RequestContext, entry: staff.StaffEntry, token_sha256: str
) -> staff.StaffInvitation:
    ends = context.now + staff.INVITATION
    named = (entry.organisation, entry.pseudonym, token_sha256)
    return staff.StaffInvitation(*named, ends, context.event)


def _record_beside(
    context: RequestContext, entry: staff.StaffEntry, said: Mapping[str, Any], **kept: str
) -> None:
    """Record what concerns a person beside their entry, in the own stream alone."""
    party = Party(entry.organisation, "actor")
    committed = canonical.encode([{"entry": entry.commitment(), **kept}]).decode()
    details = (events.subject(said, party), events.shared(ENTRIES, committed, (party,)))
    context.record((party,), *details)


# --- The first persons of an organisation, by two administrators ---------------------------------


def read_roles(value: Any) -> tuple[frozenset[str], ...]:
    """The roles of each person, as "head,liaison"; ValueError unless two of them approve."""
    entries = tuple(frozenset(one.split(",")) for one in value)
    if not isinstance(value, list) or sum(bool(one & staff.APPROVING) for one in entries) < _TWO:
        raise ValueError
    if not all(one <= staff.ALL_ROLES for one in entries):
        raise ValueError
    return entries


def read_tokens(value: Any) -> tuple[str, ...]:
    """The digests of tokens; ValueError for anything else, and for one that occurs twice."""
    tokens = tuple(value)
    if len({*tokens}) < len(value) or not all(base64url.DIGEST.fullmatch(one) for one in tokens):
        raise ValueError
    return tokens


def establish(context: ChangeContext) -> Mapping[str, Any]:
    """Enter the first persons of an organisation, two of them as approver or head.

    Also later ones, once fewer than two of those are left. Raises WrongState otherwise. Each of the
    ``invitations`` lets the person at its place register a passkey.
    """
    slug, request = context.organisation.slug, context.request
    held = iterate(partial(context.work.staff.page, slug), attrgetter("pseudonym"), "")
    approving = [
        one
        for one in held
        if one.roles & staff.APPROVING and one.in_force(context.today, context.now)
    ]
    if len(approving) >= _TWO:
        raise WrongState(
            "two approvers or heads are in force: the organisation keeps its register itself"
        )
    entries = [_entry(request, slug, {"roles": roles}) for roles in context.values["entries"]]
    tokens = context.values["invitations"] or ()
    if len(tokens) > len(entries):
        raise ValidationFailed((("/invitations", "are more than the persons entered"),))
    return _enter(request, entries, events.gateway_and(slug), tokens=tokens)


# --- What both share -----------------------------------------------------------------------------


def _entry(
    context: RequestContext, organisation: str, one: Mapping[str, Any], *, temporary: bool = False
) -> staff.StaffEntry:
    """The entry without its pseudonym, which is drawn when it is stored."""
    return staff.StaffEntry(
        organisation=organisation,
        pseudonym="",
        roles=frozenset(one["roles"]),
        start=parse_date(one["from"]) if "from" in one else context.today.day,
        end=parse_date(one["until"]) if "until" in one else None,
        temporary=temporary,
        ends_at=context.now + staff.TEMPORARY if temporary else None,
        event=context.event,
        salt=context.ports.random(_SALT_BYTES).hex(),
    )


def _enter(
    context: RequestContext,
    entries: Iterable[staff.StaffEntry],
    parties: tuple[Party, ...],
    approved_by: Sequence[str] = (),
    *,
    tokens: Sequence[str] = (),
) -> Mapping[str, Any]:
    """Store entries and record them, with the invitations of the first ones."""
    stored = [_store(context, one) for one in entries]
    invited = [_invited(context, *one) for one in zip(stored, tokens, strict=False)]
    for one in invited:
        context.work.staff.invite(one)
    _record(context, stored, parties, approved_by, invited=invited)
    return dict(to_json(StaffAdded(context.event, [_view(context, one) for one in stored])))


def _store(context: RequestContext, entry: staff.StaffEntry) -> staff.StaffEntry:
    """Draw pseudonyms until one was never used, and store the entry under it."""
    while True:
        drawn = staff.pseudonym(entry.organisation, context.ports.random(_CHARACTERS))
        named = replace(entry, pseudonym=drawn)
        if context.work.staff.add(named):
            return named


def _record(
    context: RequestContext,
    entries: Sequence[staff.StaffEntry],
    parties: tuple[Party, ...],
    approved_by: Sequence[str] = (),
    *,
    invited: Sequence[staff.StaffInvitation] = (),
) -> None:
    """Record entries for their organisation (and the gateway, where administrators made them)."""
    subject = {
        "entries": [
            {"pseudonym": one.pseudonym, "roles": sorted(one.roles), "temporary": one.temporary}
            for one in entries
        ],
        "approved_by": list(approved_by),
    }
    kept = [
        {"entry": one.commitment(), "ends_at": one.ends_at and one.ends_at.isoformat()}
        for one in entries
    ]
    kept += [
        {"entry": entry.commitment(), "invitation": entry.commits(one)}
        for entry, one in zip(entries, invited, strict=False)
    ]
    commitments = events.shared(ENTRIES, canonical.encode(kept).decode(), parties)
    context.record(parties, events.subject(subject, *parties), commitments)


def _view(context: RequestContext, entry: staff.StaffEntry) -> StaffMember:
    return shown(
        StaffMember,
        entry,
        roles=sorted(entry.roles),
        from_=entry.start,
        until=entry.end,
        in_force=entry.in_force(context.today.day, context.now),
        passkeys=[
            {**canonical.decode(one.jwk.encode()), **({} if one.in_force else _REVOKED)}
            for one in context.work.staff.passkeys(entry.organisation, entry.pseudonym)
        ],
    )


_REVOKED = {declarations.REVOKED: True}
