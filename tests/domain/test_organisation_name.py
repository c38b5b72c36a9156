"""Names of organisations: an id of this gateway, or an id at a peer; and their URIs."""

import pytest

from gateway.domain.audit_event import Party
from gateway.domain.organisation import GatewayNames, OrganisationName
from tests.each import each

HERE, THERE = "https://gateway.be.example", "https://gateway.fr.example"
NAMES = GatewayNames(HERE, {"fr": THERE})


def test_an_id_names_an_organisation_of_this_gateway():
    name = OrganisationName("hotline-a")
    assert (name, name.id, name.peer) == ("hotline-a", "hotline-a", None)


def test_an_id_at_a_peer_names_a_member_of_that_gateway():
    name = OrganisationName("ofmin@fr")
    assert (name, name.id, name.peer) == ("ofmin@fr", "ofmin", "fr")
    assert Party("ofmin@fr", "recipient").organisation == name


@each("text", ["", "A", "hotline a", "hotline@", "@be", "a@b@c", "hotline-a\n", "be-hotline@b"])
def test_what_is_no_name_is_refused(text):
    with pytest.raises(ValueError):
        OrganisationName(text)
    with pytest.raises(ValueError):
        Party(text, "actor")


@each(
    "name, uri",
    [
        ("hotline-a", f"{HERE}/organisations/hotline-a"),
        ("ofmin@fr", f"{THERE}/organisations/ofmin"),
    ],
)
def test_a_name_and_its_uri_lead_to_each_other(name, uri):
    assert NAMES.uri(name) == uri
    assert NAMES.name(uri) == name


def test_one_id_at_two_gateways_is_two_organisations():
    assert NAMES.name_at(HERE, "police") == "police"
    assert NAMES.name_at(THERE, "police") == "police@fr"


def test_who_is_at_a_gateway_that_nobody_knows_has_no_name_and_no_uri():
    assert NAMES.name("https://gateway.xx.example/organisations/ofmin") is None
    assert NAMES.name(THERE) is None
    with pytest.raises(ValueError, match="no peer gateway"):
        NAMES.uri("ofmin@xx")
