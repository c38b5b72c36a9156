"""`python -m tests.domain.residual`: what a small script still gets into one case, past R1.

Each carrier is tried with random bytes, which have no known beginning, and as many as are accepted.
The figures stand in the threat model; who changes R1 prints them again.
"""

import json

from gateway.schemas.case_document import CaseInvalid, load_case
from tests.domain.carriers import CARRIERS, MASKED, MOST_BYTES, Carrier, Case

PASSING = {
    "letters that follow each other as in a language": 106_000,
    "hashes that are none": 16_000,
    "ids of elements": 8_300,
    "IPv6 addresses of events": 9_700,
    "short addresses": 10_800,
    "addresses with the signature of their service": 32_000,
    "wallets that are none": 30_000,
    "hidden hosts that are none": 19_200,
    "statements: a list of 65,536 words": 34_000,
}
"""The carriers that still take 4 kB or more, each with the most bytes that it takes."""


def too_large(case: Case) -> bool:
    """Whether no request may be so large; then nor is one that carries more in the same way."""
    return len(json.dumps(case, separators=(",", ":"), ensure_ascii=False).encode()) > MOST_BYTES


def accepted(case: Case) -> bool:
    """Whether a case passes, with the size that a request may have."""
    if too_large(case):
        return False
    try:
        load_case(case)
    except CaseInvalid:
        return False
    return True


def most(carry: Carrier) -> int:
    """The most bytes that a carrier takes, found by halving."""
    low, high = 0, len(MASKED)
    while high - low > 200:
        middle = (low + high) // 2
        low, high = (middle, high) if accepted(carry(MASKED[:middle])) else (low, middle)
    return low


def main() -> None:
    """Print a line for each carrier, the largest first."""
    figures = {name: most(carry) for name, carry in CARRIERS.items()}
    for name, found in sorted(figures.items(), key=lambda one: -one[1]):
        print(f"{found / 1000:5.1f} kB  {name}")


if __name__ == "__main__":
    main()
