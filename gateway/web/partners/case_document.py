"""The case JSON as partners send it (profile ``casegate-case/1``): its rules, all errors at once.

Word lists are in `domain.vocabulary`, the forms of values in `domain.item_value`, R1 in
`domain.media`. Nothing is converted, filled in or spelt otherwise: originators sign what they
wrote. No message repeats a value, for messages end in logs.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, ClassVar

from marshmallow import Schema, ValidationError, fields, validates_schema

from gateway.domain.case import PERCEPTUAL, is_sealed
from gateway.domain.item_value import (
    FAULTS,
    LONGEST_ADDRESS,
    Fault,
    hash_fault,
    is_ip,
    reference_fault,
    unseen,
    url_fault,
)
from gateway.domain.marking import ONWARD, tlp_rank
from gateway.domain.media import find_media
from gateway.domain.organisation import SLUG
from gateway.domain.timestamp import parse_day, parse_moment
from gateway.domain.vocabulary import (
    CASE_TLP,
    CODES,
    PERCEPTUAL_TLP,
    SCHEME,
    VERSIONED_SCHEMES,
    Age,
    AgeBand,
    Answer,
    Attribution,
    Commerciality,
    ContentType,
    EmbargoReason,
    Gender,
    Graphic,
    Handling,
    HashAlgorithm,
    HostingMethod,
    InformationEvaluation,
    IntakeChannel,
    ItemKind,
    Matter,
    Method,
    National,
    OnlineStatus,
    PaymentMethod,
    PermittedActions,
    Purpose,
    ReferenceScheme,
    Regime,
    Role,
    SiteType,
    SourceEvaluation,
    StatementKind,
    SubjectCategory,
    Urgency,
    is_locked,
    needs_led_regime,
)
from gateway.evidence import seal
from gateway.evidence.base64url import DIGEST

MAX_DEPTH = 12
MAX_ELEMENTS = 500
"""Elements of all arrays of a case together."""

MAX_ERRORS = 100
"""Errors that one answer lists: enough to mend a document, too few to make answers a burden."""

Error = tuple[str, str]
"""A JSON pointer (RFC 6901) and what is wrong there."""


class CaseInvalid(Exception):
    """The document breaks rules of its fields; ``errors`` holds all of them, by JSON pointer."""

    def __init__(self, errors: Iterable[Error]) -> None:
        """Sort the errors by place and keep the first MAX_ERRORS."""
        found = sorted(set(errors))
        more = len(found) - MAX_ERRORS
        rest = (("", f"has {more} more errors"),) if more > 0 else ()
        self.errors = (*found[:MAX_ERRORS], *rest)
        super().__init__(f"{len(found)} errors in the case")


def load_case(data: object) -> dict[str, Any]:
    """Check parsed JSON against the profile and return it, its keys in the profile's order.

    Raises CaseInvalid. Who the caller is does not matter here: what only some organisations may
    write (`vocabulary.needs_led_regime`) is for the action to check.
    """
    limits = list(_beyond_limits(data))
    if limits:
        raise CaseInvalid(limits)
    errors: list[Error] = []
    case: dict[str, Any] = {}
    try:
        case = CASE.load(data)
    except ValidationError as refused:
        errors += _pointed(refused.messages)
    if isinstance(data, Mapping):
        errors += (error for check in _CHECKS for error in check(data))
    if errors:
        raise CaseInvalid(errors)
    return case


def _beyond_limits(data: object) -> Iterator[Error]:
    """Say that the document is too deep or too long, before anything recurses into it."""
    elements, depth, level = 0, 0, [data]
    while level:
        arrays = [value for value in level if isinstance(value, list)]
        objects = [value for value in level if isinstance(value, dict)]
        elements += sum(map(len, arrays))
        depth += 1 if arrays or objects else 0
        if depth > MAX_DEPTH:
            yield "", f"is nested deeper than {MAX_DEPTH} levels"
        if elements > MAX_ELEMENTS:
            yield "", f"has more than {MAX_ELEMENTS} array elements"
        if depth > MAX_DEPTH or elements > MAX_ELEMENTS:
            return
        level = [*chain.from_iterable(arrays), *chain.from_iterable(o.values() for o in objects)]


_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


def _pointed(messages: object, pointer: str = "") -> Iterator[Error]:
    """Flatten marshmallow's tree of messages; ``_schema`` is what is wrong with a whole object."""
    if isinstance(messages, Mapping):
        for name, inner in messages.items():
            # A name that no field of ours could have is a caller's text: it is not repeated.
            own = name == "_schema" or not _NAME.fullmatch(str(name))
            yield from _pointed(inner, pointer if own else f"{pointer}/{name}")
    elif isinstance(messages, list):
        for message in messages:
            yield pointer, str(message)


