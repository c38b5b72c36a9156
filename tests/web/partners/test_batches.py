"""Batches: each request in one has the answer that it would have by itself, and nothing is done
twice."""

from random import Random
from typing import Any
from uuid import UUID

import pytest

from gateway.evidence import receipt
from gateway.kernel.transact import AT_ONCE
from gateway.web.context import BODY_BYTES
from gateway.web.partners.batches import LARGEST_BATCH
from tests.casework import case_content
from tests.each import each
from tests.founded_gateway import HOTLINE, OFMIN, fields_of
from tests.log_check import check_log
from tests.web.listening import Listening, Partner, listening
from tests.web.partners import tricks

CLEARANCE = {"assessed_by": "analyst-1", "cleared_by": "approver-1", "confirmed_matches": []}
CARRIER = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk" * 3
"""A picture in base64, which R1 refuses."""

VARYING = (
    "document",
    "offer",
    "digest",
    "permitted_disclosures",
    "at",
    "due_at",
    "groups",
    "known",
)
"""Members of results that have a signature, a time or a salt of their own each time."""


def an_id(random: Random) -> str:
    return str(UUID(int=0x018F0000 << 96 | 7 << 76 | 2 << 62 | random.getrandbits(62)))


def submission(case: str, **content: Any) -> dict[str, Any]:
    return {"by": "intake-1", "content": case_content(case, **content), "clearance": CLEARANCE}


