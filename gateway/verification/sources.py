"""The source of a fact: who answers for it. It decides the heading, and what an exit code says.

A fact that always has the same source has it here; all others get that of the evidence in which
they were found.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from gateway.domain.answers import ANSWERS, AnswerAuthor


class Source(StrEnum):
    """Who answers for a fact.

    ``PARTY``: it is signed by a party, or approved by two administrators, with keys that the
    verifier brought. ``WITNESS``: a witness cosigned a checkpoint, likewise; ``AUTHORITY``: a
    time-stamp authority stamped one. ``LOG``: the log's key
    binds the operator to it. ``VOUCHED``: it is signed with a key that only the gateway named.
    ``OPERATOR``: the gateway recorded or attested it. ``AUTHOR``: what the author of a signed
    document says of the world. ``ABSENT``: what the file does not show.
    """

    PARTY = "party"
    WITNESS = "witness"
    AUTHORITY = "authority"
    LOG = "log"
    VOUCHED = "vouched"
    OPERATOR = "operator"
    AUTHOR = "author"
    ABSENT = "absent"


HEADINGS: Mapping[str, tuple[Source, ...]] = {
    "signed": (Source.PARTY,),
    "confirmed": (Source.WITNESS, Source.AUTHORITY),
    "recorded": (Source.LOG,),
    "operator_word": (Source.VOUCHED, Source.OPERATOR),
    "stated": (Source.AUTHOR,),
    "not_proved": (Source.ABSENT,),
}
"""The headings of a report, in their order. As data, the first three are ``proved``."""

_KEYS = {
    Source.LOG: (
        "log one_history recorded recorded.attempt listed listed.attempt listed.table searched "
        "copy continued stream.complete account account.organisation coverage.none "
        "coverage.recalled coverage.given coverage.owed coverage.late key.revoked.after numbered "
        "gateway_key.log gateway_key.attests both_logs"
    ),
    Source.OPERATOR: (
        "attested attested.logged reissued_from consulted consulted.other "
        "consulted.superseded attempt event erased times times.others recorded.word membership "
        "stream.last account.details_erased mandate mandate.end mandate.end.later "
        "key.registered times.entries key.unrevoked continued.word late succession "
        "gateway_key.withdrawn peer.persons "
        "succession.undecided"
    ),
    Source.PARTY: (
        "signed signed.logged signed.stamped documents succession.decided succession.agreed "
        "mandate.decided mandate.end.decided mandate.end.later.decided key.registered.decided "
        "recorded.decided recorded.confirmed recorded.confirmed.digest"
    ),
    Source.WITNESS: "witnessed",
    Source.AUTHORITY: "stamped stamped.several stamped.limits stamped.older",
    Source.VOUCHED: ("vouched vouched.logged"),
    Source.AUTHOR: (
        "dated dated.logged dated.before_key dated.before_key.logged legal_basis condition.law "
        "condition.agreement reservation"
    ),
    Source.ABSENT: (
        "absent unjoined listed.unjoined listed.page package.missing package.announced "
        "package.later notice.missing gaps "
        "lacking unnumbered unnumbered.all recall.missing recall.unshown recall.persons "
        "embargo later outcome.code outcomes outcomes.later withheld withheld.document "
        "withheld.event simulated unlogged unlisted mandate.unproved mandate.ended "
        "key.registration.unproved key.revocation.unproved key.revoked.undated "
        "one_history.unproved unwitnessed unwitnessed.part witness.wrong unstamped stamped.unknown "
        "both_logs.missing followed.unshown followed.unnamed followed.lacking "
        "stream stream.unproved stream.later stream.fork "
        "coverage.undeclared account.withheld account.later account.beyond copy.documents "
        "continued.lost membership.later reissued_from.no_original version.unanswered requirements"
    ),
}
SOURCES: Mapping[str, Source] = {
    key: source for source, keys in _KEYS.items() for key in keys.split()
}
"""The one source of each of these facts."""

ACTS = frozenset(
    {"offer", "offer.alone", "case.alone", "update", "recall", "recall.alone", "acceptance.partial"}
    | {kind.name for kind in ANSWERS.values() if kind.author is not AnswerAuthor.GATEWAY}
)
"""What a party did. Its own signature is expected; a case in a bundle has that of its offer."""

GAPS = frozenset(
    {
        "absent",
        "package.missing",
        "package.announced",
        "notice.missing",
        "gaps",
        "unjoined",
        "listed.unjoined",
        "lacking",
        "unnumbered",
        "recall.unshown",
        "account.withheld",
        "account.later",
        "both_logs.missing",
        "followed.unshown",
        "followed.unnamed",
        "followed.lacking",
    }
)
"""What shows that something is missing."""


def weigh(facts: Iterable[tuple[str, Source]]) -> str:
    """Return what facts, by key and source, make of a report whose every check passed: the name of
    its exit code. What is missing comes before what only the operator says, and both before a
    demonstration."""
    known = list(facts)
    if any(key in GAPS for key, _ in known):
        return "INCOMPLETE"
    if any(key in ACTS and source in HEADINGS["operator_word"] for key, source in known):
        return "ATTESTED"
    return "SIMULATED" if any(key == "simulated" for key, _ in known) else "VERIFIED"