# --- kinds of field ---

_MESSAGES = {"required": "is required", "null": "must not be null"}


class Text(fields.String):
    """Text that one function judges; strings only, kept as given."""

    default_error_messages = _MESSAGES

    def __init__(self, fault: Fault, *, required: bool = True) -> None:
        """``fault`` says what is wrong with a value, or None."""
        super().__init__(required=required)
        self.fault = fault

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("must be text")
        fault = self.fault(value)
        if fault:
            raise ValidationError(fault)
        return value


class Whole(fields.Integer):
    """A whole number within bounds; the log and the signatures know no others."""

    default_error_messages = _MESSAGES

    def __init__(self, low: int, high: int, *, required: bool = True) -> None:
        """Both bounds are allowed values."""
        super().__init__(required=required)
        self.bounds = (low, high)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> int:
        low, high = self.bounds
        if type(value) is not int or not low <= value <= high:
            raise ValidationError(f"must be a whole number from {low} to {high}")
        return value


class Flag(fields.Boolean):
    """True or false, and no other spelling of them."""

    default_error_messages = _MESSAGES

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> bool:
        if type(value) is not bool:
            raise ValidationError("must be true or false")
        return value


class Array(fields.List):
    """An array; of texts, none twice."""

    default_error_messages = _MESSAGES

    def __init__(self, inner: fields.Field, *, least: int = 0, required: bool = True) -> None:
        """``least`` is the number of elements that must be there."""
        super().__init__(inner, required=required)
        self.least = least

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> list[Any]:
        if not isinstance(value, list):
            raise ValidationError("must be an array")
        if len(value) < self.least:
            raise ValidationError(f"must have at least {self.least} element")
        loaded = super()._deserialize(value, attr, data, **kwargs)
        if isinstance(self.inner, Text) and len(set(loaded)) < len(loaded):
            raise ValidationError("must not hold the same element twice")
        return loaded


class Part(Schema):
    """An object of the case: it has the fields named here and no others."""

    error_messages: ClassVar[dict[str, str]] = {
        "unknown": "is a field that the profile does not have",
        "type": "must be an object",
    }


def _part(schema: type[Part], *, required: bool = True) -> fields.Nested:
    return fields.Nested(schema(), required=required, error_messages=_MESSAGES)


def _parts(schema: type[Part], *, least: int = 0, required: bool = False) -> Array:
    return Array(_part(schema), least=least, required=required)


# --- faults of texts ---


def _among(words: Iterable[str]) -> Fault:
    known = tuple(str(word) for word in words)
    sentence = "must be one of: " + ", ".join(known)
    return lambda value: None if value in known else sentence


def _word(words: Iterable[str], *, required: bool = True) -> Text:
    return Text(_among(words), required=required)


def _words(words: Iterable[str], *, least: int = 0, required: bool = True) -> Array:
    return Array(_word(words), least=least, required=required)


def _like(pattern: str, sentence: str) -> Fault:
    form = re.compile(pattern, re.ASCII)
    return lambda value: None if form.fullmatch(value) else sentence


def _read_by(parse: Callable[[str], object], sentence: str) -> Fault:
    def fault(value: str) -> str | None:
        try:
            parse(value)
        except ValueError:
            return sentence
        return None

    return fault


_LINE_BREAKS = str.maketrans("", "", "\n\r\t")


def _free(longest: int, *, lines: bool = False) -> Fault:
    """Free text of up to ``longest`` characters, which R1 keeps from carrying a file."""

    def fault(value: str) -> str | None:
        if not value.strip():
            return "must not be empty"
        if len(value) > longest:
            return f"must have at most {longest} characters"
        if unseen(value.translate(_LINE_BREAKS) if lines else value):
            return "must not hold control characters or marks that turn the direction of text"
        return find_media(value)

    return fault


