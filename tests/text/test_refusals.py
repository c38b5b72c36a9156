"""Whoever reads French reads in French why something was refused: each sentence that the code or a
policy can say is in the table, and the table has no other."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from string import Formatter

from gateway.cedar import policy_folder
from gateway.cedar.policy import SIGNED, CedarPolicy
from gateway.client import errors as client_errors
from gateway.domain import refusals
from gateway.formats.reading import ncmec
from gateway.text import catalogue
from gateway.web import problems
from tests.each import each
from tests.text import said

REFUSALS, FAULTS = (catalogue._TABLES[one] for one in ("refusals", "faults"))
KINDS = {
    name
    for name, one in vars(refusals).items()
    if isinstance(one, type) and issubclass(one, refusals.Refusal)
} - {"ValidationFailed"}
"""The classes of refusals; the sentences of that one are at their fields."""

REFUSED = ("domain/refusals.py", "web/problems.py")
"""Where classes of refusals have their sentence in themselves."""

NOBODY_READS = (
    "apps.py", "cli/", "maintenance/", "exchange/relay/", "kernel/authentication.py",
    "registry/enrolment.py", "web/app.py", "web/caller.py", "web/certificates.py", "web/inputs.py",
)  # fmt: skip
"""Where what is refused is a program's: of another gateway, of nobody yet, of the host."""

UNTOLD = "untold: "
"""How a sentence begins that the code gives by another name."""

OTHERWISE_NAMED = {
    "Closed.NO_COPY", "Closed.PAST_ERASURE", "_why_not(context, kind)",
    "kept.changed", "kept.taken", "opens", "self._taken(case)", "sentence", "standing.gone", "why",
    "' '.join(reasons) or _why_not(context, kind)", "str(error)", "detail",
    "refused.detail",
}  # fmt: skip
"""Of these: what policy says, a sentence of the tables or functions below, of the database, or what
a gateway said to a client."""

SAYING = {"way_back", "_taken"}
"""Functions that return a sentence, beside those that are named after the question why."""

SENTENCES = {"_NOT_ACTIVE", "_NO_PART", "_AFTER", "Closed", "COPY_KEPT"}
"""Tables of sentences: dictionaries and enumerations."""


def of_policies() -> set[str]:
    rules = CedarPolicy.load(policy_folder(), SIGNED).rules
    return {one.reason for one in rules.values()}


@cache
def of_code() -> frozenset[str]:
    asked = re.compile(rf"RecordTable|otherwise=|def _?why|\b({'|'.join(KINDS)})\(")
    asking = {file for file, source in said.sources().items() if asked.search(source)}
    read = {one for one in asking if not one.startswith(NOBODY_READS)} | {*REFUSED}
    found = (one for file in read for one in of_module(file))
    return frozenset(said.numbered(one) for one in found if one.strip(said.PLACE))


def of_module(file: str) -> Iterator[str]:
    kinds = KINDS | ({"__init__"} if file in REFUSED else set())
    for node, owner in said.nodes(file):
        match node:
            case ast.Call(
                func=ast.Name(id=name) | ast.Attribute(attr=name), args=given, keywords=named
            ):
                told = given[:1] if name in kinds else []
                words = ("taken", "changed") if name == "RecordTable" else ("otherwise",)
                told += [one.value for one in named if one.arg in words]
                for one in told:
                    yield from said.texts(one, owner) or [f"{UNTOLD}{ast.unparse(one)}"]
            case ast.FunctionDef(name=name) if re.match("_?why", name) or name in SAYING:
                returns = (one for one in ast.walk(node) if isinstance(one, ast.Return))
                yield from (text for one in returns for text in said.texts(one.value, node))
            case ast.ClassDef(name=name, body=body) if name in SENTENCES:
                values = (one.value for one in body if isinstance(one, ast.Assign))
                yield from (text for one in values for text in said.texts(one, None))
    for name, given in said.assigned(said.tree(file).body):
        if name in SENTENCES and given.value is not None:
            texts = (one for node in ast.walk(given.value) for one in _of(node))
            yield from (one for one in texts if one.count(" ") > 2)


