"""Which parts of a case a reader may have: one policy decision for each kind of part."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.domain.answers import AnswerKind
from gateway.domain.case import Element
from gateway.domain.decision import PolicyEntity, PolicyQuestion, Value, disclosure_entity
from gateway.domain.handoff import HandoffAnswer, recall_answer_as_read
from gateway.domain.measure import Measure, MeasureKind
from gateway.domain.organisation import Organisation, OrganisationName
from gateway.domain.outcome import outcome_as_read
from gateway.domain.standing import Standing
from gateway.domain.vocabulary import Marking, marking_of, strictest
from gateway.evidence import sd_jwt
from gateway.exchange.standing.case_version import elements, identity
from gateway.kernel.ports import Policy
from gateway.kernel.request import RequestContext
from gateway.kernel.values import CaseVersion


@dataclass(frozen=True)
class Reader:
    """Who would read: the organisation, the mandate by which it was addressed, for what.

    ``read_access`` tells that a succession lets it read on though that mandate has moved;
    ``reason_code`` why it consults, empty for an offer. ``confirmed`` are the digests of what two
    persons named one by one; None of what was offered already.
    """

    organisation: PolicyEntity
    competence: str | None
    purpose: Iterable[str]
    read_access: bool = False
    reason_code: str = ""
    confirmed: frozenset[str] | None = None


def select_disclosures(
    policy: Policy,
    parts: Mapping[str, Element],
    originator: PolicyEntity,
    reader: Reader,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split ``parts`` (by digest) into the digests permitted and the groups withheld in part.

    Asks once for each distinct set of attributes, never once for each element.
    """
    facts: dict[str, Value] = {
        "purpose": frozenset(reader.purpose),
        "competence": reader.competence or "",
        "read_access": reader.read_access,
        "reason": reader.reason_code,
    }
    answers: dict[tuple[str, str, Marking, str | None, bool, frozenset[str], bool], bool] = {}
    permitted_disclosures, withheld = [], set()
    for digest, part in parts.items():
        confirmed = reader.confirmed is None or digest in reader.confirmed
        kind = (
            part.group,
            part.category,
            part.marking,
            part.sealed_to,
            part.perceptual,
            part.measures,
            confirmed,
        )
        permitted = answers.get(kind)
        if permitted is None:
            resource = disclosure_entity(part, originator, reader.organisation.id)
            asked = {**facts, "confirmed": confirmed}
            question = PolicyQuestion(reader.organisation, "case.disclose", resource, asked)
            permitted = answers[kind] = policy.decide(question).allowed
        if permitted:
            permitted_disclosures.append(digest)
        else:
            withheld.add(part.group)
    return tuple(sorted(permitted_disclosures)), tuple(sorted(withheld))


def with_strictest_marking(
    offered: CaseVersion,
    current: CaseVersion,
    originator: Organisation,
    measures: Sequence[Measure] = (),
) -> dict[str, Element]:
    """The parts of the version ``offered``, each under the strictest of its markings: its own
    and those of the same element, or else of the whole case, in the ``current`` version."""
    now = elements(current.said, originator)
    markings = {identity(part): now[part.digest].marking for part in current.said.placed}
    case = marking_of(current.said.claims)
    parts = elements(offered.said, originator, measures)
    return {
        part.digest: parts[part.digest]._replace(
            marking=strictest((parts[part.digest].marking, markings.get(identity(part), case))),
        )
        for part in offered.said.placed
    }


PERSONS = frozenset({"by", "approved_by"})
"""What documents call the persons of their author."""


def shown_document(answer: HandoffAnswer, reader: str) -> str:
    """A document of a handoff, or an offer, as a party keeps it: the other's without persons."""
    if answer.author == reader:
        return answer.document
    document = sd_jwt.parse_stored(answer.document)
    digests = [one.digest for one in document.disclosures if one.name not in PERSONS]
    return document.present(digests).compact()


def answer_as_read(
    context: RequestContext,
    kind: AnswerKind,
    fields: Mapping[str, Any],
    measures: Iterable[Measure],
    *,
    author: str,
    reader: str,
    shown: str | None = None,
) -> tuple[str | None, Mapping[str, Any]]:
    """Return the code as which an answer to a handoff is read, if it has one, and those of its
    fields that are read: within R5, and while an embargo holds what the kind's row leaves to who is
    no public authority (R7). The code of a remote member's outcome is as its own gateway ``shown``
    it; of the fields that this disclosed no others are read than of a member's here.
    """
    if reader == author:
        return None, fields
    by, to = context.require(author), context.require(reader)
    embargoed = not to.public_authority and any(one.kind is MeasureKind.EMBARGO for one in measures)
    is_remote = OrganisationName(author).peer is not None
    if is_remote and shown is not None and kind.name in _CODES:
        fields = {_CODES[kind.name]: shown, **fields}  # where its document withholds it
    code, read = _within_r5(context, kind, fields, by, to, embargoed=embargoed)
    if embargoed:
        read = {name: value for name, value in read.items() if name in kind.under_embargo}
    elif is_remote and kind.name == "outcome":
        code = shown
    return code, read


def _within_r5(
    context: RequestContext,
    kind: AnswerKind,
    fields: Mapping[str, Any],
    author: Organisation,
    reader: Organisation,
    *,
    embargoed: bool,
) -> tuple[str | None, Mapping[str, Any]]:
    """Return the code and the fields that R5 leaves a reader; an embargo takes from both."""
    if kind.name == "outcome" and ("code" in fields or OrganisationName(author.slug).peer):
        return outcome_as_read(
            fields,
            author_is_police="led" in author.regimes,
            reader_is_police="led" in reader.regimes,
            embargoed=embargoed,
        )
    if kind.name == "recall_answer" and "done" in fields:
        reads_all = not embargoed and _reads_acts(context, author, reader)
        return recall_answer_as_read(fields, reads_all=reads_all)
    if any(one.guarded for one in kind.fields) and not _reads_acts(context, author, reader):
        guarded = {one.name for one in kind.fields if one.guarded}
        return None, {name: value for name, value in fields.items() if name not in guarded}
    return None, fields


def arriving(
    context: RequestContext,
    standing: Standing,
    kind: AnswerKind,
    fields: Mapping[str, Any],
    shown: str | None = None,
) -> Mapping[str, Any]:
    """Return the fields by which an answer arrives at the other party, as that reads them."""
    parties = standing.handoff.originator, standing.handoff.recipient
    author, reader = kind.author.of(*parties), kind.author.of(*parties[::-1])
    code, read = answer_as_read(
        context, kind, fields, standing.measures, author=author, reader=reader, shown=shown
    )
    return read if code is None else {**read, "code": code}


_CODES = {"outcome": "code", "recall_answer": "done"}
"""The field that is the code of an answer, by kind."""


def _reads_acts(context: RequestContext, author: Organisation, reader: Organisation) -> bool:
    """Tell whether one reads what the other says of its own acts: by what law it keeps a case, what
    it did about an update (R5.answer)."""
    asked = context.entity(reader), "handoff.read_guarded", context.entity(author)
    return context.ports.policy.decide(PolicyQuestion(*asked, {})).allowed
