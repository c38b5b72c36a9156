"""Write the kept evidence of today's forms: ``python -m tests.verification.kept``.

What earlier versions wrote stays as it is. Where a form changes, give ``FOLDER`` another name, and
keep this one.
"""

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

from gateway.client.connection import ADMINISTRATORS_FILE, render_administrators
from gateway.domain.organisation import MembershipClass
from gateway.evidence import bundle, membership_attestation, receipt, sd_jwt
from gateway.evidence.sd_jwt import read_disclosure
from gateway.exchange.lifecycle import succession_execution
from gateway.keys import jwk_set
from gateway.verification.verifier import verify
from tests.casework import accepted, case_content, correction
from tests.client.client_fixture import MemberClient
from tests.client.scenario import CONTENT_GROUPS, submit
from tests.evidence.ingredients import chance
from tests.exchange.moving_mandates import DAY, PLAN
from tests.founded_gateway import ALICE, BENOIT, CSAM_FR, HOTLINE, OCRVP, OFMIN
from tests.ports import ISSUER, START, document_key, key_of
from tests.verification.kept import trust_folder
from tests.web.listening import Listening, listening

FOLDER = Path(__file__).parent / "bundle-3"
KEYS = {HOTLINE: document_key("hotline"), OFMIN: document_key("office")}
"""These members sign their own documents in one half of the files."""
WITH_SUCCESSOR = {**KEYS, OCRVP: document_key("successor")}


def main() -> None:
    """Write every bundle, the keys, and the table of what each file proves."""
    (FOLDER / "files").mkdir(parents=True)
    (FOLDER / "trust/organisations").mkdir(parents=True)
    attested, signed, reissued = listening(), listening(), listening()
    _write_keys(attested)
    files = {**_attested(attested), **_signed(signed), **_reissued(reissued)}
    files |= _decided(listening())
    files |= _broken(files)
    trust = trust_folder(FOLDER / "trust")
    expected = {}
    for name, data in sorted(files.items()):
        (FOLDER / "files" / name).write_bytes(data)
        report = verify(data, trust)
        expected[name] = {"kind": report.kind, "code": int(report.code)}
    _write_json(FOLDER / "expected.json", expected)


def _write_keys(stage: Listening) -> None:
    (FOLDER / "trust/log.vkey").write_text(f"{stage.gateway.checkpoint_signer.signer.key}\n")
    _write_json(FOLDER / "trust/gateway-keys.json", jwk_set([key_of("attest")]))
    for organisation, key in WITH_SUCCESSOR.items():
        _write_json(FOLDER / f"trust/organisations/{organisation}.json", jwk_set([key]))
    persons = {one: key_of(one).public_jwk() for one in (ALICE, BENOIT)}
    file = FOLDER / "trust" / ADMINISTRATORS_FILE
    file.write_bytes(render_administrators(ISSUER, persons))


def _write_json(file: Path, members: object) -> None:
    file.write_text(json.dumps(members, indent=1) + "\n")


def _handoff(hotline: MemberClient, office: MemberClient, stage: Listening) -> str:
    """A case offered to the competent organisation, accepted in part, with an outcome, closed."""
    case = submit(hotline, stage)
    offered = hotline.offer(
        case, "liaison-1", purpose=["identify_victim"], competence=CSAM_FR, groups=CONTENT_GROUPS
    )
    handoff = str(offered.result["handoff"])
    office.accept(office.handoff(handoff), "officer-1", groups=["items"])
    office.answer("close", handoff, "officer-1")
    return handoff


def _corrected(hotline: MemberClient, office: MemberClient, stage: Listening) -> str:
    """A case that was accepted, then corrected, sent again and acknowledged."""
    content = case_content(stage.gateway.new_id())
    persons = {"assessed_by": "analyst-1", "cleared_by": "approver-1", "confirmed_matches": []}
    first = hotline.submit(content, "intake-1", persons)
    terms = {"purpose": ["identify_victim"], "competence": CSAM_FR, "groups": ["items"]}
    handoff = str(hotline.offer(content["case"], "liaison-1", **terms).result["handoff"])
    office.accept(office.handoff(handoff), "officer-1")
    second = {**content, "version": 2, "previous": first.result["digest"], "urgency": "normal"}
    hotline.revise(second, "intake-1", correction("/urgency"), persons)
    hotline.update(handoff, "liaison-1")
    office.answer("acknowledge", handoff, "officer-1")
    return handoff


