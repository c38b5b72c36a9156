"""The Policy port, answered by Cedar: what it refuses to start with, and how it fails closed."""

import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import cedarpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cedar import policy_folder
from gateway.cedar.policy import (
    NO_POLICY_SPOKE,
    UNDECIDED,
    CedarPolicy,
    InvalidPolicies,
)
from gateway.changes import CHANGES
from gateway.domain.answers import KIND_OF_ACTION, AnswerAuthor
from gateway.domain.case import Element
from gateway.domain.decision import (
    PolicyEntity,
    PolicyQuestion,
    case_entity,
    disclosure_entity,
    handoff_entity,
    organisation_entity,
    succession_entity,
)
from gateway.domain.handoff import Addressee, HandoffState
from gateway.domain.mandate import Mandate, Period
from gateway.domain.organisation import Membership, MembershipClass, Organisation, Status, may_act
from gateway.domain.succession import Succession
from gateway.domain.vocabulary import Marking
from tests.each import each
from tests.store import samples

ON_LOG = (
    "directory.read",
    "events.read",
    "notification.poll",
    "notification.replay",
    "receipt.read",
    "audit.search",
)
MORE_ON_LOG = {"receipt.read": "party", "audit.search": "covered"}
ON_CASE = (
    "case.submit",
    "case.revise",
    "case.read",
    "case.assess",
    "case.clear",
    "case.close",
    "case.restrict",
)
ON_HANDOFF = (
    *("handoff.read", "handoff.review", "handoff.update"),
    *(
        action
        for action, kind in KIND_OF_ACTION.items()
        if kind.author is not AnswerAuthor.GATEWAY
        and action not in ("handoff.accept", "handoff.retain")
    ),
)
ON_MEASURE = {"case.end_measure": ("setter", "successor", "in_danger")}
"""With the facts that are told of each."""
BY_ORIGINATORS = (
    "handoff.update",
    *(a for a, kind in KIND_OF_ACTION.items() if kind.author is AnswerAuthor.ORIGINATOR),
)
BY_ADMINISTRATORS = tuple(sorted(a for a in CHANGES if not a.startswith(("admin.", "log_hold."))))
"""What is asked about an organisation; the rest is about the gateway."""
ON_ITSELF = (
    "invitation.redeem",
    "certificate.renew",
    "conformance.start",
    "conformance.read",
    "conformance.submit",
    "staff.read",
    "staff.add",
    "staff.end",
)
"""What a system asks for its own organisation, before it is active too; so is whoami.read."""
ON_OWN_CASES = ("case.recall", "case.approve_recall")
"""What is asked about the originator, whatever is left of its case."""
ON_SUCCESSION = ("succession.read", "succession.approve")
BY_PARTNERS = (
    *ON_LOG,
    *ON_CASE,
    *ON_HANDOFF,
    *ON_OWN_CASES,
    *ON_SUCCESSION,
    "case.advance_erasure",
    "case.consult",
    "case.embargo",
    *ON_MEASURE,
    "handoff.retain",
    "handoff.offer",
    "handoff.break_glass",
    "handoff.read_guarded",
    "handoff.accept",
    "case.disclose",
)

POLICY = CedarPolicy.load(policy_folder())
TODAY = date(2023, 11, 2)
SINCE = Period(date(2023, 9, 1))
CSAM = "receive/csam/FR"
FREE = {"conflict": False, "third_country": False}
BARRED = ("case.consult", "handoff.read", "handoff.accept", "handoff.offer")
"""The actions of which policy must be told whether R9 or R15 stands against them."""
CASE_ID = UUID("018b8e5f-0000-7000-8000-000000000001")


def succession(predecessor: PolicyEntity, successor: PolicyEntity) -> PolicyEntity:
    planned = Succession(
        id=CASE_ID,
        predecessor="abroad",
        successor="office",
        competence=CSAM,
        day=TODAY,
        read_until=TODAY,
        legal_act="act",
        permissions=False,
        mandate_event=CASE_ID,
    )
    return succession_entity(planned, predecessor, successor)