_id = _like(
    "[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    "must be a UUID in lower case",
)
_moment = _read_by(parse_moment, "must be a time with its offset, as 2026-01-02T03:04:05Z")
_day = _read_by(parse_day, "must be a date, as 2026-01-02")
_slug = _like(SLUG.pattern, "must be an organisation id, as hotline-a")
_country = _like("[A-Z]{2}", "must be a country code of two capitals (ISO 3166-1 alpha-2)")
_language = _like("[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,4}", "must be a language tag (BCP 47)")
_scheme = _like(SCHEME.pattern, "must be a classification scheme of the profile")


def _ip(value: str) -> str | None:
    return None if is_ip(value) else "must be an IP address in its shortest form"


def _tlp(value: str) -> str | None:
    if value == "CLEAR":
        return "must not be CLEAR: a case is never for everybody"
    return _among(CASE_TLP)(value)


def _national(value: str) -> str | None:
    if value == National.DIFFUSION_RESTREINTE:
        return "is refused: this gateway is not accredited for diffusion_restreinte"
    return _among(National)(value)


# --- the parts of a case ---


class ElementMarking(Part):
    """What an element adds to the marking of its case; the strictest of both holds."""

    tlp = Text(_tlp, required=False)
    handling = _words(Handling, required=False)


class Embargo(Part):
    """Police first, until a day (R7): ``until`` is the first day without it."""

    no_notice_to_host = Flag(required=True)
    no_publication = Flag(required=True)
    until = Text(_day)
    reason = _word(EmbargoReason)
    set_by = Text(_slug)

    @validates_schema
    def _forbids_something(self, data: dict[str, Any], **_: Any) -> None:
        if not (data["no_notice_to_host"] or data["no_publication"]):
            raise ValidationError("must forbid a notice to the host, a publication, or both")


class CaseMarking(Part):
    """How recipients may handle the case (model.md 2.6)."""

    tlp = Text(_tlp)
    handling = _words(Handling)
    handling_note = Text(_free(500, lines=True), required=False)
    national = Text(_national, required=False)
    permitted_actions = _word(PermittedActions)
    attribution = _word(Attribution)
    release_to = Array(Text(_slug))
    onward = _word(ONWARD)
    embargo = _part(Embargo, required=False)
    review_on = Text(_day, required=False)
    erase_on = Text(_day)
    retention_rule = Text(_free(100), required=False)
    purpose = _words(Purpose, least=1)

    @validates_schema
    def _hangs_together(self, data: dict[str, Any], **_: Any) -> None:
        errors = {}
        if data["onward"] == "listed_only" and not data["release_to"]:
            errors["release_to"] = ["must name somebody when onward is listed_only"]
        if data.get("review_on", "") > data["erase_on"]:
            errors["review_on"] = ["must not be after erase_on"]
        if errors:
            raise ValidationError(errors)


class SourceLegalBasis(Part):
    """What let the source collect the content, and when that was so."""

    text = Text(_free(500, lines=True))
    dated = Text(_day)


def _seal(value: str) -> str | None:
    try:
        seal.key_id(value)
    except seal.SealError as error:
        return f"is no seal that this profile takes: {error}"
    return None


class SealedElement(Part):
    """An element that only one organisation can open (R17): what can be told from outside."""

    id = Text(_id)
    sealed_to = Text(_slug)
    sealed = Text(_seal)


SEALED = SealedElement()


class Sealable(fields.Nested):
    """An element as its schema has it, or sealed to one organisation."""

    def __init__(self, schema: type[Part]) -> None:
        """``schema`` is that of the element when it is not sealed."""
        super().__init__(schema(), required=True, error_messages=_MESSAGES)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        if is_sealed(value):
            return SEALED.load(value)
        return super()._deserialize(value, attr, data, **kwargs)


def _sealable(schema: type[Part]) -> Array:
    return Array(Sealable(schema), required=False)


class LegalBasis(Part):
    """A ground on which the originator shares (model.md 2.7)."""

    regime = _word(Regime)
    article = Text(_free(100))
    national_law = Text(_free(200), required=False)
    art10_condition = Text(_free(300), required=False)
    source_legal_basis = _part(SourceLegalBasis, required=False)
    transfer_tool = Text(_free(200), required=False)
    necessity_note = Text(_free(300, lines=True), required=False)


