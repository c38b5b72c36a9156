"""The admission of an organisation as one page, and all of it signed with one gesture."""

import json
import re
from html import unescape

import pytest

from gateway.console.context import LANGUAGE_COOKIE
from gateway.domain.organisation import Status
from gateway.evidence.receipt import from_json
from gateway.kernel.changes import Change
from tests.console.test_admin_pages import administrators, gateway, read
from tests.founded_gateway import HOTLINE, make_change
from tests.newcomers import NEWCOMER, Newcomer
from tests.registry.test_rebuild import SAME, registry_compared

__all__ = ["administrators", "gateway"]

ENTRY = f"/admin/organisations/{NEWCOMER}"
ADMISSION = f"{ENTRY}/admission"
DECIDED = {
    "organisation.approve.decision_ref": "board 12",
    "organisation.approve.decided_on.part_day": "1",
    "organisation.approve.decided_on.part_month": "2",
    "organisation.approve.decided_on.part_year": "2026",
    "organisation.approve.document_sha256": "A" * 43,
    "membership.grant.membership": "associate",
    "membership.grant.from.part_day": "1",
    "membership.grant.from.part_month": "2",
    "membership.grant.from.part_year": "2026",
    "membership.grant.decision_ref": "board 12",
    "staff.establish.entries": "head,analyst approver,liaison approver",
}


def apply(gateway):
    """Record an application, as one administrator does."""
    contacts = [{"role": "head", "name": "C. Bernard", "address": "head@hotline.example"}]
    said = {
        "name": "A new hotline", "kind": "hotline", "country": "FR", "public_authority": False,
        "regimes": ["gdpr"], "membership": "associate", "purposes": ["remove"],
        "description": "We answer the phone.", "received_on": "2026-02-01", "contacts": contacts,
    }  # fmt: skip
    change = Change("organisation.apply", NEWCOMER, said)
    make_change(gateway.ports, change, gateway.approve(change))  # nobody is on its register yet


@pytest.fixture
def applied(gateway):
    """An organisation that applied; what it does itself it will do."""
    apply(gateway)
    return Newcomer(gateway)


def sign(browser, page, by=None):
    """Sign the list that a page shows."""
    path = re.search(r'action="(/admin/signed/[^"]+)"', page.text)[1]
    return browser.send(page, path, credential=(by or browser).answer(path, page))


def proposed(browser, **fields):
    page = browser.get(ADMISSION)
    check = post(browser, page, fields)
    assert check.status_code == 200, read(check)
    done = sign(browser, check)
    assert done.status_code == 303, read(done)
    return browser.get(done.location)


def post(browser, page, fields, path=ADMISSION, decided=DECIDED):
    hidden = {
        name: unescape(value)
        for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text)
    }
    csrf = browser.console.sessions.find(
        browser.client.get_cookie("__Host-casegate", browser.console.context.host).value
    ).csrf(path.partition("?")[0])
    return browser.post(path, {**hidden, **decided, **fields, "csrf": csrf})


def test_all_that_is_decided_is_proposed_with_one_gesture_and_signed_with_another(
    administrators, gateway, applied
):
    alice, benoit = administrators
    page = alice.get(ADMISSION)
    assert "Admission of A new hotline" in read(page)
    assert read(page).count("missing") >= 5
    done = proposed(alice)
    assert read(done).count("It waits for another administrator") == 3, read(done)
    assert "proposed, not signed by two" in read(alice.get(ADMISSION))
    assert benoit.get("/").status_code == 200
    assert "Read and sign all 3" in read(benoit.get(ADMISSION))
    check = benoit.get(f"{ENTRY}/proposals")
    assert len(check.data) < 15_000
    assert check.text.count('class="mono"') == 3
    assert "We answer the phone." in read(check)
    done = benoit.get(sign(benoit, check).location)
    assert read(done).count("Recorded.") == 3
    assert gateway.organisation(NEWCOMER).status is Status.APPROVED
    receipt = benoit.get(re.search(r'href="(/admin/signed/[^"]+receipt.json)"', done.text)[1])
    assert gateway.confirm(from_json(receipt.json)).allowed
    assert registry_compared(gateway) == SAME


def test_what_waits_is_all_refused_with_one_reason(administrators, gateway, applied):
    alice, benoit = administrators
    proposed(alice)
    path = f"{ENTRY}/refusal"
    asked = benoit.get(path)
    assert post(benoit, asked, {}, path, {}).status_code == 422
    check = post(benoit, asked, {"reason": "not decided yet"}, path, {})
    assert check.status_code == 200, read(check)
    done = benoit.get(sign(benoit, check).location)
    assert read(done).count("Recorded.") == 3
    assert benoit.get(f"{ENTRY}/proposals").status_code == 404
    assert "missing" in read(alice.get(ADMISSION))


