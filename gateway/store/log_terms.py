"""The terms of the log: details of persons erased from its events, and what suspends it.

Entries, documents and nonces stay, so every proof goes on verifying. Each organisation's stream
is gone through in its order; how far is remembered, and forgotten when a hold ends, for a hold
on a case was passed over.
"""

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from gateway.domain import audit_event, refusals
from gateway.domain.audit import CaseId
from gateway.evidence import event, sd_jwt
from gateway.kernel.actors import GATEWAY
from gateway.store import event_index
from gateway.store.columns import RecordTable, StorePart, matching, write_json
from gateway.store.event_index import BLOCK
from gateway.store.log import ENVELOPE, HEAD, WORDS
from gateway.store.tables import (
    case_version,
    detail_erasure,
    handoff,
    log_block,
    log_event,
    log_hold,
    party,
)
from gateway.store.transaction import NO_VALUES

AT_ONCE = 200
"""Events that are looked at in one transaction: writers wait meanwhile."""

_HOLDS = RecordTable(log_hold, audit_event.LogHold, taken="there is a log hold with this id")
_STANDING = _HOLDS.all.where(log_hold.c.ended_at.is_(None)).order_by(log_hold.c.id)
_END_HOLD = _HOLDS.update.where(log_hold.c.ended_at.is_(None))
_BEGIN_AGAIN = delete(detail_erasure)

_REACHED = select(detail_erasure.c.reached).where(matching(detail_erasure, "organisation"))
_begin = upsert(detail_erasure)
_REACH = _begin.on_conflict_do_update(
    index_elements=[detail_erasure.c.organisation],
    set_={"reached": _begin.excluded.reached},
)
_NEXT = (
    select(
        party.c.stream_number,
        log_event.c.idx,
        log_event.c.document,
        log_event.c.disclosures,
        log_event.c.at,
        log_event.c.words,
        log_event.c.handoff,
        log_event.c.case_digest,
    )
    .join(log_event, log_event.c.idx == party.c.idx)
    .where(
        matching(party, "organisation"),
        party.c.stream_number > bindparam("after"),
    )
    .order_by(party.c.stream_number)
    .limit(AT_ONCE)
)
_ERASE = update(log_event).where(matching(log_event, "idx", prefix="of_"))
_SET_BLOCK = update(log_block).where(matching(log_block, "n", prefix="of_"))
_DIGESTS = select(case_version.c.digest).where(matching(case_version, "originator", "case"))
_HANDOFFS = select(handoff.c.id).where(matching(handoff, "originator", "case"))


class SqlLogTerms(StorePart):
    """How long the log names persons, and what suspends that."""

    registry = True

    def holds(self) -> Sequence[audit_event.LogHold]:
        """The log holds that were not ended, the oldest first."""
        return self._all(_HOLDS, _STANDING)

    def hold(self, hold: UUID) -> audit_event.LogHold | None:
        """One log hold, ended or not."""
        return self._get(_HOLDS, id=hold)

    def add_hold(self, hold: audit_event.LogHold) -> None:
        """Keep a new log hold, in a REGISTRY transaction; AlreadyExists when its id is taken."""
        self._add(_HOLDS, hold)

    def end_hold(self, hold: UUID, at: datetime) -> None:
        """End a log hold, in a REGISTRY transaction: all streams are gone through anew.

        EditConflict when it is not there, or ended before.
        """
        if not self._write(_END_HOLD, {"of_id": hold, "ended_at": at}):
            raise refusals.EditConflict("the log hold was ended before")
        self._transaction.run(_BEGIN_AGAIN, NO_VALUES)

    def erase_details(
        self, organisation: str, until: datetime, held: Collection[CaseId]
    ) -> audit_event.ErasedDetails:
        """Erase what some of the next events say of persons, where the organisation acted.

        Events of its stream before ``until`` are gone through, a bounded number in their order;
        those about the cases ``held`` are passed over.
        """
        self._transaction.require_writing()
        # Nobody appends meanwhile: a block that filled up now would have words that end here.
        self._transaction.rows(HEAD)
        after = self._transaction.scalar(_REACHED, {"organisation": organisation}) or 0
        rows = self._transaction.rows(_NEXT, {"organisation": organisation, "after": after})
        due = [row for row in rows if row.at < until]  # times do not go back in the log
        if not due:
            return audit_event.ErasedDetails(0, 0, 0, 0, more=False)
        reached = {"organisation": organisation, "reached": due[-1].stream_number}
        self._transaction.run(_REACH, reached)
        kept = self._of_cases(held)
        counted: dict[int, int] = {}
        for row in due:
            erased = 0 if kept & {row.handoff, row.case_digest} else self._erase(row, organisation)
            if erased:
                counted[row.idx] = erased
        for n in {index // BLOCK for index in counted}:
            # Again, if it is full: persons are left out of its words, too.
            rows = self._transaction.rows(WORDS, {"start": n * BLOCK, "end": (n + 1) * BLOCK})
            words = event_index.together(row.words for row in rows)
            self._transaction.run(_SET_BLOCK, {"of_n": n, "words": words})
        first, last = min(counted, default=0), max(counted, default=0)
        more = len(due) == AT_ONCE
        return audit_event.ErasedDetails(first, last, len(counted), sum(counted.values()), more)

    def _of_cases(self, cases: Collection[CaseId]) -> frozenset[Any]:
        """By what events of cases are known: digests of their versions, ids of their handoffs."""
        found = set[Any]()
        for one in cases:
            of = {"originator": one.originator, "case": one.case}
            for statement in (_DIGESTS, _HANDOFFS):
                found.update(value for (value,) in self._transaction.rows(statement, of))
        return frozenset(found)

    def _erase(self, row: Any, organisation: str) -> int:
        """Erase what an event says of persons, if the organisation acted; how many details."""
        if row.document is None:
            return 0
        told = event.read(row.document)
        details = json.loads(row.disclosures)
        kinds = [_kind(text) for text, _ in details]
        readers = {kind: who for kind, (_, who) in zip(kinds, details, strict=True)}
        refused = told["result"] != audit_event.EventResult.ALLOWED
        # Who acted reads by whom; what was refused to nobody in particular is the gateway's own.
        if readers.get("by", [GATEWAY] if refused else []) != [organisation]:
            return 0
        ending = audit_event.personal_kinds(
            told["type"], told["operation"], told["result"], by_gateway=organisation == GATEWAY
        )
        erased = 0
        for detail, kind in zip(details, kinds, strict=True):
            if kind in ending or (kind == ENVELOPE and ending):
                detail[0] = None
                erased += 1
        if erased:
            words = [one for one in row.words[1:-1].split("|") if not one.startswith("person:")]
            left = {"disclosures": write_json(details), "words": event_index.joined(words)}
            self._transaction.run(_ERASE, {"of_idx": row.idx, **left})
        return erased


def _kind(text: str | None) -> str | None:
    """The kind of a stored detail; ENVELOPE for one that is closed by a key, None once erased."""
    if text is None or text.startswith(ENVELOPE):
        return text and ENVELOPE
    return str(sd_jwt.read_stored_disclosure(text).name)
