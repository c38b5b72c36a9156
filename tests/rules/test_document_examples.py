"""What the documents show is true: examples run, lists are the code's, links lead on."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from enum import EnumType
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from cryptography.exceptions import InvalidSignature
from marshmallow import fields

from gateway import metrics, wiring
from gateway.cli import main
from gateway.client import PartnerConnection
from gateway.client.transport import HttpTransport
from gateway.domain import vocabulary
from gateway.domain.case import SEALABLE
from gateway.domain.sealed import FORMAT, TYPES
from gateway.domain.vocabulary import CODES
from gateway.evidence import base64url, bundle, canonical, handoff_documents, sd_jwt, seal
from gateway.evidence import receipt as receipts
from gateway.keys import (
    KeyPurpose,
    RotationStep,
    generate_key,
    load_key_set,
    pending_step,
    perform_step,
    write_key,
)
from gateway.ledger import proof, tree
from gateway.schemas.case_document import CASE, load_case
from gateway.schemas.schema_fields import StrictArray, StrictSchema, StrictString
from gateway.serving.tls import openssl_conf
from gateway.verification.report import Code
from gateway.web.problems import all_problems
from tests.casework import accepted
from tests.client.client_fixture import MemberClient, Wire, connection_of
from tests.each import each
from tests.founded_gateway import HOTLINE, OFMIN
from tests.founding import founded
from tests.web.listening import Listening, listening

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLES = DOCS / "protocol/examples"
PAGES = [
    *sorted(str(p.relative_to(DOCS)) for p in DOCS.rglob("*.md") if p.parent.name != "adr"),
    "../README.md",
    "../CONTRIBUTING.md",
    "../certs/README.md",
    "../deploy/haproxy/README.md",
]
"""All pages but the records of decisions, which tell what was so at their time."""
ADMINISTRATORS = ("administrators.md",)
"""Pages where `A` is short for `casegate admin` with its approvers."""
ADMINISTRATORS_NOUNS = {
    "administrator",
    "admin",
    "organisation",
    "membership",
    "mandate",
    "system",
} | {
    "certificate",
    "invitation",
    "proposal",
    "member-key",
    "key",
    "interest",
    "agreement",
    "contact",
}
MOST_LINES, WIDEST = 480, 130


def text_of(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


def blocks(page: str, language: str = "") -> list[str]:
    """The code blocks of a page in one language."""
    # Fences come in pairs; a search for one pair would take an end for a beginning.
    pieces = re.split(r"^```(\w*)\n", text_of(page), flags=re.MULTILINE)
    fenced = zip(pieces[1::4], pieces[2::4], strict=True)
    return [block for name, block in fenced if name == language]


def example(page: str, name: str) -> str:
    """The block of Python that follows the mark of this name."""
    found = re.search(
        rf"<!-- example: {name} -->\n```python\n(.*?)^```$",
        text_of(page),
        re.MULTILINE | re.DOTALL,
    )
    assert found, f"{page} has no example {name}"
    return found[1]


def between(page: str, mark: str) -> str:
    """What stands between two marks, lists as one line each."""
    inside = text_of(page).split(f"<!-- {mark} -->")[1].split(f"<!-- /{mark} -->")[0]
    return re.sub(r"\n +", " ", inside)


# --- the pages themselves ---


@each("page", PAGES)
def test_every_link_leads_to_a_file(page: str) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text_of(page))
    missing = [
        link for link in links if "://" not in link and not ((DOCS / page).parent / link).exists()
    ]
    assert not missing


@each("page", PAGES)
def test_a_page_is_short_and_narrow(page: str) -> None:
    lines = text_of(page).split("\n")
    assert len(lines) <= MOST_LINES
    wide = [line for line in lines if len(line) > WIDEST and not line.startswith("|")]
    assert not wide


@each("page", PAGES)
def test_python_in_a_page_compiles(page: str) -> None:
    for block in blocks(page, "python"):
        compile(block, page, "exec")


def commands(page: str) -> Iterator[list[str]]:
    """Each call of our command in a page: in its blocks and in its prose."""
    text = text_of(page).replace("\\\n", " ")
    fenced = text.split("```")[1::2]
    for line in "\n".join(fenced).split("\n"):
        call = line.strip().removeprefix("$ ")
        called = re.match(r"(?:runuser \S+ \S+ -- )?(?:/opt/casegate/bin/)?casegate (.*)", call)
        if called and "`" not in call:
            yield shlex.split(called[1], comments=True)
        elif call.startswith("A ") and page in ADMINISTRATORS and "`" not in call:
            yield ["admin", "--as", "a", *shlex.split(call[2:])]
    for quoted in re.findall(r"`casegate ([^`]+)`", text):
        yield shlex.split(" ".join(quoted.split()))
    if page in ADMINISTRATORS:  # there a quoted `noun verb` is short for a command of theirs
        for quoted in re.findall(r"`([a-z-]+ [^`]+)`", "".join(text.split("```")[::2])):
            words = quoted.replace("\n", " ").split()
            if words[0] in ADMINISTRATORS_NOUNS and re.fullmatch("[a-z-]+", words[1]):
                yield ["admin", *words]


def _parse(command: click.Command, words: list[str]) -> tuple[str, list[str]]:
    """The words left when a command has taken its options; NoSuchOption for one that is none.

    Of a group the first is the subcommand, the second what follows it.
    """
    context = click.Context(command, **{**main.context_settings, **command.context_settings})
    _, rest, _ = command.make_parser(context).parse_args(list(words))
    return (rest[0], rest[1:]) if rest else ("", [])


@each("page", PAGES)
def test_every_command_in_a_page_exists_with_its_options(page: str) -> None:
    for words in commands(page):
        rest, command = words, main
        while isinstance(command, click.Group) and rest:
            name, rest = _parse(command, rest)
            if not name:
                break
            found = command.get_command(click.Context(command), name)
            assert found, f"no command {name} in {' '.join(words)}"
            command = found
        _parse(command, rest)


def test_the_page_for_contributors_draws_the_layers_that_are_enforced() -> None:
    settings = tomllib.loads((CODE / "pyproject.toml").read_text("utf-8"))
    contract = settings["tool"]["importlinter"]["contracts"][0]
    drawn = next(b for b in blocks("../CONTRIBUTING.md") if b.startswith("__main__"))
    assert [re.split(r"  +", line)[0] for line in drawn.splitlines()] == contract["layers"]


def test_the_first_page_is_short() -> None:
    assert len(text_of("../README.md").split()) <= 900


def test_the_request_of_the_first_page_its_answer_and_its_verdict_are_those_of_the_example(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answered, verified = blocks("../README.md")[1:4]
    document = (EXAMPLES / "acceptance.sd-jwt").read_text()
    claims = sd_jwt.read_unverified(document.strip()).content
    body = json.loads(asked.partition("\n\n")[2])
    assert body == {name: claims[name] for name in ("by", "conditions")}
    whole = bundle.parse((EXAMPLES / "handoff.json").read_bytes())
    (receipt,) = (
        receipts.to_json(one) for one in whole.receipts if b"handoff.accepted" in one.document
    )
    assert asked.startswith(f"POST /handoffs/{claims['handoff']}/acceptance\n")
    shown = re.findall(r'"([^"\\]+|[^"]+(?:\\"[^"]*)*)\.\.\."', answered)
    whole = json.dumps({"result": document, "receipt": receipt})
    assert len(shown) >= 4
    assert all(one in whole for one in shown)
    file, call = tmp_path / "acceptance.json", "$ casegate verify acceptance.json --trust trust\n"
    file.write_text(json.dumps(receipt))
    monkeypatch.chdir(EXAMPLES)
    printed = CliRunner().invoke(main, ["verify", str(file), "--trust", "trust"]).output
    told = verified.removeprefix(call).partition(" ...)")[0]
    assert printed.split()[: len(told.split())] == told.split()


def test_the_pages_do_show_commands() -> None:
    assert sum(len(list(commands(page))) for page in PAGES) > 40


# --- auditors ---


@pytest.mark.parametrize("file", ["receipt.json", "presentation.sd-jwt", "handoff.json"])
def test_verify_prints_what_the_page_for_auditors_shows(
    file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = f"$ casegate verify {file} --trust trust\n"
    (shown,) = (b.removeprefix(call) for b in blocks("auditors.md") if b.startswith(call))
    monkeypatch.chdir(EXAMPLES)
    printed = CliRunner().invoke(main, ["verify", file, "--trust", "trust"])
    assert printed.exit_code == (0 if file == "receipt.json" else 17)
    output = printed.output if "\nChecks\n" in shown else printed.output.partition("\nChecks\n")[0]
    assert output.split() == shown.split()


def test_the_table_of_exit_codes_is_that_of_the_verdict() -> None:
    listed = re.findall(r"^\| (\d+) \| ", text_of("auditors.md"), re.MULTILINE)
    assert [int(code) for code in listed] == [int(code) for code in Code]


def run_check(receipt: Path, vkey: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the auditors' own verifier, which knows nothing of our code."""
    code = compile(example("auditors.md", "receipt"), "check.py", "exec")
    monkeypatch.setattr(sys, "argv", ["check.py", str(receipt), str(vkey)])
    exec(code, {"__name__": "__main__"})  # noqa: S102 - a document's own example


