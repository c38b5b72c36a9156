"""Opened content is believed only when presentation, receipt and offer agree."""

from typing import Any

from gateway.evidence import sd_jwt
from tests.client.scenario import (
    accepted,
    disbelieved,
    submit,
)
from tests.web.listening import Listening


def test_a_presentation_beyond_the_offer_is_refused(stage: Listening) -> None:
    """Even one that verifies: the originator's own shows all, the offer names only the items."""
    hotline, office, handoff = accepted(stage, groups=["items"])
    case = hotline.handoff(handoff)["case"]
    whole = hotline.consult_case(case, "liaison-1", "quality", "check").presentation

    def show_all(members: dict[str, Any]) -> None:
        if "result" in members:
            members["result"]["presentation"] = whole

    def consult() -> None:
        office.consult(handoff, "officer-1", "investigation", "first look")

    disbelieved(office, show_all, consult, "shows more than its offer names")


def test_a_presentation_of_less_than_was_opened_is_refused(stage: Listening) -> None:
    _, office, handoff = accepted(stage)

    def show_less(members: dict[str, Any]) -> None:
        if "result" in members:
            document = sd_jwt.parse(members["result"]["presentation"])
            members["result"]["presentation"] = document.present(()).compact()

    def consult() -> None:
        office.consult(handoff, "officer-1", "investigation", "first look")

    disbelieved(office, show_less, consult, "another set of parts")


def test_a_presentation_of_another_case_is_refused(stage: Listening) -> None:
    hotline, office, handoff = accepted(stage)
    other = submit(hotline, stage)
    presentation = hotline.consult_case(other, "x1", "quality", "check").presentation

    def show_other(members: dict[str, Any]) -> None:
        if "result" in members:
            members["result"]["presentation"] = presentation

    def consult() -> None:
        office.consult(handoff, "officer-1", "investigation", "first look")

    disbelieved(office, show_other, consult, "another version")
    mine = submit(hotline, stage)
    disbelieved(
        hotline,
        show_other,
        lambda: hotline.consult_case(mine, "x1", "quality", "check"),
        "another version of the case|another set of parts",
    )
