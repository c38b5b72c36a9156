"""The steps of an organisation's admission: what is done, what is proposed, and what is missing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from operator import attrgetter
from uuid import UUID

from gateway.domain.organisation import Organisation, Status
from gateway.domain.worklist import AdmissionState
from gateway.kernel.ports import UnitOfWork
from gateway.kernel.results import iterate
from gateway.registry.results import AdmissionStep

COMING = (Status.APPLIED, Status.APPROVED, Status.ENROLLED)
"""The statuses of an organisation for which administrators have a next step."""

MOST_PROPOSALS = 1000
"""Proposals that are read: they live for days, and people sign them."""


@dataclass(frozen=True)
class _Admission:
    """One organisation on its way."""

    work: UnitOfWork
    entry: Organisation
    is_invited: bool

    @property
    def has_enrolled(self) -> bool:
        return self.entry.status not in (Status.APPLIED, Status.APPROVED)


_STEPS: Mapping[str, Callable[[_Admission], bool]] = {
    "organisation.approve": lambda one: one.entry.status is not Status.APPLIED,
    "membership.grant": lambda one: bool(one.entry.memberships or one.entry.mandates),
    "staff.establish": lambda one: bool(one.work.staff.page(one.entry.slug, "", 1)),
    "system.register": lambda one: (
        one.is_invited or one.has_enrolled or bool(one.work.organisations.systems(one.entry.slug))
    ),
    "invitation.create": lambda one: one.is_invited or one.has_enrolled,
    "it.enrols_by_its_invitation": lambda one: one.has_enrolled,
    "it.passes_its_conformance_run": lambda one: one.work.conformance.passed(one.entry.slug),
    "organisation.activate": lambda one: one.entry.status is Status.ACTIVE,
}
"""The steps in their order, each with what shows that it was taken. With `it` begin those that the
organisation takes."""

_AWAITED = ("organisation.approve", "invitation.create")
"""Steps of administrators without which nothing after them can be taken."""


def steps(work: UnitOfWork, now: datetime, entry: Organisation) -> list[AdmissionStep]:
    """The steps of an organisation on its way, with the proposals that wait for each; none of any
    other one."""
    if entry.status not in COMING:
        return []
    waiting: dict[str, list[UUID]] = {}
    for one in work.proposals.page(None, MOST_PROPOSALS, now):
        if one.organisation == entry.slug:
            waiting.setdefault(one.action, []).append(one.id)
    asked = _Admission(work, entry, entry.slug in invited(work, now))
    found = []
    for action, is_taken in _STEPS.items():
        proposed = sorted(waiting.get(action, []))
        state = AdmissionState.PROPOSED if proposed else AdmissionState.MISSING
        done = AdmissionState.DONE if is_taken(asked) else state
        found.append(AdmissionStep(action, done, proposed))
    return found


def missing(work: UnitOfWork, entry: Organisation, *, is_invited: bool) -> Iterator[str]:
    """Return what can be done next for an organisation on its way, in order."""
    asked = _Admission(work, entry, is_invited)
    for action, is_taken in _STEPS.items():
        if not is_taken(asked):
            yield action
            if action in _AWAITED or action.startswith("it."):
                return


def invited(work: UnitOfWork, now: datetime) -> Sequence[str]:
    """The organisations that have an invitation which can be used still."""
    rows = partial(work.invitations.open, now)
    return [one.organisation for one in iterate(rows, attrgetter("id"), None)]