class Reporter(Part):
    """What may be known of who reported: never who it was."""

    anonymous = Flag(required=True)
    wants_feedback = Flag(required=True)


class Reference(Part):
    """The number of another file about the same matter."""

    id = Text(_id)
    scheme = _word(ReferenceScheme)
    value = Text(reference_fault)


class Hosting(Part):
    """Where an item was found to be hosted, at one moment; of several the last one counts."""

    ip = Text(_ip, required=False)
    country = Text(_country)
    isp = Text(_free(200), required=False)
    org = Text(_free(200), required=False)
    as_number = Whole(1, 2**32 - 1, required=False)
    is_cdn = Flag(required=False)
    registrar = Text(_free(200), required=False)
    observed_at = Text(_moment)
    method = _word(HostingMethod)


class Hash(Part):
    """A fingerprint of what was reported."""

    alg = _word(HashAlgorithm)
    value = Text(lambda value: None if len(value) <= LONGEST_ADDRESS else "is too long for a hash")

    @validates_schema
    def _has_its_form(self, data: dict[str, Any], **_: Any) -> None:
        fault = hash_fault(data["alg"], data["value"])
        if fault:
            raise ValidationError(fault, "value")


class Online(Part):
    """What a check of an item found; ``checks`` is 0 when the word is somebody else's."""

    status = _word(OnlineStatus)
    checked_at = Text(_moment)
    checks = Whole(0, 10_000)


