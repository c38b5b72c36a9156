"""A gateway that has others confirm its log."""

from dataclasses import dataclass, field
from datetime import timedelta

from gateway import confirming
from gateway.confirming import Confirmer
from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import Confirmation, ConfirmationKind
from gateway.wiring import GatewayRuntime
from tests.store.samples import fact
from tests.test_delivery import Clock


@dataclass(kw_only=True)
class ConfirmedLog:
    """A log, and what the gateway `told` of those who confirm it."""

    kind: ConfirmationKind
    clock: Clock = field(default_factory=Clock)
    told: list[str] = field(default_factory=list)
    gateway: GatewayRuntime = field(init=False)
    confirmer: Confirmer = field(init=False)

    def begin(self) -> None:
        """Ask with nothing remembered, as after a start."""
        self.confirmer = Confirmer(self.gateway, self.told.append)

    def later(self, by: timedelta) -> None:
        """Look again after a while."""
        self.clock.ahead += by
        self.confirmer.step()

    def grow(self) -> None:
        """Let the log have one more entry."""
        with self.gateway.ports.begin(TransactionMode.WRITE) as work:
            work.log.record(fact())
            work.commit()

    def kept(self) -> list[Confirmation]:
        with self.gateway.ports.begin(TransactionMode.READ) as work:
            return [*work.confirmations.of(self.kind)]

    def late(self) -> list[str]:
        with self.gateway.ports.begin(TransactionMode.READ) as work:
            found = confirming.late(self.gateway.config, work, self.gateway.ports.now())
        return [by for kind, by in found if kind is self.kind]
