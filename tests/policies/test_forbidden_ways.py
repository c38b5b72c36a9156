"""Ways in which a case would reach whom the law keeps it from, or be used for what it is not for.

Each is shut by policy alone, whatever the code before it refuses. What an embargo, H1 and a mandate
shut stands with the rules about these.
"""

from collections.abc import Callable
from dataclasses import replace

from gateway.domain.case import Element
from gateway.domain.decision import disclosure_entity
from gateway.domain.handoff import HandoffState
from gateway.domain.vocabulary import Marking
from tests.policies.matrix import (
    POLICY,
    Part,
    PolicyQuestion,
    Recipient,
    accepts,
    gives,
    handed,
    offer,
    offers,
    opens,
    party,
)

PROVIDER, RESEARCHER = Recipient("provider"), Recipient("researcher")
REGULATOR = Recipient("regulator")
SOCIAL_SERVICE = Recipient("child_protection_service", mandate=True)
HOTLINE, COURT = Recipient("hotline"), Recipient("judicial", led=True)
EVERYTHING = ("remove", "identify_victim", "protect_child", "investigate", "prosecute", "prevent")
"""Every purpose for which anything is given."""


def sealed_to(recipient: Recipient) -> bool:
    """Whether the recipient is given an identity that is sealed to it."""
    strictest = Marking("RED", frozenset())
    sealed = Element("subjects", "subjects", "sealed", strictest, sealed_to="recipient")
    resource = disclosure_entity(sealed, party("sender", "hotline", led=False), "recipient")
    facts = {
        "purpose": frozenset(EVERYTHING),
        "competence": "",
        "read_access": False,
        "confirmed": True,
    }
    return POLICY.decide(PolicyQuestion(recipient.entity, "case.disclose", resource, facts)).allowed


def accepts_again() -> bool:
    """Whether a hotline accepts what was withdrawn."""
    facts = {"conditions_accepted": True, "conflict": False, "third_country": False}
    withdrawn = handed(HOTLINE, "remove", HandoffState.WITHDRAWN)
    return POLICY.decide(PolicyQuestion(HOTLINE.entity, "handoff.accept", withdrawn, facts)).allowed


def offers_draft() -> bool:
    """Whether a case that nobody cleared is offered to a court."""
    asked = offer(COURT, "prosecute", state="draft")
    return POLICY.decide(asked).allowed


def offers_to_oneself() -> bool:
    """Whether a hotline offers a case to itself."""
    asked = offer(HOTLINE, "remove")
    own = replace(asked, context={**asked.context, "recipient": asked.principal})
    return POLICY.decide(own).allowed


def rests_on_led() -> bool:
    """Whether a hotline offers a case on a legal basis of the police."""
    asked = offer(COURT, "prosecute")
    return POLICY.decide(
        replace(asked, context={**asked.context, "basis": frozenset({"led"})})
    ).allowed


def reports(code: str) -> bool:
    """Whether a hotline reports an outcome."""
    resource = handed(HOTLINE, "remove", HandoffState.ACCEPTED)
    asked = PolicyQuestion(HOTLINE.entity, "handoff.report_outcome", resource, {"code": code})
    return POLICY.decide(asked).allowed


WAYS: list[tuple[str, Callable[[], bool]]] = [
    (
        "a RED case to a researcher by its membership",
        lambda: any(offers(RESEARCHER, purpose, tlp="RED") for purpose in EVERYTHING),
    ),
    (
        "a suspect to a regulator under GDPR",
        lambda: gives(REGULATOR, Part("subjects", "suspect", police=True), EVERYTHING),
    ),
    (
        "H2 to a social service for statistics",
        lambda: offers(SOCIAL_SERVICE, "statistics", handling=["H2"]),
    ),
    (
        "H2 to a social service to protect the child",
        lambda: offers(SOCIAL_SERVICE, "protect_child", handling=["H2"]),
    ),
    (
        "a connection of the police to a provider",
        lambda: gives(PROVIDER, Part("items", "ip_event", police=True), EVERYTHING),
    ),
    (
        "an account of the police to a researcher",
        lambda: gives(RESEARCHER, Part("items", "account", police=True), ["statistics"]),
    ),
    (
        "an account of the police to a hotline",
        lambda: gives(HOTLINE, Part("items", "account", police=True), EVERYTHING),
    ),
    (
        "a SIENA number to a hotline",
        lambda: gives(HOTLINE, Part("references", "siena"), EVERYTHING),
    ),
    (
        "a court's number to a provider",
        lambda: gives(PROVIDER, Part("references", "court", police=True), EVERYTHING),
    ),
    (
        "a victim to a researcher",
        lambda: gives(RESEARCHER, Part("subjects", "victim"), [*EVERYTHING, "statistics"]),
    ),
    ("a draft that nobody cleared", offers_draft),
    (
        "a perceptual hash to a provider without a licence",
        lambda: gives(PROVIDER, Part("items", "url", perceptual=True), EVERYTHING),
    ),
    ("a case to a hotline to prosecute", lambda: offers(HOTLINE, "prosecute")),
    ("a case to a researcher for quality", lambda: offers(RESEARCHER, "quality")),
    ("what was withdrawn is accepted", accepts_again),
    ("a hotline reports an identified suspect", lambda: reports("suspect_identified")),
    ("a sealed identity to a regulator without led", lambda: sealed_to(REGULATOR)),
    ("a case to its own originator", offers_to_oneself),
    ("a hotline's case on a basis of the police", rests_on_led),
    ("a GREEN case to a host", lambda: offers(PROVIDER, "remove", tlp="GREEN")),
    ("a case is accepted to prosecute by a provider", lambda: accepts(PROVIDER, "prosecute")),
    (
        "a case to identify a victim is opened to take something down",
        lambda: opens(HOTLINE, "identify_victim", "take_down"),
    ),
]


def test_every_way_is_shut():
    assert [name for name, way in WAYS if way()] == []


def test_the_ways_beside_them_are_open():
    """Or they would be shut because a question is wrong."""
    assert offers(COURT, "prosecute", handling=["H2"])
    assert offers(PROVIDER, "remove", tlp="RED")
    assert gives(COURT, Part("subjects", "suspect", police=True), ["prosecute"])
    assert gives(PROVIDER, Part("items", "url"), ["remove"])
    assert sealed_to(COURT)
    assert reports("removed")
    assert accepts(HOTLINE, "remove")
    assert opens(HOTLINE, "remove", "take_down")
