"""The console's way to the interface at a member: by the client, which verifies what it shows, and
signs with the member's own key.

A document is drafted when an act is checked, shown, and signed when the person records it.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any
from uuid import UUID

from gateway.client.errors import ClientError, InvalidCase, RequestRefused
from gateway.client.gateway import Gateway
from gateway.client.session import ConfirmedWrite, NewWrite
from gateway.console.access import (
    UNANSWERED,
    Access,
    Done,
    NotDone,
    Person,
    Prepared,
    RefusedOnRecord,
)
from gateway.console.interface import Interface, faults
from gateway.domain import refusals
from gateway.domain.answers import KIND_OF_ACTION, misplaced
from gateway.domain.handoff import recall_answer_errors
from gateway.domain.outcome import outcome_errors
from gateway.domain.staff import APPROVING, ROLES_OF, NamedPerson, RegisterRole, person_errors
from gateway.domain.steps import STEPS
from gateway.domain.worklist import WorklistFilter
from gateway.evidence import sd_jwt
from gateway.evidence.declarations import ApprovalKey
from gateway.evidence.passkey import Passkey
from gateway.evidence.sd_jwt import SdJwt

PAGE = 50
"""Rows of a list that is read whole, and shown by pages."""

_OFFER, _UPDATE = "handoff.offer", "handoff.update"
_SUBMIT, _ENTER = "case.submit", "staff.add"
_CONSULT, _PREVIEWS = "handoffs_consult", ("cases_preview", "handoffs_preview_update")
_PLAIN = frozenset(
    {"cases_list", "cases_show", "cases_show_coverage", "directory_list", "staff_list"}
)
"""A member's own entries and the directory's, which no document or event confirms."""

_READ = _PLAIN | {"worklist_show", "handoffs_list", "handoffs_show"}
"""What is read here."""

_IN_NO_VIEW = frozenset({"case.end_measure", "handoff.take", "handoff.refer"})
"""What is done without being an act of a view: about one measure, or for one's own side."""

_SECOND: Mapping[str, frozenset[RegisterRole]] = {
    "approved_by": APPROVING,
    "second_assessor": ROLES_OF["case.assess"],
    "dpo": frozenset({RegisterRole.DPO}),
}
"""The roles of those whom an act names beside who does it; an offer's are judged by its preview."""

_DOCUMENT, _HANDOFF = "document", "handoff"
"""The members of what was prepared: the draft of a document, and the handoff of its event."""


@cache
def interface() -> Interface:
    """The interface as this version describes it: a gateway cannot word a form otherwise."""
    package = Path(str(resources.files("gateway")))
    shipped = package / "_openapi.json"
    file = shipped if shipped.exists() else package.parent / "docs/openapi.json"
    return Interface(json.loads(file.read_bytes()))


