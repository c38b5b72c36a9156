"""The member's own cases: submit, take steps, read, consult, recall."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Self, TypedDict, Unpack, cast
from urllib.parse import quote, urlencode
from uuid import UUID

from gateway.client import documents, evidence_checks
from gateway.client.confirmed_log import ConfirmedLog
from gateway.client.connection import PartnerConnection
from gateway.client.documents import require
from gateway.client.errors import (
    ClientError,
    InvalidArgument,
    InvalidCase,
    RequestRefused,
    UnknownReference,
    raising,
)
from gateway.client.local_state import ReadPublicTile
from gateway.client.session import ConfirmedWrite, Ended, NewWrite, Session, list_of, spelled
from gateway.client.signing import DocumentSigner
from gateway.domain.case import case_from_claims
from gateway.domain.handoff import RecallCode
from gateway.domain.organisation import SLUG
from gateway.domain.steps import STEPS, ids_in
from gateway.evidence import declarations, handoff_documents, sd_jwt
from gateway.evidence.handoff_documents import CASE_TYP
from gateway.evidence.receipt import Receipt, VerifiedReceipt
from gateway.evidence.sd_jwt import SdJwt
from gateway.evidence.seal import OpeningKey
from gateway.verification.chain import VerifiedOffer

if TYPE_CHECKING:
    from gateway.client.views import (
        CaseCoverage,
        CaseStateWord,
        CaseSummary,
        StepAction,
        UrgencyWord,
    )


class ClientBase:
    """This member at its gateway: its connection, session and document key."""

    def __init__(
        self,
        connection: PartnerConnection,
        exchange: Session,
        author: DocumentSigner | None,
        *,
        opening: Mapping[str, OpeningKey],
        clock: Callable[[], datetime],
        ids: Callable[[], UUID],
    ) -> None:
        """``author`` signs documents; without one the gateway attests them.

        ``opening`` opens what was sealed to this member, by key id.
        """
        self.connection = connection
        self._exchange, self._author, self._opening = exchange, author, opening
        self._now, self._ids = clock, ids
        self._log = ConfirmedLog(connection.trust, exchange.tile, exchange.newest, exchange.compare)
        self._peer_tile: Callable[[str], ReadPublicTile] | None = None

    def _write(
        self, action: str, path: str, handoff: str | None = None, /, **asked: Any
    ) -> ConfirmedWrite:
        """Do a write with these members; what is None is left out."""
        return self._exchange.write(action, path, asked, handoff)

    def drafting(self, jti: UUID) -> Self:
        """This client, whose one document, under an id, is a draft that nobody signed yet: what
        `new_answer`, `new_step` and `Offers.new_offer` return with it is shown, then recorded."""
        made = copy(self)
        made._author = self._author and self._author.drafting(jti)
        return made

    def record(self, new: NewWrite, key: str | None = None) -> ConfirmedWrite:
        """Do a write that was made before, under an idempotency key: a draft is signed now, exactly
        as it is, and its id is the key."""
        action, path, asked, handoff, _ = self._signed(new)
        return self._exchange.write(action, path, asked, handoff, key=key)

    def record_each(self, drafted: Sequence[tuple[NewWrite, str]]) -> Iterator[Ended]:
        """Do several writes of one action so, each under its key, many in one request; how each
        ended, in their order."""
        signed = [self._signed(new) for new, _ in drafted]
        return self._exchange.write_each(signed, [key for _, key in drafted])

    def _signed(self, new: NewWrite) -> NewWrite:
        """A write whose draft is signed now, by one's own key where there is one."""
        if isinstance(new.asked, SdJwt) and self._author is not None:
            return new._replace(asked=sd_jwt.complete(new.asked, self._author.key))
        return new

    def read(
        self, action: str, path: str, asked: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The answer of an address of the interface as it is, which nothing else confirms; with
        ``asked`` by a POST that changes nothing."""
        return self._exchange.read(action, path, asked)

    def _proved(self, event: UUID | str) -> tuple[Receipt, VerifiedReceipt]:
        """The receipt of an event that concerns this organisation, and what it proves."""
        before = self._exchange.newest()
        members = self._exchange.read("receipt.read", f"/receipts/{spelled(event)}")
        found = evidence_checks.read_receipt(members)
        confirmed = evidence_checks.confirm_event(spelled(event), found, self.connection)
        self._exchange.observe(confirmed, before)
        return found, confirmed


@dataclass(frozen=True)
class ConsultedContent:
    """Content that a consultation returned.

    ``content`` is the case JSON of what is shown, ``presentation`` the signed text behind it,
    ``withheld_groups`` the groups shown in part, ``assurance`` attested or signed. ``conditions``
    are those that bind now; ``tightened``: stricter than those in ``content``. So are the markings
    of ``tightened_elements``. ``package`` is the number of the one of a handoff, ``superseded`` the
    change after which it is not to be used; ``changed`` says what the package changed in the one
    before, as the gateway tells it: ``change``, ``reason_codes`` and ``pointers``.
    """

    content: Mapping[str, Any]
    presentation: str
    author: str
    assurance: str
    withheld_groups: tuple[str, ...]
    conditions: Mapping[str, Any]
    tightened: bool
    tightened_elements: tuple[Mapping[str, Any], ...]
    written: ConfirmedWrite
    package: int | None = None
    superseded: Mapping[str, Any] | None = None
    changed: Mapping[str, Any] | None = None


def read_content(
    written: ConfirmedWrite, connection: PartnerConnection, offered: VerifiedOffer | None = None
) -> ConsultedContent:
    """A consultation's content, if presentation, receipt and offer match."""
    result, event = written.result, written.confirmed.event
    case = documents.open_ours(result.get("presentation"), CASE_TYP, connection)
    if offered is not None:
        documents.check_presentation(case, offered.claims)
    documents.check_conditions(result, case, offered.claims if offered else None)
    package_digest = handoff_documents.package_digest(p.digest for p in case.verified.placed)
    require(
        event.get("package_digest") == package_digest, "the receipt is for another set of parts"
    )
    require(
        event.get("case_digest") == case.document.digest,
        "the receipt is for another version of the case",
    )
    return ConsultedContent(
        content=case_from_claims(sd_jwt.merge_disclosures(case.verified)),
        presentation=case.document.compact(),
        author=case.author,
        assurance="attested" if case.attested else "signed",
        withheld_groups=tuple(str(group) for group in list_of(result, "withheld_groups")),
        conditions=result["conditions"],
        tightened="tightened_by" in result,
        tightened_elements=tuple(list_of(result, "tightened_elements")),
        written=written,
        package=result.get("package"),
        superseded=result.get("superseded"),
    )


def asking(
    new_write: Callable[..., NewWrite], several: Iterable[Mapping[str, Any]]
) -> Iterator[NewWrite | ClientError]:
    """The writes that ask for several, or why one cannot be asked."""
    for one in several:
        found: NewWrite | ClientError
        try:
            found = new_write(**one)
        except ClientError as error:
            found = error
        yield found


Where = Mapping[str, UUID | str]
"""The own ``case``, or the ``handoff`` by which a case is held, and what else a step is about."""


class CaseFilters(TypedDict, total=False):
    """Which of one's own cases are listed, by one's own ``reference``, and to whom it was offered
    (``counterpart``); submitted ``since`` a day, and ``until`` another, in UTC. What is None is not
    asked for."""

    reference: str | None
    urgency: "UrgencyWord | None"
    matter: str | None
    counterpart: str | None
    since: date | None
    until: date | None


_DAYS = {"since": "from", "until": "to"}


def query_of(asked: Mapping[str, Any]) -> str:
    """A query with what is asked for: what is None or False is left out."""
    named = {
        _DAYS.get(name, name): "true" if value is True else str(value)
        for name, value in asked.items()
        if value not in (None, False)
    }
    return f"?{urlencode(named)}" if named else ""


class CaseClient(ClientBase):
    """The cases that this member is the originator of."""

    def submit(
        self,
        content: Mapping[str, Any],
        by: str,
        clearance: Mapping[str, Any] | None = None,
    ) -> ConfirmedWrite:
        """Submit a case (its JSON, version 1); ``clearance`` names who assessed and cleared it."""
        return self._exchange.write(*self.new_version("/cases", by, content, clearance))

    def submit_each(self, submissions: Iterable[Mapping[str, Any]]) -> Iterator[Ended]:
        """Submit several cases, many in one request; each is what `submit` takes, by name.

        How each ended, in their order; see `Session.write_each`.
        """
        return self._exchange.write_each(
            asking(lambda **one: self.new_version("/cases", **one), submissions)
        )

    def submit_once_each(
        self, contents: Sequence[Mapping[str, Any]], by: str
    ) -> Iterator[Ended | None]:
        """Submit those whose ``originator_ref`` no case of one's own has; None for the others.

        Submissions that wait for their answer are sent first. What was taken is remembered beside
        the outbox, so that the same reports can be brought again after an interruption.
        """
        taken = self._exchange.taken_reports()
        for write in self._exchange.waiting():
            try:
                if write.action == "case.submit":
                    self._exchange.send(write)
            except RequestRefused as refused:
                if refused.unanswered is not None:
                    raise
        known = [one["originator_ref"] in taken for one in contents]
        fresh = (one for one, before in zip(contents, known, strict=True) if not before)
        ended = self.submit_each([{"content": one, "by": by} for one in fresh])
        for content, before in zip(contents, known, strict=True):
            found = None if before else next(ended)
            if isinstance(found, RequestRefused) and found.slug == "already-exists":
                found = None
            if not before and isinstance(found, ConfirmedWrite | None):
                taken.add(content["originator_ref"])
            yield found

    def find_case(self, reference: str) -> UUID:
        """The id of one's own case with this ``originator_ref``; UnknownReference."""
        for one in self.cases(reference=reference):
            return UUID(one["case"])
        raise UnknownReference(
            f"none of your cases has the reference {reference}: `casegate case list` shows them"
        )

    def revise(
        self,
        content: Mapping[str, Any],
        by: str,
        change: Mapping[str, Any],
        clearance: Mapping[str, Any] | None = None,
    ) -> ConfirmedWrite:
        """Submit the next version of a case, which names the previous one in ``previous``.

        ``change`` says what it is: ``kind`` (addition, tightening or correction), ``reason_code``,
        ``reason``, and for a correction ``pointers``, the places that it corrects; ``approved_by``
        is the second person where a draft loosens what was cleared (R10).
        """
        with raising(InvalidCase, "a case is an object with its id", (TypeError, KeyError)):
            path = f"/cases/{spelled(content['case'])}/versions"
        return self._exchange.write(*self.new_version(path, by, content, clearance, change))

    def step(self, action: "StepAction", where: Where, by: str, **fields: Any) -> ConfirmedWrite:
        """Take a step: case.assess, case.embargo, case.recall, handoff.review or another.

        The table in gateway/domain/steps.py says which ``fields`` an action takes; those that
        are None are left out. ``where`` names what it is about: the own ``case``, or the
        ``handoff`` by which a case is held or was given, and the ``measure`` or ``recall`` that the
        step is about; or a ``succession``, the ``event`` of a notification, the ``pseudonym`` of an
        entry of the staff register. With a document key a recall and the plan of a succession are
        signed here. Raises InvalidArgument for another action, place or field.
        """
        return self._exchange.write(*self.new_step(action, where, by, **fields))

    def new_step(self, action: str, where: Where, by: str, **fields: Any) -> NewWrite:
        """A step as `step` takes it, signed where that is, and not sent."""
        kind = STEPS.get(action)
        if kind is None:
            raise InvalidArgument(f"'{action}' is not a step")
        named = {
            name: quote(str(one), safe="") if name == "pseudonym" else spelled(one)
            for name, one in where.items()
        }
        at = (one for one in kind.addresses.values() if {*ids_in(one)} == named.keys())
        if (address := next(at, None)) is None:
            raise InvalidArgument(f"{action} is about one {' or '.join(kind.places)}")
        if unknown := fields.keys() - {one.name for one in kind.body.fields}:
            raise InvalidArgument(f"{action} does not take {', '.join(sorted(unknown))}")
        asked: Mapping[str, Any] | SdJwt = {"by": by, **fields}
        if self._author is not None and (signed := _SIGNED.get(action)) is not None:
            asked = signed(self, self._author, named, fields | {"by": by})
        return NewWrite(action, address.format_map(named), asked, named.get("handoff"))

    def _recall(
        self, author: DocumentSigner, where: Mapping[str, str], asked: Mapping[str, Any]
    ) -> SdJwt:
        case = where.get("case")
        if case is None:  # the notices and the coverage are there after an erasure, too
            path = f"/handoffs/{where['handoff']}/correction-notices"
            case = spelled(self._exchange.read("handoff.read", path)["case"])
        with raising(InvalidArgument):
            code = RecallCode(asked.get("code", ""))
        return handoff_documents.issue_recall(
            author.heading(),
            case=case,
            version=self.coverage(case)["version"],
            code=code,
            by=asked["by"],
            approved_by=asked.get("approved_by"),
            reason=asked.get("reason"),
            handoff=where.get("handoff"),
        )

    def _approval(
        self, author: DocumentSigner, where: Mapping[str, str], asked: Mapping[str, Any]
    ) -> SdJwt:
        plan = self.succession_plan(where["succession"])
        return author.heading().sign(declarations.SUCCESSION_TYP, plan, {"by": asked["by"]})

    def succession_plan(self, succession: UUID | str) -> dict[str, Any]:
        """The plan of a succession, as its event recorded it: what is approved; verified."""
        shown = self._exchange.read("succession.read", f"/successions/{spelled(succession)}")
        plan = declarations.planned(shown)
        require(bool(SLUG.fullmatch(str(plan["successor"]))), "the succession has no successor")
        path = f"/organisations/{plan['successor']}/mandates/{spelled(succession)}"
        answer = self._exchange.read("directory.read", path)
        evidence_checks.confirm_plan(
            answer.get("receipt"), spelled(succession), plan, self.connection
        )
        return plan

    def cases(
        self, state: "CaseStateWord | None" = None, **filters: Unpack[CaseFilters]
    ) -> "Iterator[CaseSummary]":
        """The member's own cases by age, routing fields only, page by page as they are iterated;
        those in a ``state`` alone, and of the other ``filters``, if any is named."""
        path = f"/cases{query_of({'state': state, **filters})}"
        return cast("Iterator[CaseSummary]", self._exchange.items("case.read", path))

    def case(self, case: UUID | str) -> "CaseSummary":
        """The routing fields of an own case."""
        return cast("CaseSummary", self._exchange.read("case.read", f"/cases/{spelled(case)}"))

    def coverage(self, case: UUID | str) -> "CaseCoverage":
        """The holders of an own case: their versions, and what is owed to and by each."""
        found = self._exchange.read("case.read", f"/cases/{spelled(case)}/coverage")
        return cast("CaseCoverage", found)

    def consult_case(
        self, case: UUID | str, by: str, reason_code: str, reason: str
    ) -> ConsultedContent:
        """Consult the content of an own case; an event with person and reason."""
        path = f"/cases/{spelled(case)}/consultations"
        written = self._write("case.consult", path, by=by, reason_code=reason_code, reason=reason)
        opened = read_content(written, self.connection)
        require(opened.content.get("case") == spelled(case), "the answer is about another case")
        require(opened.author == self.connection.organisation, "the case is not our own")
        return opened

    def new_version(
        self,
        path: str,
        by: str,
        content: Mapping[str, Any],
        clearance: Mapping[str, Any] | None = None,
        change: Mapping[str, Any] | None = None,
    ) -> NewWrite:
        """A case, or its next version, as `submit` and `revise` take it, signed, and not sent."""
        if not isinstance(content, Mapping):
            raise InvalidCase("a case is an object; nothing was sent")
        fields = {"by": by, "content": content, "clearance": clearance}
        if change is not None:
            fields["change"] = change
        body = fields if self._author is None else self._author.case(fields)
        return NewWrite("case.submit" if change is None else "case.revise", path, body)


_SIGNED = {"case.recall": CaseClient._recall, "succession.approve": CaseClient._approval}
"""The steps that a member with a document key signs, each by what makes its document."""
