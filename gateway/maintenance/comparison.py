"""Rows are held against the log; what differs is out of service until it does no more."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from time import monotonic

from gateway.cedar import policy_digest, policy_folder
from gateway.cedar.policy_tests import check_once
from gateway.config import Config
from gateway.domain.out_of_service import OF_CASES, Entry, EntryKind
from gateway.domain.refusals import Refusal
from gateway.kernel.ports import TransactionMode
from gateway.keys import load_secret
from gateway.maintenance.out_of_service import kept_suspensions, put_out_of_service
from gateway.maintenance.upkeep import Maintenance, TaskReport
from gateway.registry.rebuild import Rebuild
from gateway.store.proved import Proved, RowsProof
from gateway.store.unit_of_work import SqlUnitOfWork
from gateway.wiring import HEAD_KEY_FILE, civil_day

PROVED = "proved"
"""The file of what the last comparison found whole: beside the keys, for it tells ids of cases."""

RESTS, LEAST_REST = 100, timedelta(minutes=1)
"""How long until the next comparison: so many times what the last one took, and no less."""

_SEE_DOCTOR = "a value cannot be read, which `casegate doctor` names as far as it can"

VALID_FOR = timedelta(days=1)
"""How long what was found whole counts, from when all was compared."""


def compare_registry(upkeep: Maintenance, now: datetime) -> TaskReport:
    """Hold registry, cases and handoffs against the log; what differs is out of service until it
    does no more, a case with its handoffs.

    While the log is frozen, too: this asks for no event. The sooner it was done, the sooner it is
    done again: within the hour, by a hundredth of the time.
    """
    gateway, upkeep.rows_differ, began = upkeep.gateway, True, monotonic()
    before = proved_before(gateway.config, now)
    with gateway.store.begin(TransactionMode.READ) as work:
        rows = rows_proof(gateway.config, work, before)
        before_out = work.organisations.out_of_service()
        out, told = frozenset[Entry](), list[str]()
        for compare, of_cases in ((rows.registry, False), (rows.handoffs, True)):
            try:
                found = compare()
                out, told = out.union(found.differing), [*told, *found.sentences()]
            except Exception as failure:  # a stored value of a form that nothing here ever wrote
                out |= {one for one in before_out if (one[0] in OF_CASES) is of_cases}
                what = "cases and handoffs are" if of_cases else "the registry is"
                name = type(failure).__name__
                why = failure.detail if isinstance(failure, Refusal) else f"{name}: {_SEE_DOCTOR}"
                told.append(f"{what} not compared with the log: {why}")
        proved = rows.proved(now if before is None else before.since)
    with suppress(Exception):  # whatever stops this check: the doctor tells
        proved = replace(proved, policies=policies_held(before)[0])
    out |= {
        (EntryKind.ORGANISATION, change.organisation) for _, change, _ in kept_suspensions(gateway)
    }
    if before_out != out:
        put_out_of_service(gateway, out)
    proved.keep(gateway.config.folder / PROVED, _key_of_heads(gateway.config))
    upkeep.rows_differ = bool(told)
    pause = max(LEAST_REST, RESTS * timedelta(seconds=monotonic() - began))
    return TaskReport(tuple(told), pause=pause)


def proved_before(config: Config, now: datetime) -> Proved | None:
    """Return what the last comparison found whole, if all was compared within the last day."""
    found = Proved.read(config.folder / PROVED, _key_of_heads(config))
    return found if found and found.since <= now < found.since + VALID_FOR else None


def _key_of_heads(config: Config) -> bytes:
    """The key that vouches for the log's head, which no database has."""
    return load_secret(config.keys / HEAD_KEY_FILE)


def rows_proof(config: Config, work: SqlUnitOfWork, proved: Proved | None = None) -> RowsProof:
    """The rows of a gateway, to be compared with its log from what was ``proved`` on."""
    rebuild = Rebuild(config.issuer, civil_day(config))
    return RowsProof(work, rebuild, civil_day(config), proved)


def policies_held(proved: Proved | None) -> tuple[Mapping[str, Sequence[int]], Sequence[str]]:
    """Return the policies of this program, as `Proved` has them, where they hold in all their
    cases; else what is wrong. Those that are ``proved`` are not tried again."""
    folder = policy_folder()
    digest = policy_digest(folder)
    if proved and digest in proved.policies:
        return {digest: proved.policies[digest]}, ()
    report = check_once(folder, digest)
    held = {} if report.problems else {digest: (report.policies, report.cases)}
    return held, report.problems
