"""One vocabulary: what policy may be asked, what can be done, and what is logged are one list."""

from types import ModuleType

from gateway.changes import CHANGES
from gateway.domain.answers import ANSWERS, KIND_OF_ACTION
from gateway.domain.audit_event import EVENT_TYPES
from gateway.exchange.case import cases, measures, submissions
from gateway.exchange.handoffs import (
    answers,
    arrivals,
    item_search,
    offers,
    package_consultation,
    recalls,
    updates,
    views,
)
from gateway.exchange.lifecycle import before_erasure, successions, worklist
from gateway.exchange.oversight import audit, conformance, notifications, witnesses
from gateway.exchange.relay import taking_in
from gateway.kernel import changes
from gateway.kernel.actors import RULES_OF_REFUSALS
from gateway.kernel.transact import INACTIVE
from gateway.registry import directory, enrolment, health, queries, remote_members, staff
from gateway.registry.change_table import STEPS
from gateway.verification.receipts import MOVES_OF_EVENTS
from tests.each import each
from tests.ports import policy

GATEWAYS_OWN = {
    "gateway.create",
    "log.continue",
    "log.erase_details",
    "gateway_key.publish",
    "gateway_key.withdraw",
    "certificate.issue",
    "certificate.warn",
    "organisation.enrol",
    "conformance.pass",
    "handoff.announce_change",
    "handoff.recall",
    "handoff.reissue",
    "handoff.lapse",
    "handoff.end_retention",
    "handoff.mark_overdue",
    "handoff.remind",
    "handoff.send",
    "handoff.return",
    "handoff.return_act",
    "handoff.tell_undelivered",
    "succession.apply",
    "peer.diverge",
    "peer.record_member",
    "audit.inform",
    "erasure.announce",
    "case.report_removal",
    "case.hold",
    "counterpart.suspend",
    "counterpart.reinstate",
    "counterpart.leave",
    "counterpart.end_membership",
    "counterpart.revoke_key",
}
"""Nobody asks for them: the founding, the log that it continues, keys of the gateway, details that
ended with a term, a certificate once it is made and when its end comes near, the status that
goes with the first one, the run that is passed with its last step, what holders hear of a
version that is cleared, what a succession does that was planned and approved, what members learn
of audits and of their counterparts, what the setter of an embargo hears of removals, what holders
hear before an erasure, the end of what they retain, and what becomes of acts that another gateway
decides."""

BY_SYSTEMS = {
    "invitation.redeem": enrolment.redeem_invitation,
    "certificate.renew": enrolment.renew,
    "relay.members": remote_members.list_shown,
    "conformance.start": conformance.start,
    "conformance.read": conformance.look_up,
    "conformance.submit": conformance.answer,
    "staff.read": staff.page,
    "staff.add": staff.add,
    "staff.end": staff.end,
    "staff.invite": staff.invite,
    "staff.register_passkey": staff.register_passkey,
    "staff.revoke_passkey": staff.revoke_passkey,
}
"""What systems ask for about themselves, of nouns that administrators change."""

DECIDED_ONLY = {
    "approval.read",
    "case.disclose",
    "handoff.break_glass",
    "handoff.read_guarded",
}
"""Asked of policy beside an action: for who approved a change, for each kind of element, for what
goes before a second person, for what somebody else reads of an answer."""

REFUSED_AS = {"handoff.preview"}
"""Names of their own for what is refused; policy is asked about what it leads to."""

PARTNERS: dict[str, tuple[ModuleType, ...]] = {
    "case": (submissions, cases, before_erasure, measures, recalls),
    "handoff": (answers, arrivals, package_consultation, views, offers, updates),
    "directory": (directory,),
    "receipt": (audit,),
    "events": (audit,),
    "registry": (queries,),
    "health": (health,),
    "proposal": (changes,),
    "whoami": (directory,),
    "succession": (successions,),
    "notification": (notifications,),
    "relay": (taking_in,),
    "witness": (witnesses,),
    "worklist": (worklist,),
    "item": (item_search,),
}
AUDITORS = {"audit.search": audit.search, "audit.read": audit.look_up_page}
"""The noun is the administrators' besides: they give and end the grants."""
ADMINISTRATORS_OF_PARTNERS_NOUNS = {
    "succession.preview",
    "succession.plan",
    "succession.cancel",
    "case.erase",
    "case.lift_embargo",
    "case.repair",
    "case.repair_handoff",
    "notification.set_push",
    "notification.end_push",
}
"""Administrators plan what the two offices then approve, cancel it, erase cases early, lift
embargoes, repair handoffs, and say to which address notifications go."""

READS = {
    "case.read": "look_up",
    "case.revise": "submit",
    "handoff.read": "look_up",
    "directory.read": "look_up",
    "receipt.read": "look_up_receipt",
    "registry.read": "look_up",
    "health.read": "look_up",
    "proposal.create": "submit",
    "events.read": "stream",
    "relay.deliver": "take_in",
    "events.search": "search_own",
    "whoami.read": "whoami",
    "worklist.read": "page",
    "succession.read": "look_up",
    "case.embargo": "on_case",
    "case.recall": "of_case",
    "case.approve_recall": "approve",
    "case.restrict": "on_case",
    "case.end_measure": "on_case",
}


def test_policy_is_asked_about_what_becomes_an_event_and_nothing_else():
    assert policy().actions - DECIDED_ONLY == EVENT_TYPES.keys() - GATEWAYS_OWN - REFUSED_AS


@each("action", sorted(EVENT_TYPES.keys() - GATEWAYS_OWN))
def test_every_action_has_its_function(action):
    if action in BY_SYSTEMS:
        assert callable(BY_SYSTEMS[action])
        return
    noun, _, verb = action.partition(".")
    if action in AUDITORS:
        assert callable(AUDITORS[action])
        return
    if noun not in PARTNERS or action in ADMINISTRATORS_OF_PARTNERS_NOUNS:
        assert callable({**CHANGES, **STEPS}[action].apply)
        return
    name = "answer" if action in KIND_OF_ACTION else READS.get(action, verb)
    assert any(callable(getattr(module, name, None)) for module in PARTNERS[noun])


def test_every_change_of_the_registry_is_an_action():
    administrators = {a for a in EVENT_TYPES if a.partition(".")[0] not in PARTNERS}
    administrators |= ADMINISTRATORS_OF_PARTNERS_NOUNS
    administrators -= STEPS.keys() | {"health.read"}
    assert CHANGES.keys() == administrators - GATEWAYS_OWN - BY_SYSTEMS.keys() - AUDITORS.keys()


def test_the_rules_that_actions_name_by_themselves_are_not_those_of_policies():
    assert INACTIVE in policy().rules
    assert not policy().rules.keys() & set(RULES_OF_REFUSALS.values())


def test_the_verifier_follows_the_events_that_the_gateway_writes():
    types = {typ for typ, *_ in EVENT_TYPES.values()}
    assert MOVES_OF_EVENTS.keys() <= types
    others = {"handoff.updated", "handoff.recalled"}
    assert len(MOVES_OF_EVENTS.keys() - others) == len(ANSWERS)
