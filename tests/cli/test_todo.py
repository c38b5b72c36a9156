"""`casegate todo`: what waits, with commands that do it; and the command after each step."""

import errno
import json
import re
from dataclasses import replace
from datetime import timedelta
from functools import partialmethod
from pathlib import Path
from typing import Any

import click
import pytest

from gateway.cli import SUBCOMMANDS, output
from gateway.cli.output import WIDTH, short
from gateway.client import GatewayUnavailable
from gateway.client.transport import PAUSES
from gateway.domain.audit_event import EVENT_TYPES
from gateway.domain.duty import DUTIES, DutyKind
from gateway.domain.worklist import command_of
from tests.casework import case_content
from tests.cli.desks import Desks
from tests.client.client_fixture import MemberClient, cut
from tests.each import each
from tests.exchange.moving_mandates import PLAN
from tests.founded_gateway import HOTLINE, OFMIN

BY = ("--by", "officer-1")
CSAM_FR = ("--competence", "csam/FR")


@pytest.fixture
def desks(desks: Desks, tls_files: Path) -> Desks:
    """Desks whose connection has a real certificate file."""
    desks.changes["certificate"] = tls_files / "certificate.pem"
    return desks


def commands(output: str) -> list[list[str]]:
    """The commands that were told, as a shell reads them."""
    told = re.findall(r"^  Next: (?:.*\\\n)*.*$", output, re.MULTILINE)
    assert max((len(line) for one in told for line in one.split("\n")), default=0) <= WIDTH
    joined = re.sub(r" \\\n +", " ", output)
    return [without_placeholders(line) for line in re.findall(r"Next: casegate (.*)", joined)]


def unwrapped(output: str) -> str:
    """What a terminal of 80 columns shows, in one line."""
    return re.sub(r"\s+", " ", output)


def without_placeholders(line: str) -> list[str]:
    """A command line without the options whose value the person has to fill in."""
    return re.sub(r" --[a-z-]+ [A-Z_-]+\b", "", line).split()


def waits(desks: Desks, at: str = HOTLINE) -> list[Any]:
    return list(desks.told("todo", at=at)["items"])


def test_nothing_waits_where_nothing_is_owed(desks: Desks) -> None:
    assert desks.done("todo").strip() == "Nothing waits."
    assert waits(desks) == []


def test_what_is_owed_is_told_with_a_command_that_does_it(desks: Desks) -> None:
    handoff = desks.offered()
    (command,) = commands(desks.done("todo", at=OFMIN))
    assert command == ["handoff", "accept", short(handoff)]
    desks.done(*command, *BY, "--yes", at=OFMIN)
    (command,) = commands(desks.done("todo", at=OFMIN))
    assert command[:3] == ["handoff", "consult", short(handoff)]
    desks.done(*command, *BY, "--reason-code", "investigation", "--reason", "look", at=OFMIN)
    assert waits(desks, OFMIN) == []


def test_a_command_that_is_told_has_every_option_that_it_must_have(desks: Desks) -> None:
    handoff = desks.offered()
    (one,) = waits(desks, OFMIN)
    assert one["next"] == f"casegate handoff accept {handoff} --by PSEUDONYM"
    assert one["next"].replace(handoff, short(handoff)) in desks.done("todo", at=OFMIN)


def test_a_command_that_is_told_names_the_connection_that_was_given(
    desks: Desks, tls_files: Path
) -> None:
    handoff = desks.offered()
    given = str(tls_files / "certificate.pem")  # any file: the desk brings its connection
    command = told_next(desks.done("todo", "-c", given, at=OFMIN))
    assert command == ["handoff", "accept", short(handoff), "-c", given]


