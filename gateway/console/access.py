"""What the console needs of a gateway: who may sign in, and declared endpoints for one person.

Refusals cross as `gateway.domain.refusals` has them; faults of a body as ValidationFailed, each
with its JSON pointer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from gateway.domain.refusals import Refusal
from gateway.evidence.declarations import ApprovalKey
from gateway.evidence.passkey import Passkey
from gateway.evidence.receipt import Receipt


class Person(NamedTuple):
    """Who works in a browser: an entry of a staff register by its pseudonym, or an administrator
    of the gateway, who has no ``organisation``."""

    organisation: str
    name: str


@dataclass(frozen=True)
class PersonInvitation:
    """An invitation to register a passkey, and the person who made it."""

    person: Person
    by: str
    expires_at: datetime


@dataclass(frozen=True)
class Prepared:
    """An act as it would be recorded now; nothing of it is stored.

    ``values`` is what the person signs, by `change_digest`; ``draft`` the text that the passkey is
    asked to sign; ``body`` what to write with the approval; ``digest`` that of a change, which its
    approval names.
    """

    action: str
    organisation: str
    values: Mapping[str, Any]
    body: Mapping[str, Any]
    draft: str
    digest: str = ""


@dataclass(frozen=True)
class Done:
    """The result of an act, as the endpoint answers it, and its receipt."""

    result: Any
    receipt: Receipt


class RefusedOnRecord(Exception):
    """A refusal that is in the log, with its receipt."""

    def __init__(self, refusal: Refusal, receipt: Receipt) -> None:
        """Pair the refusal with the evidence of it."""
        super().__init__(refusal.detail)
        self.refusal = refusal
        self.receipt = receipt


class NotDone(Exception):
    """What a member's own system could not do, or does not believe, and what to do about it, in
    ``sentences``; ``slug`` names its error."""

    def __init__(self, slug: str, *sentences: str) -> None:
        """Keep the name with the sentences."""
        super().__init__("; ".join(sentences))
        self.slug, self.sentences = slug, sentences


UNANSWERED = (Refusal, RefusedOnRecord, NotDone)
"""All that a reading may end with, where a page goes on without what was asked."""


class Access(Protocol):
    """The declared endpoints, by their names, for one person who is signed in.

    Session, passkey and entry are judged in each transaction, whatever the console thought.
    """

    @property
    def person(self) -> Person:
        """The person who asks."""

    def read(
        self, endpoint: str, query: Mapping[str, Any] = {}, /, **ids: Any
    ) -> Mapping[str, Any]:
        """The answer of an endpoint that changes nothing, as JSON values."""

    def preview(self, endpoint: str, body: Mapping[str, Any], /, **ids: Any) -> Mapping[str, Any]:
        """The answer of an endpoint that takes a body and changes nothing."""

    def prepare(self, endpoint: str, key: str, body: Mapping[str, Any], /, **ids: Any) -> Prepared:
        """Check an act and word what the person would sign."""

    def write(
        self,
        endpoint: str,
        key: str,
        body: Mapping[str, Any],
        approvals: Sequence[str] = (),
        /,
        **ids: Any,
    ) -> Done:
        """Do it, once for each idempotency ``key``; ``approvals`` are drafts with the passkeys'
        answers, of each person who is named one."""

    def write_each(
        self, endpoint: str, asked: Sequence[tuple[str, Mapping[str, Any]]], /
    ) -> Sequence[Done | Exception]:
        """Do several, each by its key and its body, which no person signs: how each ended, of what
        refuses one of UNANSWERED. NotFound where a person signs each."""

    def draft(self, *changes: tuple[str, str]) -> str:
        """Word what this person signs of acts that were prepared, each by its action and digest: of
        a member's one, that another person prepared; of an administrator's several at once."""

    def endpoint(self, action: str, /, *ids: str) -> str | None:
        """The endpoint that does an action about what ids of these names are given for; None where
        there is none."""

    def reaches(self, *endpoints: str) -> bool:
        """Tell whether the person's roles reach one of these endpoints, and their organisation may
        have a part in it."""

    def schema(self, endpoint: str, /) -> Mapping[str, Any]:
        """The JSON Schema of the body of an endpoint; of a change, by its action, of its values."""

    def query(self, endpoint: str, /) -> Mapping[str, Any]:
        """The JSON Schema of the query of an endpoint, as an object."""

    def log_keys(self) -> Sequence[str]:
        """The verifier keys of the gateway's log, as it publishes them."""

    def approval_keys(self, person: Person, /) -> Mapping[str, ApprovalKey]:
        """All keys by which a person signs approvals, or did, by their ids; none of an unknown
        one."""

    def changes(self, *, of_gateway: bool) -> Sequence[str]:
        """The actions that administrators propose, about the gateway or about an organisation."""


class Persons(Protocol):
    """Who may sign in, as the registry has it at the moment of each question."""

    def passkeys(self, person: Person, /) -> Mapping[str, Passkey]:
        """The passkeys of a person who may sign in now, by their ids; none for anybody else."""

    def invitation(self, token: str, /) -> PersonInvitation | None:
        """The open invitation of a token."""

    def registration(self, person: Person, jwk: Mapping[str, Any], /) -> str:
        """Draft what a new passkey of a person signs about itself; of an administrator, whom two
        others let use it, without telling whether there is one of this id."""

    def register(self, token: str, jwk: Mapping[str, Any], statement: str, key: str, /) -> None:
        """Register a passkey and use up its invitation; ``statement`` is the draft with the
        passkey's answer. Raises Refusal."""

    def access(self, person: Person, session: str, kid: str, /) -> Access | None:
        """The endpoints for a person who signed in with a passkey, in a session; None once they may
        not, or the passkey is revoked."""