def _of(node: ast.AST) -> list[str]:
    return said.texts(node, None) if isinstance(node, ast.Constant) else []


CLIENT_KINDS = {
    name
    for name, one in vars(client_errors).items()
    if isinstance(one, type) and issubclass(one, client_errors.ClientError)
} - {"TokenRefused"}
"""The classes of what goes wrong between a member and its gateway; that one words its code."""

ELSEWHERE = ("confirmed_log", "enrolment", "events", "mirror", "sealing")
"""Modules of the client of which a desk shows nothing: enrolment, exports, copies of the log."""

NOT_OF_A_DESK = {"otherwise", "problem", "replace(refused.problem, detail=why)"}
"""What a check was given, and what a gateway said."""


@cache
def of_client() -> frozenset[str]:
    found = set[str]()
    for file in (one for one in said.sources() if one.startswith("client/")):
        if Path(file).stem in ELSEWHERE:
            continue
        for node, owner in said.nodes(file):
            kinds = {"KeyNotHeld"} if file == "client/connection.py" else CLIENT_KINDS
            found |= {said.numbered(one) for one in _of_client(node, owner, kinds)}
    return frozenset(found)


def _of_client(node: ast.AST, owner: ast.AST | None, kinds: set[str]) -> Iterator[str]:
    """What a node of the client says goes wrong; what is caught in `raising` follows a colon."""
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[given, *_]) if (
            name in kinds
        ):
            yield from said.texts(given, owner) or [f"{UNTOLD}{ast.unparse(given)}"]
        case ast.Call(func=ast.Name(id="require"), args=[_, given]) if kinds is CLIENT_KINDS:
            yield from said.texts(given, owner) or [f"{UNTOLD}{ast.unparse(given)}"]
        case (
            ast.Call(func=ast.Name(id="raising") | ast.Attribute(attr="raising"), args=[_, one, *_])
            | ast.Call(func=ast.Name(id="partial"), args=[ast.Name(id="raising"), _, one])
        ) if kinds is CLIENT_KINDS:
            yield from (f"{text}: {said.PLACE}" for text in said.texts(one, owner))
        case ast.Yield(value=ast.Tuple(elts=[_, given])) if kinds is CLIENT_KINDS:
            yield from said.texts(given, owner)
        case ast.Call(func=ast.Attribute(attr="__init__"), args=[given]):
            yield from said.texts(given, owner)
        case ast.Assign(
            targets=[ast.Name(id="advice") | ast.Attribute(attr="advice")], value=given
        ):
            yield from filter(None, said.texts(given, owner))
        case ast.FunctionDef(name="advice"):
            returns = (one for one in ast.walk(node) if isinstance(one, ast.Return))
            yield from (text for one in returns for text in said.texts(one.value, node))


def test_every_refusal_and_every_policy_has_its_french_and_no_french_is_without_one() -> None:
    untold = {one.removeprefix(UNTOLD) for one in of_code() if one.startswith(UNTOLD)}
    assert untold - OTHERWISE_NAMED == set()
    kinds = (one for one in problems.all_problems().values() if not one.show_detail)
    can_be_said = {f"{one.title}. {one.remedy}" for one in kinds}
    untold = {one.removeprefix(UNTOLD) for one in of_client() if one.startswith(UNTOLD)}
    assert untold - NOT_OF_A_DESK == set()
    can_be_said |= {one for one in of_client() if not one.startswith(UNTOLD)}
    can_be_said |= of_policies() | {one for one in of_code() if not one.startswith(UNTOLD)}
    assert can_be_said - REFUSALS.keys() == set()
    assert REFUSALS.keys() - can_be_said == set()


IN_FORMS = re.compile(
    r"(domain/(answers|case|case_media|fields|handoff|interest|item_value|json_values|mandate|"
    r"measure|organisation|outcome|retention|revision|sealed|searched_item|staff|succession|"
    r"vocabulary)|console/pages/importing|formats/|"
    r"exchange/(case|handoffs)/|exchange/oversight/audit|kernel/(changes|fields|transact)|"
    r"registry/(change_table|keys|mandates|members|peers|staff|systems)|schemas/|"
    r"web/partners/(cases|events|searches))"
)
"""Where fields of forms, of cases and of imported files are judged; elsewhere other documents."""

