"""A member's client in a handoff with a member of another gateway: it shows, and proves, both."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from gateway.cli.handoff_view import history, waiting_acts
from gateway.client import GatewayUnavailable, PeerLogMissing, TlsNotTrusted
from gateway.client.documents import is_undelivered
from gateway.client.mirror import PublicLog
from gateway.domain.handoff import RecallCode
from gateway.domain.revision import ChangeKind
from gateway.evidence import sd_jwt
from gateway.evidence.signature import public_keys
from gateway.exchange.handoffs import recalls, updates
from gateway.exchange.handoffs.recalls import RecallRequest
from gateway.exchange.handoffs.selection import UpdateRequest
from gateway.exchange.lifecycle import erasure
from gateway.exchange.relay.ending import end_with_peers
from gateway.kernel.events import gateway_and, record_by_gateway
from gateway.kernel.ports import TransactionMode
from gateway.kernel.transact import WriteResult
from gateway.verification.report import Code, VerificationReport
from gateway.verification.trust import TrustAnchors
from gateway.verification.verifier import verify
from tests import answers
from tests.casework import accepted, acknowledged, offered, revised
from tests.client.client_fixture import MemberClient
from tests.each import each
from tests.exchange.relay.two_gateways import (
    BE,
    BE_HOTLINE,
    BE_HOTLINE_THERE,
    BE_ISSUER,
    FR,
    OFMIN_THERE,
    TwoGateways,
    be_attester,
    released,
    two_gateways,
)
from tests.founded_gateway import OFMIN, Founded
from tests.log_check import check_log
from tests.ports import document_key, key_of
from tests.verification.scenario import fact, keys_of
from tests.web.listening import Listening, listening

KEYS = {BE: be_attester, FR: lambda: key_of("attest")}


@dataclass
class Both:
    """Two gateways with a client at each."""

    two: TwoGateways
    stages: dict[str, Listening]

    def gateway(self, name: str) -> Founded:
        return self.two.be if name == BE else self.two.fr

    def trust(self, name: str, **changes: Any) -> TrustAnchors:
        gateway = self.gateway(name)
        key = gateway.checkpoint_signer.signer.key
        issuer = gateway.ports.issuer
        keys = public_keys({"keys": [KEYS[name]().public_jwk()]})
        return TrustAnchors((key,), (key.name,), gateway_keys=keys, issuer=issuer, **changes)

    def tiles(self, issuer: str) -> Callable[[str], bytes]:
        stage = self.stages[BE if issuer == BE_ISSUER else FR]
        app = httpx.WSGITransport(app=stage.public)
        return PublicLog(issuer, None, stage.gateway.clock, transport=app).fetch

    def desk(self, name: str, organisation: str, **changes: Any) -> MemberClient:
        issuer = self.gateway(name).ports.issuer
        trust, tile = self.trust(name, here=issuer), self.tiles(issuer)
        changes |= {"issuer": issuer, "trust": trust, "tile": tile}
        desk = MemberClient(self.stages[name], organisation, **changes)
        desk._peer_tile = self.tiles
        return desk


@pytest.fixture
def both() -> Iterator[Both]:
    two = two_gateways()
    for gateway, peer, name in ((two.be, two.fr, FR), (two.fr, two.be, BE)):
        said = {
            "organisation": name,
            "issuer": peer.ports.issuer,
            "log_keys": [peer.checkpoint_signer.signer.vkey],
            "attestation_keys": {"keys": [KEYS[name]().public_jwk()]},
        }
        with gateway.ports.begin(TransactionMode.WRITE) as work:
            parties = gateway_and(name)
            record_by_gateway(gateway.ports, work, "peer.trust", parties, said=said)
            work.commit()
    yield Both(two, {BE: listening(two.be), FR: listening(two.fr)})
    check_log(two.be)
    check_log(two.fr)


def handed(both: Both, case: WriteResult | None = None) -> UUID:
    """Offered, accepted, with an outcome."""
    two = both.two
    case = case or released(two)
    offer = offered(two.be, case, originator=BE_HOTLINE)
    two.exchange()
    handoff = accepted(two.fr, offer, recipient=OFMIN)
    two.exchange()
    two.fr.answer(OFMIN, answers.outcome, handoff, code="case_opened")
    two.exchange()
    return handoff


def exported(both: Both, name: str, organisation: str, handoff: UUID) -> VerificationReport:
    """What a party's own client makes, as a stranger verifies it who has the keys of both."""
    data = both.desk(name, organisation).export(handoff)
    assert len(json.loads(data)["logs"]) == 2
    return verify(data, both.trust(BE, others=(both.trust(FR),)))


