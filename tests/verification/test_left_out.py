"""Whatever is left out of a file that verifies, the report convicts nobody of it.

Who hands a file over decides what is in it: what is not there is missing, and proves nothing.
"""

import json
import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import timedelta
from itertools import islice
from typing import Any

import pytest

from gateway.evidence import bundle
from gateway.evidence.bundle import Bundle
from gateway.evidence.declarations import UNLOCK
from gateway.verification.report import Code
from gateway.verification.trust import TrustAnchors
from gateway.verification.verifier import verify
from tests.each import each
from tests.verification.former import former
from tests.verification.kept import trust_folder
from tests.verification.scenario import AT, TRUST, Scenario, declared
from tests.verification.test_chain import consulted, measured, told
from tests.verification.test_kept import EXPECTED, FOLDER

ACCUSES = {Code.BAD_SIGNATURE, Code.NOT_IN_LOG, Code.MISMATCH, Code.CONTRADICTION, Code.LET_THROUGH}
KEPT = trust_folder(FOLDER / "trust")


Place = tuple[str, int]


def parts(members: dict[str, Any]) -> Iterator[Place]:
    """Each document, package, receipt and entry of a bundle: where it stands."""
    for name, listed in _lists(members).items():
        yield from ((name, at) for at in range(len(listed)))


def _lists(members: dict[str, Any]) -> dict[str, list[Any]]:
    """The lists of a bundle; a document that stands alone is a list of one."""
    if "logs" in members:
        logs = {name: log["entries"] for name, log in members["logs"].items()}
        return {"documents": members["documents"], **logs}
    return {
        name: value if isinstance(value, list) else [value]
        for name, value in members.items()
        if name not in ("format", "keys")
    }


def _replaced(members: dict[str, Any], lists: dict[str, list[Any]]) -> dict[str, Any]:
    """The bundle with these lists."""
    if "logs" in members:
        logs = {
            name: log | {"entries": lists[name]}
            for name, log in members["logs"].items()
            if lists[name]
        }
        return members | {"documents": lists["documents"], "logs": logs}
    left = dict(members)
    for name, listed in lists.items():
        if isinstance(members[name], list):
            left[name] = listed
        elif listed:
            left[name] = listed[0]
        else:
            del left[name]
    return left


def without(members: dict[str, Any], *gone: Place) -> dict[str, Any]:
    """The bundle without these parts."""
    lists = {
        name: [one for at, one in enumerate(listed) if (name, at) not in gone]
        for name, listed in _lists(members).items()
    }
    return _replaced(members, lists)


