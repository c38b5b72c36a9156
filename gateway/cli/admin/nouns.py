"""The nouns of `casegate admin`, each with what its commands do.

Most commands are made from the table of changes; the modules beside this one add what is read, or
needs files of its own.
"""

import click

NOUNS = {
    name: click.Group(name, help=about)
    for name, about in {
        "admission": "Propose a member's whole admission from one file.",
        "administrator": "Add administrators, and disable those who leave.",
        "agreement": "Record and end agreements (R15).",
        "audit-access": "Give and end audit access.",
        "case": "Erase cases early, lift embargoes, repair cases and handoffs.",
        "certificate": "Revoke certificates of members' systems.",
        "contact": "Read and change whom to reach at a member.",
        "event": "Show events as the gateway recorded them.",
        "interest": "Record and end declared interests (R9).",
        "invitation": "Invite members' systems to enrol themselves.",
        "log-hold": "Keep persons' details in the log longer.\n\n"
        "For proceedings or the inquiry of an authority: two persons set a hold, and two end it.",
        "mandate": "Grant and end mandates; report gaps.",
        "member-key": "Register and revoke members' own keys; list what one signed.",
        "membership": "Grant and end memberships.",
        "notification": "Send notifications to members.",
        "organisation": "Take organisations from application to leaving.\n\n"
        "List them, and show all that is recorded of one: with the ids that other commands ask "
        "for.",
        "peer": "Join peer gateways: keys, agreement, recognition.",
        "proposal": "Read, approve and withdraw waiting changes.",
        "retention": "Record and end terms of retention (R14).",
        "staff": "Enter a member's first persons.",
        "succession": "Move a mandate and its open handoffs.",
        "system": "Register members' systems.",
    }.items()
}

RENAMED = {"admin": "administrator", "key": "member-key"}
"""Nouns that do not have the name that stands in their actions."""
