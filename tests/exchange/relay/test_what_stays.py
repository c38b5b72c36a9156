"""Nothing of what is withheld comes into the other gateway's database: content, persons, codes."""

import re
from base64 import urlsafe_b64decode
from contextlib import suppress
from uuid import UUID

from sqlalchemy import select

from gateway.domain.handoff import RecallCode
from gateway.exchange.handoffs import recalls, updates
from gateway.exchange.handoffs.recalls import RecallRequest
from gateway.exchange.handoffs.selection import UpdateRequest
from gateway.kernel.ports import Ports, TransactionMode
from gateway.kernel.values import HandoffFilter
from gateway.store.tables import metadata
from tests import answers
from tests.casework import accepted, offered, revised
from tests.exchange.relay.two_gateways import (
    BE_HOTLINE,
    TwoGateways,
    leaving,
    released,
    two_gateways,
)
from tests.founded_gateway import OFMIN, Founded, enter_staff

BELGIAN, FRENCH = "be-only-1", "fr-only-1"
"""A person of each side, whom the other one does not know."""

WORDS, CODE = "stays with the police", "suspect_identified"


def all_of(gateway: Founded, member: str, box: str) -> str:
    """All that a database holds: its bytes, and what is encrypted or encoded in it, in words."""
    data: bytes = gateway.store.copy()  # type: ignore[attr-defined]
    return data.decode("latin-1") + opened(gateway.ports, member, box)


def opened(ports: Ports, member: str, box: str) -> str:
    """What a database holds in words, with all that its gateway can decrypt."""
    found = list[str]()
    with ports.begin(TransactionMode.READ) as work:
        for one in metadata.sorted_tables:
            found += map(str, work.rows(select(one), {}))  # type: ignore[attr-defined]
        for handoff in work.handoffs.page(member, box, HandoffFilter(), None, 100):
            found += [one.document for one in work.handoffs.moves(handoff.id)]
            found += [one.document for one in work.handoffs.sent(handoff.id)]
            version = work.cases.version(handoff.case_digest)
            found.append("" if version is None else version.document)
        for number in range(1, work.log.last_number(member) + 1):
            logged = work.log.read_stream(member, number - 1, 1)
            found += [part.encoded for _, one in logged for part in one.event.disclosures]
    text = "\n".join(found)
    return text + "\n".join(map(_decoded, set(re.findall("[A-Za-z0-9_-]{12,}", text))))


def _decoded(text: str) -> str:
    with suppress(ValueError):
        return urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    return ""


def story() -> tuple[TwoGateways, UUID]:
    """A handoff with an outcome, an update and a recall, by these persons."""
    two = two_gateways()
    enter_staff(two.be.ports.begin, BE_HOTLINE, [BELGIAN])
    enter_staff(two.fr.ports.begin, OFMIN, [FRENCH])
    case = released(two)
    offer = offered(two.be, case, originator=BE_HOTLINE, by=BELGIAN, note="for you")
    two.exchange()
    handoff = accepted(two.fr, offer, recipient=OFMIN)
    two.fr.answer(OFMIN, answers.outcome, handoff, by=FRENCH, code=CODE, note=WORDS)
    two.exchange()
    revised(two.be, case, originator=BE_HOTLINE, urgency="urgent", marking=leaving(two))
    two.be.act(BE_HOTLINE, updates.update, handoff, UpdateRequest(BELGIAN))
    two.exchange()
    two.fr.answer(OFMIN, answers.acknowledge, handoff, by=FRENCH)
    wanted = RecallRequest(BELGIAN, RecallCode.UNLAWFUL, "why", approved_by="approver-1")
    two.be.act(BE_HOTLINE, recalls.of_case, UUID(case.result["case"]), wanted)
    two.exchange()
    kept = {"done": "declined", "legal_basis": WORDS, "until": "2027-01-01"}
    two.fr.answer(OFMIN, answers.answer_recall, handoff, by=FRENCH, **kept)
    two.exchange()
    return two, handoff


def test_persons_and_police_codes_stay_where_they_are() -> None:
    two, handoff = story()
    assert two.be.handoff(handoff).recall_answer == "kept_by_law"
    here, there = all_of(two.be, BE_HOTLINE, "out"), all_of(two.fr, OFMIN, "in")
    assert {CODE, WORDS, FRENCH} == {one for one in (CODE, WORDS, FRENCH) if one in there}
    assert BELGIAN in here, "the scan reads what is stored"
    assert [one for one in (CODE, WORDS, FRENCH) if one in here] == []
    assert BELGIAN not in there


def test_content_that_was_not_offered_is_nowhere_there() -> None:
    two = two_gateways()
    case = released(two)
    offered(two.be, case, originator=BE_HOTLINE, groups=("items",))
    two.exchange()
    here, there = all_of(two.be, BE_HOTLINE, "out"), all_of(two.fr, OFMIN, "in")
    reference = '"iccam_report"'
    assert reference in here
    assert reference not in there