def test_what_arrived_waits_until_it_is_seen_a_danger_first_and_other_news_in_one_line(
    desks: Desks,
) -> None:
    usual = desks.offered()
    desks.done("handoff", "accept", usual, *BY, "--yes", at=OFMIN)
    for code in ("received", "case_opened"):
        desks.done("handoff", "report-outcome", usual, *BY, "--code", code, at=OFMIN)
    desks.done("handoff", "close", usual, *BY, at=OFMIN)
    danger = desks.offered(urgency="imminent_danger", urgency_reason="child_located")
    desks.done("handoff", "decline", danger, *BY, "--reason", "not ours", at=OFMIN)
    output = desks.done("todo")
    assert re.search(r"^at once +DANGER +ref-\S+: declined \(to OFMIN", output, re.MULTILINE)
    assert "outcome reported, 2 times; closed (to OFMIN" in unwrapped(output)
    told = commands(output)
    offer = told.pop(2)
    assert offer[:2] == ["handoff", "offer"], "it is with nobody now"
    assert told == [
        ["handoff", verb, short(one)] for one in (danger, usual) for verb in ("show", "seen")
    ]
    assert "declined" in desks.done("handoff", "show", danger)
    for handoff in (danger, usual):
        seen = desks.done("handoff", "seen", handoff, "--by", "analyst-1")
    assert "seen: outcome reported" in seen
    assert commands(desks.done("todo")) == [offer]
    assert desks.run("handoff", "seen", usual, "--by", "analyst-1").exit_code == 1


def test_a_question_stands_at_its_time_and_is_late_after_it(desks: Desks) -> None:
    handoff = desks.offered()
    desks.done("handoff", "accept", handoff, *BY, "--yes", at=OFMIN)
    asked = ("--code", "more_needed", "--what", "other", "--text", "which?")
    until = ("--until", "2026-03-04T09:00:00Z")
    desks.done("handoff", "report-outcome", handoff, *BY, *asked, *until, at=OFMIN)
    assert "2026-03-04 09:00" in desks.done("todo")
    assert "question: outcome reported (to OFMIN" in unwrapped(desks.done("todo"))
    desks.stage.gateway.clock.advance(timedelta(days=8))
    assert re.search(r"^late ", desks.done("todo"), re.MULTILINE)


def test_an_offer_that_stays_without_an_answer_waits_for_its_originator(desks: Desks) -> None:
    handoff = desks.offered()
    desks.stage.gateway.clock.advance(timedelta(days=8))
    assert "OVERDUE" in desks.done("todo", at=OFMIN)
    (one,) = waits(desks)
    assert (one["overdue"], one["next"]) == (True, f"casegate handoff show {handoff}")


def test_the_most_urgent_is_told_first_whichever_party_it_waits_for(desks: Desks) -> None:
    usual = desks.offered()
    desks.done("handoff", "accept", usual, *BY, "--yes", at=OFMIN)
    what = ("--proposal", "inaccurate", "--reason", "wrong host")
    desks.done("handoff", "propose-correction", usual, *BY, *what, at=OFMIN)
    urgent = {"urgency": "urgent", "urgency_reason": "child_located"}
    assess = told_next(
        desks.done("case", "submit", str(desks.case_file(**urgent)), "--by", "intake-1")
    )
    danger = desks.offered(urgency="imminent_danger", urgency_reason="child_located")
    reached = ("--function", "duty officer", "--time", "2026-03-02T09:00:00Z")
    desks.done("handoff", "call", danger, "--by", "liaison-1", *reached)
    desks.stage.gateway.clock.advance(timedelta(hours=2))
    told = commands(desks.done("todo"))
    answer = ["handoff", "answer-proposal", short(usual)]
    assert told == [["handoff", "show", short(danger)], assess, answer]


def told_next(output: str) -> list[str]:
    """The last command that was told after a step; its lines may be longer than a terminal."""
    told = re.sub(r" \\\n +", " ", output).rpartition("Next: casegate ")[2]
    return without_placeholders(told)


