"""Write docs/protocol/examples anew, and what the pages show of them: one command.

``python -m tests.rules.protocol_examples``. One handoff of a gateway of the tests: offered,
accepted, consulted, with an outcome. For changes of the formats before the first release.
"""

import base64
import json
import re
import textwrap
from pathlib import Path
from typing import Any
from uuid import UUID

from click.testing import CliRunner

from gateway.cli import main
from gateway.evidence import base64url, canonical, handoff_documents, receipt, sd_jwt
from gateway.keys import jwk_set
from gateway.ledger import proof, tree
from gateway.ledger.tree import entry_commitment
from tests.casework import case_content
from tests.client.client_fixture import MemberClient
from tests.client.scenario import CONTENT_GROUPS, submit
from tests.founded_gateway import CSAM_FR, OFMIN
from tests.ports import key_of
from tests.web.listening import listening

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLES = DOCS / "protocol/examples"
DOCUMENTS, CHECKPOINT = DOCS / "protocol/documents.md", DOCS / "protocol/checkpoint.md"
AUDITORS = DOCS / "auditors.md"
WIDTH = 124


def write() -> None:
    """Write the files, then put what the pages show of them in the place of the old."""
    before = _shown()
    _write_examples()
    for page in (DOCUMENTS, CHECKPOINT):
        text = page.read_text(encoding="utf-8")
        for old, new in zip(before, _shown(), strict=True):
            text = text.replace(old, new)
        page.write_text(text, encoding="utf-8")
    names = ("case", "offer", "acceptance")
    bare = [sd_jwt.read_unverified(_document(name).present(()).compact()) for name in names]
    arrays = ("items", "statements", "subjects", "classifications", "references")
    claims = [{n: v for n, v in one.claims.items() if n not in arrays} for one in bare]
    _write_json_blocks(DOCUMENTS, [bare[0].header, *claims])
    _write_json_blocks(CHECKPOINT, [canonical.decode(_receipt().document)])
    _write_reports()


def _write_examples() -> None:
    stage = listening()
    hotline, office = MemberClient(stage), MemberClient(stage, OFMIN)
    case = submit(hotline, stage)
    offered = hotline.offer(
        case, "liaison-1", purpose=["identify_victim"], competence=CSAM_FR, groups=CONTENT_GROUPS
    )
    handoff = str(offered.result["handoff"])
    office.accept(office.handoff(handoff), "officer-1")
    content = office.consult(handoff, "officer-1", "investigation", "first look")
    office.answer("report_outcome", handoff, "officer-1", code="case_opened")
    view = office.handoff(handoff)
    offer, acceptance = (str(one["document"]) for one in view["answers"][:2])
    shown = office.receipt(UUID(view["answers"][0]["event"])).receipt
    files = {
        "case.json": _pretty(case_content(case)),
        "case.sd-jwt": f"{view['routing']}\n",
        "offer.sd-jwt": f"{offer}\n",
        "acceptance.sd-jwt": f"{acceptance}\n",
        "presentation.sd-jwt": f"{content.presentation}\n",
        "handoff.json": office.export(handoff).decode(),
        "receipt.json": _pretty(receipt.to_json(shown)),
        "receipt.tlog-proof": shown.proof,
        "checkpoint": proof.parse(shown.proof).checkpoint_note,
        "trust/log.vkey": f"{stage.gateway.checkpoint_signer.signer.key}\n",
        "trust/gateway-keys.json": _pretty(jwk_set([key_of("attest")])),
    }
    for name, text in files.items():
        (EXAMPLES / name).write_text(text, encoding="utf-8")


def _pretty(members: object) -> str:
    return json.dumps(members, indent=1, ensure_ascii=False) + "\n"


def _document(name: str) -> sd_jwt.SdJwt:
    return sd_jwt.parse((EXAMPLES / f"{name}.sd-jwt").read_text(encoding="ascii").strip())


def _receipt() -> receipt.Receipt:
    return receipt.from_json(canonical.decode((EXAMPLES / "receipt.json").read_bytes()))


def _shown() -> list[str]:
    """What the two pages of the protocol show of the files, outside their JSON."""
    case, offer, logged = _document("case"), _document("offer"), _receipt()
    matter = next(one for one in case.disclosures if one.name == "matter")
    listed = sd_jwt.read_unverified(offer.compact()).claims["disclosures"]
    commitment = entry_commitment(logged.document, logged.nonce)
    first = logged.disclosures[0]
    return [
        f"{matter.encoded}\n{matter.digest}",
        case.digest,
        handoff_documents.package_digest(listed),
        f"{first}\n{base64url.digest(first.encode())}",
        commitment.hex(),
        base64.b64encode(tree.leaf_hash(commitment)).decode(),
        logged.proof,
        proof.parse(logged.proof).checkpoint_note,
        (EXAMPLES / "trust/log.vkey").read_text(encoding="utf-8"),
    ]


def _write_json_blocks(page: Path, values: list[Any]) -> None:
    following = iter(values)
    text = page.read_text(encoding="utf-8")
    text = re.sub(
        r"```json\n.*?```",
        lambda _: f"```json\n{_laid_out(next(following))}\n```",
        text,
        flags=re.S,
    )
    page.write_text(text, encoding="utf-8")


def _laid_out(value: dict[str, Any]) -> str:
    """One line where it fits, else a member a line, and a long list a value a line."""
    short = json.dumps(value, ensure_ascii=False)
    if len(short) < WIDTH:
        return short
    rows = []
    for name, member in value.items():
        row = f"  {json.dumps(name)}: {json.dumps(member, ensure_ascii=False)}"
        if len(row) > WIDTH:
            inner = ",\n".join(f"    {json.dumps(one, ensure_ascii=False)}" for one in member)
            row = f"  {json.dumps(name)}: [\n{inner}\n  ]"
        rows.append(row)
    return "{\n" + ",\n".join(rows) + "\n}"


def _write_reports() -> None:
    """Put what `casegate verify` prints of each file into the page for auditors."""
    text = AUDITORS.read_text(encoding="utf-8")
    for file in ("receipt.json", "presentation.sd-jwt", "handoff.json"):
        call = f"$ casegate verify {file} --trust trust\n"
        words = ["verify", str(EXAMPLES / file), "--trust", str(EXAMPLES / "trust")]
        printed = CliRunner().invoke(main, words).output
        if file != "handoff.json":  # one list of checks is enough
            printed = printed.partition("\nChecks\n")[0]
        lines = [_wrapped(line) for line in printed.strip().split("\n")]
        report = call + "\n".join(lines) + "\n"
        text = re.sub(re.escape(call) + r".*?(?=```)", lambda _, r=report: r, text, flags=re.S)
    AUDITORS.write_text(text, encoding="utf-8")


def _wrapped(line: str) -> str:
    indent = " " * 13 if re.match(r" *\d+\. ", line) else "    " if line.startswith("  - ") else ""
    return textwrap.fill(
        line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


if __name__ == "__main__":
    write()
