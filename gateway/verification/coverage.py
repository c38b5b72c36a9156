"""Who has answered a recall, from the originator's own complete stream, offline.

Without the gateway: that no answer was recorded is proved by the numbers of the stream, none of
which is missing up to the last one that the gateway signed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from gateway.domain.duty import DutyKind
from gateway.domain.handoff import ACKNOWLEDGED_WITHIN, ANSWERED_WITHIN, RecallAnswer
from gateway.evidence import sd_jwt
from gateway.evidence.handoff_documents import ANSWER_TYP
from gateway.evidence.receipt import VerifiedReceipt
from gateway.text.numbers import pluralise
from gateway.verification.recalls import ANSWERED, RECALLED
from gateway.verification.report import Conclusion, Fact, InputFile, VerificationReport, run_steps
from gateway.verification.sources import Source
from gateway.verification.stream import StreamVerification
from gateway.verification.trust import AuthoredDocument, TrustAnchors, open_document


@dataclass(frozen=True)
class _Owed:
    """One answer to a recall: the event that gives it, the duty, the time for it."""

    event: str
    duty: DutyKind
    within: timedelta


_ACKNOWLEDGEMENT = _Owed(
    "handoff.recall_acknowledged", DutyKind.RECALL_ACKNOWLEDGEMENT, ACKNOWLEDGED_WITHIN
)
_ANSWER = _Owed(ANSWERED, DutyKind.RECALL_ANSWER, ANSWERED_WITHIN)


def verify_coverage(
    statements: Sequence[InputFile],
    receipts: Iterable[InputFile],
    trust: TrustAnchors,
    case: str,
    answers: Sequence[str] = (),
) -> VerificationReport:
    """Verify an originator's stream as `stream.verify_stream` does, without a copy of the log.

    Then say of each handoff of ``case`` that was recalled what its holder answered, and what it
    owes; what it declared is in ``answers``, signed documents.
    """
    proof = _Coverage(statements, receipts, trust, copy=None)
    signed = ("Every answer is signed by its author", lambda: proof.open(answers))
    return run_steps("stream", (*proof.steps(), signed), lambda: proof.covered(case))


class _Coverage(StreamVerification):
    """The coverage of the recalls of one case."""

    _answers: Mapping[str, AuthoredDocument] = MappingProxyType({})

    def open(self, answers: Sequence[str]) -> str:
        """Read what holders signed, or the gateway for them, by the digests that events name."""
        found = [open_document(sd_jwt.parse(one), ANSWER_TYP, self._trust) for one in answers]
        self._answers = {one.document.digest: one for one in found}
        return pluralise(len(found), "answer")

    def covered(self, case: str) -> Conclusion:
        """The conclusion on the stream, with a fact for each handoff and answer."""
        whole = self.conclude()
        events = [one for one in self.confirmed() if one.allowed]
        recalled = [
            one for one in events if one.type == RECALLED and one.subject().get("case") == case
        ]
        facts = list[Fact]()
        for recall in recalled:
            handoff = recall.event["handoff"]
            told = [one for one in events if one.event.get("handoff") == handoff]
            later = [one for one in told if one.index > recall.index]
            said = {"handoff": handoff}  # a stream names no party but its own
            facts.append(Fact("coverage.recalled", {**said, "entry": recall.index}))
            # Who gave the final answer acknowledged the recall by it.
            answered = _given(later, _ANSWER.event)
            acknowledged = _given(later, _ACKNOWLEDGEMENT.event) or answered
            for owed, given in ((_ACKNOWLEDGEMENT, acknowledged), (_ANSWER, answered)):
                facts.append(self._fact(recall, later, said, owed, given))
            if finals := [one for one in later if one.type == _ANSWER.event]:
                facts.append(self._declared(handoff, finals[-1]))
        none = [] if recalled else [Fact("coverage.none", {"case": case})]
        return Conclusion([*whole.facts, *facts, *none])

    def _declared(self, handoff: str, given: VerifiedReceipt) -> Fact:
        """Return what a holder declared by its last final answer: whether it is so, nothing
        shows."""
        said: dict[str, Any] = {"handoff": handoff, "entry": given.index}
        signed = self._answers.get(given.document)
        shown = {} if signed is None else signed.verified.disclosed
        if signed is None or "done" not in shown:
            return Fact("coverage.undeclared", said)
        own = Source.VOUCHED if signed.vouched else Source.AUTHOR
        source = Source.OPERATOR if signed.attested else own
        said["by"] = signed.author
        if shown["done"] == RecallAnswer.COPIES_ERASED:
            backups = {name: shown[name] for name in ("backups_until",) if name in shown}
            return Fact("coverage.erased", said, backups, source)
        kept = {"done": shown["done"]}
        if "until" in shown:
            return Fact("coverage.kept_until", {**said, "day": shown["until"]}, kept, source)
        return Fact("coverage.kept", said, kept, source)

    def _fact(
        self,
        recall: VerifiedReceipt,
        later: Sequence[VerifiedReceipt],
        said: dict[str, str],
        owed: _Owed,
        given: VerifiedReceipt | None,
    ) -> Fact:
        what = {**said, "what": str(owed.duty)}
        if given is not None:
            return Fact("coverage.given", {**what, "at": given.event["time"], "entry": given.index})
        due = recall.time + owed.within
        overdue = any(
            one.type == "handoff.overdue" and one.subject().get("duty") == str(owed.duty)
            for one in later
        )
        late = overdue or due <= self.head.at
        return Fact("coverage.late" if late else "coverage.owed", what)


def _given(events: Iterable[VerifiedReceipt], typ: str) -> VerifiedReceipt | None:
    return next((one for one in events if one.type == typ), None)
