"""The verifier concludes as the earlier one did, of every kept file and of what is left of them."""

import json
import random
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from gateway.evidence import bundle
from gateway.verification.trust import TrustAnchors
from gateway.verification.verifier import verify
from tests.each import each
from tests.verification import oracle
from tests.verification.kept import trust_folder
from tests.verification.oracle import trust as old_trust
from tests.verification.oracle.verification import verify as verify_as_before
from tests.verification.test_kept import EXPECTED, FOLDER

TRUST = trust_folder(FOLDER / "trust")


def before(trust: TrustAnchors) -> old_trust.TrustAnchors:
    given = {one.name: getattr(trust, one.name) for one in fields(old_trust.TrustAnchors)}
    return old_trust.TrustAnchors(**given | {"others": [before(one) for one in trust.others]})


def told(report: Any) -> dict[str, Any]:
    found = {"kind": report.kind, "code": int(report.code), "failure": report.failure}
    found["steps"] = [(s.title, str(s.outcome), s.detail) for s in report.steps]
    if report.conclusion is not None:
        found["facts"] = {
            name: [one.to_json() for one in listed]
            for name, listed in report.conclusion.facts().items()
        }
    return found


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


@each("name", sorted(EXPECTED))
def test_a_kept_file_and_what_is_left_of_it_end_as_they_did(name: str) -> None:
    assert oracle.__doc__ and bundle.FORMAT
    for data in left((FOLDER / "files" / name).read_bytes()):
        for signed in (False, True):
            new = verify(data, TRUST, require_signed=signed)
            old = verify_as_before(data, before(TRUST), require_signed=signed)
            assert told(new) == told(old)
