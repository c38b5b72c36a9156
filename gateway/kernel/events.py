"""The one place where an event is recorded, and where it is decided who reads which part of it."""

from collections.abc import Iterable
from datetime import date
from uuid import UUID

from gateway.actions.ports import Work
from gateway.domain.facts import Detail, Fact, Party, Result
from gateway.kernel.actors import GATEWAY


def record(
    work: Work,
    action: str,
    parties: Iterable[Party],
    *,
    event: UUID,
    simulated_date: date | None,
    result: Result = Result.ALLOWED,
    asked_in: str = GATEWAY,
    by: str | tuple[str, ...] | None = None,
    rules: tuple[str, ...] = (),
    rules_shown: bool = True,
    details: Iterable[Detail] = (),
    handoff: UUID | None = None,
    case_digest: str | None = None,
    package: str | None = None,
    statement_sha256: str | None = None,
) -> None:
    """Record that something was done or refused, in the streams of all ``parties``.

    Who asked, ``by``, and the ``rules`` that decided are for the organisation ``asked_in`` alone
    (and auditors); each of ``details`` names its readers, see `shared`. With ``rules_shown``
    false nobody but an auditor reads the rules: they would tell what may not be known.
    """
    own = frozenset({asked_in})
    about: list[Detail] = []
    if by is not None:
        about.append(Detail("by", by, own))
    if rules:
        about.append(Detail("rules", rules, own if rules_shown else frozenset()))
    work.log.record(
        Fact(
            id=event,
            action=action,
            result=result,
            parties=tuple(parties),
            details=(*about, *details),
            handoff=handoff,
            case_digest=case_digest,
            package=package,
            statement_sha256=statement_sha256,
            simulated_date=simulated_date,
        )
    )


def shared(kind: str, value: str | tuple[str, ...], parties: Iterable[Party]) -> Detail:
    """A detail that every party of the event reads."""
    return Detail(kind, value, frozenset(party.organisation for party in parties))


def gateway_and(*concerned: str, role: str = "concerned") -> tuple[Party, ...]:
    """The parties of what the gateway does itself, and of what it does to organisations."""
    named = tuple(Party(one, role) for one in dict.fromkeys(concerned) if one != GATEWAY)
    return (Party(GATEWAY, "gateway"), *named)
