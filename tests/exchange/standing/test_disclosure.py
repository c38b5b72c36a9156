"""Which parts a reader may have: one question for each kind of part, and all kinds answered."""

from dataclasses import dataclass, field
from uuid import UUID

from gateway.domain.decision import PolicyDecision, PolicyQuestion, organisation_entity
from gateway.domain.vocabulary import Marking
from gateway.evidence import sd_jwt
from gateway.exchange.standing.case_version import elements
from gateway.exchange.standing.disclosure import Reader, select_disclosures, with_strictest_marking
from gateway.kernel.ports import TransactionMode
from tests.casework import case_content, element_id, revised, submitted
from tests.founded_gateway import ABROAD, HOTLINE, OFMIN
from tests.ports import START, policy

TODAY = START.date()


@dataclass
class CountingPolicy:
    """The product's policy, and what it was asked."""

    asked: list[PolicyQuestion] = field(default_factory=list)
    revision: str = "counted"

    def decide(self, question: PolicyQuestion) -> PolicyDecision:
        self.asked.append(question)
        return policy().decide(question)


def many_items(count: int) -> list[dict[str, object]]:
    hosts = [
        {"id": str(UUID(int=(7 << 76) | (2 << 62) | n)), "kind": "host", "value": f"h{n}.example"}
        for n in range(count)
    ]
    return [*case_content(UUID(int=1))["items"], *hosts]


def test_policy_is_asked_once_for_each_kind_of_part_not_for_each_part(gateway):
    case = submitted(gateway, items=many_items(50))
    verified = sd_jwt.read_unverified(case.result["document"])
    originator, reader = gateway.organisation(HOTLINE), gateway.organisation(ABROAD)
    parts, counting = elements(verified, originator), CountingPolicy()
    permitted_disclosures, withheld = select_disclosures(
        counting,
        parts,
        organisation_entity(originator, TODAY),
        Reader(organisation_entity(reader, TODAY), None, ("protect_child",)),
    )
    kinds = {part._replace(name="") for part in parts.values()}
    assert len(counting.asked) == len(kinds) < len(parts) - 40
    assert (set(permitted_disclosures), withheld) == (parts.keys(), ())
    assert list(permitted_disclosures) == sorted(permitted_disclosures)


def test_two_parts_of_one_kind_with_other_markings_are_asked_about_apart(gateway):
    items = many_items(2)
    items[-1] = {**items[-1], "marking": {"handling": ["H1"]}}
    case = submitted(gateway, originator=OFMIN, items=items, statements=[])
    verified = sd_jwt.read_unverified(case.result["document"])
    originator, reader = gateway.organisation(OFMIN), gateway.organisation(ABROAD)
    permitted_disclosures, withheld = select_disclosures(
        policy(),
        elements(verified, originator),
        organisation_entity(originator, TODAY),
        Reader(organisation_entity(reader, TODAY), None, ("protect_child",)),
    )
    kept_back = {p.digest for p in verified.placed} - set(permitted_disclosures)
    listed = [p.value["id"] for p in verified.placed if p.name == "items" and p.digest in kept_back]
    assert listed == [items[-1]["id"]]
    assert "items" in withheld


def test_a_part_is_under_the_strictest_of_its_markings_then_and_now(gateway):
    first = submitted(gateway, marking={"tlp": "AMBER+STRICT"})
    content = case_content(UUID(first.result["case"]))
    url, host = content["items"]
    newer = revised(
        gateway,
        first,
        marking={"tlp": "AMBER", "handling": ["H0"]},
        items=[{**url, "marking": {"tlp": "RED"}}],
    )
    with gateway.ports.begin(TransactionMode.READ) as work:
        then, now = (work.cases.version(w.result["digest"]) for w in (first, newer))
    parts = with_strictest_marking(then, now, gateway.organisation(HOTLINE))
    by_id = {p.value["id"]: parts[p.digest].marking for p in then.said.placed if p.name == "items"}
    h0 = frozenset({"H0"})
    assert by_id == {
        element_id("url"): Marking("RED", h0),
        host["id"]: Marking(
            "AMBER+STRICT", h0
        ),  # gone from the new version: the case's own marking
    }
    matter = next(p.digest for p in then.said.placed if p.name == "matter")
    assert parts[matter].marking == Marking("AMBER+STRICT", h0)
    assert parts.keys() == {p.digest for p in then.said.placed}
