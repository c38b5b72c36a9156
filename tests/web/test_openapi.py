"""The interface's description: generated, committed, complete, and without anybody's addresses."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.organisation import ALL_SCOPES
from gateway.web import listeners, openapi
from gateway.web.descriptions import FIELDS, describe_fields
from gateway.web.openapi import document, main, render
from gateway.web.problems import all_problems
from tests.web.test_shapes import assert_fits

COMMITTED = Path(__file__).parents[2] / "docs" / "openapi.json"

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return json.loads(render(document()))


def operations(described):
    return [
        (path, method, operation)
        for path, item in described["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


def test_what_is_committed_is_what_the_code_says():
    assert COMMITTED.read_text("utf-8") == render(document()), "run `make openapi`"


def test_the_check_fails_when_the_file_differs(tmp_path, capsys):
    file = tmp_path / "openapi.json"
    assert main([str(file)]) == 0
    assert main(["--check", str(file)]) == 0
    file.write_text(file.read_text("utf-8").replace("Casegate", "casegate"), encoding="utf-8")
    assert main(["--check", str(file)]) == 1
    assert "make openapi" in capsys.readouterr().err


def test_every_reference_leads_somewhere(described):
    text = render(described)
    for name in set(re.findall(r'"#/components/schemas/(\w+)"', text)):
        assert name in described["components"]["schemas"]
    told = described["components"]["schemas"]["ChangeBody"]["discriminator"]["mapping"]
    assert text.count('"$ref"') + len(told) == text.count('"#/components/')


def test_every_part_of_a_path_is_described(described):
    for path, _, operation in operations(described):
        named = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
        assert named == set(re.findall(r"{(\w+)}", path))


def test_every_write_asks_for_its_idempotency_key_and_answers_with_a_receipt(described):
    for path, method, operation in operations(described):
        keyed = any(p["name"] == "Idempotency-Key" for p in operation.get("parameters", []))
        reads = path.endswith("/preview") or path in ("/notifications", "/log/cosignatures")
        reads |= path.startswith(
            ("/batches/", "/witness/")
        )  # with keys of their own, and with none
        writes = method == "post" and not reads and "/oauth/" not in path
        by_other_forms = "/est/" in path  # RFC 7030 has no place for either
        assert keyed == (writes and not by_other_forms and path != "/enrolments"), path
        contents = [one.get("content", {}) for one in operation["responses"].values()]
        answer = render([kind["schema"] for content in contents for kind in content.values()])
        assert ('WithReceipt"' in answer) == (writes and not by_other_forms), path


def test_every_operation_lists_its_statuses_and_problems_and_none_is_left_open(described):
    named = set()
    for path, method, operation in operations(described):
        answers = operation["responses"]
        assert {"400", "404", "500", "503"} < answers.keys(), path
        assert all(re.fullmatch("[2-5][0-9]{2}", status) for status in answers), path
        for status, answer in answers.items():
            slugs = re.findall(r"`([a-z-]+)`", answer["description"]) if status >= "400" else []
            told = slugs or "text/plain" in answer.get("content", {})
            assert told or status in ("200", "201", "202", "401"), (path, method, status)
            strange = {slug for slug in slugs if all_problems()[slug].status != int(status)}
            assert strange <= {"bad-request"}  # it has several
            named.update(slugs)
    assert named == all_problems().keys() - {"method-not-allowed"}


def test_every_operation_has_a_name_of_its_own_and_words(described):
    names = [operation["operationId"] for _, _, operation in operations(described)]
    assert len(set(names)) == len(names)
    assert all(operation["summary"].endswith(".") for _, _, operation in operations(described))


def test_every_scope_of_an_operation_is_one_that_systems_have(described):
    flows = described["components"]["securitySchemes"]["token"]["flows"]
    assert set(flows["clientCredentials"]["scopes"]) == {*ALL_SCOPES}
    for _, _, operation in operations(described):
        for way in operation["security"]:
            assert set(way.get("token", ())) <= {*ALL_SCOPES}


def test_what_is_sent_may_have_no_other_fields(described):
    schemas = described["components"]["schemas"]
    for name in ("SubmissionBody", "CaseDocument", "Item", "OfferBody", "OutcomeBody"):
        assert schemas[name]["additionalProperties"] is False
    assert "additionalProperties" not in schemas["Problem"]


def test_words_and_forms_of_fields_are_described(described):
    schemas = described["components"]["schemas"]
    assert "case_opened" in schemas["OutcomeBody"]["properties"]["code"]["enum"]
    assert schemas["ConsultationBody"]["properties"]["reason"]["maxLength"] == 200
    assert schemas["OfferBody"]["properties"]["handoff"]["format"] == "uuid"
    assert "case" not in schemas["OfferBody"]["properties"]
    assert "case" in schemas["PreviewBody"]["properties"]


def _bodies(described):
    for path, method, operation in operations(described):
        sent = operation.get("requestBody", {}).get("content", {})
        if "application/json" in sent:
            yield path, method, None, sent["application/json"]
        for status, answer in operation["responses"].items():
            if status < "300" and "application/json" in answer.get("content", {}):
                yield path, method, status, answer["content"]["application/json"]


def test_every_answer_has_an_example_that_fits_its_schema(described):
    for path, method, status, body in _bodies(described):
        if status is not None:
            assert_fits(body["example"], body["schema"], f"{method} {path} {status}")


def test_every_body_has_an_example_that_its_endpoint_takes(described):
    for one in (*listeners.PARTNERS, *listeners.PUBLIC):
        if one.body is not None:
            path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", one.path)
            sent = described["paths"][path][one.method.lower()]["requestBody"]["content"]
            one.body.load(sent["application/json"]["example"])


def test_every_field_is_described(described):
    fields = [
        f"{name}.{field}"
        for name, schema in described["components"]["schemas"].items()
        for field, one in schema.get("properties", {}).items()
        if "description" not in one
    ]
    assert fields == []


def test_the_sentence_of_a_name_goes_to_no_field_of_another_name():
    text = {"type": "string"}
    schemas = {
        "One": {"properties": {"tlp": text, "onward": text, "unknown": text}},
        "Online": {"properties": {"status": text}},
        "Whoami": {"properties": {"status": text, "system": {**text, "description": "Its own."}}},
    }
    describe_fields(schemas)
    one, online, whoami = (schema["properties"] for schema in schemas.values())
    assert one["tlp"]["description"] == FIELDS["tlp"]
    assert one["onward"]["description"] == FIELDS["onward"]
    assert one["unknown"] == {"type": "string"}
    assert online["status"]["description"] == FIELDS["Online.status"]
    assert whoami["status"]["description"] == FIELDS["status"]
    assert whoami["system"]["description"] == "Its own."


def test_no_machine_and_no_real_host_stands_in_it():
    text = COMMITTED.read_text("utf-8")
    for url in re.findall(r"https?://([^/\"{}\s(]+)", text):
        assert url.endswith((".example", ".example.org", "example.org")), url
    assert str(COMMITTED.parents[1]) not in text
    assert str(Path.home()) not in text


def test_describing_needs_no_gateway():
    assert openapi.document("https://a.example", "https://b.example")["paths"]


def test_generators_and_linters_read_it_without_an_error(described):
    """What redocly, spectral, openapi-generator and openapi-python-client stumbled over."""
    (server,) = described["servers"]
    assert server["variables"].keys() == set(re.findall(r"{(\w+)}", server["url"]))
    declared = {tag["name"] for tag in described["tags"] if tag["description"].endswith(".")}
    for _, _, operation in operations(described):
        assert set(operation["tags"]) <= declared
        assert operation.get("requestBody", {"required": True})["required"]
        assert [one["url"] for one in operation.get("servers", [])] in (
            [],
            [openapi.EXAMPLE_ISSUER],
        )

    def walk(value):
        if isinstance(value, dict):
            kinds = value.get("type")
            assert not (isinstance(kinds, list) and {"array", "object"} & set(kinds)), value
            assert kinds != "array" or "items" in value, value
            for one in value.values():
                walk(one)
        elif isinstance(value, list):
            for one in value:
                walk(one)

    walk(described["components"]["schemas"])


def _objects(value, place=""):
    """The objects with members of their own, each with its place."""
    if isinstance(value, dict):
        if "properties" in value and value.get("type") == "object":
            yield place
        for key, one in value.items():
            if key != "example":
                yield from _objects(one, f"{place}/{key}")
    elif isinstance(value, list):
        for one in value:
            yield from _objects(one, place)


def _lists(value):
    """The lists of words, without null."""
    if isinstance(value, dict):
        if isinstance(value.get("enum"), list):
            yield frozenset(value["enum"]) - {None}
        for one in value.values():
            yield from _lists(one)
    elif isinstance(value, list):
        for one in value:
            yield from _lists(one)


def test_a_generated_client_has_one_class_of_a_good_name_for_each_thing(described):
    """An object or a list of words that stands inside another has a name that a generator made."""
    schemas = described["components"]["schemas"]
    assert [name for name in schemas if not re.fullmatch("[A-Z][A-Za-z]+", name)] == []
    assert list(_objects(described["paths"])) == []
    assert [one for one in _objects(schemas) if one.count("/") > 1] == []
    listed = list(_lists(described))
    assert [words for words in {*listed} if len(words) > 1 < listed.count(words)] == []
    assert all({*one.get("required", ())} <= one["properties"].keys() for one in _of(schemas))


def _of(schemas):
    return [one for one in schemas.values() if "properties" in one]
