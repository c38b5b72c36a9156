"""The bundle file: its exact members, of bounded size, and nothing else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.evidence import bundle
from gateway.evidence.bundle import Bundle, BundleError, BundlePackage
from tests.each import each
from tests.verification.scenario import Scenario

GOOD = json.loads(Scenario().told("acceptance").file())
FORMER = {name: value for name, value in GOOD.items() if name != "packages"}
FORMER |= {"format": "casegate-bundle/1", **GOOD["packages"][0]}


def written(members) -> bytes:
    return json.dumps(members).encode()


def test_a_bundle_reads_back():
    whole = (
        Scenario().told("acceptance", "outcome").bundle(keys={"https://a.example": {"keys": []}})
    )
    assert bundle.parse(bundle.encode(whole)) == whole


def test_a_chain_of_packages_reads_back():
    whole = Scenario().told("acceptance").updated().told("acknowledgement").bundle()
    assert len(whole.packages) == 2
    assert bundle.parse(bundle.encode(whole)) == whole


def test_a_file_of_the_format_before_reads_as_one_package():
    assert bundle.parse(written(FORMER)) == bundle.parse(written(GOOD))


def test_a_bundle_without_answers_and_receipts_reads_back():
    bare = Bundle((BundlePackage("a", "b"),))
    assert bundle.parse(bundle.encode(bare)) == bare


@each(
    "members",
    [
        None,
        [],
        {},
        GOOD | {"format": "casegate-bundle/3"},
        GOOD | {"format": "casegate-bundle/1"},
        GOOD | {"format": 1},
        GOOD | {"more": 1},
        {k: v for k, v in GOOD.items() if k != "keys"},
        GOOD | {"case": "a"},
        GOOD | {"packages": []},
        GOOD | {"packages": {}},
        GOOD | {"packages": [{"case": "a"}]},
        GOOD | {"packages": [{"case": None, "offer": "b"}]},
        GOOD | {"packages": [{"case": "a", "offer": 1}]},
        FORMER | {"case": None},
        FORMER | {"offer": 1},
        GOOD | {"answers": "text"},
        GOOD | {"answers": [1]},
        GOOD | {"receipts": {}},
        GOOD | {"receipts": [{}]},
        GOOD | {"receipts": [GOOD["receipts"][0] | {"nonce": "AA"}]},
        GOOD | {"keys": []},
    ],
)
def test_a_file_of_another_form_is_refused(members):
    with pytest.raises(BundleError):
        bundle.parse(written(members))


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
        bundle.parse(written(GOOD).replace(b'{"format"', b'{"keys": "x", "format"', 1))


@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_refused(data):
    with pytest.raises(BundleError):
        bundle.parse(data)