@dataclass
class DeskAccess:
    """The interface for the ``person`` of a member, by its ``gateway``, for one request: what was
    read is not read again before something was done. ``check`` judges a case before it is signed,
    and raises InvalidCase."""

    gateway: Gateway
    person: Person
    now: Callable[[], datetime]
    check: Callable[[Mapping[str, Any]], None] = lambda _: None
    _known: dict[Any, Any] = field(default_factory=dict)

    def read(
        self, endpoint: str, query: Mapping[str, Any] = {}, /, **ids: Any
    ) -> Mapping[str, Any]:
        """The answer of an endpoint that changes nothing, each document in it verified."""
        asked = (endpoint, *sorted(query.items()), *sorted(ids.items()))
        if asked not in self._known:
            with _crossing():
                self._known[asked] = self._read(endpoint, query, ids)
        found: Mapping[str, Any] = self._known[asked]
        return found

    def _read(self, endpoint: str, query: Mapping[str, Any], ids: Mapping[str, Any]) -> Any:
        match endpoint:
            case "worklist_show":
                if "worklist" not in self._known:
                    self._known["worklist"] = self.gateway.worklist()
                found, wanted = self._known["worklist"], WorklistFilter(**_narrowed(query))
                return {**found, **_page([*filter(wanted.fits, found["items"])], query)}
            case "handoffs_list":
                box, only = str(query["box"]), _narrowed(query)
                listed = self.gateway.inbox if box == "in" else self.gateway.sent
                return _page([*listed(**only)], query)
            case "handoffs_show":
                return self.gateway.handoff(ids[_HANDOFF])
            case _ if endpoint in _PLAIN:
                address = interface().address(endpoint, ids, query)
                return self.gateway.read(interface().action(endpoint), address)
        raise refusals.NotFound

    def preview(self, endpoint: str, body: Mapping[str, Any], /, **ids: Any) -> Mapping[str, Any]:
        """The answer of an endpoint that takes a body and changes nothing."""
        if endpoint not in _PREVIEWS:
            raise refusals.NotFound
        with _crossing():
            address = interface().address(endpoint, ids)
            return self.gateway.read("handoff.preview", address, self._named(body))

    def prepare(self, endpoint: str, key: str, body: Mapping[str, Any], /, **ids: Any) -> Prepared:
        """Draft what an act would sign, under the ``key`` as its id. Nothing is kept or sent."""
        with _crossing():
            self._check(endpoint, body, ids)
            new = self._drafted(endpoint, UUID(key), body, ids)
        action, organisation = new.action, self.person.organisation
        if isinstance(new.asked, SdJwt):
            draft = {_DOCUMENT: new.asked.compact(), _HANDOFF: new.handoff}
            return Prepared(action, organisation, {_DOCUMENT: new.asked.digest}, draft, "")
        asked = {name: one for name, one in new.asked.items() if one is not None}
        return Prepared(action, organisation, {**asked, **ids}, body, "")

    def _check(self, endpoint: str, body: Mapping[str, Any], ids: Mapping[str, Any]) -> None:
        """Refuse what is known to be refused before anything is signed: by the fields, by the
        persons, and by what the view of the case or of the handoff says that one may do now."""
        action, named = self._action(endpoint), self._named(body)
        if action == _SUBMIT:
            self.check(body["content"])
            return
        errors = [*faults(self.schema(endpoint), named)] or self._together(action, named)
        if errors := errors or [*self._person_errors(action, named)]:
            raise refusals.ValidationFailed(errors)
        place = next((one for one in (_HANDOFF, "case") if one in ids), None)
        if place is None or action in _IN_NO_VIEW:
            return
        view = self.read(f"{place}s_show", **{place: ids[place]})
        if all(one["action"] != action for one in view["acts"]):
            raise refusals.WrongState(
                "this is not open to you now: the page of the case or handoff shows what is"
            )

    def _together(self, action: str, named: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Return what is wrong with the fields of an answer taken together."""
        match action:
            case "handoff.report_outcome":
                return [*outcome_errors(named, self.now())]
            case "handoff.answer_recall":
                day = date.fromisoformat(self.gateway.whoami()["reference_date"])
                fields = KIND_OF_ACTION[action].fields
                return [*misplaced(fields, named), *recall_answer_errors(named, day)]
        return []

    def _person_errors(self, action: str, named: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Return what is wrong with the persons whom an act names, where the register can be
        read."""
        try:
            entries = [one for one in self.gateway.staff() if one["in_force"]]
        except ClientError:
            return
        held = {one["pseudonym"]: frozenset(one["roles"]) for one in entries}
        for name, roles in {"by": ROLES_OF[action], **_SECOND}.items():
            given = named.get(name, ())
            persons = [given] if isinstance(given, str) else given
            yield from person_errors([NamedPerson(f"/{name}", one, roles) for one in persons], held)

    def _drafted(
        self, endpoint: str, jti: UUID, body: Mapping[str, Any], ids: Mapping[str, Any]
    ) -> NewWrite:
        """The write that a form asks for; where it is signed, with a draft of its document."""
        action, by = self._action(endpoint), self.person.name
        drafting, fields = self.gateway.drafting(jti), dict(body)
        if action == _OFFER:
            return drafting.new_offer(ids["case"], self._named(body))
        if action == _SUBMIT:
            return drafting.new_version(interface().address(endpoint, ids), by, fields["content"])
        if action == _UPDATE:
            return drafting.new_update(ids[_HANDOFF], self._named(body))
        if action in KIND_OF_ACTION:
            command, offer = action.partition(".")[2], fields.pop("offer", None)
            return drafting.new_answer(command, ids[_HANDOFF], by, offer=offer, **fields)
        if action in STEPS:
            return drafting.new_step(action, ids, by, **fields)
        return NewWrite(action, interface().address(endpoint, ids), self._named(body))

    def write(
        self,
        endpoint: str,
        key: str,
        body: Mapping[str, Any],
        _approvals: Sequence[str] = (),
        /,
        **ids: Any,
    ) -> Done:
        """Do it, once for each idempotency ``key``; what was drafted is signed now."""
        self._known.clear()
        with _crossing():
            if endpoint == _CONSULT:
                opened = self.gateway.consult(ids[_HANDOFF], self.person.name, **body)
                unsealed = {one.part.id: one.to_json() for one in self.gateway.unseal(opened)}
                result = {**opened.written.result, "unsealed": unsealed}
                return Done(result, opened.written.receipt)
            return _done(self.gateway.record(self._new(endpoint, body, ids), key))

    def _new(self, endpoint: str, body: Mapping[str, Any], ids: Mapping[str, Any]) -> NewWrite:
        """Return what was prepared, as a write."""
        action, address = self._action(endpoint), interface().address(endpoint, ids)
        draft = body.get(_DOCUMENT)
        asked = self._named(body) if draft is None else sd_jwt.parse(draft)
        handoff = ids.get(_HANDOFF) or body.get(_HANDOFF)
        return NewWrite(action, address, asked, handoff and str(handoff))

    def write_each(
        self, endpoint: str, asked: Sequence[tuple[str, Mapping[str, Any]]], /
    ) -> Sequence[Done | Exception]:
        """Do several, each by its key and its body, in one request; what was drafted is signed
        now."""
        self._known.clear()
        new = [(self._new(endpoint, body, {}), key) for key, body in asked]
        answers: list[Done | Exception] = []
        with _crossing():
            for one in self.gateway.record_each(new):
                try:
                    with _crossing():
                        answers.append(_done(one))
                except UNANSWERED as refused:
                    answers.append(refused)
        return answers

    def draft(self, *_: tuple[str, str]) -> str:
        """Nothing: nobody signs with a passkey here."""
        return ""

    def endpoint(self, action: str, /, *ids: str) -> str | None:
        """The endpoint that does an action about what ids of these names are given for: answers and
        steps, offers, and entries into the staff register."""
        return interface().acting(action, ids) if _is_done_here(action) else None

    def reaches(self, *endpoints: str) -> bool:
        """Tell whether one of these endpoints is read, or done, here."""
        return any(one in _READ or _is_done_here(interface().action(one)) for one in endpoints)

    def schema(self, endpoint: str, /) -> Mapping[str, Any]:
        """The JSON Schema of the body of an endpoint, whole."""
        if endpoint not in (_CONSULT, *_PREVIEWS):
            self._action(endpoint)
        return interface().schema(endpoint)

    def query(self, endpoint: str, /) -> Mapping[str, Any]:
        """The JSON Schema of the query of an endpoint, as an object."""
        return interface().query(endpoint)

    def log_keys(self) -> Sequence[str]:
        """The verifier keys of the gateway's log, which the member brought."""
        return [str(one) for one in self.gateway.connection.trust.log_keys]

    def approval_keys(self, person: Person, /) -> Mapping[str, ApprovalKey]:
        """None: a member's own system reads no log of others."""
        return {}

    def changes(self, *, of_gateway: bool) -> Sequence[str]:
        """No member proposes a change of the registry."""
        return ()

    def _action(self, endpoint: str) -> str:
        """The action of an endpoint that is done here; NotFound."""
        action = interface().action(endpoint)
        if not _is_done_here(action):
            raise refusals.NotFound
        return action

    def _named(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """A body that names the person who asks."""
        return {**body, "by": self.person.name}


def _done(ended: ConfirmedWrite | ClientError) -> Done:
    """Return what a write gave; raise its error, where it ended so."""
    if isinstance(ended, ClientError):
        raise ended
    return Done(ended.result, ended.receipt)


def _is_done_here(action: str) -> bool:
    return (
        action in (_SUBMIT, _OFFER, _UPDATE, _ENTER) or action in KIND_OF_ACTION or action in STEPS
    )


def _narrowed(query: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a list is narrowed by, as the client names it; pages are made here."""
    named = {"from": "since", "to": "until"}
    asked = {name: one for name, one in query.items() if name not in ("box", "after", "limit")}
    return {
        named.get(n, n): one == "true" if n in ("overdue", "ends") else one
        for n, one in asked.items()
    }


def _page(rows: Sequence[Any], query: Mapping[str, Any]) -> dict[str, Any]:
    """A page of a list that was read whole, as the interface has pages."""
    after, limit = str(query.get("after", "")), int(query.get("limit", PAGE))
    first = int(after) if re.fullmatch("[0-9]{1,9}", after, re.ASCII) else 0
    following = f"?after={first + limit}" if first + limit < len(rows) else None
    return {"items": rows[first : first + limit], "next": following}


# --- Refusals as they cross to the console ---

_KINDS = {
    refusals.slug_of(kind): kind
    for kind in vars(refusals).values()
    if getattr(kind, "__init__", None) is refusals.Refusal.__init__
}
"""The kinds of refusals, by the names that the interface gives them."""


@contextmanager
def _crossing() -> Iterator[None]:
    """Raise what the gateway refuses, and what the client does not believe, as refusals."""
    try:
        yield
    except RequestRefused as refused:
        refusal = None if refused.unanswered else _refusal(refused)
        if refusal is None:  # it was not heard, and is kept; or its kind has no name here
            raise NotDone(refusals.slug_of(type(refused)), *refused.sentences) from refused
        if refused.receipt is None:
            raise refusal from refused
        raise RefusedOnRecord(refusal, refused.receipt) from refused
    except InvalidCase as invalid:
        raise refusals.ValidationFailed(invalid.errors or (("", str(invalid)),)) from invalid
    except ClientError as error:
        raise NotDone(refusals.slug_of(type(error)), *error.sentences) from error


def _refusal(refused: RequestRefused) -> refusals.Refusal | None:
    if refused.errors:
        return refusals.ValidationFailed(refused.errors)
    if refused.rules or refused.slug == "policy-denied":
        return refusals.Forbidden(refused.detail, refused.rules)
    kind = _KINDS.get(refused.slug)
    return kind and kind(refused.detail)


# --- Who works there ---


@dataclass(frozen=True)
class DeskPersons:
    """The persons whom the member lets in at its own machine; nobody has a passkey there."""

    gateway: Gateway
    now: Callable[[], datetime]
    check: Callable[[Mapping[str, Any]], None] = lambda _: None

    def passkeys(self, _person: Person, /) -> Mapping[str, Passkey]:
        """None."""
        return {}

    def access(self, person: Person, _session: str, _kid: str, /) -> Access | None:
        """The interface for a person of the member."""
        own = person.organisation == self.gateway.connection.organisation
        return DeskAccess(self.gateway, person, self.now, self.check) if own else None

    def invitation(self, _token: str, /) -> None:
        """None: who is invited makes a passkey at the gateway's console."""

    def registration(self, _person: Person, _jwk: Mapping[str, Any], /) -> str:
        """Refuse, likewise."""
        raise refusals.InvalidInvitation

    def register(self, *_: Any) -> None:
        """Refuse, likewise."""
        raise refusals.InvalidInvitation