@pytest.fixture
def receipt_and_key(tmp_path: Path) -> tuple[Path, Path]:
    """A receipt of a gateway founded now, and its log's key."""
    gateway = founded()
    accepted(gateway)
    receipt, vkey = tmp_path / "receipt.json", tmp_path / "log.vkey"
    receipt.write_text(json.dumps(receipts.to_json(gateway.receipts[-1])), encoding="utf-8")
    vkey.write_text(f"{gateway.checkpoint_signer.signer.key}\n", encoding="utf-8")
    return receipt, vkey


def test_the_verifier_of_the_page_verifies_a_receipt(
    receipt_and_key: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run_check(*receipt_and_key, monkeypatch)
    assert capsys.readouterr().out.startswith("verified: handoff.accepted (allowed) of 2026-03-02")
    run_check(EXAMPLES / "receipt.json", EXAMPLES / "trust/log.vkey", monkeypatch)


def change(receipt: Path, **members: Any) -> None:
    """Change members of a receipt; each function gets the member as it was."""
    found = json.loads(receipt.read_text(encoding="utf-8"))
    changed = {name: how(found[name]) for name, how in members.items()}
    receipt.write_text(json.dumps(found | changed), encoding="utf-8")


@pytest.mark.parametrize(
    "members",
    [
        {"document": lambda text: text.replace('"allowed"', '"denied"')},
        {"nonce": lambda text: text[::-1].replace("=", "A")[:42] + "A"},
        {"disclosures": lambda shown: [*shown, "WyJhIl0"]},
        {"proof": lambda text: re.sub(r"index \d+", "index 3", text)},
        {"proof": lambda text: re.sub(r"(index \d+\n)[^\n]+\n", r"\1", text)},
    ],
    ids=["document", "nonce", "disclosure", "index", "path"],
)
def test_the_verifier_of_the_page_refuses_what_was_changed(
    members: dict[str, Any],
    receipt_and_key: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    receipt, vkey = receipt_and_key
    before = receipt.read_text(encoding="utf-8")
    change(receipt, **members)
    assert receipt.read_text(encoding="utf-8") != before
    with pytest.raises(SystemExit, match="NOT verified"):
        run_check(receipt, vkey, monkeypatch)


def test_the_verifier_of_the_page_refuses_another_signature(
    receipt_and_key: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    receipt, vkey = receipt_and_key
    change(receipt, proof=lambda text: re.sub(r"\n(\d+)\n(?=.*\n\n\u2014)", r"\n1\1\n", text))
    with pytest.raises(InvalidSignature):
        run_check(receipt, vkey, monkeypatch)
    with pytest.raises(SystemExit, match="NOT verified"):
        run_check(receipt, EXAMPLES / "trust/log.vkey", monkeypatch)


def test_a_foreign_library_reads_a_document_as_the_page_shows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(EXAMPLES)
    exec(example("auditors.md", "document"), {})  # noqa: S102 - a document's own example
    assert "point-de-contact" in capsys.readouterr().out


# --- the protocol ---


def document(name: str) -> sd_jwt.SdJwt:
    return sd_jwt.parse((EXAMPLES / f"{name}.sd-jwt").read_text(encoding="ascii").strip())


@each(
    "file",
    [*sorted(p.name for p in EXAMPLES.glob("*.sd-jwt")), "receipt.json", "handoff.json"],
)
def test_every_example_verifies(file: str) -> None:
    arguments = ["verify", str(EXAMPLES / file), "--trust", str(EXAMPLES / "trust")]
    # The documents of the example are attested: the report says so by its status.
    expected = 0 if file == "receipt.json" else 17
    assert CliRunner().invoke(main, arguments).exit_code == expected


def test_the_claims_shown_are_those_of_the_examples() -> None:
    header, *shown = (json.loads(block) for block in blocks("protocol/documents.md", "json"))
    names = ("case", "offer", "acceptance")
    clear = [dict(sd_jwt.read_unverified(document(n).present(()).compact()).claims) for n in names]
    arrays = {name: [] for name in ("items", "statements", "subjects", "classifications")}
    assert clear[0] == shown[0] | arrays | {"references": []}
    assert clear[1:] == shown[1:]
    assert header == sd_jwt.read_unverified(document("case").compact()).header


def test_the_digests_shown_are_those_of_the_examples() -> None:
    case, offer = document("case"), document("offer")
    matter = next(d for d in case.disclosures if d.name == "matter")
    permitted_disclosures = sd_jwt.read_unverified(offer.compact()).claims["disclosures"]
    shown = [block.strip() for block in blocks("protocol/documents.md")]
    assert f"{matter.encoded}\n{matter.digest}" in shown
    assert case.digest in shown
    assert handoff_documents.package_digest(permitted_disclosures) in shown
    acceptance = sd_jwt.read_unverified(document("acceptance").compact()).claims
    assert acceptance["offer_digest"] == offer.digest


def test_the_log_is_shown_as_in_the_examples() -> None:
    receipt = receipts.from_json(canonical.decode((EXAMPLES / "receipt.json").read_bytes()))
    logged = tree.entry_commitment(receipt.document, receipt.nonce)
    text = text_of("protocol/checkpoint.md")
    assert [json.loads(block) for block in blocks("protocol/checkpoint.md", "json")] == [
        canonical.decode(receipt.document)
    ]
    note = proof.parse(receipt.proof).checkpoint_note
    first = receipt.disclosures[0]
    for shown in (
        f"{first}\n{base64url.digest(first.encode())}",
        logged.hex(),
        note,
        receipt.proof,
        (EXAMPLES / "trust/log.vkey").read_text(encoding="utf-8"),
    ):
        assert shown in text
    leaf = tree.leaf_hash(logged)
    assert base64url.encode(leaf).translate(str.maketrans("-_", "+/")) + "=" in text
    assert (EXAMPLES / "checkpoint").read_text(encoding="utf-8") == note
    assert (EXAMPLES / "receipt.tlog-proof").read_text(encoding="utf-8") == receipt.proof


# --- partners ---


def test_every_problem_is_in_the_table_of_refusals_with_its_status() -> None:
    table = text_of("partners.md").split("| status, problem |")[1]
    listed = re.findall(r"(\d{3}) `([a-z-]+)`", table)
    assert len(set(listed)) == len(listed)
    assert {slug: int(status) for status, slug in listed} == {
        slug: problem.status for slug, problem in all_problems().items()
    }


def test_the_client_s_example_hands_a_case_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = listening()
    wire_the_client(line, monkeypatch)
    shutil.copy(EXAMPLES / "case.json", tmp_path)
    monkeypatch.chdir(tmp_path)
    exec(example("partners.md", "sdk"), {})  # noqa: S102 - a document's own example
    printed = capsys.readouterr().out
    assert "'competence': 'receive/csam/FR'" in printed
    assert "https://content.example.org/page" in printed
    (handoff,) = MemberClient(line, OFMIN).inbox()
    assert handoff["state"] == "accepted"


def wire_the_client(line: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let connection files of two folders lead to the founded gateway, without sockets."""
    members = {"pdc": HOTLINE, "ofmin": OFMIN}
    monkeypatch.setattr(
        PartnerConnection, "read", lambda file: connection_of(line, members[file.parent.name])
    )
    monkeypatch.setattr(
        "gateway.client.gateway.HttpTransport",
        lambda connection, now, sleep, transport: HttpTransport(
            connection, now, sleep, Wire(line, connection.organisation)
        ),
    )


# --- the case ---

OBJECTS = {
    "the case": "CaseDocument",
    "`marking` (case)": "CaseMarking",
    "`marking` (element)": "ElementMarking",
    "`references[]`": "Reference",
    "`reporter`": "Reporter",
    "`items[]`": "Item",
    "`hosting[]`": "Hosting",
    "`hash[]`": "Hash",
    "`online[]`": "Online",
    "`statements[]`": "Statement",
    "`subjects[]`": "Subject",
    "`classifications[]`": "Classification",
    "`attributes`": "Attributes",
    "`embargo`": "Embargo",
    "`force`": "Force",
    "`force` (one condition)": "ConditionForce",
    "`legal_basis[]`": "LegalBasis",
    "`source_legal_basis`": "SourceLegalBasis",
}


def parts(schema: StrictSchema) -> Iterator[StrictSchema]:
    """A schema and all below it."""
    yield schema
    for field in schema.fields.values():
        inner = field.inner if isinstance(field, StrictArray) else field
        if isinstance(inner, fields.Nested):
            yield from parts(inner.schema)


def described(name: str, field: fields.Field) -> str:
    return name + ("[]" if isinstance(field, StrictArray) else "") + ("" if field.required else "?")


def test_every_field_of_the_schema_is_in_the_list_of_fields_and_no_other() -> None:
    listed = {}
    for line in between("case.md", "fields").strip().split("\n"):
        name, _, rest = line.removeprefix("- ").partition(": ")
        listed[OBJECTS[name]] = re.findall(r"`([^`]+)`", rest)
    schemas = {type(part).__name__: part for part in parts(CASE)}
    assert listed == {
        name: [described(n, f) for n, f in part.fields.items()] for name, part in schemas.items()
    }


def words_of(field: fields.Field) -> str | None:
    """The word list of a field, as its refusal of anything else says it."""
    inner = field.inner if isinstance(field, StrictArray) else field
    said = inner.fault("~") if isinstance(inner, StrictString) else None
    return said.removeprefix("must be one of: ") if said and "one of: " in said else None


def test_every_word_list_of_the_schema_is_in_the_list_of_words_and_no_other() -> None:
    listed = {}
    for line in between("case.md", "words").strip().split("\n"):
        where, _, words = line.removeprefix("- ").partition(": ")
        listed |= {tuple(name.split(".")): words for name in re.findall(r"`([^`]+)`", where)}
    prefixes = {
        schema: "" if name == "the case" else re.sub(r"[`\[\]]| \(.*", "", name)
        for name, schema in OBJECTS.items()
    }
    expected = {}
    for part in parts(CASE):
        prefix = prefixes[type(part).__name__]
        for name, field in part.fields.items():
            words = words_of(field)
            if words is not None:
                expected[(prefix, name) if prefix else (name,)] = words
    assert listed == expected


def test_what_may_be_sealed_is_listed_as_the_code_has_it() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (.*) \|$", text_of("sealing.md"), re.MULTILINE)
    listed = {kind: (group, re.findall(r"`(\w+\??)`", fields)) for kind, group, fields in rows}
    assert listed == {
        name: (one.group, [*one.required, *(f"{field}?" for field in one.optional)])
        for name, one in TYPES.items()
    }


def test_the_form_of_a_seal_is_the_one_that_the_page_tells() -> None:
    form = text_of("protocol/documents.md").split("## 7. A sealed element")[1]
    told = (seal.ALG, seal.ENC, seal.SEAL_TYP, FORMAT, *seal._HEADER, *seal._MEMBERS, *SEALABLE)
    assert not [word for word in told if f"`{word}`" not in form]
    assert ", ".join(map(str, seal.SIZES[:-1])) + f" or {seal.SIZES[-1]}" in form


OTHER_LISTS = ("RANKS", "TLP")
"""Of markings, and of a list that is there."""


def test_the_lists_of_words_are_those_of_the_vocabulary() -> None:
    shown = re.findall(r"^- `.*`: (.*)$", between("case.md", "words"), re.MULTILINE)
    shown += [" ".join(line.split()) for line in shown]
    here = vars(vocabulary).items()
    lists = {name: one for name, one in here if isinstance(one, tuple) and name not in OTHER_LISTS}
    own = [one for _, one in here if getattr(one, "__module__", "") == vocabulary.__name__]
    lists |= {one.__name__: one for one in own if isinstance(one, EnumType)}
    assert len(lists) > 20
    missing = [name for name, words in lists.items() if ", ".join(words) not in shown]
    assert missing == ["AGE_BANDS"]  # joined to the other ages in one list


def test_the_codes_of_closed_schemes_are_listed() -> None:
    listed = re.findall(r"^- `(\w+)`: (.*)$", between("case.md", "codes"), re.MULTILINE)
    assert {name: frozenset(codes.split(", ")) for name, codes in listed} == dict(CODES)


def test_the_example_of_a_case_is_a_valid_one() -> None:
    case = canonical.decode((EXAMPLES / "case.json").read_bytes())
    assert load_case(case) == case


# --- the flow ---

CODE = DOCS.parent


def flow_files() -> dict[str, list[Path]]:
    """The files of the first table by their stem: several may share one, as there are nouns."""
    table = text_of("security-flow.md").split("## Where things are")[1].split("\n## ")[0]
    found: dict[str, list[Path]] = {}
    for row in re.findall(r"^\|[^|]*\|(.*)\|$", table, re.MULTILINE):
        folder = Path()
        for name in re.findall(r"`([^`]+)`", row):
            folder = Path(name).parent if "/" in name else folder
            file = CODE / folder / Path(name).name
            assert file.exists(), f"{file} is gone"
            found.setdefault(file.stem, []).append(file)
    return found


def test_every_symbol_of_the_flow_is_in_its_file() -> None:
    files = flow_files()
    text = text_of("security-flow.md").split("## One request")[1]
    symbols = set(re.findall(r"`([a-z_]+)\.([A-Za-z_]+)`", text)) - {("file", "symbol")}
    assert len(symbols) > 40
    missing = [
        f"{stem}.{name}"
        for stem, name in symbols
        if not any(
            re.search(rf"^(?:def |class )?{name}\b", file.read_text("utf-8"), re.MULTILINE)
            for file in files.get(stem, ())
        )
    ]
    assert not missing


def test_every_test_that_the_flow_names_is_there() -> None:
    written = "\n".join(file.read_text("utf-8") for file in (CODE / "tests").rglob("test_*.py"))
    text = text_of("security-flow.md")
    named = re.findall(r"`(test_\w+)`", text)
    assert len(named) > 20
    assert not [name for name in named if f"def {name}" not in written]
    for path in re.findall(r"`(tests/[^`]+)`", text):
        assert (CODE / path).exists()


# --- the architecture ---


def test_every_file_that_the_architecture_names_is_there_and_has_what_is_sought_in_it() -> None:
    page = " ".join(text_of("architecture.md").split())
    files = [str(one) for part in ("gateway", "tests") for one in (CODE / part).rglob("*.py")]
    named = {
        path: [Path(one) for one in files if one.endswith(f"/{path}")]
        for path in re.findall(r"`([\w/]+\.py)`", page)
    }
    assert len(named) > 100
    assert [path for path, found in named.items() if not found] == []
    names = r"`[\w.]+(?<!\.py)`"
    sought = re.findall(rf"((?:{names}(?:, | and ))*{names}) (?:\(|in )`([\w/]+\.py)`", page)
    assert len(sought) > 50
    missing = [
        f"{name} in {path}"
        for symbols, path in sought
        for name in re.findall(r"(\w+)`", symbols)
        if not any(re.search(rf"\b{name}\b", one.read_text("utf-8")) for one in named[path])
    ]
    assert missing == []


# --- operators ---


def hand_over(folder: Path) -> Path:
    """Give the listeners their copy of a gateway's folder, as the unit does; the copy."""
    if os.getuid() != os.getgid():
        pytest.skip("the hand-over names a user whose group has the same name")
    script, copy = CODE / "deploy/systemd/hand-over", folder.with_name("listeners")
    subprocess.run([script, folder, copy, str(os.getuid())], check=True)
    return copy


def files_of(folder: Path, *names: str) -> Path:
    """A folder with files of these names."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name, encoding="ascii")
    return folder


HANDED = (
    "casegate.toml",
    "keys/fingerprint.secret",
    "keys/log-head.secret",
    "keys/kek-0123456789abcdef",
)


def test_the_listeners_never_get_what_only_maintenance_may_read(tmp_path: Path) -> None:
    shared = (*HANDED, "keys/log/current.pem", "server/public.pem", "published/crl.pem")
    own = ("issuing/0.key", "offline/root.key", "people/martin.pem")
    gateway = files_of(tmp_path / "gateway", *shared, *own)
    for _ in range(2):
        copy = hand_over(gateway)
    given = {p for p in copy.rglob("*") if p.is_file()}
    assert {str(p.relative_to(copy)) for p in given} == {*shared}
    assert {p.stat().st_mode & 0o777 for p in given} == {0o600}


def test_what_is_taken_away_is_taken_from_the_listeners_too(tmp_path: Path) -> None:
    others = ("published/old.crl", "server/public.pem", "keys/log/current.pem")
    gateway = files_of(tmp_path / "gateway", *HANDED, *others)
    copy = hand_over(gateway)
    (gateway / "keys/kek-0123456789abcdef").rename(gateway / "keys/kek-fedcba9876543210")
    (gateway / "published/old.crl").rename(gateway / "published/new.crl")
    hand_over(gateway)
    assert not (copy / "keys/kek-0123456789abcdef").exists()
    assert (copy / "keys/kek-fedcba9876543210").exists()
    assert {p.name for p in (copy / "published").iterdir()} == {"new.crl"}


def test_each_step_of_a_key_s_rotation_reaches_the_listeners(tmp_path: Path) -> None:
    gateway = files_of(tmp_path / "gateway", *HANDED, "server/public.pem", "published/crl.pem")
    folder, now = gateway / "keys/token", wiring.now()
    folder.mkdir(mode=0o700)
    write_key(folder / "current.pem", generate_key(KeyPurpose.TOKEN))
    hand_over(gateway)
    for step in (RotationStep.PUBLISH, RotationStep.ACTIVATE, RotationStep.RETIRE):
        turn = pending_step(folder, KeyPurpose.TOKEN, now)
        assert turn.step is step
        perform_step(folder, turn, now)
        given = load_key_set(hand_over(gateway) / "keys/token", KeyPurpose.TOKEN)
        assert given.jwks() == load_key_set(folder, KeyPurpose.TOKEN).jwks()
        now += timedelta(days=2)


@each("unit", ["public", "partners", "metrics"])
def test_a_listener_s_unit_cannot_reach_the_issuing_key(unit: str) -> None:
    text = (CODE / f"deploy/systemd/casegate-{unit}.service").read_text(encoding="ascii")
    lines = text.split("\n")
    assert "User=casegate" in lines
    assert "InaccessiblePaths=/srv/casegate" in lines
    assert "NoNewPrivileges=yes" in lines
    assert f"--home /srv/casegate-listeners --only {unit}" in text


def test_the_page_of_numbers_lists_what_is_counted_and_nothing_else() -> None:
    rows = re.findall(
        r"^\| `casegate_(\w+)` \| ([`a-z ]*)\|", between("monitoring.md", "metrics"), re.M
    )
    listed = {
        name.removesuffix("_total"): set(re.findall(r"`(\w+)`", labels)) for name, labels in rows
    }
    assert listed == {
        **{name: {*labels} for name, (_, labels) in metrics._COUNTED.items()},
        **{name: {*metrics.LABELS.get(name, ())} for name in metrics._GAUGES},
    }


def test_the_unit_s_tls_groups_are_those_of_the_gateway() -> None:
    text = (CODE / "deploy/systemd/openssl.cnf").read_text(encoding="ascii")
    settings = "".join(f"{line}\n" for line in text.splitlines() if not line.startswith("#"))
    assert settings == openssl_conf((3, 0, 0))
