"""Who does not answer: late members, receivers, those who confirm the log, peer gateways."""

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING

from gateway import confirming
from gateway.doctor.certificates import SOON
from gateway.doctor.reading import Examined, Findings, minute
from gateway.domain.duty import LONGEST_PAUSE
from gateway.domain.health import Level
from gateway.domain.notification import DeliveryWay
from gateway.domain.worklist import number_of
from gateway.registry import witnessing
from gateway.store.high_water_mark import open_mark

if TYPE_CHECKING:
    from gateway.relaying import PeerState


def due(gateway: Examined) -> Findings:
    """Tell whether parties of handoffs are late, and maintenance looks after it."""
    with gateway.read_rows() as work:
        overdue, clock = work.duties.overdue(gateway.now), work.duties.clock()
    if clock is not None and gateway.now - clock.swept_at > LONGEST_PAUSE:
        yield (
            Level.WARNING,
            f"nothing is reminded of since {minute(clock.swept_at)}: start maintenance",
        )
    if overdue:
        search = "casegate audit search --action handoff.mark_overdue"
        yield (
            Level.WARNING,
            f"duties of members overdue: {number_of(overdue)}; telephone them; `{search}` tells an "
            "auditor who owes",
        )
    else:
        yield Level.OK, "no duty of a member is overdue"


def confirmations(gateway: Examined) -> Findings:
    """Tell which time-stamp authority, or witness, confirms the log no more."""
    config = gateway.config
    with gateway.read_rows() as work:
        late = confirming.late(config, work, gateway.now)
    for kind, by in late:
        mend = "read the log of delivery, which says why (docs/confirmations.md)"
        yield Level.WARNING, f"no {kind} of {by} in time for what is in the log: {mend}"
    if not late:
        numbers = len(config.time_stamp_authorities), len(config.witnesses)
        told = "the log is confirmed by all time-stamp authorities ({}) and witnesses ({})"
        yield Level.OK, told.format(*numbers)


def notifications(gateway: Examined) -> Findings:
    """Tell whether members' receivers answer, and what they refused."""
    with gateway.read_rows() as work:
        states = work.notifications.states(DeliveryWay.NOTIFICATION)
    behind = [f"{one.cursor.organisation} ({one.lag})" for one in states if one.cursor.failures]
    refused = [f"{one.cursor.organisation} ({one.refused})" for one in states if one.refused]
    if behind:
        named = ", ".join(behind)
        yield Level.WARNING, f"receivers do not answer, and notifications wait: {named}"
    if refused:
        yield (
            Level.WARNING,
            f"receivers refused notifications, which are kept: {', '.join(refused)}",
        )
    if not behind and not refused:
        yield Level.OK, "no receiver of notifications fails or refuses any"


def peers(gateway: Examined) -> Findings:
    """Tell to which peer gateways there is no connection, and whose log has two histories."""
    config = gateway.config
    with gateway.read_rows() as work:
        if not (names := [one.slug for one in witnessing.peers_here(work)]):
            yield Level.OK, "peer gateways: 0"
            return
        from gateway.relaying import state_of  # noqa: PLC0415 - who has no peer loads no client

        mark = open_mark(config.mark_url, file=config.mark_file, origin=config.log_origin)
        with closing(mark):
            found = [state_of(config, work, mark, name) for name in names]
    findings = [one for state in found for one in _peer(state, gateway.now)]
    yield from findings or [(Level.OK, f"peer gateways: {len(found)}")]


def _peer(peer: "PeerState", now: datetime) -> Findings:
    if peer.diverged:
        yield (
            Level.ERROR,
            f"the log of the peer gateway {peer.peer} has two histories: nothing is offered to its "
            "members, nor by them; see docs/confirmations.md, 'A gateway as a witness'",
        )
    if peer.unknown_here:
        yield (
            Level.WARNING,
            f"the peer gateway {peer.peer} is of a later version, and knows events that this one "
            f"cannot follow: {_some(peer.unknown_here)}; upgrade this gateway",
        )
    if peer.denied:
        yield (
            Level.WARNING,
            f"the peer gateway {peer.peer} does not say that it follows {_some(peer.denied)}, as "
            "every gateway must: ask its operator",
        )
    ends = peer.certificate_until
    if ends is None:
        yield (
            Level.WARNING,
            f"there is no connection to the peer gateway {peer.peer}: casegate peer enrol FILE",
        )
        return
    if now > ends - SOON:
        yield (
            Level.ERROR if now >= ends else Level.WARNING,
            f"the certificate at the peer gateway {peer.peer} ends on {ends:%Y-%m-%d}: casegate "
            f"system renew --connection peers/{peer.peer}",
        )
    if peer.cosigned_at is None or now > peer.cosigned_at + confirming.LATE:
        yield (
            Level.WARNING,
            f"the peer gateway {peer.peer} cosigns the log no more: see casegate peer check",
        )


def _some(events: Sequence[str]) -> str:
    """The first three, and how many there are: a peer does not fill an alarm with its words."""
    return f"{', '.join(events[:3])} ({len(events)})"
