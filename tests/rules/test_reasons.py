"""What a policy says to the caller is for a person at a hotline or an office, who has no copy of
the repository."""

import re
from pathlib import Path

POLICIES = Path(__file__).parents[2] / "policies"


def test_no_reason_sends_its_reader_to_a_file():
    said = [
        reason
        for file in sorted(POLICIES.rglob("*.cedar"))
        for reason in re.findall(r'@reason\("(.*)"\)', file.read_text(encoding="utf-8"))
    ]
    assert len(said) > 100
    assert [one for one in said if re.search(r"\.(md|cedar|toml|py)\b", one)] == []
