"""`casegate admin proposal`: what one person proposed, read and approved by another one."""

from collections.abc import Iterator
from uuid import UUID

import click

from gateway.actions import proposals
from gateway.actions.ports import Mode, Ports, Proposal, Work
from gateway.cli.admin.desk import Desk, approvals, opened, show
from gateway.cli.screen import print_fields, print_json, print_table
from gateway.evidence import canonical

PAGE = 100


@click.group()
def proposal() -> None:
    """Read and approve what another administrator proposed (`casegate admin --propose ...`)."""


@proposal.command("list")
@click.pass_obj
def list_(desk: Desk) -> None:
    """List proposals: made, waiting, or over."""
    with opened(desk) as gateway:
        with gateway.ports.begin(Mode.READ) as work:
            found = list(_every(work))
        if desk.as_json:
            print_json({"items": [_fields(one) for one in found]})
            return
        header = ("proposal", "action", "organisation", "proposer", "ends")
        rows = [
            (str(p.id), p.action, p.organisation, p.proposer, _end(p, gateway.ports)) for p in found
        ]
        print_table(header, rows)


@proposal.command("show")
@click.argument("proposal_id", metavar="PROPOSAL", type=click.UUID)
@click.pass_obj
def show_(desk: Desk, proposal_id: UUID) -> None:
    """Show a proposal with its values: read them before you approve."""
    with opened(desk) as gateway:
        one = _find(gateway.ports, proposal_id)
        if desk.as_json:
            print_json(_fields(one))
            return
        print_fields({**_fields(one), "values": one.values})


@proposal.command("approve")
@click.argument("proposal_id", metavar="PROPOSAL", type=click.UUID)
@click.pass_obj
def approve(desk: Desk, proposal_id: UUID) -> None:
    """Sign what PROPOSAL says and make it; --as another person than its proposer."""
    if len(desk.persons) != 1:
        raise click.UsageError("one person approves: give --as once")
    with opened(desk) as gateway:
        change = proposals.change_of(_find(gateway.ports, proposal_id))
        (approval,) = approvals(desk, gateway, change)
        written = proposals.approve(gateway.ports, proposal_id, approval)
        show(desk, change.action, written)


def _every(work: Work) -> Iterator[Proposal]:
    """All proposals, oldest first, read by page."""
    after = None
    while page := work.proposals.page(after, PAGE):
        yield from page
        after = page[-1].id


def _find(ports: Ports, proposal_id: UUID) -> Proposal:
    with ports.begin(Mode.READ) as work:
        found = work.proposals.get(proposal_id)
    if found is None:
        raise click.ClickException("there is no such proposal, or it ended long ago")
    return found


def _end(one: Proposal, ports: Ports) -> str:
    if one.made_by is not None:
        return "made"
    return "over" if one.expires_at < ports.now() else one.expires_at.isoformat(timespec="minutes")


def _fields(one: Proposal) -> dict[str, object]:
    return {
        "proposal": str(one.id),
        "action": one.action,
        "organisation": one.organisation,
        "values": canonical.decode(one.values.encode()),
        "proposer": one.proposer,
        "expires_at": one.expires_at.isoformat(),
        "made_by": None if one.made_by is None else str(one.made_by),
    }
