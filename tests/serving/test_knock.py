"""Whether a listener answers, asked from outside."""

import pytest

from gateway.pki.authority import make_root, publish_chain
from gateway.serving.supervisor import listener_answers
from tests.serving.listeners import BEFORE, free_port

journey = pytest.mark.journey


@journey
def test_a_listener_answers_only_for_its_own_name_and_root(partners):
    address, chain = ("127.0.0.1", partners.port), partners.folder / "ca-chain.pem"
    assert listener_answers(address, "gateway.example", chain)
    assert not listener_answers(address, "other.example", chain)
    assert not listener_answers(("127.0.0.1", free_port()), "gateway.example", chain)
    foreign = partners.folder / "foreign"
    publish_chain(foreign, make_root("demo", BEFORE).certificate, [])
    assert not listener_answers(address, "gateway.example", foreign / "ca-chain.pem")


@journey
def test_asking_whether_a_listener_answers_leaves_no_line_in_its_log(partners):
    before = (partners.folder / "log").stat().st_size
    assert listener_answers(
        ("127.0.0.1", partners.port), "gateway.example", partners.folder / "ca-chain.pem"
    )
    partners.good()
    assert (partners.folder / "log").stat().st_size == before
