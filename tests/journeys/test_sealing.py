"""What is sealed goes from the hotline's hand to the office's, and is nowhere in between."""

import json
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from gateway.cli.demo.environment import DemoEnvironment
from gateway.client.connection import PartnerConnection
from gateway.verification import verifier
from tests.journeys.harness import HOTLINE, OFMIN, case_content, casegate, check_log

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("gateway")]

SECRET = "Quillfeather Underbridge"
PERSON = "018f0000-0000-7000-8000-0000000000e1"


def connection_with(home: Path, **settings: str) -> Path:
    """A second connection file of a member, for this test alone."""
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    own = (home / "connection.toml").read_text(encoding="utf-8")
    file = home / "sealing.toml"
    file.write_text("\n".join([own, *lines, ""]), encoding="utf-8")
    return file


def holds(file: Path, text: str) -> bool:
    """Whether a file has a text, as it is or in base64 at any of its three places."""
    plain, data = text.encode(), file.read_bytes()
    wrapped = [urlsafe_b64encode(b"\0" * before + plain)[4:-4] for before in (0, 1, 2)]
    return any(piece in data for piece in (plain, *wrapped))


def registered_key(stage: DemoEnvironment) -> Path:
    """The folder of a new encryption key of the office's, which the administrators registered."""
    folder = stage.folder / OFMIN / "sealed-to-us"
    issuer = PartnerConnection.read(stage.folder / OFMIN / "connection.toml").issuer
    casegate(
        "key", "create", "--use", "encryption", folder, "--organisation", OFMIN, "--gateway", issuer
    )
    jwk = json.loads((folder / "encryption.jwk").read_text())
    proof = (folder / "encryption.proof").read_text()
    stage.administer("key.register", OFMIN, {"jwk": jwk, "proof": proof})
    return folder


def test_the_operator_keeps_what_it_cannot_read_and_the_addressee_reads_it(
    stage: DemoEnvironment, tmp_path: Path
) -> None:
    folder = registered_key(stage)
    hotline, office = stage.folder / HOTLINE, stage.folder / OFMIN
    kept = hotline / "organisations"
    kept.mkdir(exist_ok=True)
    jwk = json.loads((folder / "encryption.jwk").read_text())
    (kept / f"{OFMIN}.json").write_text(json.dumps({"keys": [jwk]}))
    ours = ("-c", hotline / "connection.toml")
    theirs = ("-c", connection_with(office, encryption_keys="sealed-to-us"))
    case, plain, sealed = (tmp_path / name for name in ("case.json", "plain.json", "sealed.json"))
    content = case_content()
    case.write_text(json.dumps(content))
    plain.write_text(json.dumps({PERSON: {"type": "reporter", "value": {"name": SECRET}}}))
    casegate("case", "seal", case, "--contents", plain, "--to", OFMIN, "--out", sealed, *ours)
    cleared = ("--assessed-by", "pdc-2", "--cleared-by", "pdc-3")
    confirmed_matches = [
        x for c in content["classifications"] for x in ("--confirm-match", c["id"])
    ]
    casegate("case", "submit", sealed, "--by", "pdc-1", *cleared, *confirmed_matches, *ours)
    offer = casegate(
        "handoff", "offer", content["case"], "--by", "pdc-2", "--competence", "csam/FR",
        "--purpose", "investigate", "--group", "items", "--group", "subjects", "--json", *ours,
    )  # fmt: skip
    handoff = offer["result"]["handoff"]
    casegate("handoff", "accept", handoff, "--by", "ofmin-1", "--yes", *theirs)
    opening = ("--by", "ofmin-1", "--reason-code", "investigation", "--reason", "whom to ask")
    opened = casegate("handoff", "consult", handoff, *opening, "--open-sealed", "--json", *theirs)
    assert [one["value"] for one in opened["unsealed"]] == [{"name": SECRET}]
    bundle = tmp_path / "bundle.json"
    casegate(
        "handoff", "export", handoff, "--by", "ofmin-1", "--reason", "file", "--out", bundle,
        *theirs,
    )  # fmt: skip
    trust = PartnerConnection.read(office / "connection.toml").trust
    assert verifier.verify(bundle.read_bytes(), trust).passed
    check_log(stage)
    assert holds(bundle, content["items"][0]["value"])
    files = [file for file in stage.operator.rglob("*") if file.is_file()]
    assert not [f for f in (*files, stage.folder / "gateway.log", bundle) if holds(f, SECRET)]