def organisation(
    slug: str = "hotline",
    membership: MembershipClass | None = MembershipClass.FULL,
    status: Status = Status.ACTIVE,
    competent: bool = False,
    public: bool = False,
) -> PolicyEntity:
    """An organisation as the actions hand it in, made by the domain's own builder."""
    competence = Mandate(CASE_ID, slug, "receive", "csam", "FR", "Decree 2023-829", SINCE, CASE_ID)
    return organisation_entity(
        Organisation(
            slug,
            slug.title(),
            "police_office" if public else "hotline",
            public,
            frozenset({"led", "gdpr"} if public else {"gdpr"}),
            "FR",
            status,
            (Membership(membership, SINCE, "decision 1"),) if membership else (),
            (competence,) if competent else (),
        ),
        TODAY,
    )


def case(originator: PolicyEntity) -> PolicyEntity:
    """A case as the actions hand it in."""
    claims = {
        "tlp": "AMBER+STRICT",
        "handling": ["H0"],
        "onward": "forbidden",
        "purpose": ["remove", "investigate"],
        "matter": ["csam"],
    }
    return case_entity(originator, str(CASE_ID), claims, assurance="attested", state="cleared")


def handoff(
    originator: PolicyEntity,
    recipient: PolicyEntity,
    competence: str | None = None,
    state: HandoffState = HandoffState.ACCEPTED,
) -> PolicyEntity:
    """A handoff as the actions hand it in."""
    case, _ = samples.case(originator.id, id=CASE_ID)
    found, _ = samples.handoff(
        case,
        id=CASE_ID,
        address=Addressee(recipient.id, competence, CASE_ID if competence else None),
        purpose=("protect_child",),
        state=state,
    )
    return handoff_entity(found, originator, recipient)


def disclosure(
    group: str,
    category: str,
    handling: frozenset[str] = frozenset(),
    originator: PolicyEntity | None = None,
    sealed_to: str | None = None,
) -> PolicyEntity:
    """One kind of element of a case, by default of the hotline's; the office would be given it."""
    element = Element(group, group, category, Marking("AMBER", handling), sealed_to)
    return disclosure_entity(element, originator or organisation(), OFFICE.id)


LOG = PolicyEntity("Log", "log", {})
GIVE: Mapping[str, Any] = {
    "purpose": frozenset({"protect_child", "investigate"}),
    "competence": "",
    "confirmed": True,
}
CLEAR: Mapping[str, Any] = {"findings": frozenset()}
SUBMIT: Mapping[str, Any] = {**CLEAR, "basis": frozenset({"gdpr"}), "states_law": False}
REVISE: Mapping[str, Any] = {**SUBMIT, "loosens": False, "two_persons": False}
OF_CONTENT = {"case.submit": SUBMIT, "case.revise": REVISE, "case.clear": CLEAR}
OPEN: Mapping[str, Any] = {
    "reason": "assessment", "suspended": False, "copy": False, **FREE,
}  # fmt: skip
REPORT: Mapping[str, Any] = {"code": "received"}
ERASED: Mapping[str, Any] = {"done": "copies_erased"}
SAID = {"handoff.report_outcome": REPORT, "handoff.answer_recall": ERASED}


def offer_to(recipient: PolicyEntity, competence: str = "") -> Mapping[str, Any]:
    return {
        "recipient": recipient,
        "competence": competence,
        "purpose": frozenset({"remove"}),
        "basis": frozenset({"gdpr"}),
        "released": True,
        "addressable": True,
        "country": "here",
        **FREE,
    }


# --- A small set of policies of the tests' own ---------------------------------------------------

SCHEMA = """
entity Organisation = { status: String, size: Long };
entity Log;
entity Matters = { remove: Set<String>, identify_victim: Set<String>, protect_child: Set<String>,
  investigate: Set<String>, prosecute: Set<String>, prevent: Set<String>, quality: Set<String>,
  statistics: Set<String>, child: Set<String>, speech: Set<String>, strict: Set<String> };
action "log.read" appliesTo { principal: Organisation, resource: Log, context: { safe: Bool } };
"""