class Item(Part):
    """Something reported: metadata only (model.md 2.3)."""

    id = Text(_id)
    kind = _word(ItemKind)
    value = Text(lambda value: None if len(value) <= LONGEST_ADDRESS else "is too long")
    is_source = Flag(required=False)
    parent_item = Text(_id, required=False)
    referrer = Text(url_fault, required=False)
    site_type = _word(SiteType, required=False)
    content_type = _word(ContentType, required=False)
    commerciality = _word(Commerciality, required=False)
    payment_method = _words(PaymentMethod, required=False)
    hosting = _parts(Hosting)
    hash = _parts(Hash)
    online = _parts(Online)
    marking = _part(ElementMarking, required=False)

    @validates_schema
    def _value_fits_kind(self, data: dict[str, Any], **_: Any) -> None:
        listed = [fingerprint["value"] for fingerprint in data.get("hash", ())]
        if data["kind"] == ItemKind.HASH and data["value"] in listed:
            return
        fault = FAULTS[data["kind"]](data["value"])
        if fault:
            raise ValidationError(fault, "value")

    @validates_schema
    def _only_urls_are_sources(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("is_source") and data["kind"] != ItemKind.URL:
            raise ValidationError("must be left out: only a url item is a source", "is_source")


class Statement(Part):
    """A fact, or somebody's assessment: never both in one (LED Art. 7)."""

    id = Text(_id)
    kind = _word(StatementKind)
    text = Text(_free(2000, lines=True))
    language = Text(_language)
    made_by_role = _word(Role)
    made_at = Text(_moment)
    source_eval = _word(SourceEvaluation, required=False)
    info_eval = _word(InformationEvaluation, required=False)
    graphic = _word(Graphic)
    marking = _part(ElementMarking, required=False)

    @validates_schema
    def _assessments_are_evaluated(self, data: dict[str, Any], **_: Any) -> None:
        if data["kind"] == StatementKind.ASSESSMENT:
            _demand(data, ("source_eval", "info_eval"), "is required for an assessment")


class Subject(Part):
    """A person, without a name (model.md 2.5)."""

    id = Text(_id)
    category = _word(SubjectCategory)
    minor = _word(Answer)
    age_group = _word((*Age, *AgeBand), required=False)
    basis_statement = Array(Text(_id), least=1)
    qualified_by = Text(_slug, required=False)
    qualified_at = Text(_moment, required=False)
    marking = _part(ElementMarking, required=False)

    @validates_schema
    def _qualified_by_somebody(self, data: dict[str, Any], **_: Any) -> None:
        if needs_led_regime(data["category"]):
            _demand(data, ("qualified_by", "qualified_at"), "is required for this category")


class Attributes(Part):
    """What a classification says beside its code."""

    age_group = _word(Age, required=False)
    gender = _word(Gender, required=False)
    virtual = _word(Answer, required=False)
    self_generated = _word(Answer, required=False)
    ai_generated = _word(Answer, required=False)
    child_modelling = _word(Answer, required=False)
    live_stream = _word(Answer, required=False)


class Classification(Part):
    """A code of one scheme; schemes stand beside each other and are never converted."""

    id = Text(_id)
    about = Text(lambda value: None if value == "case" else _id(value) and _ABOUT)
    scheme = Text(_scheme)
    scheme_version = Text(_free(20), required=False)
    code = Text(_free(40))
    assessor_role = _word(Role)
    assessed_at = Text(_moment)
    law_ref = Text(_free(100), required=False)
    method = _word(Method)
    confidence = Whole(0, 100, required=False)
    supersedes = Text(_id, required=False)
    attributes = _part(Attributes, required=False)
    marking = _part(ElementMarking, required=False)

    @validates_schema
    def _code_is_of_scheme(self, data: dict[str, Any], **_: Any) -> None:
        codes = CODES.get(data["scheme"])
        if codes is not None and data["code"] not in codes:
            raise ValidationError("must be one of: " + ", ".join(sorted(codes)), "code")
        if data["scheme"] in VERSIONED_SCHEMES:
            _demand(data, ("scheme_version",), "is required: the scheme's codes need it")


_ABOUT = 'must be the id of an item, or "case"'


def _demand(data: Mapping[str, Any], names: Iterable[str], sentence: str) -> None:
    missing = {name: [sentence] for name in names if name not in data}
    if missing:
        raise ValidationError(missing)


class CaseDocument(Part):
    """The whole case, one version of it."""

    case = Text(_id)
    version = Whole(1, 1_000_000)
    prev = Text(
        lambda value: None if DIGEST.fullmatch(value) else "must be a SHA-256 in base64url",
        required=False,
    )
    originator_ref = Text(_free(100))
    references = _parts(Reference)
    received_at = Text(_moment)
    intake_channel = _word(IntakeChannel)
    reporter = _part(Reporter)
    matter = _words(Matter, least=1)
    urgency = _word(Urgency)
    items = _sealable(Item)
    statements = _sealable(Statement)
    subjects = _sealable(Subject)
    classifications = _parts(Classification)
    marking = _part(CaseMarking)
    legal_basis = _parts(LegalBasis, least=1, required=True)


CASE = CaseDocument()
"""Built once: making a schema costs more than using it."""


# --- what holds between the parts ---
# These look at the document as it came, so that a fault elsewhere hides nothing: whatever has not
# the expected shape is passed over here, for the schema names it.


def _elements(case: Mapping[str, Any], name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the objects of one array, each with its pointer."""
    array = case.get(name)
    for index, element in enumerate(array if isinstance(array, list) else ()):
        if isinstance(element, Mapping):
            yield f"/{name}/{index}", element


def _ids(case: Mapping[str, Any], name: str) -> set[str]:
    return {e["id"] for _, e in _elements(case, name) if isinstance(e.get("id"), str)}


def _check_version(case: Mapping[str, Any]) -> Iterator[Error]:
    first = case.get("version") == 1
    if first and "prev" in case:
        yield "/prev", "must be left out of version 1"
    if not first and isinstance(case.get("version"), int) and "prev" not in case:
        yield "/prev", "is required from version 2 on"


def _check_content(case: Mapping[str, Any]) -> Iterator[Error]:
    if not case.get("items") and not case.get("statements"):
        yield "", "must have at least one item or one statement"


_WITH_IDS = ("references", "items", "statements", "subjects", "classifications")


def _check_ids(case: Mapping[str, Any]) -> Iterator[Error]:
    seen = {case.get("case")} if isinstance(case.get("case"), str) else set()
    for name in _WITH_IDS:
        for pointer, element in _elements(case, name):
            own = element.get("id")
            if isinstance(own, str) and own in seen:
                yield f"{pointer}/id", "is used twice in this case"
            seen |= {own} if isinstance(own, str) else set()


# Where an element names another: the array, its field, the array that the field points into.
_LINKS = (
    ("items", "parent_item", "items", "must be the id of an item of this case"),
    ("classifications", "about", "items", _ABOUT),
    ("classifications", "supersedes", "classifications", "must be the id of a classification here"),
)


def _check_links(case: Mapping[str, Any]) -> Iterator[Error]:
    for name, field, target, sentence in _LINKS:
        known = _ids(case, target) | ({"case"} if field == "about" else set())
        for pointer, element in _elements(case, name):
            link = element.get(field)
            if isinstance(link, str) and link not in known:
                yield f"{pointer}/{field}", sentence
    known = _ids(case, "statements")
    for pointer, subject in _elements(case, "subjects"):
        basis = subject.get("basis_statement")
        for index, link in enumerate(basis if isinstance(basis, list) else ()):
            if isinstance(link, str) and link not in known:
                yield f"{pointer}/basis_statement/{index}", "must be the id of a statement here"


def _check_circles(case: Mapping[str, Any]) -> Iterator[Error]:
    for name, field in (("items", "parent_item"), ("classifications", "supersedes")):
        up = {
            e["id"]: e[field]
            for _, e in _elements(case, name)
            if isinstance(e.get("id"), str) and isinstance(e.get(field), str)
        }
        for pointer, element in _elements(case, name):
            if _returns(up, element.get("id")):
                yield f"{pointer}/{field}", "must not lead back to the element itself"


def _returns(up: Mapping[str, str], start: object) -> bool:
    if not isinstance(start, str):
        return False
    at, steps = up.get(start), 0
    while at is not None and at != start and steps <= len(up):
        at, steps = up.get(at), steps + 1
    return at == start


def _check_locks(case: Mapping[str, Any]) -> Iterator[Error]:
    locked = {
        c["id"]
        for _, c in _elements(case, "classifications")
        if isinstance(c.get("id"), str)
        and is_locked(str(c.get("scheme")), str(c.get("code")), str(c.get("method")))
    }
    for pointer, classification in _elements(case, "classifications"):
        superseded = classification.get("supersedes")
        if isinstance(superseded, str) and superseded in locked:
            yield f"{pointer}/supersedes", "must not name a baseline that two persons stand for"


def _check_source(case: Mapping[str, Any]) -> Iterator[Error]:
    urls = [(p, item) for p, item in _elements(case, "items") if item.get("kind") == ItemKind.URL]
    sources = [pointer for pointer, item in urls if item.get("is_source") is True]
    if urls and not sources:
        yield "/items", "must have one url item with is_source true"
    for pointer in sources[1:]:
        yield f"{pointer}/is_source", "must not be true: another url item is the source"


def _check_perceptual(case: Mapping[str, Any]) -> Iterator[Error]:
    """A perceptual hash travels under AMBER+STRICT at least (model.md 2.3)."""
    for pointer, item in _elements(case, "items"):
        hashes = item.get("hash")
        perceptual = any(
            isinstance(h, Mapping) and h.get("alg") in tuple(PERCEPTUAL)
            for h in (hashes if isinstance(hashes, list) else ())
        )
        labels = [_label(case), _label(item)]
        if perceptual and max(map(_rank, labels)) < tlp_rank(PERCEPTUAL_TLP):
            yield f"{pointer}/marking/tlp", f"must be {PERCEPTUAL_TLP} or RED for such a hash"


def _label(part: Mapping[str, Any]) -> object:
    marking = part.get("marking")
    return marking.get("tlp") if isinstance(marking, Mapping) else None


def _rank(label: object) -> int:
    return tlp_rank(label) if isinstance(label, str) and label in CASE_TLP else 0


def _check_handling_note(case: Mapping[str, Any]) -> Iterator[Error]:
    """H3 means restrictions in words; they stand once, on the case."""
    marked = [case, *(e for name in _WITH_IDS for _, e in _elements(case, name))]
    markings = [part["marking"] for part in marked if isinstance(part.get("marking"), Mapping)]
    codes = [m["handling"] for m in markings if isinstance(m.get("handling"), list)]
    noted = any("handling_note" in marking for marking in markings)
    if any(Handling.H3 in listed for listed in codes) and not noted:
        yield "/marking/handling_note", "is required with H3"


_CHECKS = (
    _check_version,
    _check_content,
    _check_ids,
    _check_links,
    _check_circles,
    _check_locks,
    _check_source,
    _check_perceptual,
    _check_handling_note,
)
