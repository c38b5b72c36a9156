"""What each party of a handoff may answer: one table, from which the rest is derived.

Address, body, command, form, roles, the check of a document and the tables of the pages follow from
``ANSWERS``. What else a new answer asks for is listed in docs/architecture.md.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Any, TypeVar

from gateway.domain import read_only
from gateway.domain.case import GROUPS, WITH_FORCE
from gateway.domain.handoff import (
    AGREEMENTS,
    DELAY_CODES,
    ON_REQUISITION,
    OPEN,
    OUTCOMES,
    RECALL_ANSWERS,
    RELEASABLE,
    RETAINING,
    HandoffAction,
    HandoffState,
    RecallAnswer,
)
from gateway.domain.retention import LONGEST_BASIS
from gateway.domain.revision import REASONS
from gateway.domain.vocabulary import Urgency

T = TypeVar("T")


class AnswerAuthor(StrEnum):
    """Who makes an answer. The gateway makes some in the recipient's name, on the approval that
    the recipient gave to a succession (gateway/domain/mandate.py)."""

    ORIGINATOR = "originator"
    RECIPIENT = "recipient"
    GATEWAY = "gateway"

    def of(self, originator: T, recipient: T) -> T:
        """The one of the two in whose name it is made."""
        return originator if self is AnswerAuthor.ORIGINATOR else recipient


class Arrives(StrEnum):
    """How what one side did waits at the other one, until that acts on it or has seen it.

    A question may name a time; an addition is acknowledged before it opens;
    an announcement waits until its package comes.
    """

    NEWS = "news"
    QUESTION = "question"
    ADDITION = "addition"
    ANNOUNCEMENT = "announcement"


class FieldType(StrEnum):
    """What the value of a field is: JSON text for the first six, an array of text for the next
    four, an object for the others. A line is a text without line breaks, a person a pseudonym."""

    TEXT = "text"
    LINE = "line"
    WORD = "word"
    PERSON = "person"
    TIME = "time"
    DAY = "day"
    WORDS = "words"
    PERSONS = "persons"
    IDS = "ids"
    POINTERS = "pointers"
    CONDITIONS = "conditions"
    RESERVATION = "reservation"


@dataclass(frozen=True)
class RequestField:
    """A field of what a party asks for.

    ``about`` says what it is, in a sentence. ``longest`` bounds a text, in characters; ``words``
    are all that a word, or the elements of a list, may be. A reservation has one of each. A list
    has ``least`` elements or more. ``goes_with`` names the field, and the words of it, with which
    alone this one may be given.
    """

    name: str
    type: FieldType
    about: str
    required: bool = False
    longest: int = 0
    words: tuple[str, ...] = ()
    least: int = 1
    goes_with: tuple[str, tuple[str, ...]] | None = None


@dataclass(frozen=True)
class AnswerField(RequestField):
    """A field of an answer; its document discloses it.

    ``outside``: of an outcome of the police, who is not of the police reads it too. ``guarded``:
    the police's own is read by police alone, another public authority's by public authorities.
    ``reference``: a text that names an article, an authority or a file, and tells nothing; no other
    text is taken once the case was erased.
    """

    outside: bool = False
    guarded: bool = False
    reference: bool = False


@dataclass(frozen=True)
class AnswerKind:
    """One kind of answer.

    ``name`` is the kind in documents, ``action`` the policy's, ``event`` the audit event's,
    ``path`` the last part of the address (empty for what no party sends). ``moves`` says for each
    move that the answer may be from which state it leads to which. ``about`` says what it does: a
    line, and what there is to add in a further paragraph. ``under_embargo`` are the fields that a
    party which is no public authority reads of the other's answer while an embargo holds on the
    case: what it needs to act on, and nothing of what goes on. ``of_holder``: it is given by,
    or to, a holder: who ever accepted, or consulted in imminent danger before that.
    ``of_recall``: it answers the recall that stands on the handoff, and
    binds it. ``arrives``: as what it waits at the other party, None for what that has to answer, or
    expects; with a code of ``questions`` it is one.
    """

    name: str
    action: str
    event: str
    author: AnswerAuthor
    moves: Mapping[HandoffAction, Mapping[HandoffState, HandoffState]]
    about: str
    under_embargo: tuple[str, ...]
    path: str = ""
    fields: tuple[AnswerField, ...] = ()
    of_holder: bool = False
    of_recall: bool = False
    arrives: Arrives | None = None
    questions: frozenset[str] = frozenset()

    @property
    def command(self) -> str:
        """The verb of the action, as ``accept``."""
        return self.action.partition(".")[2]

    @cached_property
    def outlives_case(self) -> bool:
        """Tell whether it may be given about a case that was erased."""
        return any(HandoffState.LAPSED in ways for ways in self.moves.values())

    @cached_property
    def keeps_state(self) -> bool:
        """Tell whether the handoff is in the same state after it."""
        return all(was is then for ways in self.moves.values() for was, then in ways.items())

    @cached_property
    def on_changes(self) -> bool:
        """Tell whether it answers an update, a correction notice or an announcement."""
        return not ON_CHANGES.isdisjoint(self.moves)

    @cached_property
    def agrees(self) -> bool:
        """Tell whether it agrees to the newest package: an acceptance or an acknowledgement."""
        return not AGREEMENTS.isdisjoint(self.moves)

    @cached_property
    def accepts(self) -> bool:
        """Tell whether it repeats the conditions of use, and so takes the case under them."""
        return any(one.type is FieldType.CONDITIONS for one in self.fields)

    def arrives_as(self, fields: Mapping[str, object]) -> Arrives | None:
        """As what an answer with these fields waits, as far as the other party reads them."""
        return Arrives.QUESTION if fields.get("code") in self.questions else self.arrives

    def move(self, fields: Mapping[str, object]) -> HandoffAction:
        """Which of its moves an answer with these fields is: a partial acceptance names groups."""
        first, *others = self.moves
        return others[0] if others and "groups" in fields else first


def misplaced(
    fields: Iterable[RequestField], given: Mapping[str, object]
) -> Iterator[tuple[str, str]]:
    """Return what is given beside a word that it does not go with, each as JSON Pointer and
    sentence."""
    for one in fields:
        if one.name in given and one.goes_with is not None:
            name, words = one.goes_with
            if given.get(name) not in words:
                yield f"/{one.name}", f"goes with the {name} {' or '.join(words)}"


def _from_open(target: HandoffState) -> dict[HandoffState, HandoffState]:
    return dict.fromkeys(sorted(OPEN), target)


_ACCEPTED = (HandoffState.ACCEPTED, HandoffState.PARTIALLY_ACCEPTED)


def _text(name: str, longest: int, about: str, **more: Any) -> AnswerField:
    return AnswerField(name, FieldType.TEXT, about, longest=longest, **more)


def _word(name: str, words: Iterable[str], about: str, **more: Any) -> AnswerField:
    return AnswerField(name, FieldType.WORD, about, words=tuple(map(str, words)), **more)


_QUESTION = ("code", ("more_needed",))
_KEPT = ("done", tuple(sorted(RETAINING)))


def _kept(name: str, longest: int, about: str) -> AnswerField:
    return _text(name, longest, about, reference=True, goes_with=_KEPT)


_WHY = _text("reason", 300, "Why; the other party reads it.", required=True)
_WHY_IF_SAID = replace(_WHY, required=False)
_HOLDING = (
    HandoffState.OFFERED,
    *_ACCEPTED,
    HandoffState.CLOSED,
    HandoffState.DECLINED,
    HandoffState.REDIRECTED,
    HandoffState.WITHDRAWN,
    HandoffState.REISSUED,
)
"""Where a handoff may be whose recipient holds the case: duties outlive rights. It holds one that
stands offered where it consulted it in imminent danger."""
_AS_BEFORE = {state: state for state in sorted(_HOLDING)}
_EVER = {**_AS_BEFORE, HandoffState.LAPSED: HandoffState.LAPSED}
"""Likewise, and after the erasure of the case: its holders have copies of their own."""
_NOTE = replace(_WHY, name="note", about="What there is to add.", required=False)

UPDATABLE = (HandoffState.OFFERED, *_ACCEPTED, HandoffState.CLOSED)
"""The states in which a handoff takes its next package."""

RECALLED = {**_EVER, **_from_open(HandoffState.WITHDRAWN)}
"""The state of a handoff after a recall that touches it: an open one is withdrawn by it."""

_KINDS = (
    AnswerKind(
        "acceptance",
        "handoff.accept",
        "handoff.accepted",
        AnswerAuthor.RECIPIENT,
        {
            HandoffAction.ACCEPT: {HandoffState.OFFERED: HandoffState.ACCEPTED},
            HandoffAction.ACCEPT_PARTLY: {HandoffState.OFFERED: HandoffState.PARTIALLY_ACCEPTED},
        },
        "Accept a handoff under its conditions.\n\nWith groups, only those parts.",
        under_embargo=("conditions", "groups", "reservation", "own_urgency"),
        path="acceptance",
        fields=(
            AnswerField(
                "conditions",
                FieldType.CONDITIONS,
                "The conditions of use that the handoff shows, repeated unchanged (LED Art. 9).",
                required=True,
            ),
            AnswerField(
                "groups", FieldType.WORDS, "Accept only this group of parts.", words=GROUPS
            ),
            AnswerField(
                "reservation",
                FieldType.RESERVATION,
                "The one condition that you cannot promise, and the legal basis.",
                longest=300,
                words=WITH_FORCE,
            ),
            _word(
                "own_urgency",
                Urgency,
                "Your own class of urgency; the originator's stays as it is.",
            ),
        ),
    ),
    AnswerKind(
        "decline",
        "handoff.decline",
        "handoff.declined",
        AnswerAuthor.RECIPIENT,
        {HandoffAction.DECLINE: _from_open(HandoffState.DECLINED)},
        "Decline a handoff, before or after its acceptance.",
        under_embargo=("reason",),
        path="decline",
        fields=(_WHY,),
        arrives=Arrives.NEWS,
    ),
    AnswerKind(
        "redirection",
        "handoff.redirect",
        "handoff.redirected",
        AnswerAuthor.RECIPIENT,
        {HandoffAction.REDIRECT: _from_open(HandoffState.REDIRECTED)},
        "Name another organisation as the right one.\n\nThe originator then makes a new offer.",
        under_embargo=("reason", "suggested_recipient"),
        path="redirection",
        fields=(
            _WHY,
            _text(
                "suggested_recipient",
                200,
                "Which organisation: its id or name in the directory, else in words.",
            ),
        ),
        arrives=Arrives.NEWS,
    ),
    AnswerKind(
        "outcome",
        "handoff.report_outcome",
        "handoff.outcome_reported",
        AnswerAuthor.RECIPIENT,
        {HandoffAction.OUTCOME: {state: state for state in _ACCEPTED}},
        "Report a result of the case or of items.\n\nFurther outcomes may follow. The "
        "code more_needed is a question to the originator, and no order.",
        under_embargo=(),
        path="outcomes",
        fields=(
            _word("code", sorted(OUTCOMES), "The result.", required=True),
            AnswerField("items", FieldType.IDS, "The item that it is about."),
            _text(
                "note", 500, "A note to the originator. If you are police, only police can read it."
            ),
            _text(
                "to_originator",
                300,
                "A word to the originator. It may be read by a private organisation: no person, no "
                "act of procedure.",
                outside=True,
            ),
            _word(
                "release",
                RELEASABLE,
                "What an originator outside the police may read in place of the code.",
                outside=True,
            ),
            _word(
                "what",
                (*ON_REQUISITION, "other"),
                "With more_needed: what is asked for.",
                outside=True,
                goes_with=_QUESTION,
            ),
            _text(
                "text", 300, "With more_needed: which, in words.", outside=True, goes_with=_QUESTION
            ),
            AnswerField(
                "until",
                FieldType.TIME,
                "With more_needed: by when an answer would help.",
                outside=True,
                goes_with=_QUESTION,
            ),
            _text(
                "requisition",
                200,
                "With more_needed: the reference of the requisition, or the word none.",
                outside=True,
                goes_with=_QUESTION,
            ),
            _text("evidence_ref", 200, "The number of the file that holds the evidence."),
            replace(_WHY_IF_SAID, about="Why. If you are police, only police can read it."),
        ),
        arrives=Arrives.NEWS,
        questions=frozenset({"more_needed", "assessment_not_confirmed"}),
    ),
    AnswerKind(
        "withdrawal",
        "handoff.withdraw",
        "handoff.withdrawn",
        AnswerAuthor.ORIGINATOR,
        {HandoffAction.WITHDRAW: {HandoffState.OFFERED: HandoffState.WITHDRAWN}},
        "Withdraw an offer before its acceptance.",
        under_embargo=("reason",),
        path="withdrawal",
        fields=(_WHY,),
        arrives=Arrives.NEWS,
    ),
    AnswerKind(
        "closure",
        "handoff.close",
        "handoff.closed",
        AnswerAuthor.RECIPIENT,
        {HandoffAction.CLOSE: dict.fromkeys(_ACCEPTED, HandoffState.CLOSED)},
        "End the work on a handoff; only its recipient can.",
        under_embargo=("reason",),
        path="closure",
        fields=(_WHY_IF_SAID,),
        arrives=Arrives.NEWS,
    ),
    AnswerKind(
        "delay",
        "handoff.delay",
        "handoff.delay_announced",
        AnswerAuthor.RECIPIENT,
        {HandoffAction.DELAY: {HandoffState.OFFERED: HandoffState.OFFERED}},
        "Say by when you will answer.\n\nMoves the due time; the originator may address others.",
        under_embargo=("code", "until", "reason"),
        path="delays",
        fields=(
            _word("code", sorted(DELAY_CODES), "Why it takes longer.", required=True),
            AnswerField("until", FieldType.TIME, "The new due time.", required=True),
            _WHY_IF_SAID,
        ),
        arrives=Arrives.NEWS,
    ),
    AnswerKind(
        "acknowledgement",
        "handoff.acknowledge",
        "handoff.acknowledged",
        AnswerAuthor.RECIPIENT,
        {HandoffAction.ACKNOWLEDGE: _EVER},
        "Acknowledge the updates of a handoff: noted.\n\nAn addition can be consulted afterwards. "
        "A correction or a tightening has to be acknowledged in time.",
        under_embargo=("note",),
        path="acknowledgement",
        fields=(_NOTE,),
        of_holder=True,
    ),
    AnswerKind(
        "application",
        "handoff.apply",
        "handoff.applied",
        AnswerAuthor.RECIPIENT,
        {HandoffAction.APPLY: _EVER},
        "Say what was done with your copy after a correction.\n\nIt follows an acknowledgement.",
        under_embargo=("done", "note"),
        path="application",
        fields=(
            _word(
                "done",
                ("erased", "not_held", "processing_restricted", "rectified"),
                "What was done.",
                required=True,
            ),
            _NOTE,
        ),
        of_holder=True,
    ),
    AnswerKind(
        "dispute",
        "handoff.dispute",
        "handoff.disputed",
        AnswerAuthor.RECIPIENT,
        {HandoffAction.DISPUTE: _EVER},
        "Dispute a correction.\n\nIt changes nothing: the originator answers by a further version, "
        "or not.",
        under_embargo=("ground", "reason"),
        path="dispute",
        fields=(
            _word(
                "ground", ("evidence", "not_ours", "other", "own_assessment"), "Why.", required=True
            ),
            replace(_WHY_IF_SAID, guarded=True),
        ),
        of_holder=True,
        arrives=Arrives.QUESTION,
    ),
    AnswerKind(
        "correction_proposal",
        "handoff.propose_correction",
        "handoff.correction_proposed",
        AnswerAuthor.RECIPIENT,
        {HandoffAction.PROPOSE_CORRECTION: _AS_BEFORE},
        "Propose a correction to the originator.\n\nNobody edits the document of another: the "
        "originator makes a new version, or not.",
        under_embargo=("proposal", "elements", "reason"),
        path="correction-proposals",
        fields=(
            _word(
                "proposal",
                ("inaccurate", "incomplete", "marking", "other", "unlawful"),
                "What is wrong.",
                required=True,
            ),
            AnswerField("elements", FieldType.IDS, "The element that it is about."),
            _WHY,
        ),
        of_holder=True,
    ),
    AnswerKind(
        "onward_by_law",
        "handoff.pass_on_by_law",
        "handoff.passed_on_by_law",
        AnswerAuthor.RECIPIENT,
        {HandoffAction.ONWARD_BY_LAW: _AS_BEFORE},
        "Record that law obliged you to pass the case on.\n\nNo condition stops what law demands. "
        "The originator hears at once; of an authority a private one reads the fact, and no more.",
        under_embargo=(),
        path="onward-by-law",
        fields=(
            _text(
                "article",
                200,
                "The article that obliges you; a claim, which nobody checks.",
                required=True,
                guarded=True,
            ),
            _word(
                "recipient_kind",
                ("child_protection", "competent_unit", "judge", "prosecutor", "requisition"),
                "To whom it went.",
                required=True,
                guarded=True,
            ),
        ),
        of_holder=True,
        arrives=Arrives.NEWS,
    ),
    AnswerKind(
        "go_ahead",
        "handoff.give_go_ahead",
        "handoff.go_ahead_given",
        AnswerAuthor.RECIPIENT,
        {HandoffAction.GO_AHEAD: {state: state for state in sorted(OPEN)}},
        "Say that the items may be removed now.\n\nFor the police. Who wants to "
        "hold the removal sets an embargo; silence means go, after the hours of the convention.",
        under_embargo=(),
        path="go-ahead",
        arrives=Arrives.NEWS,
    ),
    AnswerKind(
        "call",
        "handoff.call",
        "handoff.called",
        AnswerAuthor.ORIGINATOR,
        {HandoffAction.CALL: {state: state for state in sorted({*OPEN, HandoffState.CLOSED})}},
        "Say that you telephoned about a handoff.\n\nAn offer is not an emergency call: in "
        "imminent danger the call comes first.",
        under_embargo=("function", "time"),
        path="calls",
        fields=(
            _text("function", 100, "Whom you reached, by function and not by name.", required=True),
            AnswerField("time", FieldType.TIME, "When you reached them.", required=True),
        ),
    ),
    AnswerKind(
        "recall_acknowledgement",
        "handoff.acknowledge_recall",
        "handoff.recall_acknowledged",
        AnswerAuthor.RECIPIENT,
        {HandoffAction.ACKNOWLEDGE_RECALL: _EVER},
        "Acknowledge a recall: you stopped the use of the case.\n\nThe final answer follows.",
        under_embargo=(),
        path="recall-acknowledgement",
        of_recall=True,
    ),
    AnswerKind(
        "recall_answer",
        "handoff.answer_recall",
        "handoff.recall_answered",
        AnswerAuthor.RECIPIENT,
        {HandoffAction.ANSWER_RECALL: _EVER},
        "Say whether your copies are erased after a recall.\n\nErased, or kept by law: then you "
        "state why and until when, and may say later that they are erased. After the case was "
        "erased here, it confirms that your copies are erased too.",
        under_embargo=("done", "onward_informed"),  # the first only where copies are erased
        path="recall-answer",
        fields=(
            _word(
                "done",
                RECALL_ANSWERS,
                "Whether your copies are erased, or why you keep them.",
                required=True,
            ),
            _kept("legal_basis", LONGEST_BASIS, "Kept: on which legal basis."),
            _kept("authority", 200, "Kept in proceedings: before whom."),
            _kept("reference", 200, "Kept in proceedings: their number."),
            AnswerField(
                "until",
                FieldType.DAY,
                "Kept: the first day on which you keep it no more.",
                goes_with=_KEPT,
            ),
            AnswerField(
                "backups_until",
                FieldType.DAY,
                "Erased: the day by which your backups are, too.",
                goes_with=("done", (RecallAnswer.COPIES_ERASED,)),
            ),
            _text("onward_copies", 300, "Who else has copies from you."),
            _word(
                "onward_informed",
                ("informed", "not_informed", "none"),
                "Whether those who have copies from you were informed of the recall.",
                outside=True,
            ),
        ),
        of_recall=True,
        arrives=Arrives.NEWS,
    ),
    AnswerKind(
        "correction_notice",
        "handoff.notify_correction",
        "handoff.correction_notified",
        AnswerAuthor.ORIGINATOR,
        {HandoffAction.NOTIFY_CORRECTION: _EVER},
        "Notify of a correction where no package can follow.\n\nA holder's copy lives on "
        "after the end of the handoff, and of the case here. The notice names places and a code, "
        "and has no content; the holder acknowledges it as it would an update.",
        under_embargo=("code", "pointers"),
        path="correction-notices",
        fields=(
            _word("code", REASONS, "Why.", required=True),
            AnswerField(
                "pointers",
                FieldType.POINTERS,
                "A place that is corrected, as /items/ID or /urgency.",
                required=True,
            ),
        ),
        of_holder=True,
    ),
    AnswerKind(
        "update_omission",
        "handoff.omit_update",
        "handoff.update_omitted",
        AnswerAuthor.ORIGINATOR,
        {HandoffAction.OMIT_UPDATE: _AS_BEFORE},
        "Leave a holder out of an update, by name and reason.\n\nIt keeps the announcement, and "
        "acknowledges that.",
        under_embargo=("reason",),
        path="update-omissions",
        fields=(_WHY,),
        of_holder=True,
    ),
    AnswerKind(
        "proposal_answer",
        "handoff.answer_proposal",
        "handoff.proposal_answered",
        AnswerAuthor.ORIGINATOR,
        {HandoffAction.ANSWER_PROPOSAL: _AS_BEFORE},
        "Answer the proposals of a correction.\n\nA version that follows one is made and sent as "
        "every other.",
        under_embargo=("decision", "reason"),
        path="proposal-answers",
        fields=(
            _word(
                "decision",
                ("not_followed", "to_follow"),
                "Whether a version is to follow.",
                required=True,
            ),
            _WHY_IF_SAID,
        ),
        of_holder=True,
        arrives=Arrives.NEWS,
    ),
    AnswerKind(
        "retention",
        "handoff.retain",
        "handoff.retained",
        AnswerAuthor.RECIPIENT,
        {HandoffAction.RETAIN: _AS_BEFORE | {HandoffState.LAPSED: HandoffState.LAPSED}},
        "Keep a case beyond its day of erasure.\n\nThe legal basis is your own claim. Give it "
        "again to review it. Once the case is erased, a copy of what you accepted stays, for "
        "nobody else.",
        under_embargo=(),
        path="retention",
        fields=(
            _text(
                "legal_basis",
                LONGEST_BASIS,
                "By which article you keep it.",
                required=True,
                reference=True,
                guarded=True,
            ),
            _text(
                "authority",
                200,
                "Which authority ordered it, where one did.",
                reference=True,
                guarded=True,
            ),
            _text(
                "reference",
                200,
                "The number of the file, or of the order.",
                reference=True,
                guarded=True,
            ),
            AnswerField(
                "until",
                FieldType.DAY,
                "The first day on which you keep it no more, if any.",
                guarded=True,
            ),
            AnswerField(
                "review_on",
                FieldType.DAY,
                "The day of your review, within three years; by default the latest.",
                guarded=True,
            ),
        ),
        of_holder=True,
    ),
    AnswerKind(
        "reissue",
        "handoff.reissue",
        "handoff.reissued",
        AnswerAuthor.GATEWAY,
        {HandoffAction.REISSUE: _from_open(HandoffState.REISSUED)},
        "End a handoff whose mandate moved; the gateway re-issues its offer to the successor.",
        under_embargo=(),
        arrives=Arrives.NEWS,
    ),
    AnswerKind(
        "lapse",
        "handoff.lapse",
        "handoff.lapsed",
        AnswerAuthor.GATEWAY,
        {HandoffAction.LAPSE: _from_open(HandoffState.WITHDRAWN)},
        "End a handoff that was offered to an organisation whose mandate moved.",
        under_embargo=(),
        arrives=Arrives.NEWS,
    ),
)

ANSWERS: Mapping[str, AnswerKind] = {kind.name: kind for kind in _KINDS}
"""Every kind of answer by its name in documents."""

BASELINE = frozenset(
    {
        "handoff.accepted", "handoff.acknowledged", "handoff.applied", "handoff.called",
        "handoff.closed", "handoff.correction_notified", "handoff.correction_proposed",
        "handoff.declined", "handoff.delay_announced", "handoff.disputed",
        "handoff.go_ahead_given", "handoff.lapsed", "handoff.outcome_reported",
        "handoff.passed_on_by_law", "handoff.proposal_answered",
        "handoff.recall_acknowledged", "handoff.recall_answered", "handoff.redirected",
        "handoff.reissued", "handoff.retained", "handoff.update_omitted",
        "handoff.withdrawn",
    }
)  # fmt: skip
"""The events of the answers of version 0.2.0, which every gateway follows (docs/protocol/relay.md),
whatever it says. Frozen: each later kind is not in it."""

LATER = frozenset(kind.event for kind in _KINDS) - BASELINE
"""Those of each later kind: its answer is not given where the other party's gateway does not know
it yet."""

PARTIES_ANSWERS = tuple(kind for kind in _KINDS if kind.author is not AnswerAuthor.GATEWAY)
"""Those that a party sends, each with an address and a command of its own."""

KIND_OF_ACTION: Mapping[str, AnswerKind] = {kind.action: kind for kind in _KINDS}
KIND_OF_MOVE: Mapping[HandoffAction, AnswerKind] = {
    move: kind for kind in _KINDS for move in kind.moves
}

ON_CHANGES = frozenset({HandoffAction.ACKNOWLEDGE, HandoffAction.APPLY, HandoffAction.DISPUTE})
"""How a holder answers an update, a correction notice, or an announcement."""

MOVES: Mapping[tuple[HandoffState, HandoffAction], HandoffState] = {
    (state, move): target
    for kind in _KINDS
    for move, ways in kind.moves.items()
    for state, target in ways.items()
} | {
    **{(state, HandoffAction.UPDATE): state for state in UPDATABLE},
    **{(state, HandoffAction.RECALL): target for state, target in RECALLED.items()},
}
"""The state after each move that is possible; what is missing is refused."""

READABLE_MOVES: Mapping[tuple[HandoffState, HandoffAction], HandoffState] = {
    **MOVES,
    **{(HandoffState(s), HandoffAction(m)): HandoffState(t) for s, m, t in read_only.MOVES},
}
"""Likewise, with those that only an older log or document may hold: whatever reads asks this."""