def test_a_list_that_another_device_signs_does_nothing(administrators, gateway, applied):
    alice, benoit = administrators
    proposed(alice)
    check = benoit.get(f"{ENTRY}/proposals")
    done = benoit.get(sign(benoit, check, by=alice).location)
    assert read(done).count("Refused:") == 1
    assert read(done).count("Not done") == 2
    assert gateway.organisation(NEWCOMER).status is Status.APPLIED


def test_a_list_that_is_sent_again_is_done_once(administrators, gateway, applied):
    alice, benoit = administrators
    proposed(alice)
    check = benoit.get(f"{ENTRY}/proposals")
    path = re.search(r'action="(/admin/signed/[^"]+)"', check.text)[1]
    answer = benoit.answer(path, check)
    first, again = (
        benoit.get(benoit.send(check, path, credential=answer).location) for _ in range(2)
    )
    assert read(first) == read(again)


def test_a_fault_stands_at_its_field_and_nothing_is_proposed(administrators, applied):
    alice, _ = administrators
    wrong = {"membership.grant.decision_ref": "", "invite": "yes"}
    page = post(alice, alice.get(ADMISSION), wrong)
    assert (page.status_code, 'value="yes" checked' in page.text) == (422, True)
    assert 'href="#f-membership.grant.decision_ref"' in page.text
    empty = post(alice, alice.get(ADMISSION), {}, decided={})
    assert (empty.status_code, "Nothing was filled in" in read(empty)) == (422, True)
    assert "No proposal waits." in read(alice.get("/admin/changes"))


def test_tokens_are_drawn_and_shown_once_to_who_proposed(administrators, gateway, applied):
    alice, benoit = administrators
    proposed(alice)
    benoit.get(sign(benoit, benoit.get(f"{ENTRY}/proposals")).location)
    fields = {"system.register.system": "desk", "invitation.create.system": "desk"}
    fields["system.register.scopes"] = ["cases.read", "handoffs.read"]
    page = alice.get(ADMISSION)
    check = post(alice, page, fields, decided={})
    done = alice.get(location := sign(alice, check).location)
    file = json.loads(unescape(re.search(r'<p class="mono">({.*?})</p>', done.text)[1]))
    assert file["proposal"] in alice.get("/admin/changes").text
    assert file["token"] not in alice.get(location).text
    assert sign(alice, check).status_code == 409, "what is sent again shows no token"
    benoit.get(sign(benoit, benoit.get(f"{ENTRY}/proposals")).location)
    assert "to be done by the organisation" in read(alice.get(ADMISSION))
    applied.use(file["token"])


def test_first_persons_get_the_address_of_an_invitation_where_that_is_asked(
    administrators, gateway, applied
):
    alice, benoit = administrators
    done = proposed(alice, invite="yes")
    assert done.text.count("https://console.example/invitation#") == 3
    page = benoit.get(f"{ENTRY}/proposals")
    assert "https://console.example/invitation#" not in page.text
    again = alice.get(f"{ENTRY}/staff.establish")
    assert again.location == f"{ADMISSION}?step=staff.establish"
    assert alice.get(f"{ADMISSION}?step=nothing").status_code == 404


def test_pages_are_whole_in_both_languages(administrators, applied):
    alice, benoit = administrators
    proposed(alice)
    paths = (ADMISSION, f"{ENTRY}/proposals", f"{ENTRY}/refusal")
    english = [re.search("<title>(.*?)<", benoit.get(one).text)[1] for one in paths]
    benoit.client.set_cookie(LANGUAGE_COOKIE, "fr", domain="console.example", secure=True)
    for path, title in zip(paths, english, strict=True):
        page = benoit.get(path)
        assert page.status_code == 200, benoit.console.logged()[-1]
        assert re.search("<title>(.*?)<", page.text)[1] != title


def test_a_proposal_shows_what_it_replaces(administrators, gateway):
    alice, benoit = administrators
    path = f"/admin/organisations/{HOTLINE}/organisation.amend"
    page = alice.send(alice.get(path), path, name="Another name", reason="as its statutes say")
    sign_one(alice, page)
    address = re.search(r'"(/admin/changes/[^"/]+)"', alice.get("/").text)[1]
    before = gateway.organisation(HOTLINE).name
    assert f"{before} → Another name" in read(benoit.get(address))


def sign_one(browser, page):
    path = re.search(r'action="(/acts/[^"]+)"', page.text)[1]
    return browser.send(page, path, credential=browser.answer(path, page))
