"""An answer of a party, and the handoff to which it is given, in its transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.domain.answers import AnswerKind
from gateway.domain.handoff import AGREEMENTS, Handoff, HandoffAction
from gateway.domain.moves import move
from gateway.domain.refusals import EditConflict
from gateway.domain.standing import Standing
from gateway.exchange import signed_requests
from gateway.kernel.request import RequestContext


@dataclass(frozen=True)
class AnswerRequest:
    """An answer of a party: its kind, the person, and those fields of the kind that are there.

    The transport checks which fields a kind takes and of which form, as the table of kinds says.
    ``offer`` is the digest of the offer that it is about, which an answer without a document may
    name. ``signed`` is the document, where its author signed it; ``draft`` see
    `signed_requests.complete`.
    """

    kind: AnswerKind
    by: str
    fields: Mapping[str, Any]
    signed: signed_requests.VerifiedRequest | None = None
    offer: str | None = None
    draft: str | None = None


@dataclass(frozen=True)
class Answering:
    """An answer to a ``handoff`` that stands so before it: its ``fields``, and the ``step`` that it
    is of the moves of its kind."""

    context: RequestContext
    standing: Standing
    request: AnswerRequest
    handoff: Handoff
    fields: Mapping[str, Any]
    step: HandoffAction

    def move(self) -> Handoff:
        """The handoff after it, as the table says. Raises WrongState."""
        groups = self.fields["groups"] if self.step is HandoffAction.ACCEPT_PARTLY else ()
        return move(
            self.handoff,
            self.step,
            self.standing.organisation,
            groups=frozenset(groups) or None,
            under=self.standing.case.digest if self.step in AGREEMENTS else None,
            consulted=self.standing.holds,
        )


def stale(handoff: Handoff) -> EditConflict:
    """Refuse who answers or updates an older offer than the newest: it has not read that."""
    return EditConflict(
        f"the newest offer of this handoff is {handoff.offer_digest} (package {handoff.package}): "
        "read it, then answer that one"
    )
