"""Every level of revocation over real TLS: open connections, in each worker, are refused next."""

import base64
import hashlib
from itertools import count

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from gateway.cli.demo.environment import DemoEnvironment
from tests.journeys.harness import config_of
from tests.journeys.test_access_rules import Wire

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("gateway")]

CONNECTIONS = 12
"""So many that each worker holds one of them: the listener takes them in turn."""

LOOK = "/organisations"
"""What an active member may read, and no other."""

_numbers = count(1)
_ENTRY = {
    "name": "A member for a moment",
    "kind": "hotline",
    "country": "FR",
    "public_authority": False,
    "regimes": ["gdpr"],
}


def newcomer(stage: DemoEnvironment) -> str:
    """A member that a test may stop."""
    slug = f"passing-{next(_numbers)}"
    stage.administer("organisation.admit", slug, _ENTRY)
    stage.enrol(slug)
    return slug


def _system(stage: DemoEnvironment, slug: str) -> None:
    stage.administer("system.disable", slug, {"system": "desk", "reason": "test"})


def _certificate(stage: DemoEnvironment, slug: str) -> None:
    pem = (stage.folder / slug / "certificate.pem").read_bytes()
    der = x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)
    thumbprint = base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()
    values = {"thumbprint": thumbprint, "reason": "test"}
    stage.administer("certificate.revoke", slug, values)


def _suspension(stage: DemoEnvironment, slug: str) -> None:
    stage.administer("organisation.suspend", slug, {"reason": "test"})


def _leave(stage: DemoEnvironment, slug: str) -> None:
    stage.administer("organisation.leave", slug, {"reason": "test"})


@pytest.mark.parametrize("revoke", [_system, _certificate, _suspension, _leave])
def test_the_next_request_on_an_open_connection_is_refused_in_every_worker(stage, revoke):
    assert config_of(stage).workers >= 2
    slug = newcomer(stage)
    wires = [Wire(stage, slug) for _ in range(CONNECTIONS)]
    bearer = {"Authorization": f"Bearer {wires[0].granted()}"}
    assert [wire.ask("GET", LOOK, **bearer).status for wire in wires] == [200] * CONNECTIONS
    revoke(stage, slug)
    found = [wire.ask("GET", LOOK, **bearer).status for wire in wires]
    assert found == [403 if revoke is _suspension else 401] * CONNECTIONS
    for wire in wires:
        wire.line.close()


def test_a_system_that_is_enabled_again_asks_for_a_new_token(stage):
    slug = newcomer(stage)
    wire = Wire(stage, slug)
    old = {"Authorization": f"Bearer {wire.granted()}"}
    stage.administer("system.disable", slug, {"system": "desk", "reason": "test"})
    assert wire.token().status == 401
    stage.administer("system.enable", slug, {"system": "desk", "reason": "test"})
    wire = Wire(stage, slug)
    assert wire.ask("GET", "/whoami", **old).status == 401
    wire = Wire(stage, slug)
    new = {"Authorization": f"Bearer {wire.granted()}"}
    assert wire.ask("GET", "/whoami", **new).status == 200
    wire.line.close()
