"""A new issuing authority takes its place under running listeners; nobody restarts anything."""

import http.client
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from gateway.cli.demo.environment import ADMINS, DemoEnvironment
from gateway.evidence import base64url
from gateway.pki.authority import authority_id
from tests.journeys.front import Front, require_haproxy
from tests.journeys.harness import ABROAD, HOTLINE, OFMIN, casegate, check_log, config_of, running
from tests.journeys.processes import all_workers
from tests.waiting import until

pytestmark = [pytest.mark.journey, pytest.mark.slow, pytest.mark.xdist_group("authorities")]


@pytest.fixture(
    scope="module",
    params=[Front.DIRECT, pytest.param(Front.HAPROXY, marks=pytest.mark.slow)],
)
def rotating(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DemoEnvironment]:
    """A gateway of its own, for its authorities come and go."""
    if request.param is Front.HAPROXY:
        require_haproxy()
    with running(tmp_path_factory.mktemp("authorities"), request.param) as stage:
        yield stage


def rotate(stage: DemoEnvironment, *words: str) -> Any:
    """Take the next step, as both administrators."""
    who = [word for person, _ in ADMINS for word in ("--as", person)]
    root = ("--root-passphrase-file", stage.operator / "offline" / "passphrase")
    rotate = ("ca", "rotate", "--home", stage.operator, "--json")
    return casegate(*rotate, *root, *who, *words)["result"]


def renew(stage: DemoEnvironment, slug: str) -> Path:
    """Give a member's system a new certificate; the folder of the one before."""
    before = stage.folder / f"{slug}-before"
    stage.renew(slug, before)
    return before


def revoke(stage: DemoEnvironment, slug: str) -> None:
    """Revoke the certificate of a member's system."""
    leaf, _above = x509.load_pem_x509_certificates(
        (stage.folder / slug / "certificate.pem").read_bytes()
    )
    thumbprint = base64url.digest(leaf.public_bytes(serialization.Encoding.DER))
    values = {"thumbprint": thumbprint, "reason": "test"}
    stage.administer("certificate.revoke", slug, values)


def authority_of(home: Path) -> str:
    _leaf, above = x509.load_pem_x509_certificates((home / "certificate.pem").read_bytes())
    return authority_id(above)


def shakes_hands(stage: DemoEnvironment, home: Path) -> bool:
    """Whether the partners' listener takes the certificate, sent with its authority's."""
    config = config_of(stage)
    context = ssl.create_default_context(cafile=str(config.published / "root.pem"))
    context.load_cert_chain(home / "certificate.pem", home / "key.pem")
    line = http.client.HTTPSConnection(
        "localhost", int(config.partners_url.rpartition(":")[2]), context=context, timeout=10
    )
    try:
        line.request("GET", "/healthz")
        return line.getresponse().status == 200
    except (ssl.SSLError, ConnectionError):
        return False
    finally:
        line.close()


def eventually(stage: DemoEnvironment, home: Path, taken: bool) -> None:
    until(lambda: shakes_hands(stage, home) == taken)


def test_members_change_to_a_new_authority_without_a_moment_in_which_they_are_refused(
    rotating: DemoEnvironment,
) -> None:
    stage = rotating
    processes = all_workers(stage)
    first = authority_of(stage.folder / HOTLINE)
    new = rotate(stage, "--step", "publish")["authority"]
    with stage.client(HOTLINE) as hotline:
        assert hotline.whoami()["organisation"]["active"] is True
    assert rotate(stage, "--no-wait", "--step", "activate")["step"] == "activate"
    before = renew(stage, HOTLINE)
    assert (authority_of(before), authority_of(stage.folder / HOTLINE)) == (first, new)
    eventually(stage, stage.folder / HOTLINE, taken=True)  # a proxy is given the bundle first
    for home in (before, stage.folder / HOTLINE, stage.folder / OFMIN):
        assert shakes_hands(stage, home)
    with stage.client(HOTLINE) as hotline, stage.client(ABROAD) as abroad:
        assert hotline.whoami()["organisation"]["active"] is True
        assert abroad.whoami()["organisation"]["active"] is True

    revoke(stage, ABROAD)  # by the list of the authority before, which is still published
    eventually(stage, stage.folder / ABROAD, taken=False)
    assert shakes_hands(stage, stage.folder / OFMIN)

    assert rotate(stage, "--no-wait", "--step", "retire", "--yes")["authority"] == first
    eventually(stage, before, taken=False)  # although it sends the retired authority along
    eventually(stage, stage.folder / OFMIN, taken=False)
    assert shakes_hands(stage, stage.folder / HOTLINE)
    with stage.client(HOTLINE) as hotline:
        assert hotline.whoami()["organisation"]["active"] is True
    assert all_workers(stage) == processes
    check_log(stage)