FAULT = re.compile(
    r"(must|is|are|has|goes|lies|does|may|was|stays|lacks|says?|names?|give|cannot) |one contact"
)
"""How a sentence begins of which the field is the subject, or the person."""


@cache
def of_fields() -> frozenset[str]:
    """The texts of the modules that judge fields."""
    found = set()
    for file in filter(IN_FORMS.match, said.sources()):
        kinds = ast.Constant | ast.JoinedStr | ast.BinOp
        told = [(node, owner) for node, owner in said.nodes(file) if isinstance(node, kinds)]
        whole = [node for node, _ in told if not isinstance(node, ast.Constant)]
        within = {part for node in whole for part in ast.walk(node) if part is not node}
        found |= {
            text for node, owner in told if node not in within for text in said.texts(node, owner)
        }
    return frozenset(said.numbered(one) for one in found)


IN_NO_FORM = {
    "has a",
    "has no",
    "is 1 here: send others to /cases/{case}/versions",
    "is above 1 here: send the first one to /cases",
    "is not the case of the path",
    "is required: the case itself stands here, beside `by`",
}
"""What only a program that sends a case can do wrong, and parts of sentences."""


def test_what_is_wrong_with_a_field_of_a_form_has_its_french_and_no_french_is_without_it() -> None:
    asked = {one for one in of_fields() if FAULT.match(one) and not re.search(r"\.$|\n", one)}
    assert asked - FAULTS.keys() - REFUSALS.keys() == IN_NO_FORM
    dropped = {*ncmec().dropped.values()}
    assert dropped - FAULTS.keys() == set()
    assert FAULTS.keys() - of_fields() - dropped == set()


@each("file", ["evidence/declarations.py", "evidence/passkey.py"])
def test_why_an_approval_does_not_verify_has_its_french(file: str) -> None:
    raised = (node.exc for node, _ in said.nodes(file) if isinstance(node, ast.Raise))
    calls = [one for one in raised if isinstance(one, ast.Call)]
    told = {said.numbered(text) for one in calls for text in said.texts(one.args[0], None)}
    assert len(told) > 10
    assert told - catalogue._TABLES["reasons"].keys() == set()


def test_both_languages_of_a_refusal_have_the_same_values() -> None:
    differing = []
    for english, told in (*REFUSALS.items(), *FAULTS.items()):
        pair = (english, told) if isinstance(told, str) else told
        if places(pair[0]) != places(pair[1]) or not places(pair[0]) <= places(english):
            differing.append(english)
    assert differing == []


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_codes_days_and_reasons_within_a_refusal_are_in_words() -> None:
    shown = {
        language: [
            catalogue.matched("refusals", one, language)
            for one in (
                "content opens after acceptance; the handoff is partially_accepted",
                "No organisation holds the mandate receive/csam/FR on 2026-03-02. Check function, "
                "matter and territory, or name a recipient.",
                "'assess' is not possible: the case is cleared.",
            )
        ]
        for language in catalogue.LANGUAGES
    }
    assert shown["fr"] == [
        "le contenu s’ouvre après l’acceptation\u202f; la transmission est partiellement acceptée",
        "aucun organisme ne détient la compétence receive/csam/FR au 2 mars 2026. Vérifiez la "
        "fonction, la matière et le territoire, ou nommez un destinataire",
        "ce n’est pas possible à présent\xa0: le dossier est validé.",
    ]
    assert shown["en"][0] == "content opens after acceptance; the handoff is partially accepted"
    assert shown["en"][2] == "this is not possible now: the case is cleared."


def test_reasons_of_several_rules_are_said_one_after_the_other() -> None:
    rules = CedarPolicy.load(policy_folder()).rules
    english = " ".join(rules[one].reason for one in ("R10.two_persons", "R4.tlp", "R6.basis"))
    french = catalogue.matched("refusals", english, "fr")
    assert french is not None
    assert french.count("Faites-la signer") == french.count("AMBER+STRICT") == 1
    assert catalogue.matched("refusals", f"{english} And more.", "fr") is None
