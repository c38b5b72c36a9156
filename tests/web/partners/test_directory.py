"""The directory endpoints: the caller itself, and who takes part."""

import pytest

from tests.founding import ABROAD, HOTLINE, OCRVP, OFMIN, ORGANISATIONS
from tests.web.listening import Listening, Partner, listening


@pytest.fixture
def line() -> Listening:
    return listening()


@pytest.fixture
def hotline(line: Listening) -> Partner:
    return line.partner(HOTLINE)


def test_a_caller_sees_itself_as_the_gateway_does(hotline):
    found = hotline.get("/whoami").json
    assert found["organisation"]["organisation"] == HOTLINE
    assert found["system"] == "desk"
    assert "cases.write" in found["scopes"]
    assert len(found["certificates"]) == 1


def test_a_caller_sees_the_scopes_of_its_token(hotline):
    token = hotline.token(scope="directory.read")
    assert hotline.get("/whoami", token=token).json["scopes"] == ["directory.read"]


def test_the_directory_is_listed_by_id_page_by_page(hotline):
    seen, path = [], "/organisations?limit=3"
    while path:
        page = hotline.get(path).json
        seen += [one["organisation"] for one in page["items"]]
        path = page["next"]
    assert seen == sorted(ORGANISATIONS)


def test_an_organisation_shows_its_standing_and_competences(hotline):
    found = hotline.get(f"/organisations/{OFMIN}").json
    assert found["standing"] == "observer"
    assert [one["competence"] for one in found["competences"]] == ["receive/csam/FR"]
    assert hotline.get(f"/organisations/{OCRVP}").json["competences"] == []
    assert hotline.get(f"/organisations/{ABROAD}").json["standing"] == "full"


def test_an_unknown_organisation_is_not_found_with_a_receipt(hotline):
    answer = hotline.get("/organisations/nobody")
    assert answer.status_code == 404
    assert "receipt" in answer.json


@pytest.mark.parametrize("slug", ["X", "a", "-a", "a b", "a" * 41, "a%00", "é-é"])
def test_what_is_no_id_is_not_found_and_no_event(line, hotline, slug):
    before = line.gateway.size()
    assert hotline.get(f"/organisations/{slug}").status_code == 404
    assert line.gateway.size() == before
