"""Reads and writes as one thing each: sent, answered, confirmed by the log, remembered.

A write is kept on disk first (where an outbox is given) and let go only when its answer holds.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import Any
from uuid import UUID

from gateway.client import errors, evidence_checks, local_state
from gateway.client.connection import PartnerConnection
from gateway.client.transport import AccessTokens, HttpRequest, HttpResponse
from gateway.domain import read_only
from gateway.evidence import canonical, sd_jwt
from gateway.evidence.receipt import Receipt, VerifiedReceipt
from gateway.evidence.sd_jwt import SdJwt
from gateway.evidence.signature import PublicKey, public_keys
from gateway.verification import history
from gateway.verification.history import SignedTree
from gateway.verification.stream import StreamHead

JSON = "application/json"
PROBLEM = "application/problem+json"
SIGNED = "application/sd-jwt"

_READ_AT_ONCE = frozenset({"case.consult", "audit.search"})
"""Writes whose answer somebody waits for: sent again later they would open things for nobody."""

_NOT_HEARD = frozenset({401, 408, 429})
"""Refusals of who asks, or of this moment: they say nothing about the write, which stays kept."""

_NEXT = re.compile(r"/(?!/)[!-~]{0,1000}", re.ASCII)


@dataclass(frozen=True)
class ConfirmedWrite:
    """The answer to a write: its result, the receipt, and what the receipt proves."""

    result: Mapping[str, Any]
    receipt: Receipt
    confirmed: VerifiedReceipt


class Session:
    """What all methods of the client share. Threads may share it."""

    def __init__(
        self,
        connection: PartnerConnection,
        access: AccessTokens,
        ids: Callable[[], UUID],
        outbox: local_state.Outbox | None,
        tile: local_state.ReadPublicTile | None = None,
    ) -> None:
        """``ids`` makes the idempotency keys; ``tile`` reads the public log."""
        self._connection, self._access, self._ids, self._outbox = connection, access, ids, outbox
        self._sightings = local_state.CheckpointStore(
            connection.log_key, connection.checkpoint_file, tile
        )

    def may(self, scope: str) -> bool:
        """Whether this system has a scope, as far as its newest token says."""
        return self._access.scopes is None or scope in self._access.scopes

    def newest(self) -> SignedTree | None:
        """The newest checkpoint known now, to be given to `observe` with what is asked next."""
        return self._sightings.newest()

    def observe(self, confirmed: VerifiedReceipt, before: SignedTree | None) -> None:
        """Take in the checkpoint of a verified receipt; LogForked when it contradicts."""
        shown = history.of_receipt(confirmed)
        self._sightings.observe(SignedTree(shown.checkpoint, shown.note), before, [shown])

    def observe_head(self, head: StreamHead, before: SignedTree | None) -> None:
        """Take in the checkpoint of a stream head; LogForked when it contradicts."""
        self._sightings.observe(SignedTree(head.checkpoint, head.note), before)

    def read(
        self, action: str, path: str, asked: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Look something up; with ``asked`` by a POST that changes nothing."""
        before = self.newest()
        if asked is None:
            message = HttpRequest("GET", path, None, {"Accept": JSON})
        else:
            headers = {"Accept": JSON, "Content-Type": JSON}
            message = HttpRequest("POST", path, body_of(asked).encode(), headers)
        refusal = partial(evidence_checks.confirm_refusal, action, None, self._connection)
        return members_of(self._granted(self._access.send(message), before, refusal))

    def items(self, action: str, path: str) -> Iterator[dict[str, Any]]:
        """The items of a list, page by page as they are iterated."""
        following: str | None = path
        while following:
            page = self.read(action, following)
            yield from list_of(page, "items")
            following = next_page(page, following)

    def keys(self, path: str) -> Mapping[str, PublicKey]:
        """A set of the gateway's public keys, from the partners' listener itself."""
        reply = granted(self._access.send(HttpRequest("GET", path)))
        try:
            return public_keys(canonical.decode(reply.body))
        except ValueError as error:
            raise errors.UnexpectedAnswer(
                "the gateway does not show the keys it signs with"
            ) from error

    def write(
        self,
        action: str,
        path: str,
        asked: Mapping[str, Any] | SdJwt,
        handoff: str | None = None,
    ) -> ConfirmedWrite:
        """Do a write under a new key; ``handoff`` is the id that its event must name.

        A signed document is sent as it is; its id is the key.
        """
        if isinstance(asked, SdJwt):
            key, body = str(sd_jwt.read_own(asked).claims["jti"]), asked.compact()
        else:
            key, body = str(self._ids()), body_of(asked)
        write = local_state.PendingWrite(action, path, key, body, handoff)
        # Content that opens later, with nobody at the screen, would be a false entry in the log.
        if self._outbox and action not in _READ_AT_ONCE:
            self._outbox.keep(write)
        return self.send(write)

    def change(self, path: str, asked: Mapping[str, Any], actions: Set[str]) -> ConfirmedWrite:
        """Bring a change of the registry, whose event is of one of these actions.

        It is kept nowhere: whoever signed it asks the registry whether it was made.
        """
        before = self.newest()
        headers = {"Content-Type": JSON, "Accept": JSON, "Idempotency-Key": str(self._ids())}
        reply = self._access.send(HttpRequest("POST", path, body_of(asked).encode(), headers))
        asked_for = partial(evidence_checks.confirm_change, actions, self._connection)
        members = members_of(self._granted(reply, before, partial(asked_for, made=False)))
        return self._confirmed(members, before, lambda _, found: asked_for(found, made=True))

    def waiting(self) -> list[local_state.PendingWrite]:
        """The writes that were kept and never answered, oldest first."""
        return list(self._outbox.waiting()) if self._outbox else []

    def set_aside(self, key: str) -> local_state.PendingWrite:
        """Keep a waiting write, and send it no more; LookupError when none has this key."""
        if self._outbox is None:
            raise LookupError(key)
        return self._outbox.set_aside(key)

    def send(self, write: local_state.PendingWrite) -> ConfirmedWrite:
        """Send a write, for the first time or again; Refused when the gateway says no.

        Every other ClientError tells that the write is left ``unanswered``, unless it was neither
        kept nor sent, and so does Refused where a kept write was not heard: the access was refused,
        or the moment.
        """
        try:
            written = self._sent(write)
        except errors.RequestRefused as refused:
            left = self._left(write)
            if left.kept and refused.status in _NOT_HEARD:
                refused.unanswered = left
            else:
                self._forget(write)
            if refused.status == HTTPStatus.NOT_FOUND and write.action in read_only.EVENTS:
                raise _ended(write, refused) from refused
            raise
        except errors.ClientError as error:
            left = self._left(write)
            if left.kept or not isinstance(error, errors.GatewayUnavailable) or error.reached:
                error.unanswered = left
            raise
        except KeyboardInterrupt as stopped:
            stopped.add_note(self._left(write).advice)
            raise
        self._forget(write)
        return written

    def _sent(self, write: local_state.PendingWrite) -> ConfirmedWrite:
        self._sightings.refuse_unchecked()
        before = self.newest()
        media = JSON if write.document is None else SIGNED
        headers = {"Content-Type": media, "Accept": JSON, "Idempotency-Key": write.key}
        reply = self._access.send(HttpRequest("POST", write.path, write.body.encode(), headers))
        refusal = partial(evidence_checks.confirm_refusal, write.action, write, self._connection)
        members = members_of(self._granted(reply, before, refusal))
        done = partial(evidence_checks.confirm_write, write, self._connection)
        return self._confirmed(members, before, done)

    def _confirmed(
        self,
        members: Mapping[str, Any],
        before: SignedTree | None,
        confirm: Callable[[Mapping[str, Any], Receipt], VerifiedReceipt],
    ) -> ConfirmedWrite:
        """The result of a write, once its receipt confirms it."""
        result = members.get("result")
        if not isinstance(result, dict):
            raise errors.UnexpectedAnswer("the gateway answers a write without its result")
        found = evidence_checks.read_receipt(members.get("receipt"))
        confirmed = confirm(result, found)
        self.observe(confirmed, before)
        return ConfirmedWrite(result, found, confirmed)

    def _left(self, write: local_state.PendingWrite) -> errors.UnconfirmedWrite:
        reads = write.action in _READ_AT_ONCE
        kept = self._outbox is not None and not reads
        return errors.UnconfirmedWrite(
            write.action, write.path, write.key, write.handoff, kept, reads
        )

    def _forget(self, write: local_state.PendingWrite) -> None:
        if self._outbox:
            self._outbox.drop(write.key)

    def _granted(
        self,
        reply: HttpResponse,
        before: SignedTree | None,
        confirm: Callable[[Receipt], VerifiedReceipt],
    ) -> HttpResponse:
        """The reply when it is a yes; a refusal's receipt is verified before it is returned."""
        try:
            return granted(reply)
        except errors.RequestRefused as refused:
            if refused.receipt is not None:
                self.observe(confirm(refused.receipt), before)
            raise


