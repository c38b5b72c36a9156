"""Reads and writes as one thing each: sent, answered, confirmed by the log, remembered.

A write is kept on disk first (where an outbox is given) and let go only when its answer holds.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple
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

_READ_AT_ONCE = frozenset({"case.consult", "audit.search", "item.search"})
"""Writes whose answer somebody waits for: sent again later they would open things for nobody."""

_NOT_HEARD = frozenset({401, 408, 429})
"""Refusals of who asks, or of this moment: they say nothing about the write, which stays kept."""

BATCHES: Mapping[str, str] = {
    "case.submit": "/batches/submissions",
    "handoff.offer": "/batches/offers",
    "handoff.accept": "/batches/acceptances",
}
"""The actions of which one request asks for several, and its path."""

LARGEST_BATCH = 100
MAX_BATCH_BYTES = 250_000
"""A batch is as large as one request: `[limits] max_body_bytes`, by default 256 KiB."""

_PLACE = re.compile(r"/(case|handoff)s/([0-9a-f-]{36})/", re.ASCII)
_COMMAND = re.compile(r"[a-z][a-z-]*( (--)?[a-zA-Z0-9][a-zA-Z0-9:/._@-]*)*", re.ASCII)
_NEXT = re.compile(r"/(?!/)[!-~]{0,1000}", re.ASCII)


@dataclass(frozen=True)
class ConfirmedWrite:
    """The answer to a write: its result, the receipt, and what the receipt proves."""

    result: Mapping[str, Any]
    receipt: Receipt
    confirmed: VerifiedReceipt

    def having(self, more: Mapping[str, Any] | None) -> "ConfirmedWrite":
        """The same, its result with further members."""
        return replace(self, result={**self.result, **more}) if more else self


class NewWrite(NamedTuple):
    """A write that is yet to be sent: what `Session.write` takes."""

    action: str
    path: str
    asked: Mapping[str, Any] | SdJwt
    handoff: str | None = None
    more: Mapping[str, Any] | None = None


Ended = ConfirmedWrite | errors.ClientError
"""How one of several writes ended: done, or the error that `Session.write` would raise."""


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
        self.tile = tile
        self._sightings = local_state.CheckpointStore(
            connection.trust.log_keys, connection.checkpoint_file, tile
        )

    def may(self, scope: str) -> bool:
        """Tell whether this system has a scope, as far as its newest token says."""
        return self._access.scopes is None or scope in self._access.scopes

    def newest(self) -> SignedTree | None:
        """The newest checkpoint known now, to be given to `observe` with what is asked next."""
        return self._sightings.newest()

    def compare(self, note: str, other: str) -> None:
        """Hold two checkpoints of the log against each other; LogForked when they contradict."""
        self._sightings.compare(note, other)

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

    def key_events(self) -> bytes:
        """The receipts of the events of the gateway's own keys, not verified."""
        return granted(self._access.send(HttpRequest("GET", "/log/keys"))).body

    def peers(self) -> bytes:
        """The receipts of the events by which keys of peer gateways were compared, not verified."""
        message = HttpRequest("GET", "/peers", None, {"Accept": JSON})
        return granted(self._access.send(message)).body

    def write(
        self,
        action: str,
        path: str,
        asked: Mapping[str, Any] | SdJwt,
        handoff: str | None = None,
        more: Mapping[str, Any] | None = None,
        *,
        key: str | None = None,
    ) -> ConfirmedWrite:
        """Do a write under a new key, or this one; ``handoff`` is the id that its event must name.

        A signed document is sent as it is; its id is the key. The result gets ``more``.
        """
        return self.send(self._keep(action, path, asked, handoff, key)).having(more)

    def _keep(
        self,
        action: str,
        path: str,
        asked: Mapping[str, Any] | SdJwt,
        handoff: str | None,
        key: str | None = None,
    ) -> local_state.PendingWrite:
        if isinstance(asked, SdJwt):
            key, body = str(sd_jwt.read_own(asked).claims["jti"]), asked.compact()
        else:
            key, body = key or str(self._ids()), body_of(asked)
        write = local_state.PendingWrite(action, path, key, body, handoff)
        # Content that opens later, with nobody at the screen, would be a false entry in the log.
        if self._outbox and action not in _READ_AT_ONCE:
            self._outbox.keep(write)
        return write

    def write_each(
        self, asked: Iterable[NewWrite | errors.ClientError], keys: Iterable[str | None] = ()
    ) -> Iterator[Ended]:
        """Do several writes of one action, in order, many in one request; how each ended. Each has
        a new key, or its own of the ``keys``.

        Each is kept first, as by `write`, and `resend` sends again what has no answer. What could
        not be asked stands in its place. Raises a ClientError when a request has no answer
        at all; what is left then is ``unanswered``.
        """
        new = [*asked]
        own = iter(keys)
        kept = [self._keep(*one[:4], next(own, None)) for one in new if isinstance(one, NewWrite)]
        ended = self._send_each(kept)
        for one in new:
            found = next(ended) if isinstance(one, NewWrite) else one
            if isinstance(one, NewWrite) and isinstance(found, ConfirmedWrite):
                found = found.having(one.more)
            yield found

    def resend(self) -> Iterator[tuple[local_state.PendingWrite, Ended]]:
        """Send what waits again, oldest first; how each ended. What follows one another and is of
        one action that has a batch goes in one request."""
        for _, alike in groupby(self.waiting(), attrgetter("action")):
            writes = [*alike]
            yield from zip(writes, self._send_each(writes), strict=True)

    def _send_each(self, writes: Sequence[local_state.PendingWrite]) -> Iterator[Ended]:
        done = 0
        for batch in _batches(writes):
            yield from self._send_batch(batch, writes[done:])
            done += len(batch)

    def _send_batch(
        self,
        writes: Sequence[local_state.PendingWrite],
        left: Sequence[local_state.PendingWrite],
    ) -> Iterator[Ended]:
        """Send writes in one request, or by themselves where their action has no batch; ``left``
        are they, and those that wait for it."""
        replies: Sequence[HttpResponse] = ()
        path = BATCHES.get(writes[0].action) if len(writes) > 1 else None
        try:
            if path is not None:
                before, reply = self._post(path, _batch_of(writes))
                replies = _replies(members_of(granted(reply)), len(writes))
        except (errors.ClientError, KeyboardInterrupt) as error:
            # By an older gateway, or one that takes less at once: then each is sent by itself.
            if not isinstance(error, errors.RequestRefused) or error.status in _NOT_HEARD:
                self._leave(error, left)
                raise
        for number, write in enumerate(writes):
            found: Ended
            try:
                with self._ending(write):
                    found = (
                        self._answered(write, replies[number], before)
                        if replies
                        else self._sent(write)
                    )
            except errors.ClientError as error:
                found = error
            yield found

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

    def taken_reports(self) -> local_state.TakenReports | set[str]:
        """The references of reports that became cases, remembered beside the outbox if there is
        one."""
        return local_state.TakenReports(self._outbox.folder) if self._outbox else set()

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
        with self._ending(write):
            return self._sent(write)

    @contextmanager
    def _ending(self, write: local_state.PendingWrite) -> Iterator[None]:
        """Forget a write that has its answer in this block; say of another that it is left."""
        try:
            yield
        except errors.RequestRefused as refused:
            left = self._left(write)
            if left.kept and refused.status in _NOT_HEARD:
                refused.unanswered = left
            else:
                self._forget(write)
            if refused.status == HTTPStatus.NOT_FOUND and write.action in read_only.EVENTS:
                # An earlier version of the gateway may have answered it.
                why = (
                    f"nobody can do {write.action} any more (CHANGELOG.md, Upgrade): nothing was "
                    "done now, and it is not sent again; whether it was done before, `casegate "
                    "event list` shows"
                )
                raise errors.RequestRefused(replace(refused.problem, detail=why)) from refused
            raise
        except (errors.ClientError, KeyboardInterrupt) as error:
            self._leave(error, [write])
            raise
        self._forget(write)

    def _leave(self, error: BaseException, writes: Sequence[local_state.PendingWrite]) -> None:
        """Say of writes that they are left without an answer."""
        left = replace(self._left(writes[0]), others=len(writes) - 1)
        if not isinstance(error, errors.ClientError):
            error.add_note(left.advice)
        elif left.kept or not isinstance(error, errors.GatewayUnavailable) or error.reached:
            error.unanswered = left

    def _sent(self, write: local_state.PendingWrite) -> ConfirmedWrite:
        media = JSON if write.document is None else SIGNED
        before, reply = self._post(write.path, write.body, media, write.key)
        return self._answered(write, reply, before)

    def _post(
        self, path: str, body: str, media: str = JSON, key: str | None = None
    ) -> tuple[SignedTree | None, HttpResponse]:
        """The newest checkpoint known before a write is sent, and the reply to it."""
        self._sightings.refuse_unchecked()
        before = self.newest()
        headers = {"Content-Type": media, "Accept": JSON}
        headers |= {} if key is None else {"Idempotency-Key": key}
        return before, self._access.send(HttpRequest("POST", path, body.encode(), headers))

    def _answered(
        self, write: local_state.PendingWrite, reply: HttpResponse, before: SignedTree | None
    ) -> ConfirmedWrite:
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


