"""The case JSON that partners send: only ValueError and CaseInvalid escape; nothing is converted.

Oracle: an accepted case equals what was sent, is accepted again in its own spelling, and comes
back whole from the claims of a document; canonical JSON reads back as what was written.
"""

import json
from typing import Any

from gateway.domain import case as cases
from gateway.evidence import canonical
from gateway.schemas.case_document import CaseInvalid, load_case
from tests.fuzz.target import EXAMPLES
from tests.web.partners.case_example import full_case, small_case


def seeds() -> list[bytes]:
    """Our example, the case of the tests, and parts of JSON."""
    example = json.loads((EXAMPLES / "case.json").read_bytes())
    some = [example, full_case(), small_case(), {}, [], {"case": 1}, {**example, "version": 2}]
    return [json.dumps(one).encode() for one in some] + [b'"\\ud800"', b"1e400", b'{"a":1,"a":2}']


def check(data: bytes) -> None:
    """See the module."""
    _check_fractions(data)
    try:
        value = canonical.decode(data)
    except ValueError:  # UnicodeError is one
        return
    _check_canonical(value)
    try:
        found = load_case(value)
    except CaseInvalid as refused:
        assert refused.errors
        return
    assert found == value
    assert load_case(json.loads(json.dumps(found))) == found
    _check_document(found)


def _check_fractions(data: bytes) -> None:
    try:
        value = canonical.decode(data, fractions=True)
    except ValueError:
        return
    assert canonical.decode(json.dumps(value).encode(), fractions=True) == value


def _check_canonical(value: Any) -> None:
    try:
        text = canonical.encode(value)
    except ValueError:
        return
    assert canonical.decode(text) == value
    assert canonical.encode(canonical.decode(text)) == text


def _check_document(found: dict[str, Any]) -> None:
    """What a signed document says of the case is the case; empty arrays are left out."""
    claims = {
        **cases.undisclosable_claims(found),
        **dict(cases.disclosable_properties(found)),
        **dict(cases.disclosable_arrays(found)),
    }
    assert cases.case_from_claims(claims) == {k: v for k, v in found.items() if v != []}
