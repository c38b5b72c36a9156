"""The bundle file: its exact members, of bounded size, and nothing else."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.evidence import bundle
from gateway.evidence.evidence_file import BundleError
from tests.each import each
from tests.verification.former import former
from tests.verification.logbook import Logbook
from tests.verification.scenario import ORIGIN, Scenario

TOLD = Scenario().told("acceptance")
GOOD = json.loads(TOLD.file())
LOG = GOOD["logs"][ORIGIN]
ENTRY = LOG["entries"][0]
SECOND = json.loads(former(TOLD.bundle()))
FIRST = {name: value for name, value in SECOND.items() if name != "packages"}
FIRST |= {"format": "casegate-bundle/1", **SECOND["packages"][0]}


def written(members) -> bytes:
    return json.dumps(members).encode()


def of_log(**changes):
    return GOOD | {"logs": {ORIGIN: LOG | changes}}


def of_entry(**changes):
    return of_log(entries=[ENTRY | changes, *LOG["entries"][1:]])


STORIES = [
    Scenario().told("acceptance", "outcome"),
    Scenario().told("acceptance").updated().told("acknowledgement").updated(),
    Scenario().told("acceptance").recalled(),
]


@each("story", STORIES)
def test_a_bundle_reads_back(story):
    whole = story.bundle()
    assert bundle.parse(bundle.encode(whole)) == whole


def test_a_log_stands_in_a_bundle_under_one_checkpoint_and_each_entry_once():
    story = Scenario().told("acceptance")
    whole = story.bundle(mandate_ends=(story.log.receipt(1),))
    members = json.loads(bundle.encode(whole))
    assert [one["index"] for one in members["logs"][ORIGIN]["entries"]] == [0, 1]
    before = story.bundle()
    story.say("outcome")
    with pytest.raises(BundleError, match="several checkpoints"):
        bundle.encode(story.bundle(receipts=(before.receipts[0], *story.bundle().receipts[1:])))


def test_a_bundle_may_have_entries_of_several_logs():
    other = Logbook("log.example.net/other", "other")
    here, there = Scenario(), Scenario(log=other)
    there.register("key.register", {"organisation": "police"})
    whole = here.bundle(registrations=(other.receipt(1),))
    assert bundle.parse(bundle.encode(whole)) == whole
    assert len(json.loads(bundle.encode(whole))["logs"]) == 2


def test_files_of_former_forms_read_as_the_same_packages_documents_and_receipts():
    for story in STORIES:
        today, before = bundle.parse(story.file()), bundle.parse(former(story.bundle()))
        assert replace(before, numbered=True) == today
    assert bundle.parse(written(FIRST)) == bundle.parse(written(SECOND))


@each(
    "members",
    [
        None,
        [],
        {},
        GOOD | {"format": "casegate-bundle/4"},
        GOOD | {"format": "casegate-bundle/2"},
        GOOD | {"format": 1},
        GOOD | {"more": 1},
        {k: v for k, v in GOOD.items() if k != "about"},
        GOOD | {"about": {}},
        GOOD | {"about": {"handoff": "another"}},
        GOOD | {"about": {"event": GOOD["about"]["handoff"]}},
        GOOD | {"documents": "text"},
        GOOD | {"documents": [1]},
        GOOD | {"documents": []},
        GOOD | {"documents": ["text"]},
        GOOD | {"documents": GOOD["documents"][:1]},
        GOOD | {"documents": GOOD["documents"][1:]},
        GOOD | {"documents": GOOD["documents"][:1] * 2},
        GOOD | {"documents": [*GOOD["documents"], GOOD["documents"][0]]},
        GOOD | {"logs": []},
        GOOD | {"logs": {"another": LOG}},
        GOOD | {"logs": {ORIGIN: []}},
        of_log(more=1),
        of_log(checkpoint=1),
        of_log(checkpoint=LOG["checkpoint"].replace("log", "lag", 1)),
        of_log(entries={}),
        of_log(entries=[1]),
        of_log(entries=LOG["entries"][::-1]),
        of_log(entries=LOG["entries"][:1] * 2),
        of_entry(more=1),
        of_entry(index="0"),
        of_entry(index=True),
        of_entry(index=-1),
        of_entry(nonce="AA"),
        of_entry(document="{}"),
        of_entry(disclosures="text"),
        of_entry(path=1),
        of_entry(path="AA"),
        of_entry(path="A" * 43 * 64),
        SECOND | {"format": "casegate-bundle/1"},
        SECOND | {"more": 1},
        {k: v for k, v in SECOND.items() if k != "keys"},
        SECOND | {"case": "a"},
        SECOND | {"packages": []},
        SECOND | {"packages": {}},
        SECOND | {"packages": [{"case": "a"}]},
        SECOND | {"packages": [{"case": None, "offer": "b"}]},
        SECOND | {"packages": [{"case": "a", "offer": 1}]},
        FIRST | {"case": None},
        FIRST | {"offer": 1},
        SECOND | {"answers": "text"},
        SECOND | {"answers": [1]},
        SECOND | {"receipts": {}},
        SECOND | {"receipts": [{}]},
        SECOND | {"receipts": [SECOND["receipts"][0] | {"nonce": "AA"}]},
        SECOND | {"keys": []},
    ],
)
def test_a_file_of_another_form_is_refused(members):
    with pytest.raises(BundleError):
        bundle.parse(written(members))


def test_a_small_file_does_not_grow_in_memory_by_its_checkpoint():
    """Each entry repeats the checkpoint once it is a receipt."""
    entries = [ENTRY | {"index": index} for index in range(1024)]
    note = f"{LOG['checkpoint']}{'x' * 65536}"
    with pytest.raises(BundleError, match="too long for so many entries"):
        bundle.parse(written(of_log(checkpoint=note, entries=entries)))


def test_a_truncated_file_is_refused():
    whole = written(GOOD)
    for length in (0, 1, len(whole) // 2, len(whole) - 1):
        with pytest.raises(BundleError):
            bundle.parse(whole[:length])


def test_a_huge_file_is_refused_before_it_is_read():
    with pytest.raises(BundleError, match="longer"):
        bundle.parse(b" " * (bundle.MAX_BYTES + 1))


def test_a_repeated_member_is_refused():
    with pytest.raises(BundleError, match="repeats"):
        bundle.parse(written(GOOD).replace(b'{"format"', b'{"about": "x", "format"', 1))


@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_refused(data):
    with pytest.raises(BundleError):
        bundle.parse(data)
