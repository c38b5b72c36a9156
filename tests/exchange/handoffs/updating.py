"""A case that is corrected after its acceptance, and what is read of that."""

from typing import Any
from uuid import UUID

from gateway.evidence import sd_jwt
from gateway.exchange.handoffs import open_duties
from gateway.exchange.handoffs.selection import UpdateRequest
from gateway.exchange.standing.consultations import ConsultationRequest
from gateway.kernel.results import to_json
from gateway.kernel.transact import WriteResult
from tests import answers
from tests.casework import accepted, element_id, offered, revised, submitted, updated
from tests.founded_gateway import HOTLINE, OFMIN, Founded, caller
from tests.log_check import check_log

OLDER = ConsultationRequest("officer-1", "superseded_package", "what we were told before", 1)


UPDATE = UpdateRequest("liaison-1")


def items(*values: str) -> list[dict[str, Any]]:
    """The items of the founding case, with other addresses; more than two are new ones."""
    named = [element_id("url"), element_id("host"), element_id("match")]
    kinds = ["url", "host", "url"]
    return [
        {"id": name, "kind": kind, "value": value}
        for name, kind, value in zip(named, kinds, values, strict=False)
    ]


FIRST = items("https://content.example.org/page", "content.example.org")


CORRECTED = items("https://content.example.org/other", "content.example.org")


ADDED = items(
    "https://content.example.org/page", "content.example.org", "https://content.example.org/third"
)


def addresses(found: list[dict[str, Any]]) -> list[str]:
    return [item["value"] for item in found]


def made(gateway: Founded, **offer: Any) -> tuple[WriteResult, WriteResult]:
    """A case, and its offer to OFMIN."""
    case = submitted(gateway, items=FIRST)
    return case, offered(gateway, case, **offer)


def held(gateway: Founded, **offer: Any) -> tuple[WriteResult, UUID]:
    """A case that OFMIN has accepted."""
    case, offer_ = made(gateway, **offer)
    return case, accepted(gateway, offer_)


def sent(gateway: Founded, **offer: Any) -> tuple[WriteResult, UUID, WriteResult]:
    """A case that OFMIN has accepted, and its correction that was sent as an update."""
    case, handoff = held(gateway, **offer)
    revised(gateway, case, items=CORRECTED)
    return case, handoff, updated(gateway, handoff)


def shown(written: WriteResult) -> Any:
    """The content that a consultation showed."""
    return sd_jwt.read_unverified(written.result["presentation"]).content


def values(written: WriteResult) -> list[str]:
    return addresses(shown(written)["items"])


def events(gateway: Founded, typ: str) -> list[dict[str, Any]]:
    return [one for one in check_log(gateway) if one["type"] == typ]


def announced(gateway: Founded) -> list[str]:
    """The handoffs of which a change was announced."""
    return [one["handoff"] for one in events(gateway, "handoff.change_announced")]


def covered(gateway: Founded, case: WriteResult) -> Any:
    found = to_json(open_duties.coverage(gateway.ports, caller(HOTLINE), UUID(case.result["case"])))
    (line,) = found["handoffs"]
    return line


def awaited(gateway: Founded, case: WriteResult) -> list[str]:
    """What is owed about the one handoff of a case, as coverage says it."""
    return [one["what"] for one in covered(gateway, case)["owed"]]


def place(element: str) -> str:
    return f"/items/{element_id(element)}"


NOTICE = answers.said("liaison-1", code="inaccurate", pointers=[place("url")])


def notified(gateway: Founded, handoff: UUID) -> WriteResult:
    """A correction notice to OFMIN."""
    return gateway.act(HOTLINE, answers.notify_correction, handoff, NOTICE)


STRICT = {"tlp": "RED", "handling": ["H1"]}


def ended(gateway: Founded) -> tuple[WriteResult, UUID]:
    """A case that OFMIN had accepted, then declined, and that was corrected."""
    case, handoff = held(gateway)
    gateway.answer(OFMIN, answers.decline, handoff, "not ours")
    revised(gateway, case, items=CORRECTED)
    return case, handoff
