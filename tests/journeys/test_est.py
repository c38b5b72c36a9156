"""Another's program enrols and renews over EST: strongSwan's pki, over real TLS (RFC 7030)."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from gateway.cli.demo.environment import DemoEnvironment
from gateway.domain.organisation import SCOPES, system_uri
from tests.journeys.harness import HOTLINE, admin, check_log, config_of
from tests.programs import require

pytestmark = [pytest.mark.journey, pytest.mark.slow, pytest.mark.xdist_group("gateway")]

SETTINGS = "libtls {\n  version_max = 1.3\n}\n"


def pki(folder: Path, *words: object) -> subprocess.CompletedProcess[bytes]:
    (folder / "strongswan.conf").write_text(SETTINGS)
    environ = {**os.environ, "STRONGSWAN_CONF": str(folder / "strongswan.conf")}
    return subprocess.run(
        ["pki", *map(str, words)], cwd=folder, env=environ, capture_output=True, check=False
    )


def made(folder: Path, name: str, *words: object) -> Path:
    """What a command writes, as a file; an AssertionError when it fails."""
    done = pki(folder, *words)
    assert done.returncode == 0, done.stderr.decode()
    (folder / name).write_bytes(done.stdout)
    return folder / name


def request(folder: Path, name: str) -> tuple[Path, Path]:
    key = made(folder, f"{name}.key", "--gen", "--type", "ecdsa", "--size", "256")
    asked = made(
        folder, f"{name}.csr", "--req", "--type", "priv", "--in", key, "--dn", "O=Evil, CN=desk"
    )
    return key, asked


def invited(stage: DemoEnvironment, folder: Path, name: str) -> str:
    """The token of an invitation for a new system."""
    stage.administer("system.register", HOTLINE, {"system": name, "scopes": sorted(SCOPES)})
    admin(stage, "invitation", "create", HOTLINE, name, "--out", folder / "invitation.json")
    token: str = json.loads((folder / "invitation.json").read_text())["token"]
    return token


def test_strongswan_enrols_is_refused_a_second_use_and_renews(stage, tmp_path):
    require("enrolment by strongSwan", "pki")
    config, name = config_of(stage), f"est-{os.urandom(3).hex()}"
    token = invited(stage, tmp_path, name)
    root = x509.load_pem_x509_certificate((config.published / "root.pem").read_bytes())
    ca = tmp_path / "ca.der"
    ca.write_bytes(root.public_bytes(serialization.Encoding.DER))
    key, asked = request(tmp_path, "first")
    login = ("--userpass", f"{HOTLINE}.{name}:{token}")
    public = ("--est", "--url", config.issuer, "--cacert", ca, "--interval", 2)

    first = made(tmp_path, "first.der", *public, "--in", asked, *login)
    leaf = x509.load_der_x509_certificate(first.read_bytes())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    assert uris == [system_uri(config.name, HOTLINE, name)]
    assert "Evil" not in leaf.subject.rfc4514_string()

    _, other = request(tmp_path, "thief")
    refused = pki(tmp_path, *public, "--in", other, *login)
    assert refused.returncode != 0
    assert b"403" in refused.stderr + refused.stdout

    _, following = request(tmp_path, "next")
    partners = ("--est", "--url", config.partners_url, "--cacert", ca, "--interval", 2)
    second = made(tmp_path, "next.der", *partners, "--in", following, "--cert", first, "--key", key)
    renewed = x509.load_der_x509_certificate(second.read_bytes())
    assert renewed.subject == leaf.subject
    assert renewed.public_key() != leaf.public_key()
    check_log(stage)


def test_curl_enrols_as_the_page_says_with_the_token_on_no_command_line(stage, tmp_path):
    require("enrolment by curl", "bash", "curl", "openssl", "base64")
    config, name = config_of(stage), f"curl-{os.urandom(3).hex()}"
    token = invited(stage, tmp_path, name)
    (tmp_path / "ca.pem").write_bytes((config.published / "root.pem").read_bytes())
    page = (Path(__file__).parents[2] / "docs" / "partners.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (block,) = (each for each in blocks if "simpleenroll" in each)
    typed = (
        block.replace("https://gateway.example.org", config.issuer)
        .replace("hotline-new.desk", f"{HOTLINE}.{name}")
        .replace("hotline-new.json", "invitation.json")
    )
    assert token not in typed
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", typed], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    certificates = x509.load_pem_x509_certificates((tmp_path / "certificate.pem").read_bytes())
    names = [
        one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        for one in certificates
        if not one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    ]
    uris = [each.get_values_for_type(x509.UniformResourceIdentifier) for each in names]
    assert uris == [[system_uri(config.name, HOTLINE, name)]]
