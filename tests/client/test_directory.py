"""The directory: read page by page, and no address made from what is no id."""

import pytest

from gateway.client import InvalidArgument
from tests.client.client_fixture import MemberClient
from tests.founded_gateway import ABROAD, HOTLINE, OCRVP, OFMIN
from tests.web.listening import Listening


def test_the_directory_is_read_page_by_page(stage: Listening) -> None:
    desk = MemberClient(stage)
    found = [one["organisation"] for one in desk.organisations()]
    assert found == sorted([ABROAD, HOTLINE, OCRVP, OFMIN])
    assert desk.organisation(OFMIN)["mandates"][0]["competence"] == "receive/csam/FR"
    with pytest.raises(InvalidArgument, match="an organisation's name"):
        desk.organisation("../whoami")
