"""A succession in a browser, as its two organisations see it."""

import re

import pytest

from tests.console.test_handoff_pages import read, sign
from tests.exchange.moving_mandates import approve, planned
from tests.founded_gateway import HOTLINE, OCRVP, OFMIN

TOLD = {
    "en": ("Succession: receive/csam/FR", f"It waits for the approval of {OFMIN}, {OCRVP}."),
    "fr": ("Transfert de compétence", f"Il attend l’approbation de {OFMIN}, {OCRVP}."),
}


@pytest.mark.parametrize("language", TOLD)
def test_a_succession_waits_in_the_worklist_and_its_page_says_what_is_planned(hosted, language):
    path = f"/successions/{planned(hosted.gateway)}"
    officer = hosted.signed_in(OFMIN, lang=language)
    assert f'href="{path}"' in officer.get("/").text
    page = read(officer.get(path))
    assert [one for one in TOLD[language] if one not in page] == []


def test_each_organisation_approves_a_succession_as_it_is_planned_and_no_other_sees_it(hosted):
    succession = planned(hosted.gateway)
    path = f"/successions/{succession}"
    officer = hosted.signed_in(OFMIN)
    form = officer.get(re.search(r'href="([^"]+/approval)"', officer.get(path).text)[1])
    check = officer.send(form, form.request.path)
    assert "receive/csam/FR" in read(check)
    assert sign(officer, check).status_code == 303
    told = officer.get(path)
    assert f"It waits for the approval of {OCRVP}." in read(told)
    assert "/approval" not in told.text
    approve(hosted.gateway, succession, OCRVP)
    assert "Both organisations have approved it" in read(officer.get(path))
    assert hosted.signed_in(HOTLINE, "liaison-1").get(path).status_code == 404