def test_a_case_goes_from_draft_to_clearance_by_what_is_told(desks: Desks) -> None:
    assess = told_next(desks.done("case", "submit", str(desks.case_file()), "--by", "intake-1"))
    assert commands(desks.done("todo")) == [assess]
    clear = told_next(desks.done(*assess, "--by", "analyst-1"))
    assert commands(desks.done("todo")) == [clear]
    offer = told_next(desks.done(*clear, "--by", "approver-1"))
    assert commands(desks.done("todo")) == [offer]
    assert "cleared case that is with nobody: offer, close" in unwrapped(desks.done("todo"))
    sent = ("--by", "liaison-1", "--purpose", "identify_victim", "--group", "items")
    desks.done(*offer[:2], desks.told("case", "list")["items"][0]["case"], *sent, *CSAM_FR)
    assert waits(desks) == []


def test_machines_are_not_told_what_follows(desks: Desks) -> None:
    told = desks.told("case", "submit", str(desks.case_file()), "--by", "intake-1")
    assert told.keys() == {"result", "receipt"}


def test_a_recall_of_one_person_waits_for_the_second(desks: Desks) -> None:
    handoff = desks.offered()
    desks.done("handoff", "accept", handoff, *BY, "--yes", at=OFMIN)
    case = desks.told("handoff", "show", handoff)["case"]
    why = ("--code", "misdirected", "--reason", "astray")
    approve = told_next(desks.done("case", "recall", case, "--by", "approver-1", *why))
    close = ["case", "close", short(case)]
    assert commands(desks.done("todo")) == [approve, close]
    desks.done(*approve, "--by", "approver-2")
    assert commands(desks.done("todo")) == [close]
    acknowledge, answer = commands(desks.done("todo", at=OFMIN))
    assert acknowledge == ["handoff", "acknowledge-recall", short(handoff)]
    assert told_next(desks.done(*acknowledge, *BY, at=OFMIN)) == answer


def test_a_write_without_an_answer_waits(desks: Desks, tmp_path: Path) -> None:
    desks.changes["outbox"] = tmp_path / "spool"
    desk = MemberClient(desks.stage, outbox=tmp_path / "spool")
    desk.wire.faults = [cut] * (len(PAUSES) + 1)
    with pytest.raises(GatewayUnavailable):
        desk.submit(case_content(desks.stage.gateway.new_id()), "intake-1")
    assert commands(desks.done("todo")) == [["outbox", "resend"]]


def test_a_succession_waits_for_the_offices_that_did_not_approve_it(desks: Desks) -> None:
    one = desks.stage.gateway.administer("succession.plan", OFMIN, **PLAN).result["succession"]
    assert commands(desks.done("todo", at=OFMIN)) == [["succession", "approve", one]]
    desks.done("succession", "approve", one, *BY, at=OFMIN)
    (ends,) = waits(desks, OFMIN)
    assert (ends["kind"], ends["about"], ends["next"]) == ("mandate", "receive/csam/FR", None)


def test_a_refused_notification_waits_until_it_is_sent_again(desks: Desks) -> None:
    desks.done("notification", "poll")
    desks.offered()
    told, _ = MemberClient(desks.stage).poll_notifications().notifications
    MemberClient(desks.stage).poll_notifications(refuse={told: ("invalid_key", "which key?")})
    (command,) = commands(desks.done("todo"))
    assert command == ["notification", "replay", str(told.event)]
    desks.done(*command, "--by", "analyst-1")
    assert waits(desks) == []


def test_what_no_scope_lets_see_is_named_and_the_rest_is_told(desks: Desks) -> None:
    with desks.stage.gateway.past_events(HOTLINE) as work:
        system = work.organisations.systems(HOTLINE)[0]
        work.organisations.save_system(replace(system, scopes=frozenset({"handoffs.read"})))
    told = desks.run("todo")
    assert "cases.read, events.read" in told.stderr
    assert "Nothing waits" not in told.stdout
    lacking = {one["scope"] for one in desks.told("todo")["skipped"]}
    assert lacking == {"cases.read", "events.read"}


