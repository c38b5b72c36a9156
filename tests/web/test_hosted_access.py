"""The console's way to the endpoints: what an act would be is shown, then exactly that is done."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.console.access import Done, Person, Prepared, RefusedOnRecord
from gateway.domain.refusals import EditConflict, Forbidden, NotFound, ValidationFailed
from gateway.evidence import declarations, passkey, sd_jwt
from gateway.evidence.declarations import change_digest
from gateway.kernel.approvals import draft_approval
from gateway.kernel.request import RequestContext
from gateway.web.hosted_access import HostedAccess
from tests.authenticator import Authenticator
from tests.casework import offered, submitted
from tests.founded_gateway import ABROAD, HOTLINE, OFMIN, Founded, shown, signed_in
from tests.founding import founded
from tests.log_check import check_log
from tests.ports import key_of


@pytest.fixture
def gateway() -> Iterator[Founded]:
    made = founded()
    yield made
    check_log(made)


KEY = Authenticator()


def access(
    gateway: Founded,
    organisation: str = OFMIN,
    person: str = "officer-1",
    key: Authenticator = KEY,
) -> HostedAccess:
    signed_in_as = signed_in(gateway.ports, organisation, person, key)
    return HostedAccess(gateway.ports, signed_in_as, Person(organisation, person))


def signed(made: Prepared, key: Authenticator = KEY, **changes: Any) -> str:
    """What a passkey makes of the draft; ``changes`` as `Authenticator.answer` takes them."""
    answer = key.answer(passkey.challenge(made.draft), **changes)
    return passkey.complete(made.draft, answer)


def acceptance(office: HostedAccess, handoff: UUID) -> dict[str, Any]:
    shown = office.read("handoffs_show", handoff=handoff)
    return {"conditions": shown["conditions"], "own_urgency": "normal"}


def prepared(office: HostedAccess, handoff: UUID, key: str) -> Prepared:
    return office.prepare("handoffs_accept", key, acceptance(office, handoff), handoff=handoff)


def new(gateway: Founded) -> UUID:
    return UUID(offered(gateway).result["handoff"])


def test_a_prepared_answer_is_the_document_that_is_recorded(gateway: Founded) -> None:
    office, handoff = access(gateway), new(gateway)
    made = prepared(office, handoff, "k1")
    assert office.read("handoffs_show", handoff=handoff)["state"] == "offered"
    done = office.write("handoffs_accept", "k1", made.body, (signed(made),), handoff=handoff)
    document = sd_jwt.parse(done.result["document"])
    assert made.values == {"document": document.digest}
    assert made.action == "handoff.accept"
    kept = gateway.ports.attester
    assert document.issuer_signed != sd_jwt.parse(made.body["document"]).issuer_signed
    assert kept.kid in str(sd_jwt.read_unverified(done.result["document"]).header)


def test_the_draft_of_an_answer_verifies_with_no_key(gateway: Founded) -> None:
    made = prepared(access(gateway), new(gateway), "k1")
    signature = sd_jwt.parse(made.body["document"]).issuer_signed.rpartition(".")[2]
    assert set(signature) == {"A"}


def test_an_act_that_is_sent_twice_is_done_once(gateway: Founded) -> None:
    office, handoff = access(gateway), new(gateway)
    made = prepared(office, handoff, "k1")
    given = signed(made)
    first, again = (
        office.write("handoffs_accept", "k1", made.body, (given,), handoff=handoff)
        for _ in range(2)
    )
    assert first.result == again.result
    assert prepared(office, handoff, "k1").values == {}


def test_an_answer_that_was_shown_before_a_newer_package_is_refused(gateway: Founded) -> None:
    office, handoff = access(gateway), new(gateway)
    made = prepared(office, handoff, "k1")
    other = prepared(office, new(gateway), "k2")
    with pytest.raises(EditConflict, match="changed since"):
        office.write("handoffs_accept", "k1", other.body, handoff=handoff)
    assert office.write("handoffs_accept", "k1", made.body, (signed(made),), handoff=handoff)


def test_a_fault_of_a_form_has_its_place_and_nothing_is_recorded(gateway: Founded) -> None:
    office, handoff = access(gateway), new(gateway)
    with pytest.raises(ValidationFailed) as refused:
        office.prepare("handoffs_decline", "k1", {}, handoff=handoff)
    assert refused.value.errors == (("/reason", "is required"),)


def test_a_refusal_is_recorded_when_an_act_is_prepared(gateway: Founded) -> None:
    stranger = access(gateway, ABROAD, "analyst-1")
    with pytest.raises(RefusedOnRecord) as refused:
        stranger.prepare("handoffs_decline", "k1", {"reason": "no"}, handoff=new(gateway))
    assert isinstance(refused.value.refusal, NotFound)
    assert refused.value.receipt.document


def test_a_person_is_kept_from_what_no_role_of_theirs_reaches(gateway: Founded) -> None:
    made = access(gateway)
    office = replace(made, caller=replace(made.caller, scopes=frozenset({"handoffs.read"})))
    with pytest.raises(Forbidden):
        office.prepare("handoffs_decline", "k1", {"reason": "no"}, handoff=new(gateway))


def test_nobody_acts_in_the_name_of_another_person(gateway: Founded) -> None:
    office, handoff = access(gateway), new(gateway)
    body = {"reason": "not ours", "by": "head-1"}
    made = office.prepare("handoffs_decline", "k1", body, handoff=handoff)
    given = (signed(made),)
    done: Done = office.write("handoffs_decline", "k1", made.body, given, handoff=handoff)
    said = sd_jwt.read_unverified(done.result["document"])
    assert said.content["by"] == "officer-1"


def test_the_schema_of_a_body_is_whole_and_says_what_the_act_does(gateway: Founded) -> None:
    schema = access(gateway).schema("handoffs_accept")
    assert schema["description"].startswith("Accept a handoff under its conditions.")
    assert "$ref" not in str(schema)
    assert "imminent_danger" in schema["properties"]["own_urgency"]["enum"]


def test_a_prepared_offer_is_the_document_that_is_recorded(gateway: Founded) -> None:
    hotline = access(gateway, HOTLINE, "liaison-1")
    case = UUID(submitted(gateway).result["case"])
    body = {
        "handoff": str(gateway.new_id()),
        "to": {"competence": {"matter": "csam", "territory": "FR"}},
        "groups": ["routing", "items"],
        "purpose": ["identify_victim"],
    }
    shown = hotline.preview(
        "cases_preview", {**{n: v for n, v in body.items() if n != "handoff"}, "case": str(case)}
    )
    made = hotline.prepare("cases_offer", "k1", body, case=case)
    given = (signed(made),)
    done, twice = (
        hotline.write("cases_offer", "k1", made.body, given, case=case) for _ in range(2)
    )
    assert done.result == twice.result
    document = sd_jwt.parse(done.result["offer"])
    assert made.values == {"document": document.digest}
    assert shown["permitted_disclosures"] == done.result["permitted_disclosures"]
    again = {**body, "handoff": str(gateway.new_id()), "again": "a second look"}
    other = hotline.prepare("cases_offer", "k2", again, case=case)
    changed = {**again, "handoff": str(gateway.new_id()), "document": other.body["document"]}
    with pytest.raises(EditConflict):
        hotline.write("cases_offer", "k3", changed, case=case)


# --- What a person signs of an act ---


def test_an_act_that_its_person_signed_has_the_approval_in_its_event_for_the_own_side(
    gateway: Founded,
) -> None:
    office, handoff = access(gateway), new(gateway)
    made = prepared(office, handoff, "k1")
    approval = signed(made)
    done = office.write("handoffs_accept", "k1", made.body, (approval,), handoff=handoff)
    told = shown(done.receipt)
    assert (told["by"], told["approvals"]) == ("officer-1", [approval])
    assert approval not in str(gateway.stream(HOTLINE)[-1].event.shown_to(HOTLINE))
    again = office.write("handoffs_accept", "k1", made.body, (approval,), handoff=handoff)
    assert again.result == done.result


def test_what_is_not_exactly_signed_by_its_person_is_refused_on_record(gateway: Founded) -> None:
    office, handoff = access(gateway), new(gateway)
    made = prepared(office, handoff, "k1")
    moved = Authenticator(KEY.private, "https://another.example")
    for approval, why in (
        (signed(made, moved), "another origin"),
        (signed(prepared(office, new(gateway), "k2")), "another act"),
    ):
        with pytest.raises(RefusedOnRecord) as refused:
            office.write("handoffs_accept", "k1", made.body, (approval,), handoff=handoff)
        assert why in refused.value.refusal.detail


def added(gateway: Founded, **more: Any) -> dict[str, Any]:
    return {"entries": [{"roles": ["analyst"]}], **more}


def test_an_act_without_a_document_is_signed_as_its_body_and_an_approval_counts_once(
    gateway: Founded,
) -> None:
    keeper = access(gateway, person="liaison-1")
    made = keeper.prepare("staff_add", "key-1", added(gateway))
    approval = signed(made)
    for key, body, why in (
        ("key-0", added(gateway, temporary=True), "another act"),
        ("key-1", made.body, ""),
        ("key-2", made.body, "used before"),
    ):
        if not why:
            done = keeper.write("staff_add", key, body, (approval,))
            assert shown(done.receipt)["approvals"] == [approval]
            continue
        with pytest.raises(RefusedOnRecord) as refused:
            keeper.write("staff_add", key, body, (approval,))
        assert why in refused.value.refusal.detail
    late = signed(keeper.prepare("staff_add", "key-3", made.body))
    gateway.clock.advance(timedelta(hours=73))
    with pytest.raises(RefusedOnRecord) as refused:
        keeper.write("staff_add", "key-3", made.body, (late,))
    assert "older than 72 hours" in refused.value.refusal.detail


def test_each_person_whom_an_act_names_signs_it(gateway: Founded) -> None:
    keys = {one: Authenticator() for one in ("approver-1", "approver-2", "approver-3")}
    first, second, third = (access(gateway, HOTLINE, one, key) for one, key in keys.items())
    body = {"entries": [{"roles": ["head"]}], "approved_by": ["approver-1", "approver-2"]}
    made = first.prepare("staff_add", "key-1", body)

    def approval(by: HostedAccess) -> str:
        theirs = draft_approval(
            gateway.ports,
            by.caller.credentials,
            HOTLINE,
            (made.action, change_digest(made.action, HOTLINE, made.values)),
        )
        return signed(replace(made, draft=theirs), keys[by.person.name])

    for given, why in (
        ((), "approver-1, approver-2 did not sign"),
        ((approval(first),), "approver-2 did not sign"),
        ((approval(first), approval(first)), "count once"),
        ((approval(first), approval(second), approval(third)), "does not name"),
    ):
        acting = replace(first, caller=first._signing(given, made.values))
        with pytest.raises(RefusedOnRecord) as refused:
            acting.write("staff_add", "key-1", body)
        assert why in refused.value.refusal.detail
    acting = replace(first, caller=first._signing((approval(first), approval(second)), made.values))
    done = acting.write("staff_add", "key-1", body)
    assert len(shown(done.receipt)["approvals"]) == 2


def test_a_requirement_to_sign_takes_no_approval_of_a_person(gateway: Founded) -> None:
    office, handoff = access(gateway), new(gateway)
    made = prepared(office, handoff, "k1")
    key = key_of(OFMIN)
    gateway.register_key(OFMIN, key)
    word = gateway.word(OFMIN, declarations.LOCK, key, key)
    gateway.administer("organisation.require_signed", OFMIN, declaration=word)
    with pytest.raises(RefusedOnRecord) as refused:
        office.write("handoffs_accept", "k1", made.body, (signed(made),), handoff=handoff)
    assert refused.value.refusal.rules == ("R2.signed_only",)


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        (
            "measures_restrict",
            {"kind": "suspension", "code": "objection", "until": "2026-03-03T09:00:00Z"},
        ),
        ("cases_close", {}),
    ],
)
def test_a_step_keeps_what_its_person_signed(
    gateway: Founded, endpoint: str, body: dict[str, Any]
) -> None:
    desk = access(gateway, HOTLINE, "liaison-1")
    case = UUID(submitted(gateway).result["case"])
    made = desk.prepare(endpoint, "k1", body, case=case)
    approval = signed(made)
    done = desk.write(endpoint, "k1", body, (approval,), case=case)
    assert shown(done.receipt)["approvals"] == [approval]


def test_a_session_alone_does_nothing_but_read(gateway: Founded) -> None:
    office, handoff = access(gateway, person="liaison-1"), new(gateway)
    made = prepared(office, handoff, "k1")
    for endpoint, body, ids in (
        ("handoffs_accept", made.body, {"handoff": handoff}),
        ("staff_add", added(gateway), {}),
    ):
        with pytest.raises(RefusedOnRecord, match="to be signed in is not enough"):
            office.write(endpoint, "k1", body, **ids)
    assert office.read("handoffs_show", handoff=handoff)["state"] == "offered"


def test_a_suspended_members_person_reads_who_may_sign_beside_them_and_adds_nobody(
    gateway: Founded,
) -> None:
    gateway.administer("organisation.suspend", HOTLINE, reason="under review")
    desk, before = access(gateway, HOTLINE, "liaison-1"), gateway.size()
    assert desk.read("staff_list")["items"]
    assert gateway.size() == before
    with pytest.raises((Forbidden, RefusedOnRecord)):
        desk.prepare("staff_add", "k1", added(gateway))
        desk.write("staff_add", "k1", added(gateway))


def test_what_no_event_keeps_of_a_signature_is_refused(
    gateway: Founded, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = access(gateway, person="liaison-1")
    made = keeper.prepare("staff_add", "key-1", added(gateway))
    monkeypatch.setattr(RequestContext, "_confirm", lambda *_: ())
    with pytest.raises(RefusedOnRecord, match="keeps what a person signs"):
        keeper.write("staff_add", "key-1", made.body, (signed(made),))