def test_each_party_shows_and_exports_a_handoff_between_two_gateways(both: Both) -> None:
    handoff = handed(both)
    for name, organisation, parties, number in (
        (BE, BE_HOTLINE, (BE_HOTLINE, OFMIN_THERE), 3),
        (FR, OFMIN, (BE_HOTLINE_THERE, OFMIN), 1),  # what the other follows is not for its stream
    ):
        view = both.desk(name, organisation).handoff(handoff)
        assert (view["originator"], view["recipient"]) == parties
        report = exported(both, name, organisation, handoff)
        assert report.code is Code.ATTESTED, report.failure
        assert fact(report, "both_logs")["number"] == number


def test_updates_recalls_and_what_answers_them_are_proved_by_both_logs(both: Both) -> None:
    two = both.two
    case = released(two)
    handoff = handed(both, case)
    revised(
        two.be, case, originator=BE_HOTLINE, kind=ChangeKind.CORRECTION,
        marking={"release_to": [two.fr.ports.issuer]},
    )  # fmt: skip
    two.be.act(BE_HOTLINE, updates.update, handoff, UpdateRequest("liaison-1"))
    two.exchange()
    acknowledged(two.fr, handoff)
    two.exchange()
    wanted = RecallRequest("liaison-1", RecallCode.UNLAWFUL, "why", approved_by="approver-1")
    two.be.act(BE_HOTLINE, recalls.of_case, UUID(case.result["case"]), wanted)
    two.exchange()
    two.fr.answer(OFMIN, answers.acknowledge_recall, handoff)
    two.exchange()
    for name, organisation in ((BE, BE_HOTLINE), (FR, OFMIN)):
        report = exported(both, name, organisation, handoff)
        assert report.code is Code.ATTESTED, report.failure
        assert fact(report, "both_logs")
        assert "recall" in keys_of(report)
        # Offer and update by one person, the recall by two: the originator's gateway says so.
        assert report.conclusion is not None
        told = [one.values for one in report.conclusion.facts if one.key == "peer.persons"]
        assert [one["count"] for one in told] == ["1", "1", "2"]
        assert {one["log"] for one in told} == {two.be.checkpoint_signer.origin}


def test_an_answer_that_was_erased_before_its_delivery_leaves_its_handoff_to_read(
    both: Both,
) -> None:
    two = both.two
    case = released(two, marking={"erase_on": "2026-03-20"})
    handoff = handed(both, case)
    wanted = RecallRequest("liaison-1", RecallCode.UNLAWFUL, "why", approved_by="approver-1")
    two.be.act(BE_HOTLINE, recalls.of_case, UUID(case.result["case"]), wanted)
    two.exchange()
    two.fr.answer(OFMIN, answers.answer_recall, handoff, done="copies_erased")
    erasure.erase_due(two.fr.ports)
    for gateway in (two.be, two.fr):
        gateway.clock.advance(timedelta(days=18))
    end_with_peers(two.fr.ports, set())
    two.exchange()
    desk = both.desk(BE, BE_HOTLINE)
    *others, last = desk.handoff(handoff)["answers"]
    assert (last["document"], last["code"]) == ("", "copies_erased")
    assert "document erased before its delivery" in history(last, {})
    # The gateway of no member here may leave out what it has itself.
    assert not is_undelivered({**last, "author": BE_HOTLINE})
    assert not any(map(is_undelivered, others))
    report = exported(both, BE, BE_HOTLINE, handoff)
    assert report.code is Code.INCOMPLETE, report.sentence


def test_what_waits_is_not_proved_and_an_offer_that_waits_lacks_the_other_log(both: Both) -> None:
    two = both.two
    offer = offered(two.be, released(two), originator=BE_HOTLINE)
    handoff = UUID(offer.result["handoff"])
    desk = both.desk(BE, BE_HOTLINE)
    assert desk.handoff(handoff)["state"] == "offered"
    with pytest.raises(PeerLogMissing, match=f"handoff show {handoff} says what waits"):
        desk.export(handoff)
    two.exchange()
    assert exported(both, BE, BE_HOTLINE, handoff).code is Code.ATTESTED
    two.be.answer(BE_HOTLINE, answers.withdraw, handoff, "a mistake")
    assert exported(both, BE, BE_HOTLINE, handoff).code is Code.ATTESTED
    two.exchange()
    report = exported(both, BE, BE_HOTLINE, handoff)
    assert fact(report, "state")["states"] == ["withdrawn"]


