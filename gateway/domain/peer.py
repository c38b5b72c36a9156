"""Peer gateways: what two persons compared of one, and what was agreed with its operator.

A peer gateway is an organisation of kind ``gateway``. Its members are remote members here, as
``ofmin@fr``: their names and URIs are in `gateway.domain.organisation`.
"""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from gateway.domain.mandate import Period


@dataclass(frozen=True)
class PeerPins:
    """What two persons compared with the other operator by another channel: whom to believe.

    ``issuer`` is the peer's URI, ``address`` that of its partners' listener. ``root`` is its root
    certificate (PEM), ``attestation_keys`` are JWKs as JSON. ``log_keys`` are the verifier keys of
    its log, of one origin, ``witness_key`` that by which it cosigns. ``event`` recorded them.
    """

    issuer: str
    address: str
    root: str
    log_keys: tuple[str, ...]
    attestation_keys: tuple[str, ...]
    witness_key: str
    event: UUID

    @property
    def origin(self) -> str:
        """The name of its log."""
        return self.log_keys[0].partition("+")[0]


@dataclass(frozen=True)
class PeerAgreement:
    """What may go between this gateway and a peer, on the days of ``period``.

    ``directions`` are of DIRECTIONS. ``kinds`` are the kinds of its members that are heard and
    addressed, ``membership`` is the class that they count as here. ``tlp`` is the strictest
    marking that may cross, ``assurance`` of ASSURANCES, ``transfer_tool`` what lets data go to a
    third country, None where none is needed. ``offers_a_day`` bounds what its members offer here.
    ``event`` recorded it.
    """

    directions: frozenset[str]
    matters: frozenset[str]
    purposes: frozenset[str]
    kinds: frozenset[str]
    membership: str
    tlp: str
    assurance: str
    transfer_tool: str | None
    offers_a_day: int
    period: Period
    event: UUID


@dataclass(frozen=True)
class RecognisedMember:
    """A member of a peer that two persons recognised here as a public authority.

    ``id`` is what its own gateway knows it by; ``led``: it acts under that regime, too. ``event``
    recorded it.
    """

    id: str
    led: bool
    period: Period
    event: UUID


@dataclass(frozen=True)
class PeerGateway:
    """What stands in the row of an organisation of kind ``gateway``, past and present.

    ``diverged`` is the event that recorded two histories of its log, None where there is one.
    """

    pins: PeerPins
    agreements: tuple[PeerAgreement, ...] = ()
    recognised: tuple[RecognisedMember, ...] = ()
    diverged: UUID | None = None

    def agreement_on(self, day: date) -> PeerAgreement | None:
        """The agreement in force on ``day``, the newest of them; None where nothing was agreed."""
        return next((one for one in self.agreements[::-1] if one.period.holds(day)), None)

    def recognition_on(self, member: str, day: date) -> RecognisedMember | None:
        """The recognition of a member in force on ``day``, by its id at its own gateway."""
        held = (one for one in self.recognised[::-1] if one.id == member)
        return next((one for one in held if one.period.holds(day)), None)
