"""Names of organisations: an id of this gateway, or an id at a peer that nobody knows yet."""

import pytest

from gateway.domain.audit_event import Party
from gateway.domain.organisation import OrganisationName
from tests.each import each


def test_an_id_names_an_organisation_of_this_gateway():
    name = OrganisationName("hotline-a")
    assert (name, name.id, name.peer) == ("hotline-a", "hotline-a", None)


@each("text", ["", "A", "hotline a", "hotline@", "@be", "a@b@c", "hotline-a\n", "be-hotline@be"])
def test_what_is_no_name_here_is_refused(text):
    with pytest.raises(ValueError):
        OrganisationName(text)
    with pytest.raises(ValueError):
        Party(text, "actor")