@each("error, why", [
    (GatewayUnavailable("no connection", reached=False), "no connection"),
    (TlsNotTrusted("the certificate is not accepted"), "not accepted"),
])  # fmt: skip
def test_without_a_way_to_the_other_log_an_export_says_where_its_root_is_put(
    error: Exception, why: str, both: Both
) -> None:
    handoff = handed(both)
    desk = both.desk(BE, BE_HOTLINE)

    def unread(_: str) -> Any:
        def fetch(path: str) -> bytes:
            raise error

        return fetch

    desk._peer_tile = unread
    with pytest.raises(PeerLogMissing) as told:
        desk.export(handoff)
    for part in (why, both.two.fr.ports.issuer, f"peers/{FR}.pem"):
        assert part in str(told.value)


def test_an_offer_that_was_returned_is_shown(both: Both) -> None:
    two = both.two
    case = released(two)
    offer = offered(two.be, case, originator=BE_HOTLINE, to=OFMIN_THERE)
    two.exchange()
    view = both.desk(BE, BE_HOTLINE).handoff(UUID(offer.result["handoff"]))
    assert view["state"] == "returned"


def test_what_ended_with_the_other_gateway_is_shown_and_verifies(both: Both) -> None:
    two = both.two
    offer = offered(two.be, released(two), originator=BE_HOTLINE)
    two.exchange()
    handoff = accepted(two.fr, offer, recipient=OFMIN)
    two.exchange()
    desk = both.desk(BE, BE_HOTLINE)
    before = exported(both, BE, BE_HOTLINE, handoff).code
    two.be.administer("organisation.leave", FR, reason="it closes")
    end_with_peers(two.be.ports, set())
    assert desk.handoff(handoff)["state"] == "closed"
    assert exported(both, BE, BE_HOTLINE, handoff).code is before


def test_the_command_shows_what_waits_at_the_other_gateway(both: Both) -> None:
    two = both.two
    offer = offered(two.be, released(two), originator=BE_HOTLINE)
    two.exchange()
    two.be.answer(BE_HOTLINE, answers.withdraw, UUID(offer.result["handoff"]), "a mistake")
    view = both.desk(BE, BE_HOTLINE).handoff(UUID(offer.result["handoff"]))
    (told,) = waiting_acts(view)
    assert (told.startswith("withdraw, sent "), told.endswith(" at fr yet")) == (True, True)
    two.exchange()
    assert waiting_acts(both.desk(BE, BE_HOTLINE).handoff(view["handoff"])) == []


def test_a_member_signs_an_offer_for_the_gateway_that_decides(both: Both) -> None:
    two, key = both.two, document_key("the Belgian hotline's own")
    two.be.register_key(BE_HOTLINE, key)
    case = released(two)
    desk = both.desk(BE, BE_HOTLINE, document_key=key)
    written = desk.offer(
        case.result["case"], "liaison-1", purpose=["identify_victim"], organisation=OFMIN_THERE,
        groups=["items"],
    )  # fmt: skip
    claims = sd_jwt.read_unverified(written.result["offer"]).claims
    assert (claims["aud"], claims["to"]["organisation"]) == (two.fr.ports.issuer, OFMIN)
    view = desk.handoff(written.result["handoff"])
    assert view["recipient"] == OFMIN_THERE
    withdrawn = desk.answer("withdraw", view["handoff"], "liaison-1", reason="a mistake")
    signed = sd_jwt.read_unverified(withdrawn.result["document"]).claims
    assert signed["aud"] == two.fr.ports.issuer


def test_what_an_originator_does_is_sent_and_counts_once_it_was_taken_in(both: Both) -> None:
    two = both.two
    case = released(two)
    offer = offered(two.be, case, originator=BE_HOTLINE)
    two.exchange()
    handoff, here, there = UUID(offer.result["handoff"]), both.desk(BE, BE_HOTLINE), OFMIN
    desk = both.desk(FR, there)
    desk.accept(desk.handoff(handoff), "officer-1")
    two.exchange()
    revised(
        two.be, case, originator=BE_HOTLINE, kind=ChangeKind.CORRECTION,
        marking={"release_to": [two.fr.ports.issuer]},
    )  # fmt: skip
    here.update(handoff, "liaison-1")
    here.step(
        "case.recall", {"handoff": handoff}, "liaison-1", code="unlawful", reason="why",
        approved_by="approver-1",
    )  # fmt: skip
    assert [one.split(",")[0] for one in waiting_acts(here.handoff(handoff))] == [
        "update",
        "recall",
    ]
    two.exchange()
    for one in (here, desk):
        view = one.handoff(handoff)
        # What waited until its case was recalled does not leave.
        assert (view["package"], view["recalled"]) == (1, True)
