"""Which parts of a case a reader may have: one policy decision for each kind of part."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.domain.case import Element
from gateway.domain.decision import PolicyEntity, PolicyQuestion, Value, disclosure_entity
from gateway.domain.handoff import HandoffAnswer
from gateway.domain.measure import Measure, MeasureKind
from gateway.domain.organisation import Organisation
from gateway.domain.outcome import outcome_as_read
from gateway.domain.vocabulary import Marking, marking_of, strictest
from gateway.evidence import sd_jwt
from gateway.exchange.standing.case_version import elements, identity
from gateway.kernel.ports import Policy
from gateway.kernel.request import RequestContext, allows
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


def reads_acts_of(context: RequestContext, author: Organisation) -> bool:
    """Tell whether the caller reads what an organisation says of its own acts: by what law it keeps
    a case, what it did about an update (R5.answer)."""
    own = author.slug == context.caller.organisation
    return own or allows(context, context.entity(author), action="handoff.read_guarded")


PERSONS = frozenset({"by", "approved_by"})
"""What documents call the persons of their author."""


def shown_document(answer: HandoffAnswer, reader: str) -> str:
    """A document of a handoff, or an offer, as a party keeps it: the other's without persons."""
    if answer.author == reader:
        return answer.document
    document = sd_jwt.parse_stored(answer.document)
    digests = [one.digest for one in document.disclosures if one.name not in PERSONS]
    return document.present(digests).compact()


def outcome_for(
    author: Organisation,
    reader: Organisation,
    fields: Mapping[str, Any],
    measures: Iterable[Measure],
) -> tuple[str, Mapping[str, Any]]:
    """An outcome's code and fields as an organisation may read them (R5)."""
    embargoed = any(one.kind is MeasureKind.EMBARGO for one in measures)
    return outcome_as_read(
        fields,
        author_is_police="led" in author.regimes,
        reader_is_police="led" in reader.regimes,
        embargoed=embargoed and not reader.public_authority,
    )
