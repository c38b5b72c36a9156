"""The verifier concludes as the earlier one did, of every kept file and of what is left of them."""

import json
import random
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from gateway.verification.report import Code
from gateway.verification.trust import TrustAnchors
from gateway.verification.verifier import verify
from tests.each import each
from tests.verification.kept import trust_folder
from tests.verification.oracle import trust as old_trust
from tests.verification.oracle.verification import verify as verify_as_before
from tests.verification.test_kept import EXPECTED, FOLDER

TRUST = trust_folder(FOLDER / "trust")


def before(trust: TrustAnchors) -> old_trust.TrustAnchors:
    given = {one.name: getattr(trust, one.name) for one in fields(old_trust.TrustAnchors)}
    return old_trust.TrustAnchors(**given | {"others": [before(one) for one in trust.others]})


ADDED = ("Every document is signed by its author", "skipped")
"""A row that a receipt did not have."""


def told(report: Any) -> dict[str, Any]:
    """The code and each step, but for what a check that passed found; why one failed."""
    found = {"kind": report.kind, "code": int(report.code), "failure": report.failure}
    steps = [(s.title, str(s.outcome).replace("not_shown", "ok")) for s in report.steps]
    return found | {"steps": [one for one in steps if report.kind != "receipt" or one != ADDED]}


def left(data: bytes) -> Iterator[bytes]:
    """The file, and a bundle of it in which parts are missing or exchanged."""
    yield data
    if b"casegate-bundle" not in data[:60]:
        return
    chance = random.Random(7)
    whole = json.loads(data)
    for _ in range(25):
        one = json.loads(data)
        for _ in range(chance.randint(1, 2)):
            name = chance.choice([n for n in whole if isinstance(whole[n], list) and whole[n]])
            if not one[name]:
                continue
            place = chance.randrange(len(one[name]))
            match chance.randrange(3):
                case 0:
                    del one[name][place]
                case 1:
                    chance.shuffle(one[name])
                case 2 if isinstance(one[name][place], dict) and "proof" in one[name][place]:
                    one[name][place]["disclosures"] = one[name][place]["disclosures"][:-1]
        yield json.dumps(one).encode()


RECEIPT_UNSIGNED = "this is a record of the gateway, no document that a party signed"


@each("name", sorted(EXPECTED))
def test_a_kept_file_and_what_is_left_of_it_end_as_they_did(name: str) -> None:
    """But where a rule of today says more: a receipt under ``--require signed``, a succession that
    only the operator decided, a number that is withheld beside others."""
    for data in left((FOLDER / "files" / name).read_bytes()):
        for signed in (False, True):
            new = verify(data, TRUST, require_signed=signed)
            old = verify_as_before(data, before(TRUST), require_signed=signed)
            if new.failure == RECEIPT_UNSIGNED:
                assert (new.kind, new.code, old.passed) == ("receipt", Code.ATTESTED, True)
                continue
            keys = set() if new.conclusion is None else {one.key for one in new.conclusion.facts}
            stricter = {Code.ATTESTED} if "succession.undecided" in keys else set()
            stricter |= {Code.INCOMPLETE} if keys & {"unnumbered", "unjoined"} else set()
            if new.code in stricter and old.passed:
                continue
            assert told(new) == told(old)
