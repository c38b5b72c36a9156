"""The case JSON as partners send it (profile ``casegate-case/1``): its rules, all errors at once.

Word lists are in `domain.vocabulary`, the forms of values in `domain.item_value`, R1 in
`domain.media`. Nothing is converted, filled in or spelt otherwise: originators sign what they
wrote. No message repeats a value, for messages end in logs.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from gateway.domain import item_value
from gateway.domain import vocabulary as words
from gateway.domain.case import (
    ARRAYS,
    FORCES,
    MARKING_PROPERTIES,
    PERCEPTUAL,
    PROPERTIES,
    WITH_FORCE,
    is_sealed,
)
from gateway.domain.case_media import media_errors
from gateway.domain.fields import Validator, up_to
from gateway.domain.vocabulary import ONWARD, tlp_rank
from gateway.evidence import seal
from gateway.schemas import schema_fields as field


class ElementMarking(field.StrictSchema):
    """What an element adds to the marking of its case; the strictest of both holds."""

    tlp = field.tlp(required=False)
    handling = field.words(words.Handling, required=False)


class EmbargoTerms(field.StrictSchema):
    """What an embargo forbids, and until when; ``until`` is the first day without it."""

    no_notice_to_host = field.StrictBoolean(required=True)
    no_publication = field.StrictBoolean(required=True)
    until = field.day()

    @validates_schema
    def _forbids_something(self, data: dict[str, Any], **_: Any) -> None:
        if not (data["no_notice_to_host"] or data["no_publication"]):
            raise ValidationError("must forbid a notice to the host, a publication, or both")


class Embargo(EmbargoTerms):
    """Police first, until a day (R7)."""

    reason = field.word(words.EMBARGO_REASONS)
    set_by = field.slug()


class ConditionForce(field.StrictSchema):
    """What obliges to a condition of use, as its originator says: an article, or an agreement."""

    force = field.word(FORCES)
    reference = field.free(100, lines=False)


Force = field.schema_of(
    "Force", {name: field.part(ConditionForce, required=False) for name in WITH_FORCE}
)
"""The conditions to which more obliges than the originator's request (LED Art. 9(3))."""


class CaseMarking(field.StrictSchema):
    """How recipients may handle the case."""

    tlp = field.tlp()
    handling = field.words(words.Handling)
    handling_note = field.free(500, required=False)
    national = field.national(required=False)
    permitted_actions = field.word(words.PERMITTED_ACTIONS)
    attribution = field.word(words.ATTRIBUTIONS)
    release_to = field.StrictArray(field.released())
    onward = field.word(ONWARD)
    embargo = field.part(Embargo, required=False)
    force = field.part(Force, required=False)
    review_on = field.day(required=False)
    erase_on = field.day()
    retention_rule = field.free(100, lines=False, required=False)
    purpose = field.words(words.Purpose, least=1)

    @validates_schema
    def _hangs_together(self, data: dict[str, Any], **_: Any) -> None:
        errors = {}
        if data["onward"] == "listed_only" and not data["release_to"]:
            errors["release_to"] = ["must name somebody when onward is listed_only"]
        if "embargo" in data.get("force", {}) and "embargo" not in data:
            errors["force"] = ["must not state the force of an embargo that is not there"]
        if data.get("review_on", "") > data["erase_on"]:
            errors["review_on"] = ["must not be after erase_on"]
        if errors:
            raise ValidationError(errors)


class SourceLegalBasis(field.StrictSchema):
    """What let the source collect the content, and when that was so."""

    text = field.free(500)
    dated = field.day()


def _seal_fault(value: str) -> str | None:
    try:
        seal.key_id(value)
    except seal.SealError as error:
        return f"is no seal that this profile takes: {error}"
    return None


class SealedElementBody(field.StrictSchema):
    """An element that only one organisation can open (R17): what can be told from outside."""

    id = field.uuid()
    sealed_to = field.slug()
    sealed = field.StrictString(Validator(_seal_fault))


SEALED = SealedElementBody()


class Sealable(fields.Nested):
    """An element as its schema has it, or sealed to one organisation."""

    def __init__(self, schema: type[field.StrictSchema]) -> None:
        """``schema`` is that of the element when it is not sealed."""
        self._open = schema()
        super().__init__(self._open, required=True, error_messages=field.MESSAGES)

    def _deserialize(
        self, value: Any, attr: Any, data: Any, partial: Any = None, **kwargs: Any
    ) -> Any:
        if is_sealed(value):
            return SEALED.load(value)
        return super()._deserialize(value, attr, data, partial, **kwargs)

    def read(self, value: Any) -> Any:
        """A good element; see `schema_fields.Reader`."""
        schema = SEALED if is_sealed(value) else self._open
        return (schema.compiled or schema.load)(value)