def test_a_suspended_member_sees_what_it_owes_and_what_is_closed(desks: Desks) -> None:
    handoff = desks.offered()
    desks.done("handoff", "accept", handoff, *BY, "--yes", at=OFMIN)
    case = desks.told("handoff", "show", handoff)["case"]
    why = ("--code", "unlawful", "--reason", "astray", "--approved-by", "approver-2")
    desks.done("case", "recall", case, "--by", "approver-1", *why)
    desks.stage.gateway.administer("organisation.suspend", OFMIN, reason="an inquiry")
    told = desks.run("todo", at=OFMIN)
    assert "not active: handoffs not opened, cases, held removals, successions" in unwrapped(
        told.stderr
    )
    acknowledge, _answer = commands(told.stdout)
    assert acknowledge == ["handoff", "acknowledge-recall", short(handoff)]
    desks.done(*acknowledge, *BY, at=OFMIN)


def test_a_recipient_names_a_handoff_by_its_own_reference(desks: Desks) -> None:
    handoff, _ = desks.offered(), desks.offered()
    desks.done("handoff", "refer", handoff, "--reference", "PV 2026/17", *BY, at=OFMIN)
    for shown in (("todo",), ("handoff", "list"), ("handoff", "show", "PV 2026/17")):
        assert "PV 2026/17" in desks.done(*shown, at=OFMIN)
    desks.done("handoff", "accept", "PV 2026/17", *BY, "--yes", at=OFMIN)
    assert desks.told("handoff", "show", handoff, at=OFMIN)["state"] == "accepted"


def test_a_person_sees_what_it_took_and_any_filter_leaves_the_rest_away(desks: Desks) -> None:
    first, second = desks.offered(), desks.offered()
    desks.done("handoff", "take", second, *BY, at=OFMIN)
    assert "taken by officer-1" in desks.done("todo", at=OFMIN)
    for only in (("--mine", "officer-1"), ("--with", HOTLINE, "--mine", "officer-1")):
        assert commands(desks.done("todo", *only, at=OFMIN)) == [
            ["handoff", "accept", short(second)]
        ]
    for none in (("--overdue",), ("--mine", "officer-9")):
        said = desks.done("todo", *none, at=OFMIN).strip()
        assert said == "Nothing waits that fits what you asked for."
    assert len(commands(desks.done("todo", "--matter", "csam", at=OFMIN))) == 2
    assert first


def exists(words: list[str]) -> bool:
    """Whether a command line begins with a command that there is."""
    command = SUBCOMMANDS[words[0]].load()
    return not isinstance(command, click.Group) or words[1] in command.commands


@each("step", output._NEXT)
def test_every_next_step_follows_an_event_and_is_a_command(step: tuple[str, Any, str]) -> None:
    type_, _, command = step
    assert type_ in {named for named, *_ in EVENT_TYPES.values()}
    assert exists(command.split())


@each("kind", list(DutyKind))
def test_every_duty_has_a_command(kind: DutyKind) -> None:
    assert exists(command_of(DUTIES[kind].action, "1").split())


def test_a_refusal_is_told_in_the_language_that_was_asked_for(desks: Desks) -> None:
    handoff = desks.offered()
    consult = ("handoff", "consult", handoff, *BY, "--reason-code", "quality", "--reason", "x")
    refused = desks.run(*consult, "--lang", "fr", at=OFMIN)
    first, *others = refused.stderr.splitlines()
    assert first.startswith("Refusé\u00a0: le contenu s’ouvre après l’acceptation")
    assert first.endswith("est proposée")
    assert any(one.startswith("  inscrit au journal\u00a0: événement ") for one in others)
    unknown = desks.run("handoff", "show", "000000", "--lang", "fr", at=OFMIN)
    assert unknown.stderr.startswith("Erreur\u00a0: 000000 n’est ni l’une de vos références")


# --- `casegate notification`: events are seen when they happen; none is acknowledged unseen ---


@pytest.fixture
def handoff(desks: Desks) -> str:
    """A handoff to an office that has heard of all there was before it."""
    desks.done("notification", "poll", at=OFMIN)
    return desks.offered()


def test_what_waits_is_listed_and_acknowledged_unless_it_is_kept(
    desks: Desks, handoff: str
) -> None:
    for _ in range(2):
        assert short(handoff) in desks.done("notification", "poll", "--keep", at=OFMIN)
    (told,) = desks.told("notification", "poll", at=OFMIN)["items"]
    assert (told["handoff"], told["type"]) == (handoff, "handoff.offered")
    assert desks.told("notification", "poll", at=OFMIN)["items"] == []


