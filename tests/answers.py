"""Answers to handoffs as tests give them: an action for each kind, and what it is asked with."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from gateway.domain.answers import ANSWERS
from gateway.evidence import handoff_documents
from gateway.evidence.handoff_documents import Heading
from gateway.evidence.sd_jwt import SdJwt
from gateway.exchange.handoffs import answers
from gateway.exchange.handoffs.answering import AnswerRequest
from gateway.exchange.signed_requests import VerifiedRequest
from gateway.kernel.ports import Ports
from gateway.kernel.transact import WriteResult, transact
from gateway.kernel.values import Caller


@dataclass(frozen=True)
class Said:
    """What a party answers, whichever kind of answer it is."""

    by: str
    fields: dict[str, Any]
    signed: VerifiedRequest | None = None
    offer: str | None = None


def said(by: str, reason: str | None = None, **fields: Any) -> Said:
    """What a party answers; the fields that are None are left out."""
    signed, offer = fields.pop("signed", None), fields.pop("offer", None)
    given = {
        name: value for name, value in (("reason", reason), *fields.items()) if value is not None
    }
    lists = {name: list(given[name]) for name in ("groups", "items") if name in given}
    return Said(by, given | lists, signed, offer)


def _of(name: str) -> Callable[..., WriteResult]:
    kind = ANSWERS[name]

    def act(ports: Ports, caller: Caller, key: str, handoff: UUID, said: Said) -> WriteResult:
        write = answers.answer(key, handoff, AnswerRequest(kind, **vars(said)))
        return transact(ports, caller, *write)

    return act


accept = _of("acceptance")
decline = _of("decline")
redirect = _of("redirection")
outcome = _of("outcome")
withdraw = _of("withdrawal")
close = _of("closure")
delay = _of("delay")
acknowledge = _of("acknowledgement")
apply = _of("application")
dispute = _of("dispute")
propose_correction = _of("correction_proposal")
pass_on_by_law = _of("onward_by_law")
go_ahead = _of("go_ahead")
call = _of("call")
acknowledge_recall = _of("recall_acknowledgement")
answer_recall = _of("recall_answer")
notify_correction = _of("correction_notice")
omit_update = _of("update_omission")
answer_proposal = _of("proposal_answer")
retain = _of("retention")

_HEADING = inspect.signature(Heading).parameters.keys()
_CLEAR = inspect.signature(handoff_documents.issue_answer).parameters.keys() - {"heading", "fields"}


def issue(**said: Any) -> SdJwt:
    """Sign an answer; what is no argument of the signing is a field of the answer."""
    clear = {name: said.pop(name) for name in _CLEAR & said.keys()}
    return handoff_documents.issue_answer(heading_of(said), **clear, fields=said)


def issue_offer(**said: Any) -> SdJwt:
    """Sign an offer; its heading is given with the rest."""
    return handoff_documents.issue_offer(heading_of(said), **said)


def issue_recall(**said: Any) -> SdJwt:
    """Sign a recall, likewise."""
    return handoff_documents.issue_recall(heading_of(said), **said)


def heading_of(said: dict[str, Any]) -> Heading:
    """The heading in what is said, which has only the rest left then."""
    return Heading(**{name: said.pop(name) for name in _HEADING & said.keys()})