def _ended(
    write: local_state.PendingWrite, refused: errors.RequestRefused
) -> errors.RequestRefused:
    """The refusal of a write that an earlier version of the gateway may have answered."""
    why = (
        f"nobody can do {write.action} any more (CHANGELOG.md, Upgrade): nothing was done now, and "
        "it is not sent again; whether it was done before, `casegate event list` shows"
    )
    return errors.RequestRefused(replace(refused.problem, detail=why))


def granted(reply: HttpResponse) -> HttpResponse:
    """The reply if it is a success; else RequestRefused or GatewayUnavailable."""
    if reply.status in (200, 201, 202):
        return reply
    if reply.status < 400:
        raise errors.UnexpectedAnswer(f"the gateway answers with the status {reply.status}")
    problem = _problem(reply)
    if reply.status >= 500:
        raise errors.GatewayUnavailable(
            f"the gateway cannot answer now: {problem.detail or problem.title}"
        )
    raise errors.RequestRefused(problem)


def _problem(reply: HttpResponse) -> errors.ProblemDetails:
    members = members_of(reply) if reply.media == PROBLEM else {}
    with errors.raising(errors.EvidenceMismatch, "a refusal comes with a receipt that is none"):
        return errors.ProblemDetails.read(members, reply.status)


def members_of(reply: HttpResponse) -> dict[str, Any]:
    """The members of an answer; UnexpectedAnswer when it is not a JSON object."""
    try:
        members = canonical.decode(reply.body) if reply.media in (JSON, PROBLEM) else None
    except ValueError:
        members = None
    if not isinstance(members, dict):
        raise errors.UnexpectedAnswer("the gateway's answer is not a JSON object")
    return members


def list_of(members: Mapping[str, Any], name: str) -> list[Any]:
    """A list in an answer; UnexpectedAnswer when there is none."""
    found = members.get(name)
    if not isinstance(found, list):
        raise errors.UnexpectedAnswer(f"the gateway's answer has no list of {name}")
    return found


def next_page(page: Mapping[str, Any], path: str) -> str | None:
    """Where the list goes on: a path of the same list at the same gateway, or None."""
    following = page.get("next")
    if following is None:
        return None
    same_list = str(following).partition("?")[0] == path.partition("?")[0]
    if not _NEXT.fullmatch(str(following)) or not same_list or following == path:
        raise errors.UnexpectedAnswer("a page's link does not lead to the next page of its list")
    return str(following)


def spelled(name: Any) -> str:
    """A UUID in its one spelling, as paths have it; ValueError for anything else."""
    return str(name if isinstance(name, UUID) else UUID(str(name)))


def body_of(asked: Mapping[str, Any]) -> str:
    """The body of a request; what is None is left out."""
    given = {name: value for name, value in asked.items() if value is not None}
    return json.dumps(given, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