def test_what_the_output_did_not_take_waits_again(
    desks: Desks, handoff: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(click, "echo", full)
        for words in ([], ["--json"]):
            assert desks.run("notification", "poll", *words, at=OFMIN).exit_code == 6
    assert short(handoff) in desks.done("notification", "poll", at=OFMIN)


def test_a_page_is_listed_at_a_time_and_what_follows_is_announced(
    desks: Desks, handoff: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    desks.offered()
    one_each = partialmethod(MemberClient.poll_notifications, most=1)
    monkeypatch.setattr(MemberClient, "poll_notifications", one_each)
    told = desks.told("notification", "poll", at=OFMIN)
    assert ([one["handoff"] for one in told["items"]], told["more"]) == ([handoff], True)
    second = desks.run("notification", "poll", at=OFMIN)
    assert (second.exit_code, "There are more" in second.stderr) == (0, False)


def test_a_watch_prints_a_line_for_each_until_it_is_stopped(
    desks: Desks, handoff: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    poll, asked = MemberClient.poll_notifications, []

    def interrupted(desk: MemberClient, **given: object) -> object:
        asked.append(given)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return poll(desk, **given)

    monkeypatch.setattr(MemberClient, "poll_notifications", interrupted)
    output = desks.done("notification", "watch", "--json", at=OFMIN)
    assert json.loads(output)["handoff"] == handoff
    assert asked[0]["wait"]
    assert desks.told("notification", "poll", at=OFMIN)["items"] == [], "it was printed"


def test_the_status_tells_what_was_refused_and_a_replay_brings_it_again(
    desks: Desks, handoff: str
) -> None:
    office = MemberClient(desks.stage, OFMIN)
    (told,) = office.poll_notifications().notifications
    office.poll_notifications(refuse={told: ("invalid_key", "which key?")})
    output = desks.done("notification", "status", at=OFMIN)
    assert f"{told.event}  invalid_key which key?" in output
    by = ("--by", "analyst-1")
    desks.done("notification", "replay", str(told.event), *by, at=OFMIN)
    assert desks.told("notification", "status", at=OFMIN)["refused"][0]["replay"]
    first, _replayed = desks.told("notification", "poll", at=OFMIN)["items"]
    assert first["event"] == str(told.event)


# --- In French ---


def test_what_waits_is_said_in_the_language_of_the_locale_or_the_one_that_is_given(
    desks: Desks, monkeypatch: pytest.MonkeyPatch
) -> None:
    handoff = desks.offered()
    french = unwrapped(desks.done("todo", "--lang", "fr", at=OFMIN))
    assert (
        f"prioritaire {short(handoff)} : réponse attendue : accepter (accept), décliner (decl"
        in french
    )
    assert "(de : Point de Contact)" in french
    assert f"Suite : casegate handoff accept {short(handoff)}" in french
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    assert unwrapped(desks.done("todo", at=OFMIN)) == french
    assert "Next:" in desks.done("todo", "--lang", "en", at=OFMIN)


def test_a_handoff_and_its_content_are_shown_in_french_with_names(desks: Desks) -> None:
    handoff = desks.offered()
    desks.done("handoff", "accept", handoff, *BY, "--yes", at=OFMIN)
    shown = unwrapped(desks.done("handoff", "show", handoff, "--lang", "fr", at=OFMIN))
    for text in (
        f"La transmission {short(handoff)} est acceptée",
        "de Point de Contact (point-de-contact)",
        "finalité identification d’une victime",
        "vous pouvez",
        "acceptation, par OFMIN (attesté par la passerelle)",
    ):
        assert text in shown
    why = ("--reason-code", "investigation", "--reason", "first look")
    opened = desks.done("handoff", "consult", handoff, *BY, *why, "--lang", "fr", at=OFMIN)
    assert "Objets signalés\n  0011  adresse (URL) hxxps://" in opened