def written(
    effect: str = "permit",
    condition: str = "",
    rule: str = "R2.consult",
    reason: str = "Do it.",
    tell: str = "caller",
) -> str:
    """One policy for `log.read`."""
    return (
        f'@id("{rule}")\n@reason("{reason}")\n@tell("{tell}")\n'
        f'{effect} (principal is Organisation, action == Action::"log.read", resource is Log)'
        f" {condition};\n"
    )


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Write policies (one file each, in order) and a schema into a folder."""

    def write(*policies: str, schema: str | None = SCHEMA) -> Path:
        for number, text in enumerate(policies):
            (tmp_path / f"rules{number}.cedar").write_text(text)
        if schema is not None:
            (tmp_path / "schema.cedarschema").write_text(schema)
        shutil.copy(policy_folder() / "matters.toml", tmp_path)
        return tmp_path

    return write


def read_log(safe: bool = True, size: int = 1) -> PolicyQuestion:
    reader = PolicyEntity("Organisation", "reader", {"status": "active", "size": size})
    return PolicyQuestion(reader, "log.read", LOG, {"safe": safe})


# --- Starting ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "schema", ["", "  \n", "// nothing here\n", "entity Organisation;", "entity {", None]
)
def test_without_a_schema_that_declares_actions_nothing_starts(folder, schema):
    with pytest.raises(InvalidPolicies, match=r"schema\.cedarschema"):
        CedarPolicy.load(folder(written(), schema=schema))


@each(
    "policy, says",
    [
        (written().replace('@id("R2.consult")\n', ""), "policy0: @id"),
        (written().replace('@reason("Do it.")\n', ""), "R2.consult: @reason"),
        (written().replace('@tell("caller")\n', ""), "R2.consult: @tell"),
        (written(tell="nobody"), "R2.consult: @tell"),
        (written(tell="press"), "R2.consult: @tell"),
        (written(reason="do it"), "R2.consult: @reason"),
        (written(rule="open"), "open: @id"),
        (written(rule="R24.open"), "R24.open: @id"),
        (written(rule="R2.default"), "R2.default: @id"),
        (written(rule="R2.error"), "R2.error: @id"),
        (written().replace("permit (", "permit [", 1), r"rules0\.cedar: "),
        (written(condition="when { principal.shoe_size == 4 }"), "R2.consult.*shoe_size"),
        (written(condition="when { context.missing }"), "R2.consult.*missing"),
        (written(condition='when { principal.status == "active" && 1 }'), "R2.consult"),
        (written().replace("log.read", "log.wrote"), "R2.consult"),
        (written().replace("principal is Organisation", "principal == ?principal"), "templates"),
        (written(condition='when { Case::"a/1" == Case::"a/1" }'), "never names one"),
        (written(condition='when { Handoff :: "1" in [] }'), "never names one"),
        ("// no policy\n", "there must be policies"),
    ],
)
def test_a_policy_that_is_unsound_or_unnamed_refuses_to_start(folder, policy, says):
    with pytest.raises(InvalidPolicies, match=says):
        CedarPolicy.load(folder(policy))


def test_two_policies_of_one_name_refuse_to_start(folder):
    with pytest.raises(InvalidPolicies, match=r"R2\.consult: another policy has the same @id"):
        CedarPolicy.load(folder(written(), written("forbid", "when { !context.safe }")))


def test_all_problems_are_named_at_once(folder):
    with pytest.raises(InvalidPolicies) as broken:
        CedarPolicy.load(folder(written(tell=""), written(reason="", rule="R3.membership")))
    assert len(broken.value.problems) == 2


def test_a_file_that_is_not_utf8_refuses_to_start(folder):
    place = folder(written())
    (place / "latin.cedar").write_bytes(b"// \xe9t\xe9\n")
    with pytest.raises(InvalidPolicies, match="UTF-8"):
        CedarPolicy.load(place)


def test_an_action_whose_name_is_no_noun_and_verb_refuses_to_start(folder):
    odd = SCHEMA + 'action "read it" appliesTo { principal: Organisation, resource: Log };'
    with pytest.raises(InvalidPolicies, match=r"read it.*noun\.verb"):
        CedarPolicy.load(folder(written(), schema=odd))


# --- The revision --------------------------------------------------------------------------------


def test_the_revision_names_the_bytes_of_policies_and_schema(folder):
    place = folder(written())
    first = CedarPolicy.load(place).revision
    assert first == CedarPolicy.load(place).revision
    assert len(first) == 18
    assert first.startswith("p-")
    revisions = {first}
    for name in ("rules0.cedar", "schema.cedarschema", "matters.toml"):
        with (place / name).open("a") as file:
            file.write("\n")
        revisions.add(CedarPolicy.load(place).revision)
    (place / "rules0.cedar").rename(place / "renamed.cedar")
    revisions.add(CedarPolicy.load(place).revision)
    assert len(revisions) == 5


def test_the_revision_does_not_depend_on_other_files(folder):
    place = folder(written())
    before = CedarPolicy.load(place).revision
    (place / "README.md").write_text("prose")
    assert CedarPolicy.load(place).revision == before


# --- Deciding ------------------------------------------------------------------------------------


def test_an_answer_names_the_rules_their_sentences_and_whom_to_tell(folder):
    policy = CedarPolicy.load(
        folder(
            written(reason="You may."),
            written("forbid", "unless { context.safe }", "R4.safe", "Make it safe."),
            written("forbid", "when { principal.size > 5 }", "R3.size", "Be small.", "originator"),
            written("forbid", "when { principal.size > 9 }", "R9.size", "Be tiny.", "dpo"),
        )
    )
    allowed = policy.decide(read_log())
    assert (allowed.allowed, allowed.rules, allowed.reasons, allowed.tell) == (
        True,
        ("R2.consult",),
        ("You may.",),
        "caller",
    )
    unsafe = policy.decide(read_log(safe=False))
    assert (unsafe.allowed, unsafe.rules, unsafe.reasons, unsafe.tell) == (
        False,
        ("R4.safe",),
        ("Make it safe.",),
        "caller",
    )


@pytest.mark.parametrize(("size", "tell"), [(1, "caller"), (6, "originator"), (10, "dpo")])
def test_the_narrowest_audience_of_the_deciding_forbids_holds(folder, size, tell):
    policy = CedarPolicy.load(
        folder(
            written("forbid", "", "R4.always"),
            written("forbid", "when { principal.size > 9 }", "R9.size", tell="dpo"),
            written("forbid", "when { principal.size > 5 }", "R3.size", tell="originator"),
        )
    )
    assert policy.decide(read_log(size=size)).tell == tell


def test_when_no_policy_speaks_the_answer_is_no_and_nobody_is_told(folder):
    policy = CedarPolicy.load(folder(written(condition="when { context.safe }")))
    assert policy.decide(read_log(safe=False)) == NO_POLICY_SPOKE
    assert NO_POLICY_SPOKE.rules == ("R2.default",)


def test_an_inserted_policy_does_not_change_the_name_of_another(folder):
    before = CedarPolicy.load(folder(written(rule="R2.consult"))).decide(read_log())
    inserted = written("forbid", "when { false }", "R4.new") + written(rule="R2.consult")
    after = CedarPolicy.load(folder(inserted)).decide(read_log())
    assert before.rules == after.rules == ("R2.consult",)


def test_a_forbid_that_cannot_be_evaluated_denies_where_cedar_alone_would_allow(folder, caplog):
    overflow = written("forbid", "when { principal.size + 9223372036854775807 > 0 }", "R4.sum")
    policy = CedarPolicy.load(folder(written() + overflow))
    entities = [{"uid": {"type": "Log", "id": "log"}, "attrs": {}, "parents": []}]
    reader = {"type": "Organisation", "id": "reader"}
    entities.append({"uid": reader, "attrs": {"status": "active", "size": 1}, "parents": []})
    request = {
        "principal": reader,
        "action": 'Action::"log.read"',
        "resource": 'Log::"log"',
        "context": {"safe": True},
    }
    assert cedarpy.is_authorized(request, written() + overflow, entities, SCHEMA).allowed
    with caplog.at_level(logging.ERROR):
        assert policy.decide(read_log()) == UNDECIDED
    assert UNDECIDED.rules == ("R2.error",)
    assert "log.read" in caplog.text


def _without(entity: PolicyEntity, name: str) -> PolicyEntity:
    return replace(entity, attributes={k: v for k, v in entity.attributes.items() if k != name})


def _with(entity: PolicyEntity, **attributes: Any) -> PolicyEntity:
    return replace(entity, attributes={**entity.attributes, **attributes})


HOTLINE = organisation()
OWN_CASE = case(HOTLINE)


@each(
    "question",
    [
        PolicyQuestion(HOTLINE, "case.burn", OWN_CASE, {}),
        PolicyQuestion(HOTLINE, "", OWN_CASE, {}),
        PolicyQuestion(HOTLINE, "case.read", OWN_CASE, {"unasked": True}),
        PolicyQuestion(HOTLINE, "case.read", LOG, {}),
        PolicyQuestion(HOTLINE, "case.read", PolicyEntity("Thing", "x", {}), {}),
        PolicyQuestion(HOTLINE, "case.read", PolicyEntity("no type", "x", {}), {}),
        PolicyQuestion(LOG, "case.read", OWN_CASE, {}),
        PolicyQuestion(HOTLINE, "handoff.offer", OWN_CASE, {}),
        PolicyQuestion(HOTLINE, "handoff.offer", OWN_CASE, {**offer_to(HOTLINE), "released": 1}),
        PolicyQuestion(_without(HOTLINE, "kind"), "directory.read", LOG, {}),
        PolicyQuestion(_with(HOTLINE, extra="x"), "directory.read", LOG, {}),
        PolicyQuestion(_with(HOTLINE, kind=None), "directory.read", LOG, {}),
        PolicyQuestion(_with(HOTLINE, kind=["list"]), "directory.read", LOG, {}),
        PolicyQuestion(
            _with(HOTLINE, kind={"__entity": {"type": "Log", "id": "log"}}), "x", LOG, {}
        ),
        PolicyQuestion(_with(HOTLINE, kind="\ud800"), "directory.read", LOG, {}),
        PolicyQuestion(_with(HOTLINE, regimes=frozenset({1, "x"})), "directory.read", LOG, {}),
        PolicyQuestion(HOTLINE, "case.read", _with(OWN_CASE, tlp_rank=2**63), {}),
        PolicyQuestion(HOTLINE, "case.read", _with(OWN_CASE, tlp_rank=1.5), {}),
        PolicyQuestion(HOTLINE, "case.read", _with(OWN_CASE, embargoed=0), {}),
        PolicyQuestion(HOTLINE, "case.read", case(_with(HOTLINE, membership="observer")), {}),
    ],
)
def test_a_defective_question_is_denied_as_an_error(question):
    assert POLICY.decide(question) == UNDECIDED


def test_a_remembered_answer_does_not_outlive_what_it_was_about():
    assert POLICY.decide(PolicyQuestion(HOTLINE, "case.close", OWN_CASE, {})).allowed
    suspended = organisation(status=Status.SUSPENDED)
    decision = POLICY.decide(PolicyQuestion(suspended, "case.close", case(suspended), {}))
    assert (decision.allowed, decision.rules) == (False, ("R2.inactive",))
    assert POLICY.decide(PolicyQuestion(HOTLINE, "case.close", OWN_CASE, {})).allowed


def test_an_answer_depends_on_what_policy_sees_of_a_case_and_not_on_its_id(monkeypatch):
    policy = CedarPolicy.load(policy_folder())
    monkeypatch.setattr(policy, "_answers", {})
    evaluate, evaluated = policy._evaluate, []
    monkeypatch.setattr(policy, "_evaluate", lambda a: evaluated.append(a) or evaluate(a))
    for number in range(3):
        own = replace(OWN_CASE, id=f"{HOTLINE.id}/{number}")
        assert policy.decide(PolicyQuestion(HOTLINE, "case.read", own, {})).allowed
        assert not policy.decide(
            PolicyQuestion(organisation("abroad"), "case.read", own, {})
        ).allowed
    assert len(evaluated) == 2


def test_a_yes_and_a_one_are_not_the_same_question():
    """Python says True == 1: what remembers answers must not."""
    accept = {"conditions_accepted": True, **FREE}
    offered = handoff(HOTLINE, organisation("abroad"), state=HandoffState.OFFERED)
    asked = PolicyQuestion(organisation("abroad"), "handoff.accept", offered, accept)
    assert POLICY.decide(asked).allowed
    assert POLICY.decide(replace(asked, context={**accept, "conditions_accepted": 1})) == UNDECIDED


def test_threads_share_a_policy_and_get_their_own_answers():
    policy = CedarPolicy.load(policy_folder())
    questions = [
        PolicyQuestion(
            organisation(f"member{n}", status=Status.ACTIVE if n % 2 else Status.SUSPENDED),
            "directory.read",
            LOG,
            {},
        )
        for n in range(40)
    ]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(policy.decide, questions * 10))
    assert [a.allowed for a in answers] == [bool(n % 2) for n in range(40)] * 10


# --- The rules, asked with the domain's own entities ---------------------------------------------


ABROAD = organisation("abroad")
OFFICE = organisation("office", MembershipClass.OBSERVER, competent=True, public=True)
FITTING = [
    *((action, HOTLINE, LOG, {}) for action in ON_LOG if action not in MORE_ON_LOG),
    *((action, HOTLINE, LOG, {name: True}) for action, name in MORE_ON_LOG.items()),
    ("whoami.read", HOTLINE, LOG, {}),
    *((action, HOTLINE, HOTLINE, {}) for action in (*ON_ITSELF, *ON_OWN_CASES)),
    *(
        (action, HOTLINE, OWN_CASE, OF_CONTENT.get(action, {}))
        for action in ON_CASE
    ),
    ("case.consult", HOTLINE, OWN_CASE, OPEN),
    ("case.embargo", OFFICE, handoff(HOTLINE, OFFICE, CSAM), {}),
    *(
        (a, HOTLINE, OWN_CASE, dict.fromkeys(facts, False) | {"setter": True})
        for a, facts in ON_MEASURE.items()
    ),
    ("handoff.give_go_ahead", OFFICE, handoff(HOTLINE, OFFICE, CSAM), {}),
    ("handoff.offer", HOTLINE, OWN_CASE, offer_to(ABROAD)),
    ("handoff.offer", HOTLINE, OWN_CASE, offer_to(OFFICE, CSAM)),
    *((action, HOTLINE, handoff(HOTLINE, ABROAD), {}) for action in BY_ORIGINATORS),
    *(
        (
            a,
            ABROAD,
            handoff(HOTLINE, ABROAD),
            FREE if a in BARRED else SAID.get(a, {}),
        )
        for a in ON_HANDOFF
        if a not in (*BY_ORIGINATORS, "handoff.give_go_ahead")
    ),
    ("case.consult", ABROAD, handoff(HOTLINE, ABROAD), OPEN),
    ("case.consult", OFFICE, handoff(HOTLINE, OFFICE, CSAM), OPEN),
    (
        "handoff.accept",
        OFFICE,
        handoff(HOTLINE, OFFICE, CSAM, HandoffState.OFFERED),
        {"conditions_accepted": True, **FREE},
    ),
    ("handoff.read_guarded", HOTLINE, ABROAD, {}),
    ("case.disclose", ABROAD, disclosure("items", "url"), GIVE),
    ("case.disclose", OFFICE, disclosure("subjects", "suspect"), {**GIVE, "competence": CSAM}),
    (
        "case.disclose",
        OFFICE,
        disclosure("subjects", "sealed", sealed_to=OFFICE.id),
        {**GIVE, "competence": CSAM},
    ),
    *((a, o, succession(ABROAD, OFFICE), {}) for a in ON_SUCCESSION for o in (ABROAD, OFFICE)),
    *((a, PolicyEntity("Person", "p", {"enabled": True}), ABROAD, {"approvals": 2})
      for a in BY_ADMINISTRATORS if a not in ("case.erase", "case.lift_embargo")),
    ("case.lift_embargo", PolicyEntity("Person", "p", {"enabled": True}),
     organisation("abroad", status=Status.SUSPENDED), {"approvals": 2}),
    ("case.erase", PolicyEntity("Person", "p", {"enabled": True}), ABROAD,
     {"approvals": 2, "due": False}),
]  # fmt: skip


@each("fact", FREE)
@each("action", BARRED)
def test_nothing_is_allowed_while_policy_is_not_told_of_a_barrier(action, fact):
    whole = next(PolicyQuestion(p, a, r, c) for a, p, r, c in FITTING if a == action)
    assert POLICY.decide(whole).allowed
    silent = {name: value for name, value in whole.context.items() if name != fact}
    assert POLICY.decide(replace(whole, context=silent)) == UNDECIDED


@each("action, principal, resource, context", FITTING)
def test_the_domains_entities_fit_the_schema(action, principal, resource, context):
    assert POLICY.decide(PolicyQuestion(principal, action, resource, context)).allowed


WORDS = st.sampled_from(
    ["active", "suspended", "full", "observer", "none", "accepted", "offered", "", CSAM, "H1", "x"]
)
ACTIVE = (Status.ACTIVE,)
OTHERWISE = tuple(status for status in Status if status is not Status.ACTIVE)
SLUGS = st.sampled_from(["hotline", "abroad", "office"])
VALUES = st.one_of(
    WORDS,
    st.text(max_size=4),
    st.booleans(),
    st.integers(),
    st.frozensets(WORDS, max_size=3),
    st.none(),
    st.floats(),
)


@st.composite
def organisations(draw: st.DrawFn, statuses: Sequence[Status] = tuple(Status)) -> PolicyEntity:
    return organisation(
        draw(SLUGS),
        draw(st.sampled_from([*MembershipClass, None])),
        draw(st.sampled_from(statuses)),
        draw(st.booleans()),
        draw(st.booleans()),
    )


def _resources(
    action: str, party: st.SearchStrategy[PolicyEntity]
) -> st.SearchStrategy[PolicyEntity]:
    """Resources of the type that an action applies to."""
    if action in ON_LOG:
        return st.just(LOG)
    if action == "case.disclose":
        return st.builds(
            disclosure, WORDS, WORDS, st.frozensets(WORDS, max_size=2), originator=party
        )
    handoffs = st.builds(
        handoff, party, party, st.sampled_from([None, CSAM]), st.sampled_from(HandoffState)
    )
    cases = st.builds(case, party)
    if action in ON_OWN_CASES:
        return party
    if action in ON_SUCCESSION:
        return st.builds(succession, party, party)
    if action in ("case.consult", "case.embargo", *ON_MEASURE):
        return handoffs | cases
    return cases if action in (*ON_CASE, "case.advance_erasure", "handoff.offer") else handoffs


@st.composite
def questions(draw: st.DrawFn, principal: st.SearchStrategy[PolicyEntity]) -> PolicyQuestion:
    """Questions of an organisation: four in five fit the schema, the others have a defect."""
    asking = draw(principal)
    others = {asking.id: asking}
    party = organisations(ACTIVE).map(lambda o: others.setdefault(o.id, o))
    action = draw(st.sampled_from(BY_PARTNERS))
    resource = draw(_resources(action, st.just(asking) | party))
    competence = draw(st.sampled_from(["", CSAM]))
    contexts: dict[str, Mapping[str, Any]] = {
        **OF_CONTENT,
        **{a: {name: draw(st.booleans())} for a, name in MORE_ON_LOG.items()},
        "handoff.accept": {"conditions_accepted": draw(st.booleans()), **FREE},
        "handoff.read": FREE,
        **SAID,
        "case.advance_erasure": {"persons": draw(st.integers(1, 3))},
        "case.consult": OPEN
        | {
            "copy": draw(st.booleans()),
            "retained": draw(st.booleans()),
            "reason": draw(st.sampled_from(["retention", "evidence"])),
        },
        **{a: {one: draw(st.booleans()) for one in facts} for a, facts in ON_MEASURE.items()},
        "handoff.offer": offer_to(draw(party), competence),
        "case.disclose": {**GIVE, "competence": competence},
    }
    fitting = PolicyQuestion(asking, action, resource, contexts.get(action, {}))
    defects = st.sampled_from(["none"] * 12 + ["action", "resource", "context"])
    match draw(defects):
        case "action":
            return replace(fitting, action=draw(st.sampled_from(BY_ADMINISTRATORS)))
        case "resource":
            name = draw(st.sampled_from([*resource.attributes, "x"]))
            return replace(fitting, resource=_with(resource, **{name: draw(VALUES)}))
        case "context":
            names = st.sampled_from(["party", "released", "x"])
            return replace(fitting, context=draw(st.dictionaries(names, VALUES)))
        case _:
            return fitting


@given(questions(organisations(OTHERWISE)))
def test_an_organisation_that_is_not_active_is_allowed_nothing_beyond_its_status(question):
    status = question.principal.attributes["status"]
    allowed = POLICY.decide(question).allowed
    assert not allowed or (status in [*Status] and may_act(Status(status), question.action))


@given(
    st.builds(
        PolicyQuestion,
        st.builds(PolicyEntity, WORDS, st.text(max_size=3), st.dictionaries(WORDS, VALUES)),
        st.one_of(st.sampled_from(BY_PARTNERS), st.text(max_size=5)),
        st.builds(PolicyEntity, WORDS, st.text(max_size=3), st.dictionaries(WORDS, VALUES)),
        st.dictionaries(WORDS, VALUES),
    )
)
def test_nonsense_is_denied_and_never_raises(question):
    assert POLICY.decide(question) == UNDECIDED


@given(questions(organisations()))
def test_an_answer_is_a_yes_with_its_permits_or_a_no_that_says_whom_to_tell(question):
    decision = POLICY.decide(question)
    if decision in (UNDECIDED, NO_POLICY_SPOKE):
        return
    rules = [POLICY.rules[rule] for rule in decision.rules]
    assert rules
    assert all(rule.permits is decision.allowed for rule in rules)
    assert decision.reasons == tuple(rule.reason for rule in rules)
    assert decision.tell in ("caller", "originator", "dpo")


@given(
    organisations(ACTIVE),
    st.sampled_from([*ON_HANDOFF, "handoff.accept", "case.consult"]),
    st.sampled_from([None, CSAM]),
    st.sampled_from(HandoffState),
    st.booleans(),
)
def test_a_stranger_is_told_nothing_of_a_handoff(stranger, action, competence, state, accepted):
    found = handoff(organisation("sender"), organisation("receiver"), competence, state)
    context = dict(FREE) if action in BARRED else {}
    context |= SAID.get(action, {})
    context |= (
        {"reason": "assessment", "suspended": False, "copy": False}
        if action == "case.consult"
        else {}
    )
    context |= {"conditions_accepted": accepted} if action == "handoff.accept" else {}
    assert POLICY.decide(PolicyQuestion(stranger, action, found, context)) == NO_POLICY_SPOKE


# --- Where the policies are ----------------------------------------------------------------------


def test_the_installed_policies_are_preferred_to_those_beside_the_source(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.resources.files", lambda _: tmp_path / "gateway")
    assert policy_folder() == tmp_path / "policies"
    (tmp_path / "gateway/_policies").mkdir(parents=True)
    assert policy_folder() == tmp_path / "gateway/_policies"
