"""Whatever is left out of a file that verifies, the report convicts nobody of it.

Who hands a file over decides what is in it: what is not there is missing, and proves nothing.
"""

import json
import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import timedelta
from typing import Any

from gateway.evidence.declarations import UNLOCK
from gateway.verification.report import Code
from gateway.verification.trust import TrustAnchors
from gateway.verification.verifier import verify
from tests.each import each
from tests.verification.kept import trust_folder
from tests.verification.scenario import AT, TRUST, Scenario, declared
from tests.verification.test_chain import consulted, measured, told
from tests.verification.test_kept import EXPECTED, FOLDER

ACCUSES = {Code.BAD_SIGNATURE, Code.NOT_IN_LOG, Code.MISMATCH, Code.CONTRADICTION, Code.LET_THROUGH}
KEPT = trust_folder(FOLDER / "trust")
DOCUMENTS = ("predecessor_offer", "recall")


def parts(members: dict[str, Any]) -> Iterator[tuple[str, int | None]]:
    """Each document, package and receipt of a bundle: where it stands."""
    for name, value in members.items():
        if name in ("format", "keys"):
            continue
        yield from (
            ((name, at) for at in range(len(value))) if isinstance(value, list) else [(name, None)]
        )


def without(members: dict[str, Any], *gone: tuple[str, int | None]) -> dict[str, Any]:
    """The bundle without these parts."""
    left = {}
    for name, value in members.items():
        if isinstance(value, list):
            left[name] = [one for at, one in enumerate(value) if (name, at) not in gone]
        elif (name, None) not in gone:
            left[name] = value
    return left


def details(members: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The bundle without one disclosure, each in turn: of a receipt, or of a document."""
    for name, at in parts(members):
        part = members[name] if at is None else members[name][at]
        if "proof" in part:
            count = len(part["disclosures"])
        else:
            documents = part if isinstance(part, dict) else {"": part}
            count = max(text.count("~") for text in documents.values())
        for number in range(count):
            yield _without_detail(members, name, at, number)


def _without_detail(members: dict[str, Any], name: str, at: int | None, n: int) -> dict[str, Any]:
    left = deepcopy(members)
    part = left[name] if at is None else left[name][at]
    if "proof" in part:
        del part["disclosures"][n]
    elif isinstance(part, dict):
        for key, text in part.items():
            part[key] = _drop(text, n)
    elif at is None:
        left[name] = _drop(part, n)
    else:
        left[name][at] = _drop(part, n)
    return left


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


def _locked() -> bytes:
    """The recipient signs everything itself for a time, and then allows the gateway to do it."""
    story = Scenario(attested=True)
    unlock = declared(UNLOCK, "police", "police", AT + timedelta(minutes=1))
    own = {"organisation": "police"}
    lock = story.register("organisation.require_signed", own)
    end = story.register("organisation.allow_attested", {**own, "declaration": unlock})
    story.told("acceptance")
    return story.file(locks=tuple(map(story.log.receipt, (lock, end))))


STORIES: dict[str, Callable[[], bytes]] = {
    "closed": lambda: Scenario().told("acceptance", "outcome", "closure").number(2, 3, 4).file(),
    "chain": lambda: _chain().file(),
    "measures": lambda: _measured().file(),
    "recall": lambda: _recalled().file(),
    "notices": lambda: _notified().file(),
    "locks": _locked,
}


def bundles() -> Iterator[tuple[str, dict[str, Any], TrustAnchors]]:
    for name, story in STORIES.items():
        yield name, json.loads(story()), TRUST
    for name, expected in EXPECTED.items():
        if expected["kind"] == "bundle" and expected["code"] in (Code.VERIFIED, Code.ATTESTED):
            yield name, json.loads((FOLDER / "files" / name).read_bytes()), KEPT


BUNDLES = list(bundles())


@each("name, members, trust", BUNDLES)
def test_each_of_the_files_verifies_as_long_as_it_is_whole(name, members, trust):
    assert verify(json.dumps(members).encode(), trust).code in (Code.VERIFIED, Code.ATTESTED)


@each("name, members, trust", BUNDLES)
def test_no_document_or_receipt_that_is_left_out_convicts_anybody(name, members, trust):
    whole = list(parts(members))
    chance = random.Random(name)
    some = [chance.sample(whole, chance.randint(2, len(whole) - 1)) for _ in range(40)]
    gone = [[one] for one in whole] + some
    assert not [found for one in gone for found in convicted(without(members, *one), trust, one)]


@each("name, members, trust", BUNDLES)
def test_no_detail_that_is_left_out_convicts_anybody(name, members, trust):
    left = enumerate(details(members))
    assert not [found for n, one in left for found in convicted(one, trust, n)]