def _batches(
    writes: Sequence[local_state.PendingWrite],
) -> Iterator[Sequence[local_state.PendingWrite]]:
    """Writes as requests take them: so many, and so long."""
    batch, size = list[local_state.PendingWrite](), 0
    for write in writes:
        more = len(_batch_of([write]).encode())
        if batch and (len(batch) == LARGEST_BATCH or size + more > MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(write)
        size += more
    if batch:
        yield batch


def _batch_of(writes: Sequence[local_state.PendingWrite]) -> str:
    """The body that asks for several writes; each as it would be sent by itself."""
    return f'{{"requests":[{",".join(map(_batched, writes))}]}}'


def _batched(write: local_state.PendingWrite) -> str:
    found = _PLACE.match(write.path)
    place = f'"{found[1]}":"{found[2]}",' if found else ""
    if write.document is not None:
        return f'{{{place}"document":"{write.body}"}}'
    return f'{{{place}"key":"{write.key}","body":{write.body}}}'


def _replies(members: Mapping[str, Any], count: int) -> Sequence[HttpResponse]:
    """The answer to each request of a batch, as it would be by itself; UnexpectedAnswer."""
    results = list_of(members, "results")
    if len(results) != count or not all(
        isinstance(one, dict) and isinstance(one.get("status"), int) for one in results
    ):
        raise errors.UnexpectedAnswer("the gateway does not answer each request of a batch")
    return [
        HttpResponse(
            one["status"],
            {"content-type": PROBLEM if "problem" in one else JSON},
            json.dumps(one.get("problem", one)).encode(),
        )
        for one in results
    ]


def granted(reply: HttpResponse) -> HttpResponse:
    """The reply if it is a success; else RequestRefused or GatewayUnavailable."""
    if reply.status in (200, 201, 202):
        return reply
    if reply.status < 400:
        raise errors.UnexpectedAnswer(f"the gateway answers with the status {reply.status}")
    members = members_of(reply) if reply.media == PROBLEM else {}
    with errors.raising(errors.EvidenceMismatch, "a refusal comes with a receipt that is none"):
        problem = errors.ProblemDetails.read(members, reply.status)
    if reply.status >= 500:
        raise errors.GatewayUnavailable(
            f"the gateway cannot answer now: {problem.detail or problem.title}"
        )
    raise errors.RequestRefused(problem)


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


def with_commands(rows: list[Any]) -> list[Any]:
    """Rows of a worklist; UnexpectedAnswer for a command, or a handoff, that a shell would read as
    more than words of this program: people copy it."""
    for one in rows:
        told = f"{one.get('command') or 'todo'} {one.get('handoff') or ''}".rstrip(" ")
        if not _COMMAND.fullmatch(told):
            raise errors.UnexpectedAnswer("the gateway's worklist has a command that is none")
    return rows


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
    """A UUID in its one spelling, as paths have it; InvalidArgument for anything else."""
    with errors.raising(errors.InvalidArgument, f"{name!r} is not an id, a UUID"):
        return str(name if isinstance(name, UUID) else UUID(str(name)))


def body_of(asked: Mapping[str, Any]) -> str:
    """The body of a request; what is None is left out."""
    given = {name: value for name, value in asked.items() if value is not None}
    return json.dumps(given, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
