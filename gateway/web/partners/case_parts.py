"""The parts of a case as partners send it (profile ``casegate-case/1``), field by field."""

from collections.abc import Iterable, Mapping
from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from gateway.domain.case import is_sealed
from gateway.domain.item_value import (
    FAULTS,
    LONGEST_ADDRESS,
    hash_fault,
    reference_fault,
    url_fault,
)
from gateway.domain.marking import ONWARD
from gateway.domain.vocabulary import (
    CODES,
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
    needs_led_regime,
)
from gateway.evidence import seal
from gateway.evidence.base64url import DIGEST
from gateway.web.partners import faults
from gateway.web.partners.kinds import (
    MESSAGES,
    Array,
    Flag,
    Part,
    Text,
    Whole,
    part,
    parts,
    word,
    words,
)


class ElementMarking(Part):
    """What an element adds to the marking of its case; the strictest of both holds."""

    tlp = Text(faults.tlp, required=False)
    handling = words(Handling, required=False)


class Embargo(Part):
    """Police first, until a day (R7): ``until`` is the first day without it."""

    no_notice_to_host = Flag(required=True)
    no_publication = Flag(required=True)
    until = Text(faults.day)
    reason = word(EmbargoReason)
    set_by = Text(faults.slug)

    @validates_schema
    def _forbids_something(self, data: dict[str, Any], **_: Any) -> None:
        if not (data["no_notice_to_host"] or data["no_publication"]):
            raise ValidationError("must forbid a notice to the host, a publication, or both")


class CaseMarking(Part):
    """How recipients may handle the case (model.md 2.6)."""

    tlp = Text(faults.tlp)
    handling = words(Handling)
    handling_note = Text(faults.free(500, lines=True), required=False)
    national = Text(faults.national, required=False)
    permitted_actions = word(PermittedActions)
    attribution = word(Attribution)
    release_to = Array(Text(faults.slug))
    onward = word(ONWARD)
    embargo = part(Embargo, required=False)
    review_on = Text(faults.day, required=False)
    erase_on = Text(faults.day)
    retention_rule = Text(faults.free(100), required=False)
    purpose = words(Purpose, least=1)

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

    text = Text(faults.free(500, lines=True))
    dated = Text(faults.day)


def _seal(value: str) -> str | None:
    try:
        seal.key_id(value)
    except seal.SealError as error:
        return f"is no seal that this profile takes: {error}"
    return None


class SealedElement(Part):
    """An element that only one organisation can open (R17): what can be told from outside."""

    id = Text(faults.identifier)
    sealed_to = Text(faults.slug)
    sealed = Text(_seal)


SEALED = SealedElement()


class Sealable(fields.Nested):
    """An element as its schema has it, or sealed to one organisation."""

    def __init__(self, schema: type[Part]) -> None:
        """``schema`` is that of the element when it is not sealed."""
        super().__init__(schema(), required=True, error_messages=MESSAGES)

    def _deserialize(
        self, value: Any, attr: Any, data: Any, partial: Any = None, **kwargs: Any
    ) -> Any:
        if is_sealed(value):
            return SEALED.load(value)
        return super()._deserialize(value, attr, data, partial, **kwargs)


def _sealable(schema: type[Part]) -> Array:
    return Array(Sealable(schema), required=False)


class LegalBasis(Part):
    """A ground on which the originator shares (model.md 2.7)."""

    regime = word(Regime)
    article = Text(faults.free(100))
    national_law = Text(faults.free(200), required=False)
    art10_condition = Text(faults.free(300), required=False)
    source_legal_basis = part(SourceLegalBasis, required=False)
    transfer_tool = Text(faults.free(200), required=False)
    necessity_note = Text(faults.free(300, lines=True), required=False)


class Reporter(Part):
    """What may be known of who reported: never who it was."""

    anonymous = Flag(required=True)
    wants_feedback = Flag(required=True)


class Reference(Part):
    """The number of another file about the same matter."""

    id = Text(faults.identifier)
    scheme = word(ReferenceScheme)
    value = Text(reference_fault)


class Hosting(Part):
    """Where an item was found to be hosted, at one moment; of several the last one counts."""

    ip = Text(faults.ip, required=False)
    country = Text(faults.country)
    isp = Text(faults.free(200), required=False)
    org = Text(faults.free(200), required=False)
    as_number = Whole(1, 2**32 - 1, required=False)
    is_cdn = Flag(required=False)
    registrar = Text(faults.free(200), required=False)
    observed_at = Text(faults.moment)
    method = word(HostingMethod)


class Hash(Part):
    """A fingerprint of what was reported."""

    alg = word(HashAlgorithm)
    value = Text(lambda value: None if len(value) <= LONGEST_ADDRESS else "is too long for a hash")

    @validates_schema
    def _has_its_form(self, data: dict[str, Any], **_: Any) -> None:
        fault = hash_fault(data["alg"], data["value"])
        if fault:
            raise ValidationError(fault, "value")


