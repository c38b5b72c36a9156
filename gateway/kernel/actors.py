"""Who acts: every request is somebody's, and each kind of actor is known by other means.

``organisation`` is in whose name one acts: whose budget it uses, who reads the receipt first. A
peer gateway's system acts for a member of its own (`Caller.through`); a person in a browser is a
Caller too, or brings what administrators sign.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from gateway.domain import refusals
from gateway.domain.audit_event import EventResult
from gateway.domain.enrolment import Invitation
from gateway.kernel.values import Caller, PersonCredentials

GATEWAY = "gateway"
"""The name under which the gateway's own events are counted; no organisation may take it."""


@dataclass(frozen=True)
class Administrators:
    """Named persons of the gateway's, known by their signed approvals of one exact change.

    ``system`` brings the change over the network: the console does as one of them, who signed in.
    None on the gateway's own host.
    """

    approvals: tuple[str, ...]
    system: Caller | None = None
    organisation: ClassVar[str] = GATEWAY


@dataclass(frozen=True)
class EnrollingSystem:
    """A system that is known by the token of an invitation alone: it has no certificate yet."""

    invitation: Invitation

    @property
    def organisation(self) -> str:
        """Whom the invitation is for."""
        return self.invitation.organisation


@dataclass(frozen=True)
class GatewayItself:
    """The gateway, at its founding and in maintenance: it acts on no one's request."""

    organisation: ClassVar[str] = GATEWAY


Actor = Caller | Administrators | EnrollingSystem | GatewayItself
"""Caller is a partner's system, known by its certificate and token."""


def signed_in(actor: Actor) -> str | None:
    """The person who acts in a browser, by pseudonym or as an administrator; None for all else."""
    asking = actor.system if isinstance(actor, Administrators) else actor
    shown = asking.credentials if isinstance(asking, Caller) else None
    return shown.pseudonym if isinstance(shown, PersonCredentials) else None


RULES_OF_REFUSALS: Mapping[type[refusals.Refusal], str] = {
    refusals.UnconfirmedMatch: "R18.unconfirmed",
    refusals.SecondPersonRequired: "R10.same_person",
    refusals.NoCompetentOrganisation: "R11.no_competence",
    refusals.SeveralCompetentOrganisations: "R11.several_competences",
    refusals.NothingToOffer: "R2.nothing_left",
}
"""Refusals that the domain decides and that are rules all the same: denials, so events."""


RECORDED_REFUSALS: Mapping[type[Actor], Mapping[type[refusals.Refusal], EventResult]] = {
    Caller: {
        refusals.Forbidden: EventResult.DENIED,
        refusals.WrongState: EventResult.WRONG_STATE,
        refusals.OutOfService: EventResult.WRONG_STATE,
        refusals.OpenHandoffs: EventResult.WRONG_STATE,
        refusals.CaseErased: EventResult.WRONG_STATE,
        refusals.NotAddressable: EventResult.NOT_FOUND,
        refusals.InvalidApproval: EventResult.DENIED,
        **dict.fromkeys(RULES_OF_REFUSALS, EventResult.DENIED),
    },
    Administrators: {
        refusals.InvalidApproval: EventResult.DENIED,
        refusals.ValidationFailed: EventResult.DENIED,
        refusals.Forbidden: EventResult.DENIED,
        refusals.NotFound: EventResult.NOT_FOUND,
        refusals.WrongState: EventResult.WRONG_STATE,
        refusals.OutOfService: EventResult.WRONG_STATE,
        refusals.AlreadyExists: EventResult.WRONG_STATE,
        refusals.InvitationUnusable: EventResult.WRONG_STATE,
    },
    EnrollingSystem: {
        refusals.InvitationUnusable: EventResult.DENIED,
        refusals.Forbidden: EventResult.DENIED,
        refusals.NotFound: EventResult.DENIED,
        refusals.AlreadyExists: EventResult.DENIED,
    },
    GatewayItself: {},
}
"""Which refusals of an actor are events, and how the event says that it ended.

All others say only how a request is written or repeated, and what is true of every request.
"""


_RELAYED: Mapping[type[refusals.Refusal], EventResult] = {
    **{
        kind: result
        for kind, result in RECORDED_REFUSALS[Caller].items()
        if kind is not refusals.OutOfService
    },
    refusals.NotFound: EventResult.NOT_FOUND,
    refusals.ValidationFailed: EventResult.DENIED,
    refusals.InvalidDocument: EventResult.DENIED,
    refusals.ConditionsMismatch: EventResult.DENIED,
    refusals.EditConflict: EventResult.WRONG_STATE,
    refusals.AlreadyExists: EventResult.WRONG_STATE,
    refusals.AlreadyOffered: EventResult.WRONG_STATE,
}
"""Of what a peer gateway brings for its member each refusal that stands is an event, also of how it
is written: without a receipt it would come again and again. What is wrong here is none.
"""


def recorded_refusals(actor: Actor) -> Mapping[type[refusals.Refusal], EventResult]:
    """Which refusals of a request of this actor's are events."""
    relayed = isinstance(actor, Caller) and actor.through is not None
    return _RELAYED if relayed else RECORDED_REFUSALS[type(actor)]
