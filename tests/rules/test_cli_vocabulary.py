"""The partners' commands use the policy's words: a verb for each action, and no verb of its own."""

from collections.abc import Iterator
from itertools import chain

import click

from gateway.changes import CHANGES
from gateway.cli import PARTNERS, SUBCOMMANDS
from gateway.cli.admin import admin
from gateway.domain.audit_event import EVENT_TYPES
from tests.each import each

LONGEST_SUMMARY = 70
"""Characters: with its indentation a summary fits 80 columns."""

READS = {"list", "show"}
"""How people say ``read``: all of a kind, or one."""

MORE = {
    "case": {
        "coverage": "case.read: who holds a case, and what is owed",
        "check": "none: it reads the file that case.submit takes, offline",
        "seal": "none: it makes the file that case.submit takes, with a key of the directory's",
        "reseal": "case.consult and case.revise: the next version, sealed to another",
        "import": "case.submit, of what reports say",
    },
    "handoff": {
        "consult": "case.consult, of what a handoff gives",
        "consult_retained": "case.consult: the former name of consult, for one release",
        "recall": "case.recall, of what one handoff gave",
        "embargo": "case.embargo, of what a handoff gives",
        "end_measure": "case.end_measure, of what a handoff gives",
        "export": "case.consult and receipt.read, into one file",
        "sheet": "case.consult, as a page to print",
        "notices": "handoff.read: the correction notices, after an erasure too",
    },
    "receipt": {"save": "receipt.read, into a file"},
    "notification": {
        "watch": "notification.poll, again and again",
        "status": "notification.poll, how far one is",
    },
    "directory": {
        "attestation": "directory.read, the gateway's attestation of a member",
        "keys": "directory.read, a member's keys into a file",
        "peers": "directory.read, the peer gateways and their keys",
    },
}
"""Verbs beside those of the policy, each with the action that it asks for."""


OTHER_VERBS = {"seen": "mark_seen"}
OTHER_NOUNS = {"admin": "administrator", "key": "member-key", "events": "event"}
"""Words of the command line that differ from the policy's."""


def verbs(noun: str) -> set[str]:
    """The subcommands of a noun, as the policy calls them."""
    command = SUBCOMMANDS[OTHER_NOUNS.get(noun, noun)].load()
    assert isinstance(command, click.Group)
    return {OTHER_VERBS.get(verb, verb.replace("-", "_")) for verb in command.commands}


NOT_ASKED = {
    "case.erase",
    "case.lift_embargo",
    "case.repair",
    "case.repair_handoff",
    "case.report_removal",
    "case.hold",
    "handoff.announce_change",
    "handoff.recall",
    "handoff.reissue",
    "handoff.lapse",
    "handoff.end_retention",
    "handoff.mark_overdue",
    "handoff.remind",
    "handoff.send",
    "handoff.return",
    "handoff.return_act",
    "handoff.tell_undelivered",
    "succession.preview",
    "succession.plan",
    "succession.cancel",
    "succession.apply",
    "notification.set_push",
    "notification.end_push",
}
"""What administrators ask for, and what the gateway does by itself: no partner asks for it."""


def asked(noun: str) -> set[str]:
    """The actions of the policy on a noun that partners ask for, as verbs."""
    partners = EVENT_TYPES.keys() - NOT_ASKED
    return {verb for kind, _, verb in (a.partition(".") for a in partners) if kind == noun}


@each("noun", ["case", "handoff", "receipt", "directory", "events", "succession", "notification"])
def test_every_action_of_partners_has_its_command_and_the_other_way_round(noun: str) -> None:
    have = verbs(noun) - MORE.get(noun, {}).keys()
    if have & READS:
        have = have - READS | {"read"}
    assert have == asked(noun)


def test_every_further_verb_stands_for_actions() -> None:
    for noun, more in MORE.items():
        assert more.keys() <= verbs(noun)
        for why in more.values():
            assert any(action in why for action in EVENT_TYPES)


def test_partners_have_no_noun_that_the_policy_does_not_know() -> None:
    nouns = {name for name, one in SUBCOMMANDS.items() if one.audience == PARTNERS}
    known = {action.partition(".")[0] for action in EVENT_TYPES}
    own = {"export", "figures", "system", "outbox", "key", "enrol", "todo", "search", "subject"}
    own |= {"desk"}
    assert {"events" if noun == "event" else noun for noun in nouns - own} <= known


def test_every_partner_command_explains_its_options_and_its_exit_status() -> None:
    groups = [one.load() for one in SUBCOMMANDS.values() if one.audience == PARTNERS]
    commands = chain.from_iterable(
        group.commands.values() if isinstance(group, click.Group) else [group] for group in groups
    )
    for command in commands:
        if not any(parameter.name == "connection_file" for parameter in command.params):
            continue
        assert command.help
        assert "Exit status: 0 done, 1 refused" in (command.epilog or "")
        for parameter in command.params:
            assert "password" not in parameter.name, "a secret is never an argument"


def test_every_change_has_its_command_which_takes_all_its_values() -> None:
    by_file = {"organisation.apply", "contact.set", "invitation.create", "peer.trust"}
    for action, kind in CHANGES.items():
        noun, _, verb = action.replace("_", "-").partition(".")
        group = admin.commands[OTHER_NOUNS.get(noun, noun)]
        assert isinstance(group, click.Group)
        taken = {parameter.name for parameter in group.commands[verb].params}
        if action not in by_file | {"system.set_keys"}:
            assert {field.name for field in kind.fields} <= taken, action


def described(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from described(below, f"{path} {name}")


@each("name", sorted(SUBCOMMANDS))
def test_every_command_and_option_has_help_and_its_first_line_is_short(name: str) -> None:
    assert len(SUBCOMMANDS[name].about) <= LONGEST_SUMMARY
    for path, command in described(SUBCOMMANDS[name].load(), name):
        first = (command.help or "").strip().split("\n")[0]
        assert 0 < len(first) <= LONGEST_SUMMARY, path
        assert len(command.short_help or "") <= LONGEST_SUMMARY, path
        options = [one for one in command.params if isinstance(one, click.Option)]
        assert [one.opts for one in options if not one.help] == [], path