def details(members: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The bundle without one disclosure, each in turn: of a receipt, or of a document."""
    for name, at in parts(members):
        part = _lists(members)[name][at]
        if "disclosures" in part and isinstance(part, dict):
            count = len(part["disclosures"])
        else:
            documents = part if isinstance(part, dict) else {"": part}
            count = max(text.count("~") for text in documents.values())
        for number in range(count):
            lists = deepcopy(_lists(members))
            lists[name][at] = _without_detail(lists[name][at], number)
            yield _replaced(members, lists)


def _without_detail(part: Any, n: int) -> Any:
    if isinstance(part, str):
        return _drop(part, n)
    if "disclosures" in part:
        return part | {"disclosures": part["disclosures"][:n] + part["disclosures"][n + 1 :]}
    return {key: _drop(text, n) for key, text in part.items()}


def _drop(text: str, n: int) -> str:
    signed, *disclosures = text.split("~")
    return (
        "~".join([signed, *disclosures[:n], *disclosures[n + 1 :]])
        if n < len(disclosures) - 1
        else text
    )


def convicted(members: dict[str, Any], trust: TrustAnchors, what: object) -> list[Any]:
    report = verify(json.dumps(members).encode(), trust)
    return [(what, report.code.name, report.failure)] if report.code in ACCUSES else []


def _chain() -> Scenario:
    story = Scenario().told("acceptance").updated().told("acknowledgement").updated()
    story.told("acknowledgement", "outcome")
    for case, _, _ in (*story.earlier, (story.case, None, None)):
        story.record("case.consult", None, case_digest=case.digest)
    return story


def _measured() -> Scenario:
    story = Scenario().told("acceptance")
    for kind, code in (("suspension", "in_proceedings"), ("mark", "evidence")):
        name = measured(story, kind, elements=[])
        consulted(story, code)
        told(story, "case.end_measure", name, kind=kind)
        consulted(story)
    measured(story, "mark", elements=[], before=2)
    return consulted(story.updated().told("acknowledgement"))


def _recalled() -> Scenario:
    story = Scenario().told("acceptance").updated().told("acknowledgement").recalled()
    recall = {"recall": story.recall.digest}
    consulted(story, "recall_review")
    story.say("recall_acknowledgement", **recall)
    story.say("recall_answer", done="in_proceedings", **recall)
    consulted(story, "in_proceedings")
    story.say("recall_answer", done="copies_erased", **recall)
    return story


def _notified() -> Scenario:
    story = Scenario().told("acceptance")
    for _ in range(2):
        notice = story.say("correction_notice", code="unlawful", pointers=["/items/i-1"])
        story.say("acknowledgement", notice_digest=notice.digest)
    return story


def _locked() -> Bundle:
    """The recipient signs everything itself for a time, and then allows the gateway to do it."""
    story = Scenario(attested=True)
    unlock = declared(UNLOCK, "police", "police", AT + timedelta(minutes=1))
    own = {"organisation": "police"}
    lock = story.register("organisation.require_signed", own)
    end = story.register("organisation.allow_attested", {**own, "declaration": unlock})
    story.told("acceptance")
    return story.bundle(locks=tuple(map(story.log.receipt, (lock, end))))


STORIES: dict[str, Callable[[], Bundle]] = {
    "closed": lambda: Scenario().told("acceptance", "outcome", "closure").number(2, 3, 4).bundle(),
    "chain": lambda: _chain().bundle(),
    "measures": lambda: _measured().bundle(),
    "recall": lambda: _recalled().bundle(),
    "notices": lambda: _notified().bundle(),
    "locks": _locked,
}


def bundles() -> Iterator[tuple[str, dict[str, Any], TrustAnchors]]:
    for name, story in STORIES.items():
        told_of = story()
        yield name, json.loads(bundle.encode(told_of)), TRUST
        yield f"{name}, as before", json.loads(former(told_of)), TRUST
    for name, expected in EXPECTED.items():
        if expected["kind"] == "bundle" and expected["code"] in (Code.VERIFIED, Code.ATTESTED):
            yield name, json.loads((FOLDER / "files" / name).read_bytes()), KEPT


BUNDLES = list(bundles())


@each("name, members, trust", BUNDLES)
def test_each_of_the_files_verifies_as_long_as_it_is_whole(name, members, trust):
    assert verify(json.dumps(members).encode(), trust).code in (Code.VERIFIED, Code.ATTESTED)


def convicting(name, members, trust, *, some, every):
    """What is found where each part is left out, ``some`` times several, and one detail of every
    so many."""
    whole, chance = list(parts(members)), random.Random(name)
    gone = [[one] for one in whole]
    gone += [chance.sample(whole, chance.randint(2, len(whole) - 1)) for _ in range(some)]
    found = [one for left in gone for one in convicted(without(members, *left), trust, left)]
    left = islice(enumerate(details(members)), chance.randrange(every), None, every)
    return found + [told for n, one in left for told in convicted(one, trust, n)]


@each("name, members, trust", BUNDLES[::2])
def test_nothing_that_is_left_out_convicts_anybody(name, members, trust):
    assert not convicting(name, members, trust, some=1, every=64)


@pytest.mark.slow
@each("name, members, trust", BUNDLES)
def test_no_part_and_no_detail_that_is_left_out_convicts_anybody(name, members, trust):
    assert not convicting(name, members, trust, some=40, every=1)
