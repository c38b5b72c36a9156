"""Peer gateways: what two persons compared of one, and what was agreed with its operator.

A peer gateway is an organisation of kind ``gateway``. Its members are remote members here, as
``ofmin@fr``: their names and URIs are in `gateway.domain.organisation`.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from gateway.domain.mandate import Mandate, Period
from gateway.domain.vocabulary import tlp_rank

GATEWAY_KIND = "gateway"
"""The kind of organisation that a peer gateway is."""

ADDRESS = re.compile(
    r"https://(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:]+\])(?::[0-9]{1,5})?", re.ASCII
)
"""The address of a listener: https://host or https://host:port."""

DIRECTIONS = ("in", "out")
"""Which offers an agreement is about: by members of the peer, or by members of this gateway."""

ASSURANCES = ("signed", "any")
"""What counts as the word of a peer's member: what it signed itself, or what its gateway attests
for it as well."""


@dataclass(frozen=True)
class PeerPins:
    """What two persons compared with the other operator by another channel: whom to believe.

    ``issuer`` is the peer's URI, ``api_url`` that of its partners' listener, ``root_sha256`` the
    fingerprint of its root certificate, in hex. ``log_keys`` are the verifier keys of its log, of
    one origin, ``attestation_keys`` JWKs as JSON, ``witness_key`` is that by which it cosigns.
    ``event`` recorded them.
    """

    issuer: str
    api_url: str
    root_sha256: str
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

    ``directions`` are of DIRECTIONS. ``kinds`` are those of its members that count here, each in
    the class ``membership``; their mandates do in ``matters`` and ``territories``. ``tlp`` is the
    strictest marking that crosses, ``assurance`` of ASSURANCES; ``transfer_tool`` lets data go to
    its operator, and to its members, in a third country (R15). ``offers_a_day`` bounds what its
    members offer here. ``event`` recorded it.
    """

    directions: frozenset[str]
    matters: frozenset[str]
    territories: frozenset[str]
    purposes: frozenset[str]
    kinds: frozenset[str]
    membership: str
    tlp: str
    assurance: str
    transfer_tool: str | None
    offers_a_day: int
    period: Period
    event: UUID

    def covers(
        self,
        direction: str,
        *,
        kind: str,
        matters: Collection[str],
        purposes: Collection[str],
        tlp: str,
    ) -> bool:
        """Tell whether an offer to, or by, a member of that kind is agreed."""
        return (
            direction in self.directions
            and kind in self.kinds
            and self.matters >= {*matters}
            and self.purposes >= {*purposes}
            and tlp_rank(tlp) <= tlp_rank(self.tlp)
        )


@dataclass(frozen=True)
class RecognisedMember:
    """A member of a peer that two persons recognised here as a public authority.

    ``id`` is what its own gateway knows it by; ``led``: it acts under that regime, too.
    ``legal_act`` says where that is written, ``event`` recorded it.
    """

    id: str
    led: bool
    legal_act: str
    event: UUID


@dataclass(frozen=True)
class VouchedKey:
    """A document key of a peer's ``member`` that two persons compared with that member itself,
    because no key of it that is known here vouches for it: ``kid`` is its thumbprint, ``event``
    recorded it."""

    member: str
    kid: str
    event: UUID


@dataclass(frozen=True)
class RemoteMember:
    """What a remote member's own gateway says of it, whatever of that counts here.

    It is good until ``attested_until``, a day at most; ``event`` recorded it.
    """

    public_authority: bool
    regimes: frozenset[str]
    mandates: tuple[Mandate, ...]
    attested_until: datetime
    event: UUID


@dataclass(frozen=True)
class PeerGateway:
    """What stands in the row of a peer gateway; ``earlier`` are pins that were replaced, by which
    what was received under them still verifies. ``diverged`` is the event that recorded two
    histories of its log, None where there is one."""

    pins: PeerPins
    earlier: tuple[PeerPins, ...] = ()
    agreements: tuple[PeerAgreement, ...] = ()
    recognised: tuple[RecognisedMember, ...] = ()
    vouched: tuple[VouchedKey, ...] = ()
    diverged: UUID | None = None

    @property
    def anew(self) -> PeerPins | None:
        """The first pins of its log of today, where another one ended: there its streams, and what
        it knows of handoffs, begin anew."""
        every = (*self.earlier, self.pins)
        if self.pins.origin == every[0].origin:
            return None
        return next(one for one in every if one.origin == self.pins.origin)

    def heard_as(self, name: str) -> str:
        """Return what its streams are heard under, where the gateway is called ``name``."""
        return name if self.anew is None else f"{name}#{self.pins.origin}"

    def agreement_on(self, day: date) -> PeerAgreement | None:
        """The agreement in force on ``day``; None where nothing is agreed."""
        return next((one for one in self.agreements if one.period.holds(day)), None)

    def newest_agreement(self, day: date) -> PeerAgreement | None:
        """The agreement in force on ``day``, else the last: answers count by that, too."""
        last = self.agreements[-1] if self.agreements else None
        return self.agreement_on(day) or last

    def has_vouched(self, member: str, kid: str) -> bool:
        """Tell whether two persons vouch for a key of a member, by its id at its own gateway."""
        return any((one.member, one.kid) == (member, kid) for one in self.vouched)

    def recognition_of(self, member: str) -> RecognisedMember | None:
        """The recognition of a member, by its id at its own gateway."""
        return next((one for one in self.recognised if one.id == member), None)