def _sealable(schema: type[field.StrictSchema]) -> field.StrictArray:
    return field.StrictArray(Sealable(schema), required=False)


class LegalBasis(field.StrictSchema):
    """A ground on which the originator shares."""

    regime = field.word(words.Regime)
    article = field.free(100, lines=False)
    national_law = field.free(200, lines=False, required=False)
    art9_condition = field.free(300, lines=False, required=False)
    art10_condition = field.free(300, lines=False, required=False)
    source_legal_basis = field.part(SourceLegalBasis, required=False)
    transfer_tool = field.free(200, lines=False, required=False)
    necessity_note = field.free(300, required=False)


class Reporter(field.StrictSchema):
    """What may be known of who reported: never who it was."""

    anonymous = field.StrictBoolean(required=True)
    feedback_requested = field.StrictBoolean(required=True)


class Reference(field.StrictSchema):
    """The number of another file about the same matter."""

    id = field.uuid()
    scheme = field.word(words.REFERENCE_SCHEMES)
    value = field.StrictString(Validator(item_value.reference_fault))


class Hosting(field.StrictSchema):
    """Where an item was found to be hosted, at one moment; of several the last one counts."""

    ip = field.ip(required=False)
    country = field.territory()
    isp = field.free(200, lines=False, required=False)
    org = field.free(200, lines=False, required=False)
    as_number = field.StrictInteger(1, 2**32 - 1, required=False)
    is_cdn = field.StrictBoolean(required=False)
    registrar = field.free(200, lines=False, required=False)
    observed_at = field.moment()
    method = field.word(words.HOSTING_METHODS)


class Hash(field.StrictSchema):
    """A fingerprint of what was reported."""

    alg = field.word(words.HashAlgorithm)
    value = field.StrictString(up_to(item_value.LONGEST_ADDRESS, "is too long for a hash"))

    @validates_schema
    def _has_its_form(self, data: dict[str, Any], **_: Any) -> None:
        fault = item_value.hash_fault(data["alg"], data["value"])
        if fault:
            raise ValidationError(fault, "value")


class Online(field.StrictSchema):
    """What a check of an item found; ``checks`` is 0 when the word is somebody else's."""

    status = field.word(words.ONLINE_STATUSES)
    checked_at = field.moment()
    checks = field.StrictInteger(0, 10_000)