def requests_of(random: Random, answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same requests each under a key, some of them again: as they were, or with other words."""
    keyed = [{"key": f"key-{random.getrandbits(60)}", **one} for one in answers]
    repeats = [dict(one) for one in random.sample(keyed, 3)]
    repeats[0]["body"] = {**repeats[0]["body"], "by": "approver-1"}
    for one in repeats:
        keyed.insert(random.randrange(len(keyed)), one)
    return keyed


def submissions(random: Random) -> list[dict[str, Any]]:
    ids = [an_id(random) for _ in range(30)]
    asked: list[dict[str, Any]] = []
    for number, case in enumerate(ids):
        good = submission(case)
        match random.randrange(8):
            case 0:
                good["content"]["matter"] = []
            case 1:
                good["content"]["statements"][0]["text"] = CARRIER
            case 2:
                good["by"] = "nobody-1"
            case 3:
                good["content"]["case"] = ids[0]
            case 4:
                good["clearance"] = {**CLEARANCE, "cleared_by": "analyst-1"}
            case 5:
                good["content"]["version"] = 2
            case _:
                good["content"]["originator_ref"] = f"ref-{number}"
        asked.append({"body": good})
    return requests_of(random, asked)


def offers(random: Random, there: list[str]) -> list[dict[str, Any]]:
    asked = []
    for case in [*there, *there[:4], an_id(random)]:
        to: Any = {
            "competence": {"matter": "csam", "territory": random.choice(["FR"] * 3 + ["DE"])}
        }
        body = {"by": "liaison-1", "handoff": an_id(random), "to": to, "groups": ["items"]}
        body["purpose"] = random.choice([["identify_victim"]] * 3 + [["investigate"], []])
        asked.append({"case": case, "body": body})
    return requests_of(random, asked)


def acceptances(random: Random, there: list[str], conditions: Any) -> list[dict[str, Any]]:
    asked = []
    for handoff in [*there, *there[:3], an_id(random)]:
        said = dict(conditions)
        if random.random() < 0.3:
            said["tlp"] = "RED"
        by = random.choice(["officer-1", "officer-1", "nobody-1"])
        asked.append({"handoff": handoff, "body": {"by": by, "conditions": said}})
    return requests_of(random, asked)


PATHS = {
    "submissions": lambda _: "/cases",
    "offers": lambda one: f"/cases/{one['case']}/handoffs",
    "acceptances": lambda one: f"/handoffs/{one['handoff']}/acceptance",
}


def singly(partner: Partner, noun: str, asked: list[dict[str, Any]]) -> list[Any]:
    return [partner.post(PATHS[noun](one), one["body"], key=one["key"]) for one in asked]


def batched(partner: Partner, noun: str, asked: list[dict[str, Any]]) -> list[Any]:
    answer = partner.post(f"/batches/{noun}", {"requests": asked}, key=None)
    assert answer.status_code == 200, answer.text
    return answer.json["results"]


def told(status: int, result: Any, problem: Any) -> Any:
    if result is not None:
        return status, {name: None if name in VARYING else one for name, one in result.items()}
    return status, {one: problem[one] for one in problem.keys() - {"instance", "receipt"}}


def events(line: Listening) -> list[Any]:
    return [(one["type"], one["result"], one.get("handoff")) for one in check_log(line.gateway)]


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(more, marks=pytest.mark.slow) for more in range(2, 6))]
)
def test_each_request_of_a_batch_has_the_answer_that_it_has_by_itself(seed):
    random, lines = Random(seed), (listening(), listening())
    desks = [{name: line.partner(name) for name in (HOTLINE, OFMIN)} for line in lines]

    def both(who: str, noun: str, asked: list[dict[str, Any]]) -> list[Any]:
        alone = singly(desks[0][who], noun, asked)
        together = batched(desks[1][who], noun, asked)
        for one, other in zip(alone, together, strict=True):
            kept = (other.get("result"), other.get("problem"))
            assert told(other["status"], *kept) == told(
                one.status_code, one.json.get("result"), one.json
            )
            evidence = other.get("receipt", (other.get("problem") or {}).get("receipt"))
            assert (evidence is None) is ("receipt" not in one.json)
            if evidence is not None:
                lines[1].gateway.confirm(receipt.from_json(evidence))
        assert events(lines[0]) == events(lines[1])
        return alone

    done = both(HOTLINE, "submissions", submissions(random))
    there = [one.json["result"]["case"] for one in done if one.status_code == 201]
    done = both(HOTLINE, "offers", offers(random, [*dict.fromkeys(there)]))
    made = [*dict.fromkeys(one.json["result"]["handoff"] for one in done if one.status_code == 201)]
    conditions = desks[0][OFMIN].get(f"/handoffs/{made[0]}").json["conditions"]
    statuses = {one.status_code for one in done}
    done = both(OFMIN, "acceptances", acceptances(random, made, conditions))
    assert {201} < statuses and {200} < {one.status_code for one in done}


def many(line: Listening, count: int) -> list[dict[str, Any]]:
    ids = [str(line.gateway.new_id()) for _ in range(count)]
    return [{"key": line.key(), "body": submission(case)} for case in ids]


def test_a_repeated_batch_gives_the_first_results_and_receipts(line, hotline):
    asked = many(line, AT_ONCE + 2)
    first = batched(hotline, "submissions", asked)
    size = line.gateway.size()
    again = batched(hotline, "submissions", [*reversed(asked)])[::-1]
    assert [one["result"] for one in again] == [one["result"] for one in first]
    for one, other in zip(first, again, strict=True):
        assert fields_of(receipt.from_json(one["receipt"])) == fields_of(
            receipt.from_json(other["receipt"])
        )
    assert line.gateway.size() == size
    alone = hotline.post("/cases", asked[0]["body"], key=asked[0]["key"])
    assert alone.json["result"] == first[0]["result"]


def test_signed_documents_and_bodies_stand_in_one_batch(keyed_line):
    hotline = keyed_line.partner(HOTLINE)
    signed = {"document": tricks.case(keyed_line).compact()}
    forged = {"document": tricks.case(keyed_line).compact()[:-20] + "~"}
    body = many(keyed_line, 1)[0]
    first, second, third = batched(hotline, "submissions", [signed, forged, body])
    assert (first["status"], third["status"]) == (201, 201)
    assert first["result"]["document"].split("~")[0] == signed["document"].split("~")[0]
    assert second["status"] == 422 and second["problem"]["type"].endswith("invalid-document")


def test_a_request_in_a_batch_counts_as_one_of_the_denials_of_a_minute(line, hotline):
    most = line.gateway.ports.denials_per_minute
    asked = many(line, most + 2)
    for one in asked:
        one["body"]["clearance"] = {**CLEARANCE, "cleared_by": "analyst-1"}
    results = batched(hotline, "submissions", asked)
    assert [one["status"] for one in results] == [403] * most + [429] * 2


def test_a_member_that_is_suspended_is_refused_the_whole_batch(line, hotline):
    hotline.token()
    asked = many(line, 2)
    assert batched(hotline, "submissions", asked[:1])[0]["status"] == 201
    line.gateway.administer("system.disable", HOTLINE, system="desk", reason="lost")
    answer = hotline.post("/batches/submissions", {"requests": asked}, key=None)
    assert answer.status_code == 401


@each(
    "requests, pointer",
    [
        ([], "/requests"),
        ([{"key": "key-0001", "body": {}}] * (LARGEST_BATCH + 1), "/requests"),
        ([{"body": {}}], "/requests/0"),
        ([{"key": "key-0001"}], "/requests/0"),
        ([{"key": "short", "body": {}}], "/requests/0/key"),
        ([{"key": "key-0001", "body": {}, "document": "a.b.c~"}], "/requests/0"),
        ([{"key": "key-0001", "body": {}, "path": "/cases"}], "/requests/0/path"),
        ("all", "/requests"),
    ],
)
def test_what_is_no_batch_is_refused_whole(line, hotline, requests, pointer):
    size = line.gateway.size()
    good = many(line, 1) if isinstance(requests, list) and len(requests) == 1 else []
    sent = [*requests, *good] if isinstance(requests, list) else requests
    answer = hotline.post("/batches/submissions", {"requests": sent}, key=None)
    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json["errors"]] == [pointer]
    assert line.gateway.size() == size


def test_a_batch_is_no_larger_than_one_request(line, hotline):
    asked = [{"key": line.key(), "body": {"by": "a" * 30_000}} for _ in range(10)]
    answer = hotline.post("/batches/submissions", {"requests": asked}, key=None)
    assert answer.status_code == 413 and BODY_BYTES < 300_000