def _suspended(hotline: MemberClient, office: MemberClient, stage: Listening) -> bytes:
    """A case that was suspended and opened again, in a file that leaves out the suspension's end:
    as if it had been opened in between."""
    handoff = _corrected(hotline, office, stage)
    case = hotline.handoff(handoff)["case"]
    until = (stage.gateway.clock() + timedelta(days=1)).isoformat()
    asked = {"kind": "suspension", "code": "legal_claim", "until": until}
    set_ = hotline.step("case.restrict", {"case": case}, "liaison-1", **asked)
    (closed,) = (
        one.event for one in office.events() if one.confirmed.event["type"] == "case.restricted"
    )
    hotline.step("case.end_measure", {"case": case, "measure": set_.result["measure"]}, "liaison-1")
    whole = bundle.parse(office.export(handoff, "officer-1", "kept evidence"))
    receipt_of_it = office.receipt(closed).receipt
    return bundle.encode(replace(whole, receipts=(*whole.receipts, receipt_of_it)))


def _receipt_file(one: receipt.Receipt) -> bytes:
    return json.dumps(receipt.to_json(one)).encode()


def _attested(stage: Listening) -> dict[str, bytes]:
    """What the gateway signs on behalf of its members."""
    hotline, office = MemberClient(stage), MemberClient(stage, OFMIN)
    handoff = _handoff(hotline, office, stage)
    view = hotline.handoff(handoff)
    offer, *answers = (str(answer["document"]) for answer in view["answers"])
    last = str(view["answers"][-1]["event"])
    return {
        "attested-bundle-of-originator.json": hotline.export(handoff),
        "attested-bundle-of-recipient.json": office.export(handoff),
        "attested-case.sd-jwt": str(view["routing"]).encode(),
        "attested-offer.sd-jwt": offer.encode(),
        "attested-answer.sd-jwt": answers[-1].encode(),
        "receipt-of-originator.json": _receipt_file(hotline.receipt(last).receipt),
        "receipt-of-recipient.json": _receipt_file(office.receipt(last).receipt),
        "attestation.jwt": _attestation().encode(),
        "simulated-attestation.jwt": _attestation(date(2026, 4, 1)).encode(),
    }


def _attestation(simulated: date | None = None) -> str:
    return membership_attestation.issue(
        issuer=ISSUER,
        organisation=OFMIN,
        status="active",
        membership=MembershipClass.FULL,
        at=START,
        ends=START + membership_attestation.LIFETIME,
        simulated=simulated,
        signer=key_of("attest"),
    )


def _signed(stage: Listening) -> dict[str, bytes]:
    """What two members sign themselves; the key of one is revoked in the end."""
    for organisation, key in KEYS.items():
        stage.gateway.register_key(organisation, key)
    trust = trust_folder(FOLDER / "trust")
    hotline, office = (
        MemberClient(stage, organisation, trust=trust, document_key=key)
        for organisation, key in KEYS.items()
    )
    handoff = _handoff(hotline, office, stage)
    before = office.export(handoff, "officer-1", "kept evidence")
    chain = office.export(_corrected(hotline, office, stage), "officer-1", "kept evidence")
    suspended = _suspended(hotline, office, stage)
    kid = KEYS[HOTLINE].kid
    stage.gateway.administer("key.revoke", HOTLINE, kid=kid, reason="lost")
    record = office.key_record(HOTLINE, kid)
    view = hotline.handoff(handoff)
    return {
        "signed-bundle.json": before,
        "signed-chain-bundle.json": chain,
        "missing-end-bundle.json": suspended,
        "signed-bundle-with-revoked-key.json": office.export(handoff),
        "signed-offer.sd-jwt": str(view["answers"][0]["document"]).encode(),
        "signed-presentation.sd-jwt": bundle.parse(before).packages[-1].case.encode(),
        "receipt-of-key-registration.json": _receipt_file(record.registration),
        "receipt-of-key-revocation.json": _receipt_file(record.revocations[0]),
    }


def _reissued(stage: Listening) -> dict[str, bytes]:
    """A handoff that the gateway re-issued because its mandate moved."""
    old = str(accepted(stage.gateway))
    planned = stage.gateway.administer("succession.plan", OFMIN, **PLAN)
    succession = planned.result["succession"]
    for organisation in (OFMIN, OCRVP):
        MemberClient(stage, organisation).step(
            "succession.approve", {"succession": succession}, "officer-3"
        )
    stage.gateway.day = DAY
    succession_execution.apply(stage.gateway.ports, UUID(succession))
    hotline, successor = MemberClient(stage), MemberClient(stage, OCRVP)
    new = hotline.handoff(old)["reissued_as"]["handoff"]
    successor.accept(successor.handoff(new), "officer-7")
    return {
        "bundle-before-succession.json": hotline.export(old),
        "bundle-after-succession.json": successor.export(new),
    }


