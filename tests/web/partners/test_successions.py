"""A succession over HTTP: what its approval takes. What it does is of the exchange."""

from tests.exchange.moving_mandates import PLAN
from tests.founded_gateway import OFMIN
from tests.web.listening import Listening


def test_an_approval_names_a_person_by_pseudonym_and_nothing_else(line: Listening) -> None:
    plan = line.gateway.administer("succession.plan", OFMIN, **PLAN).result["succession"]
    office = line.partner(OFMIN)
    for body in ({"by": "a person"}, {"to": "x"}, {"by": "x-1", "more": "y"}):
        assert office.post(f"/successions/{plan}/approval", body).status_code == 422, body
