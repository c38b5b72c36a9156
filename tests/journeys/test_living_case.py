"""What becomes of a case after its handoff, over real TLS; each journey re-checks the whole log."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway import wiring
from gateway.cli.demo.environment import DemoEnvironment
from gateway.client import RequestRefused
from gateway.evidence import sd_jwt
from gateway.verification.report import Code
from tests.journeys.harness import (
    ABROAD,
    CONTENT,
    HOTLINE,
    OFMIN,
    Listeners,
    accepted,
    admin,
    case_content,
    casegate,
    check_log,
    clearance,
    running,
)

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("gateway")]


def connection(stage: DemoEnvironment, slug: str) -> Path:
    return stage.folder / slug / "connection.toml"


def accepted_abroad(stage: DemoEnvironment, case: str) -> str:
    """The handoff by which a private member holds a case of the hotline."""
    with stage.client(HOTLINE) as hotline, stage.client(ABROAD) as abroad:
        offer = hotline.offer(
            case, "pdc-2", organisation=ABROAD, groups=CONTENT, purpose=["protect_child"]
        )
        handoff = str(offer.result["handoff"])
        abroad.accept(abroad.handoff(handoff), "be-1")
    return handoff


def corrected(stage: DemoEnvironment, case: str, text: str) -> str:
    """Correct a statement of a case, in a version that is cleared; the place that it corrects."""
    with stage.client(HOTLINE) as hotline:
        opened = hotline.consult_case(case, "pdc-1", "quality", "a wrong word")
        *others, wrong = opened.content["statements"]
        place = f"/statements/{wrong['id']}"
        following = {
            **opened.content,
            "version": opened.content["version"] + 1,
            "previous": sd_jwt.parse(opened.presentation).digest,
            "statements": [*others, {**wrong, "text": text}],
        }
        change = {
            "kind": "correction",
            "reason_code": "inaccurate",
            "reason": "misread",
            "pointers": [place],
        }
        hotline.revise(following, "pdc-1", change, clearance(following))
    return place


def owed(covered: Any) -> dict[str, set[str]]:
    """What is owed about each handoff of a case, as its coverage says."""
    return {line["handoff"]: {one["what"] for one in line["owed"]} for line in covered["handoffs"]}


def owed_offline(told: Any) -> dict[str, set[str]]:
    """The same of each handoff that was recalled, as the stream of the originator proves it."""
    found: dict[str, set[str]] = {}
    for fact in told["proved"]:
        if fact["fact"] == "coverage.recalled":
            found[fact["handoff"]] = set()
        elif fact["fact"] in ("coverage.owed", "coverage.late"):
            found[fact["handoff"]].add(fact["what"])
    return found


def test_a_correction_reaches_who_works_on_a_case_and_who_has_ended_its_work(
    stage: DemoEnvironment, tmp_path: Path
) -> None:
    content = case_content()
    case = content["case"]
    works, ended = accepted(stage, content), accepted_abroad(stage, case)
    with stage.client(HOTLINE) as hotline, stage.client(OFMIN) as office:
        corrected(stage, case, "The account uploaded it once.")
        assert owed(hotline.coverage(case)) == {works: {"update"}, ended: {"update"}}
        for handoff in (works, ended):
            hotline.update(handoff, "pdc-2", groups=CONTENT)
        office.answer("acknowledge", works, "ofmin-1")
        office.answer("apply", works, "ofmin-1", done="rectified")
        office.answer("close", works, "ofmin-1", reason="done")
        opened = office.consult(works, "ofmin-1", "assessment", "what is new")
        assert opened.content["statements"][-1]["text"] == "The account uploaded it once."
        with stage.client(ABROAD) as abroad:
            for answer, said in (
                ("acknowledge", {}),
                ("apply", {"done": "rectified"}),
                ("decline", {"reason": "not for us"}),
            ):
                abroad.answer(answer, ended, "be-1", **said)
        assert owed(hotline.coverage(case)) == {works: set(), ended: set()}

        place = corrected(stage, case, "Another account uploaded it.")
        hotline.update(works, "pdc-2", groups=CONTENT)
        office.answer("acknowledge", works, "ofmin-1")
        with pytest.raises(RequestRefused) as refused:
            hotline.update(ended, "pdc-2", groups=CONTENT)
        assert refused.value.slug == "invalid-state"
        said = {"code": "inaccurate", "pointers": [place]}
        hotline.answer("notify_correction", ended, "pdc-1", **said)
        with stage.client(ABROAD) as abroad:
            abroad.answer("acknowledge", ended, "be-1")
            abroad.answer("apply", ended, "be-1", done="not_held")
        assert owed(hotline.coverage(case)) == {works: set(), ended: set()}
        office.answer("apply", works, "ofmin-1", done="rectified")
    for slug, handoff in ((HOTLINE, works), (OFMIN, works), (HOTLINE, ended), (ABROAD, ended)):
        file = tmp_path / f"{slug}-{handoff}.json"
        ours = connection(stage, slug)
        casegate("handoff", "export", handoff, "--without-content", "--out", file, "-c", ours)
        told = casegate("verify", file, "--trust", ours, "--json", status=Code.ATTESTED)
        notices = [one for one in told["operator_word"] if one["fact"] == "correction_notice"]
        places = [one["says"]["pointers"] for one in notices]
        assert places == ([[place]] if handoff == ended else [])
    check_log(stage)


@pytest.mark.slow
def test_a_recall_is_answered_by_each_holder_and_coverage_says_the_same_offline(
    stage: DemoEnvironment, tmp_path: Path
) -> None:
    content = case_content()
    case = content["case"]
    keeps, erases = accepted(stage, content), accepted_abroad(stage, case)
    ours = ("-c", connection(stage, HOTLINE))

    def covered() -> dict[str, set[str]]:
        """What is owed now, which the stream as it is now proves without the gateway."""
        online = owed(casegate("case", "coverage", case, "--json", *ours))
        stream = tmp_path / "stream"
        casegate("event", "list", "--out-dir", stream, *ours)
        trust = ("--stream", stream, "--trust", connection(stage, HOTLINE))
        assert owed_offline(casegate("audit", "coverage", case, *trust, "--json")) == online
        return online

    with (
        stage.client(HOTLINE) as hotline,
        stage.client(OFMIN) as office,
        stage.client(ABROAD) as abroad,
    ):
        asked = {"code": "data_subject_request", "reason": "the erasure was agreed"}
        hotline.step("case.recall", {"case": case}, "pdc-2", approved_by="pdc-1", **asked)
        unanswered = {"recall_acknowledgement", "recall_answer"}
        assert covered() == {keeps: unanswered, erases: unanswered}
        for holder, handoff, by in ((office, keeps, "ofmin-1"), (abroad, erases, "be-1")):
            with pytest.raises(RequestRefused) as refused:
                holder.consult(handoff, by, "assessment", "one more look")
            assert "R13.recall" in refused.value.rules

        abroad.answer("answer_recall", erases, "be-1", done="copies_erased")
        office.answer("acknowledge_recall", keeps, "ofmin-1")
        assert covered() == {keeps: {"recall_answer"}, erases: set()}
        proceedings = {
            "authority": "TJ Paris",
            "reference": "26/123",
            "until": str(wiring.now().date() + timedelta(days=365)),
        }
        office.answer("answer_recall", keeps, "ofmin-1", done="in_proceedings", **proceedings)
        assert covered() == {keeps: set(), erases: set()}
        lines = hotline.coverage(case)["handoffs"]
        said = {line["recipient"]: line["recall"]["answer"] for line in lines}
        assert said == {ABROAD: "copies_erased", OFMIN: "kept_by_law"}
        opened = office.consult(keeps, "ofmin-1", "in_proceedings", "for the hearing")
        assert opened.content["items"] == content["items"]
        with pytest.raises(RequestRefused):
            abroad.consult(erases, "be-1", "in_proceedings", "for the hearing")
    check_log(stage)


@pytest.mark.slow
def test_what_a_holder_retains_opens_for_it_alone_once_the_case_was_erased(tmp_path: Path) -> None:
    with running(tmp_path, kind=Listeners) as stage:
        content = case_content()
        handoff, other = accepted(stage, content), accepted_abroad(stage, content["case"])
        with stage.client(OFMIN) as office, stage.client(ABROAD) as abroad:
            office.answer("retain", handoff, "ofmin-1", legal_basis="art. 230-8 CPP")
            office.answer("close", handoff, "ofmin-1")
            abroad.answer("close", other, "be-1")
        with stage.client(HOTLINE) as hotline:
            hotline.step("case.close", {"case": content["case"]}, "pdc-1")
        erase = "case", "erase", HOTLINE, content["case"], "--reason", "decision 1", "--yes"
        admin(stage, *erase)
        _opens_for_its_holder_alone(stage, content, handoff, other)
        check_log(stage)


def _opens_for_its_holder_alone(
    stage: DemoEnvironment, content: dict[str, Any], handoff: str, other: str
) -> None:
    with (
        stage.client(HOTLINE) as hotline,
        stage.client(OFMIN) as office,
        stage.client(ABROAD) as abroad,
    ):
        opened = office.consult(handoff, "ofmin-1", "retention", "file 4711")
        assert opened.content["items"] == content["items"]
        for status, ask in (
            (410, lambda: hotline.consult(handoff, "pdc-1", "retention", "file 4711")),
            (404, lambda: abroad.consult(handoff, "be-1", "retention", "file 4711")),
            (410, lambda: abroad.consult(other, "be-1", "assessment", "again")),
            (410, lambda: hotline.case(content["case"])),
            (410, lambda: hotline.handoff(handoff)),
            (403, lambda: office.consult(handoff, "ofmin-1", "assessment", "again")),
        ):
            with pytest.raises(RequestRefused) as refused:
                ask()
            assert refused.value.status == status