class Item(field.StrictSchema):
    """Something reported: metadata only."""

    id = field.uuid()
    kind = field.word(words.ItemKind)
    value = field.StrictString(up_to(item_value.LONGEST_ADDRESS, "is too long"))
    is_source = field.StrictBoolean(required=False)
    parent_item = field.uuid(required=False)
    referrer = field.StrictString(Validator(item_value.url_fault), required=False)
    site_type = field.word(words.SITE_TYPES, required=False)
    content_type = field.word(words.CONTENT_TYPES, required=False)
    commerciality = field.word(words.COMMERCIALITY, required=False)
    payment_method = field.words(words.PAYMENT_METHODS, required=False)
    hosting = field.parts(Hosting)
    hash = field.parts(Hash)
    online = field.parts(Online)
    marking = field.part(ElementMarking, required=False)

    @validates_schema
    def _value_fits_kind(self, data: dict[str, Any], **_: Any) -> None:
        listed = [fingerprint["value"] for fingerprint in data.get("hash", ())]
        if data["kind"] == words.ItemKind.HASH and data["value"] in listed:
            return
        fault = item_value.FAULTS[data["kind"]](data["value"])
        if fault:
            raise ValidationError(fault, "value")

    @validates_schema
    def _only_urls_are_sources(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("is_source") and data["kind"] != words.ItemKind.URL:
            raise ValidationError("must be left out: only a url item is a source", "is_source")


class Statement(field.StrictSchema):
    """A fact, or somebody's assessment: never both in one (LED Art. 7)."""

    id = field.uuid()
    kind = field.word(words.StatementKind)
    text = field.free(2000)
    language = field.language()
    made_by_role = field.word(words.STAFF_ROLES)
    made_at = field.moment()
    source_reliability = field.word(words.SourceEvaluation, required=False)
    information_accuracy = field.word(words.InformationEvaluation, required=False)
    content_warning = field.word(words.CONTENT_WARNINGS)
    marking = field.part(ElementMarking, required=False)

    @validates_schema
    def _assessments_are_evaluated(self, data: dict[str, Any], **_: Any) -> None:
        if data["kind"] == words.StatementKind.ASSESSMENT:
            _demand(
                data,
                ("source_reliability", "information_accuracy"),
                "is required for an assessment",
            )


class Subject(field.StrictSchema):
    """A person, without a name."""

    id = field.uuid()
    category = field.word(words.SubjectCategory)
    minor = field.word(words.YES_NO_UNKNOWN)
    age_group = field.word((*words.ICCAM_AGES, *words.AGE_BANDS), required=False)
    basis_statement = field.StrictArray(field.uuid(), least=1)
    qualified_by = field.slug(required=False)
    qualified_at = field.moment(required=False)
    marking = field.part(ElementMarking, required=False)

    @validates_schema
    def _qualified_by_somebody(self, data: dict[str, Any], **_: Any) -> None:
        if words.needs_led_regime(data["category"]):
            _demand(data, ("qualified_by", "qualified_at"), "is required for this category")


class Attributes(field.StrictSchema):
    """What a classification says beside its code."""

    age_group = field.word(words.ICCAM_AGES, required=False)
    gender = field.word(words.ICCAM_GENDERS, required=False)
    virtual = field.word(words.YES_NO_UNKNOWN, required=False)
    self_generated = field.word(words.YES_NO_UNKNOWN, required=False)
    ai_generated = field.word(words.YES_NO_UNKNOWN, required=False)
    child_modelling = field.word(words.YES_NO_UNKNOWN, required=False)
    live_stream = field.word(words.YES_NO_UNKNOWN, required=False)


ABOUT = 'must be the id of an item, or "case"'
"""What is wrong with the thing that a classification says to be about."""


class Classification(field.StrictSchema):
    """A code of one scheme; schemes stand beside each other and are never converted."""

    id = field.uuid()
    about = field.StrictString(
        Validator(lambda v: None if v == "case" else field.ANY_UUID.fault(v) and ABOUT)
    )
    scheme = field.scheme()
    scheme_version = field.free(20, lines=False, required=False)
    code = field.free(40, lines=False)
    assessor_role = field.word(words.STAFF_ROLES)
    assessed_at = field.moment()
    law_ref = field.free(100, lines=False, required=False)
    method = field.word(words.ClassificationMethod)
    confidence = field.StrictInteger(0, 100, required=False)
    supersedes = field.uuid(required=False)
    attributes = field.part(Attributes, required=False)
    marking = field.part(ElementMarking, required=False)

    @validates_schema
    def _code_is_of_scheme(self, data: dict[str, Any], **_: Any) -> None:
        codes = words.CODES.get(data["scheme"])
        if codes is not None and data["code"] not in codes:
            raise ValidationError("must be one of: " + ", ".join(sorted(codes)), "code")
        if data["scheme"] in words.VERSIONED_SCHEMES:
            _demand(data, ("scheme_version",), "is required: the scheme's codes need it")


def _demand(data: Mapping[str, Any], names: Iterable[str], sentence: str) -> None:
    missing = {name: [sentence] for name in names if name not in data}
    if missing:
        raise ValidationError(missing)


class CaseDocument(field.StrictSchema):
    """The whole case, one version of it."""

    case = field.uuid()
    version = field.StrictInteger(1, 1_000_000)
    previous = field.digest(required=False)
    originator_ref = field.free(100, lines=False)
    references = field.parts(Reference)
    received_at = field.moment()
    intake_channel = field.word(words.INTAKE_CHANNELS)
    reporter = field.part(Reporter)
    matter = field.words(words.Matter, least=1)
    urgency = field.word(words.Urgency)
    urgency_reason = field.word(words.URGENCY_REASONS, required=False)
    items = _sealable(Item)
    statements = _sealable(Statement)
    subjects = _sealable(Subject)
    classifications = field.parts(Classification)
    marking = field.part(CaseMarking)
    legal_basis = field.parts(LegalBasis, least=1, required=True)


CASE = CaseDocument()
"""Built once: making a schema costs more than using it."""

MAX_DEPTH = 12
MAX_ELEMENTS = 600
"""Elements of all arrays of a case together: a list of 500 hashes, and what it comes with."""

Error = tuple[str, str]
"""A JSON pointer (RFC 6901) and what is wrong there."""


class CaseInvalid(ValidationError):
    """The document breaks rules of its fields; ``errors`` holds all of them, by JSON pointer."""

    def __init__(self, errors: Iterable[Error]) -> None:
        """Sort the errors by place; as marshmallow's they join those of what the case is in."""
        self.errors = tuple(sorted(set(errors)))
        super().__init__([*self.errors])


def load_case(data: Any) -> dict[str, Any]:
    """Check parsed JSON against the profile and return it, its keys in the profile's order.

    Raises CaseInvalid. Who the caller is does not matter here: what only some organisations may
    write (`vocabulary.needs_led_regime`) is for the action to check.
    """
    return _load(data, None, _CHECKS)


def load_presented(data: Any) -> dict[str, Any]:
    """Likewise of a case of which another gateway presents a part: properties may be missing, and
    what refers to elements that are not shown; an element is whole, and R1 holds for all of it."""
    return _load(data, _WITHHELD, _CHECKS_OF_PARTS)


_WITHHELD = (
    *(one for one in (*PROPERTIES, *ARRAYS) if one not in MARKING_PROPERTIES),
    *(f"marking.{one}" for one in (*MARKING_PROPERTIES, "embargo.reason", "embargo.set_by")),
)
"""What a presentation may leave out."""


def _load(
    data: Any,
    withheld: tuple[str, ...] | None,
    checks: Iterable[Callable[["_Written"], Iterator[Error]]],
) -> dict[str, Any]:
    limits = list(_beyond_limits(data))
    if limits:
        raise CaseInvalid(limits)
    errors: list[Error] = []
    case: dict[str, Any] = {}
    try:
        case = CASE.load(data, partial=withheld)
    except ValidationError as refused:
        errors += field.pointed(refused.messages)
    if isinstance(data, Mapping):
        written = _Written(data)
        errors += (error for check in checks for error in check(written))
    if not errors:
        errors += media_errors(case)
    if errors:
        raise CaseInvalid(errors)
    return case


def _beyond_limits(data: object) -> Iterator[Error]:
    """Say that the document is too deep or too long, before anything recurses into it."""
    elements, depth, level = 0, 0, [data]
    while nested := [value for value in level if isinstance(value, (list, dict))]:
        depth += 1
        level = []
        for one in nested:
            if isinstance(one, list):
                elements += len(one)
                level += one
            else:
                level += one.values()
        if depth > MAX_DEPTH:
            yield "", f"is nested deeper than {MAX_DEPTH} levels"
        if elements > MAX_ELEMENTS:
            yield "", f"has more than {MAX_ELEMENTS} array elements"
        if depth > MAX_DEPTH or elements > MAX_ELEMENTS:
            return


# These look at the document as it came, so that a fault elsewhere hides nothing: whatever has not
# the expected shape is passed over here, for the schema names it.


_WITH_IDS = ("references", "items", "statements", "subjects", "classifications")


class _Written:
    """A case as it came, and the objects of its arrays, each with its pointer."""

    def __init__(self, case: Mapping[str, Any]) -> None:
        self.case = case
        self.elements = dict[str, list[tuple[str, Mapping[str, Any]]]]()
        for name in _WITH_IDS:
            array = case.get(name)
            self.elements[name] = [
                (f"/{name}/{index}", element)
                for index, element in enumerate(array if isinstance(array, list) else ())
                if isinstance(element, dict)
            ]
        self.ids = {name: {own for _, own, _ in self.texts(name, "id")} for name in _WITH_IDS}

    def texts(self, name: str, member: str) -> list[tuple[str, str, Mapping[str, Any]]]:
        """Return the texts of a member, in an array's objects: each with its pointer and object."""
        return [
            (f"{pointer}/{member}", text, element)
            for pointer, element in self.elements[name]
            if isinstance(text := element.get(member), str)
        ]


def _check_whole(written: _Written) -> Iterator[Error]:
    """A first version follows none, each other one; every version has something to say, and a
    source among its addresses: pages that were found apart are one each."""
    case = written.case
    first = case.get("version") == 1
    if first and "previous" in case:
        yield "/previous", "must be left out of version 1"
    if not first and isinstance(case.get("version"), int) and "previous" not in case:
        yield "/previous", "is required from version 2 on"
    if not case.get("items") and not case.get("statements"):
        yield "", "must have at least one item or one statement"
    items = (item for _, item in written.elements["items"])
    urls = [item for item in items if item.get("kind") == words.ItemKind.URL]
    if urls and not any(item.get("is_source") is True for item in urls):
        yield "/items", "must have a url item with is_source true"


def _check_ids(written: _Written) -> Iterator[Error]:
    case = written.case.get("case")
    seen = {case} if isinstance(case, str) else set()
    for name in _WITH_IDS:
        for pointer, own, _ in written.texts(name, "id"):
            if own in seen:
                yield pointer, "is used twice in this case"
            seen.add(own)


# Where an element names another: the array, its field, the array that the field points into.
_LINKS = (
    ("items", "parent_item", "items", "must be the id of an item of this case"),
    ("classifications", "about", "items", ABOUT),
    ("classifications", "supersedes", "classifications", "must be the id of a classification here"),
)


def _check_links(written: _Written) -> Iterator[Error]:
    for name, member, target, sentence in _LINKS:
        known = written.ids[target] | ({"case"} if member == "about" else set())
        for pointer, link, _ in written.texts(name, member):
            if link not in known:
                yield pointer, sentence
    known = written.ids["statements"]
    for pointer, subject in written.elements["subjects"]:
        basis = subject.get("basis_statement")
        for index, link in enumerate(basis if isinstance(basis, list) else ()):
            if isinstance(link, str) and link not in known:
                yield f"{pointer}/basis_statement/{index}", "must be the id of a statement here"


def _check_circles(written: _Written) -> Iterator[Error]:
    for name, member in (("items", "parent_item"), ("classifications", "supersedes")):
        links = written.texts(name, member)
        up = {e["id"]: link for _, link, e in links if isinstance(e.get("id"), str)}
        for pointer, _, element in links:
            if _returns(up, element.get("id")):
                yield pointer, "must not lead back to the element itself"


def _returns(up: Mapping[str, str], start: object) -> bool:
    if not isinstance(start, str):
        return False
    at, steps = up.get(start), 0
    while at is not None and at != start and steps <= len(up):
        at, steps = up.get(at), steps + 1
    return at == start


def _check_locks(written: _Written) -> Iterator[Error]:
    locked = {
        own
        for _, own, c in written.texts("classifications", "id")
        if words.is_final(str(c.get("scheme")), str(c.get("code")), str(c.get("method")))
    }
    for pointer, superseded, by in written.texts("classifications", "supersedes"):
        by_two = by.get("method") == words.ClassificationMethod.HUMAN_X2
        if superseded in locked and not by_two:
            why = "names a baseline that two persons stand for: two contest it (method human_x2)"
            yield pointer, why


def _check_perceptual(written: _Written) -> Iterator[Error]:
    """A perceptual hash travels under AMBER+STRICT at least."""
    for pointer, item in written.elements["items"]:
        hashes = item.get("hash")
        perceptual = any(
            isinstance(h, Mapping) and h.get("alg") in tuple(PERCEPTUAL)
            for h in (hashes if isinstance(hashes, list) else ())
        )
        if perceptual and max(_rank(written.case), _rank(item)) < tlp_rank(words.PERCEPTUAL_TLP):
            yield f"{pointer}/marking/tlp", f"must be {words.PERCEPTUAL_TLP} or RED for such a hash"


def _rank(part: Mapping[str, Any]) -> int:
    marking = part.get("marking")
    label = marking.get("tlp") if isinstance(marking, Mapping) else None
    return tlp_rank(label) if isinstance(label, str) and label in words.CASE_TLP else 0


def _check_handling_note(written: _Written) -> Iterator[Error]:
    """H3 means restrictions in words; they stand once, on the case."""
    marked = [written.case, *(e for found in written.elements.values() for _, e in found)]
    markings = [part["marking"] for part in marked if isinstance(part.get("marking"), Mapping)]
    codes = [m["handling"] for m in markings if isinstance(m.get("handling"), list)]
    noted = any("handling_note" in marking for marking in markings)
    if any(words.Handling.H3 in listed for listed in codes) and not noted:
        yield "/marking/handling_note", "is required with H3"


_CHECKS = (
    _check_whole,
    _check_ids,
    _check_links,
    _check_circles,
    _check_locks,
    _check_perceptual,
    _check_handling_note,
)
_CHECKS_OF_PARTS = (_check_ids, _check_circles, _check_perceptual)
