"""The report of mandates over time, and the warning when one is given twice."""

from gateway.kernel.values import HOST
from gateway.registry import mandates
from tests.founded_gateway import ABROAD, OCRVP, OFMIN

MANDATE = {"function": "receive", "matter": "csam", "territory": "FR", "legal_act": "act"}


def test_the_founding_story_has_one_office_on_every_day(gateway):
    found = mandates.report(gateway.ports, HOST)
    (one,) = found["competences"]
    assert (one["competence"], one["overlaps"], one["gaps"]) == ("receive/csam/FR", [], [])
    assert [(s["from"], s["until"], s["holders"]) for s in one["stretches"]] == [
        ("2006-05-06", "2023-08-31", [OCRVP]),
        ("2023-08-31", None, [OFMIN]),
    ]
    assert (found["reference_date"], found["inactive"]) == ("2026-03-02", [])


def test_an_overlap_is_recorded_warned_of_and_reported(gateway):
    written = gateway.administer("mandate.grant", OCRVP, start="2026-01-01", **MANDATE)
    assert written.result["overlaps"] == [OFMIN]
    (one,) = mandates.report(gateway.ports, HOST)["competences"]
    assert one["overlaps"] == [{"from": "2026-01-01", "until": None, "holders": [OCRVP, OFMIN]}]


def test_a_gap_and_who_does_not_take_part_are_reported(gateway):
    gateway.administer("mandate.end", OFMIN, competence="receive/csam/FR", until="2027-01-01")
    gateway.administer("organisation.suspend", OFMIN, reason="under review")
    found = mandates.report(gateway.ports, HOST)
    assert found["competences"][0]["gaps"] == [{"from": "2027-01-01", "until": None, "holders": []}]
    assert found["inactive"] == [OFMIN]


def test_other_functions_and_other_days_are_no_overlap(gateway):
    for more in ({"function": "investigate"}, {"until": "2026-02-01", "matter": "grooming"}):
        values = {**MANDATE, "start": "2026-01-01", **more}
        assert "overlaps" not in gateway.administer("mandate.grant", ABROAD, **values).result
    earlier = {**MANDATE, "start": "2000-01-01", "until": "2006-05-06"}
    assert "overlaps" not in gateway.administer("mandate.grant", ABROAD, **earlier).result
