"""A succession over HTTP: what its approval takes. What it does is of the exchange."""

from datetime import date
from typing import Any

from tests.founding import OCRVP, OFMIN
from tests.web.listening import Listening

DAY = date(2026, 4, 1)
PLAN: dict[str, Any] = {
    "successor": OCRVP,
    "competence": "receive/csam/FR",
    "effective_on": "2026-04-01",
    "read_until": "2026-05-01",
    "legal_act": "Decree 2026-1",
    "permissions": False,
}


def test_an_approval_names_a_person_by_pseudonym_and_nothing_else(line: Listening) -> None:
    plan = line.gateway.administer("succession.plan", OFMIN, **PLAN).result["succession"]
    office = line.partner(OFMIN)
    for body in ({"by": "a person"}, {"to": "x"}, {"by": "x-1", "more": "y"}):
        assert office.post(f"/successions/{plan}/approval", body).status_code == 422, body
