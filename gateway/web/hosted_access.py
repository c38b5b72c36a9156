"""The console's way to the declared endpoints in the gateway's own process, for one person."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Any, cast
from uuid import UUID

from marshmallow import ValidationError

from gateway.changes import CHANGES
from gateway.console.access import Done, Person, Prepared, RefusedOnRecord
from gateway.console.interface import Interface
from gateway.domain import refusals
from gateway.evidence import sd_jwt
from gateway.evidence.declarations import ApprovalKey, change_digest, planned
from gateway.exchange.signed_requests import DRAFT, SUCCESSION
from gateway.kernel import changes
from gateway.kernel.actors import GATEWAY
from gateway.kernel.approvals import draft_approval
from gateway.kernel.authentication import approval_keys_of
from gateway.kernel.changes import Change
from gateway.kernel.fields import read_fields
from gateway.kernel.ports import Ports, TransactionMode
from gateway.kernel.results import to_json
from gateway.kernel.transact import RecordedRefusal, Write, WriteResult, rehearse, transact
from gateway.kernel.values import Caller, PersonCredentials
from gateway.schemas.schema_fields import pointed
from gateway.web import openapi
from gateway.web.caller import ANY_SCOPE
from gateway.web.endpoint import Call, Endpoint
from gateway.web.listeners import PARTNERS
from gateway.web.partners.registry import VALUES

_ENDPOINTS: Mapping[str, Endpoint] = {one.name: one for one in PARTNERS}

_DRAFTED = frozenset(
    one.name for one in PARTNERS if one.signed not in (None, SUCCESSION) and one.scope != ANY_SCOPE
)
"""Acts that make a document, which the person is shown before; not the tries of a conformance
run."""

_APPROVED = frozenset({"proposal.create", "proposal.withdraw", "proposal.refuse"})
"""The actions that an administrator does by an approval."""

_OF_EXCHANGE = frozenset({"handoffs_list", "cases_list"})
"""Lists that stay empty in an organisation to which no case can come, as one that audits."""

_PENDING = ""
"""In place of the approval of an act that is shown to the person, who signs it then."""

_DOCUMENT = "document"
"""The member of what was prepared that no body has: the draft of its document."""


@dataclass(frozen=True)
class HostedAccess:
    """The declared endpoints for a ``caller`` that is the ``person``, who signed in.

    The transaction of each request judges the person again.
    """

    ports: Ports
    caller: Caller
    person: Person
    _shown: dict[Any, Mapping[str, Any]] = field(default_factory=dict, init=False, compare=False)
    """The proposals that were read: the person signs what the same page shows."""

    def read(
        self, endpoint: str, query: Mapping[str, Any] = {}, /, **ids: Any
    ) -> Mapping[str, Any]:
        """The answer of an endpoint that changes nothing, as JSON values."""
        one = self._of(endpoint)
        with _crossing():
            call = Call(self.ports, self.caller, "", {}, one.query.load(dict(query)))
            found = cast(Mapping[str, Any], to_json(one.view(call, **ids)))
        if endpoint == "changes_show":
            self._shown[ids["proposal"]] = found
        return found

    def preview(self, endpoint: str, body: Mapping[str, Any], /, **ids: Any) -> Mapping[str, Any]:
        """The answer of an endpoint that takes a body and changes nothing."""
        one = self._of(endpoint)
        with _crossing():
            return cast(Mapping[str, Any], to_json(one.view(self._call(one, "", body), **ids)))

    def prepare(self, endpoint: str, key: str, body: Mapping[str, Any], /, **ids: Any) -> Prepared:
        """Check an act, and word what the person would sign: where it makes a document, that.

        Nothing is kept. An act that was done before has nothing to sign, and no values.
        """
        one = self._of(endpoint)
        if one.action in _APPROVED:
            with _crossing():
                return self._prepared_change(endpoint, body, ids.get("proposal"))
        with _crossing():
            call = self._call(one, key, body)
            if endpoint not in _DRAFTED:
                return self._prepared(one, self._values(one, call, ids), body)
            caller = self._signing((_PENDING,))
            write = one.view(call._replace(caller=caller, draft=DRAFT), **ids)
            given = rehearse(self.ports, caller, write.request, write.act)
        if given is None:
            return Prepared(str(one.action), self.person.organisation, {}, body, "")
        told = vars(given)
        draft = str(told.get("offer") or told["document"])
        digest = sd_jwt.parse(draft).digest
        return self._prepared(one, {_DOCUMENT: digest}, {**body, _DOCUMENT: draft})

    def _prepared(
        self, one: Endpoint, values: Mapping[str, Any], body: Mapping[str, Any]
    ) -> Prepared:
        """Word what is signed."""
        action, organisation = str(one.action), self.person.organisation
        digest = change_digest(action, organisation, values)
        draft = draft_approval(self.ports, self._signer, organisation, (action, digest))
        return Prepared(action, organisation, values, body, draft, digest)

    @property
    def _signer(self) -> PersonCredentials:
        assert isinstance(self.caller.credentials, PersonCredentials)  # noqa: S101
        return self.caller.credentials

    def _signing(self, approvals: tuple[str, ...], values: Mapping[str, Any] = {}) -> Caller:
        """The caller with what persons signed of one request."""
        shown = replace(self._signer, approvals=approvals, values=values)
        return replace(self.caller, credentials=shown)

    def _prepared_change(
        self, endpoint: str, body: Mapping[str, Any], proposal: UUID | None
    ) -> Prepared:
        """Word what an administrator approves: a change, one that waits, or the end of that."""
        match endpoint, proposal:
            case "changes_submit", None:
                change = Change(body["action"], body["organisation"], body["values"])
                read_fields(CHANGES[change.action].fields, change.values)
            case "changes_refuse", UUID():
                change = changes.refusal_of(proposal, body.get("reason", ""))
            case "changes_withdraw", UUID():
                change = changes.withdrawal_of(proposal)
            case _:
                found = self._shown.get(proposal) or self.read("changes_show", proposal=proposal)
                change = Change(found["action"], found["organisation"], found["values"])
        digest = changes.digest_of(change)
        draft = draft_approval(self.ports, self._signer, GATEWAY, (change.action, digest))
        named = {"action": change.action, "organisation": change.organisation}
        values = {**named, "change": dict(change.values)}
        return Prepared(change.action, change.organisation, values, body, draft, digest)

    def write(
        self,
        endpoint: str,
        key: str,
        body: Mapping[str, Any],
        approvals: Sequence[str] = (),
        /,
        **ids: Any,
    ) -> Done:
        """Do it, once for each idempotency ``key``."""
        one, fields = self._of(endpoint), dict(body)
        draft = fields.pop(_DOCUMENT, None)
        if one.action in _APPROVED:
            several = endpoint == "changes_submit"
            fields |= {"approvals": [*approvals]} if several else {"approval": approvals[0]}
        with _crossing():
            call = self._call(one, key, fields)._replace(draft=draft)
            if approvals and one.action not in _APPROVED:
                values = self._values(one, call, ids)
                call = call._replace(caller=self._signing((*approvals,), values))
            done = one.view(call, **ids)
            if isinstance(done, Write):
                done = transact(self.ports, call.caller, *done)
        assert isinstance(done, WriteResult)  # noqa: S101
        return Done(to_json(done.result), done.receipt)

    def write_each(self, *_: Any) -> Sequence[Done | Exception]:
        """Refuse: a person signs each act."""
        raise refusals.NotFound

    def _values(self, one: Endpoint, call: Call, ids: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a person signs of an act without a document: its body, and what it is about;
        of a succession the plan, each word of it."""
        plan = {}
        if one.signed is SUCCESSION:
            plan = planned(self.read("successions_show", **ids))
        return {**call.body, **{name: str(value) for name, value in ids.items()}, **plan}

    def draft(self, *changes: tuple[str, str]) -> str:
        """Word what this person signs of acts that were prepared, each by its action and digest."""
        organisation = self.person.organisation or GATEWAY
        return draft_approval(self.ports, self._signer, organisation, *changes)

    def endpoint(self, action: str, /, *ids: str) -> str | None:
        """The endpoint that does an action about what ids of these names are given for."""
        return interface().acting(action, ids)

    def reaches(self, *endpoints: str) -> bool:
        """Tell whether the person's roles reach one of these endpoints, and their organisation may
        have a part in it."""
        scopes = self.caller.scopes
        known = {*endpoints} if self._exchanges else {*endpoints} - _OF_EXCHANGE
        return any(_ENDPOINTS[one].scope in scopes for one in known)

    @cached_property
    def _exchanges(self) -> bool:
        with self.ports.begin(TransactionMode.READ) as work:
            found = work.organisations.get(self.person.organisation)
        return found is not None and found.exchanges

    def schema(self, endpoint: str, /) -> Mapping[str, Any]:
        """The JSON Schema of the body of an endpoint, whole; it says what the endpoint does.

        Of a change, which has its name by its action, that of its values."""
        return VALUES[endpoint] if endpoint in VALUES else interface().schema(endpoint)

    def query(self, endpoint: str, /) -> Mapping[str, Any]:
        """The JSON Schema of the query of an endpoint, as an object."""
        return interface().query(endpoint)

    def log_keys(self) -> Sequence[str]:
        """The verifier keys of the gateway's log, as it publishes them."""
        return self.ports.checkpoint_signer.verifier_keys

    def approval_keys(self, person: Person, /) -> Mapping[str, ApprovalKey]:
        """All keys by which a person signs approvals, or did, by their ids."""
        return approval_keys_of(self.ports, person.organisation or GATEWAY, person.name)

    def changes(self, *, of_gateway: bool) -> Sequence[str]:
        """The actions that administrators propose, about the gateway or about an organisation."""
        return [name for name, kind in CHANGES.items() if kind.at_gateway is of_gateway]

    def _of(self, endpoint: str) -> Endpoint:
        """An endpoint that the person's roles reach; Forbidden."""
        one = _ENDPOINTS[endpoint]
        if one.scope not in (ANY_SCOPE, *self.caller.scopes):
            raise refusals.Forbidden("your roles do not include this", ())
        return one

    def _call(self, one: Endpoint, key: str, body: Mapping[str, Any]) -> Call:
        """A call whose body names the person who asks."""
        fields = getattr(one.body, "fields", {})
        named = {**body, "by": self.person.name} if "by" in fields else dict(body)
        loaded = {} if one.body is None else one.body.load(named)
        return Call(self.ports, self.caller, key, loaded, {})


@contextmanager
def _crossing() -> Iterator[None]:
    """Refusals as they cross to the console."""
    try:
        yield
    except ValidationError as error:
        raise refusals.ValidationFailed(tuple(pointed(error.messages))) from error
    except RecordedRefusal as refused:
        raise RefusedOnRecord(refused.refusal, refused.receipt) from refused


@cache
def interface() -> Interface:
    """The interface as this gateway describes it."""
    return Interface(openapi.document())
