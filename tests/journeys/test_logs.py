"""What a running gateway writes for its operator: what happened, and nobody's name or content."""

import re
from typing import Any

import pytest

from gateway.cli.demo.environment import ADMINS, DemoEnvironment
from gateway.client.errors import RequestRefused
from tests.casework import ADDITION
from tests.journeys.harness import ABROAD, HOTLINE, OFMIN, case_content, clearance

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("gateway")]

REASON = "a reading in the quiet room"
MISTAKE = "data:image/png;base64,Quillfeather"


def test_the_logs_of_a_whole_exchange_hold_no_person_no_id_and_no_content(stage):
    begun = {file: len(text) for file, text in _logs(stage).items()}
    content = case_content()
    handoff = _exchange(stage, content)
    _refusals(stage, content, handoff)
    text = "".join(text[begun.get(file, 0) :] for file, text in _logs(stage).items())
    for kind in ("token-issued", "validation-failed"):
        assert f'"{kind}"' in text
    told = _words(content, handoff)
    assert not [word for word in told if word in text]
    assert not re.search(r"127\.0\.0\.1:[0-9]", text)


def _exchange(stage: DemoEnvironment, content: dict[str, Any]) -> str:
    """A case from hand to hand, with all that persons say on the way; the handoff."""
    with stage.client(HOTLINE) as hotline, stage.client(OFMIN) as office:
        hotline.submit(content, "pdc-71", {**clearance(content), "assessed_by": "pdc-72"})
        offered = hotline.offer(
            content["case"],
            "pdc-71",
            competence="csam/FR",
            groups=["items", "statements", "subjects"],
            purpose=["investigate"],
        )
        handoff = str(offered.result["handoff"])
        office.accept(office.handoff(handoff), "ofmin-73")
        office.consult(handoff, "ofmin-73", "assessment", REASON)
        office.answer("close", handoff, "ofmin-73", reason=REASON)
        hotline.step("case.close", {"case": content["case"]}, "pdc-71", reason=REASON)
    return handoff


def _refusals(stage: DemoEnvironment, content: dict[str, Any], handoff: str) -> None:
    """What is refused has lines of its own: wrong content, a wrong state, what others have."""
    wrong = case_content()
    wrong["items"][0]["value"] = MISTAKE
    next_one = {**wrong, "case": content["case"], "version": 2, "previous": "A" * 43}
    with stage.client(HOTLINE) as hotline, stage.client(ABROAD) as stranger:
        for ask in (
            lambda: hotline.submit(wrong, "pdc-71"),
            lambda: hotline.revise(next_one, "pdc-71", ADDITION),
            lambda: hotline.step("case.close", {"case": content["case"]}, "pdc-71", reason=REASON),
            lambda: stranger.handoff(handoff),
            lambda: stranger.consult(handoff, "be-74", "assessment", REASON),
        ):
            with pytest.raises(RequestRefused):
                ask()


def _words(content: dict[str, Any], handoff: str) -> set[str]:
    persons = {"pdc-71", "pdc-72", "pdc-2", "ofmin-73", "be-74", *(name for _, name in ADMINS)}
    urls = {item["value"] for item in content["items"]}
    hosts = {url.split("/")[2] for url in urls if "://" in url}
    said = {one["text"] for one in content.get("statements", ()) if "text" in one}
    ids = {content["case"], handoff, content["originator_ref"]}
    return persons | urls | hosts | said | ids | {REASON, MISTAKE, "Quillfeather"}


def _logs(stage: DemoEnvironment) -> dict[str, str]:
    """All that the gateway, and the proxy before it, have written, by file."""
    return {file.name: file.read_text(encoding="utf-8") for file in stage.folder.glob("*.log")}