class Online(Part):
    """What a check of an item found; ``checks`` is 0 when the word is somebody else's."""

    status = word(OnlineStatus)
    checked_at = Text(faults.moment)
    checks = Whole(0, 10_000)


class Item(Part):
    """Something reported: metadata only (model.md 2.3)."""

    id = Text(faults.identifier)
    kind = word(ItemKind)
    value = Text(lambda value: None if len(value) <= LONGEST_ADDRESS else "is too long")
    is_source = Flag(required=False)
    parent_item = Text(faults.identifier, required=False)
    referrer = Text(url_fault, required=False)
    site_type = word(SiteType, required=False)
    content_type = word(ContentType, required=False)
    commerciality = word(Commerciality, required=False)
    payment_method = words(PaymentMethod, required=False)
    hosting = parts(Hosting)
    hash = parts(Hash)
    online = parts(Online)
    marking = part(ElementMarking, required=False)

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

    id = Text(faults.identifier)
    kind = word(StatementKind)
    text = Text(faults.free(2000, lines=True))
    language = Text(faults.language)
    made_by_role = word(Role)
    made_at = Text(faults.moment)
    source_eval = word(SourceEvaluation, required=False)
    info_eval = word(InformationEvaluation, required=False)
    graphic = word(Graphic)
    marking = part(ElementMarking, required=False)

    @validates_schema
    def _assessments_are_evaluated(self, data: dict[str, Any], **_: Any) -> None:
        if data["kind"] == StatementKind.ASSESSMENT:
            _demand(data, ("source_eval", "info_eval"), "is required for an assessment")


class Subject(Part):
    """A person, without a name (model.md 2.5)."""

    id = Text(faults.identifier)
    category = word(SubjectCategory)
    minor = word(Answer)
    age_group = word((*Age, *AgeBand), required=False)
    basis_statement = Array(Text(faults.identifier), least=1)
    qualified_by = Text(faults.slug, required=False)
    qualified_at = Text(faults.moment, required=False)
    marking = part(ElementMarking, required=False)

    @validates_schema
    def _qualified_by_somebody(self, data: dict[str, Any], **_: Any) -> None:
        if needs_led_regime(data["category"]):
            _demand(data, ("qualified_by", "qualified_at"), "is required for this category")


class Attributes(Part):
    """What a classification says beside its code."""

    age_group = word(Age, required=False)
    gender = word(Gender, required=False)
    virtual = word(Answer, required=False)
    self_generated = word(Answer, required=False)
    ai_generated = word(Answer, required=False)
    child_modelling = word(Answer, required=False)
    live_stream = word(Answer, required=False)


class Classification(Part):
    """A code of one scheme; schemes stand beside each other and are never converted."""

    id = Text(faults.identifier)
    about = Text(lambda value: None if value == "case" else faults.identifier(value) and ABOUT)
    scheme = Text(faults.scheme)
    scheme_version = Text(faults.free(20), required=False)
    code = Text(faults.free(40))
    assessor_role = word(Role)
    assessed_at = Text(faults.moment)
    law_ref = Text(faults.free(100), required=False)
    method = word(Method)
    confidence = Whole(0, 100, required=False)
    supersedes = Text(faults.identifier, required=False)
    attributes = part(Attributes, required=False)
    marking = part(ElementMarking, required=False)

    @validates_schema
    def _code_is_of_scheme(self, data: dict[str, Any], **_: Any) -> None:
        codes = CODES.get(data["scheme"])
        if codes is not None and data["code"] not in codes:
            raise ValidationError("must be one of: " + ", ".join(sorted(codes)), "code")
        if data["scheme"] in VERSIONED_SCHEMES:
            _demand(data, ("scheme_version",), "is required: the scheme's codes need it")


ABOUT = 'must be the id of an item, or "case"'
"""What is wrong with the thing that a classification says to be about."""


def _demand(data: Mapping[str, Any], names: Iterable[str], sentence: str) -> None:
    missing = {name: [sentence] for name in names if name not in data}
    if missing:
        raise ValidationError(missing)


class CaseDocument(Part):
    """The whole case, one version of it."""

    case = Text(faults.identifier)
    version = Whole(1, 1_000_000)
    prev = Text(
        lambda value: None if DIGEST.fullmatch(value) else "must be a SHA-256 in base64url",
        required=False,
    )
    originator_ref = Text(faults.free(100))
    references = parts(Reference)
    received_at = Text(faults.moment)
    intake_channel = word(IntakeChannel)
    reporter = part(Reporter)
    matter = words(Matter, least=1)
    urgency = word(Urgency)
    items = _sealable(Item)
    statements = _sealable(Statement)
    subjects = _sealable(Subject)
    classifications = parts(Classification)
    marking = part(CaseMarking)
    legal_basis = parts(LegalBasis, least=1, required=True)


CASE = CaseDocument()
"""Built once: making a schema costs more than using it."""