def _decided(stage: Listening) -> dict[str, bytes]:
    """The same of an offer that its originator signed: administrators decided it; and the
    organisations, too, in a file that withholds what the administrators signed."""
    for organisation, key in WITH_SUCCESSOR.items():
        stage.gateway.register_key(organisation, key)
    trust = trust_folder(FOLDER / "trust")
    hotline, office, successor = (
        MemberClient(stage, one, trust=trust, document_key=key)
        for one, key in WITH_SUCCESSOR.items()
    )
    case = submit(hotline, stage)
    terms = {"purpose": ["identify_victim"], "competence": CSAM_FR, "groups": CONTENT_GROUPS}
    old = str(hotline.offer(case, "liaison-1", **terms).result["handoff"])
    planned = stage.gateway.administer("succession.plan", OFMIN, **PLAN)
    for one in (office, successor):
        one.step("succession.approve", {"succession": planned.result["succession"]}, "officer-3")
    stage.gateway.day = DAY
    succession_execution.apply(stage.gateway.ports, UUID(planned.result["succession"]))
    new = hotline.handoff(old)["reissued_as"]["handoff"]
    successor.accept(successor.handoff(new), "officer-7")
    data = successor.export(new)
    return {
        "decided-bundle-after-succession.json": data,
        "agreed-bundle-after-succession.json": _without_administrators(data),
    }


def _without_administrators(data: bytes) -> bytes:
    members = json.loads(data)
    for log in members["logs"].values():
        for one in log["entries"]:
            kept = [d for d in one["disclosures"] if read_disclosure(d).name != "approvals"]
            one["disclosures"] = kept
    return json.dumps(members).encode()


def _broken(files: dict[str, bytes]) -> dict[str, bytes]:
    """What must never verify, one file for each reason."""
    whole = json.loads(files["attested-bundle-of-originator.json"])
    other = json.loads(files["signed-bundle.json"])
    own, recipients = (
        json.loads(files[f"receipt-of-{name}.json"]) for name in ("originator", "recipient")
    )
    ((name, log),) = whole["logs"].items()
    case, offer, *others = whole["documents"]
    head, payload, _ = offer.partition("~")[0].split(".")
    signature = other["documents"][1].partition("~")[0].rpartition(".")[2]
    answer = bundle.parse(files["signed-bundle.json"]).answers[0]
    numbers = [
        one
        for one in log["entries"]
        if any(sd_jwt.read_disclosure(text).value == "2" for text in one["disclosures"])
    ]
    withheld = {**numbers[0], "disclosures": []}

    def of_log(entries: list[object]) -> dict[str, object]:
        return {**whole, "logs": {name: {**log, "entries": entries}}}

    broken = {
        "false-signature-bundle.json": {
            **whole,
            "documents": [case, f"{head}.{payload}.{signature}~", *others],
        },
        "false-proof-receipt.json": {**own, "proof": recipients["proof"].replace("index", "in")},
        "false-answer-bundle.json": {**whole, "documents": [case, offer, answer]},
        "false-path-bundle.json": of_log(
            [{**log["entries"][0], "path": log["entries"][1]["path"]}, *log["entries"][1:]]
        ),
        "missing-receipt-bundle.json": of_log(log["entries"][:-1]),
        "missing-case-bundle.json": {**whole, "documents": [offer, *others]},
        "missing-number-bundle.json": of_log(
            [withheld if one is numbers[0] else one for one in log["entries"]]
        ),
        "missing-member-bundle.json": {n: v for n, v in whole.items() if n != "about"},
    }
    stranger = sd_jwt.issue(
        typ="casegate-case+sd-jwt",
        claims={"iss": f"{ISSUER}/organisations/{OCRVP}", "aud": ISSUER, "iat": 1},
        properties=(),
        arrays=(),
        signer=document_key("stranger"),
        random=chance("stranger"),
    )
    return {
        **{name: json.dumps(members).encode() for name, members in broken.items()},
        "unknown-key-case.sd-jwt": stranger.compact().encode(),
    }


if __name__ == "__main__":
    main()
