"""How a handoff reads in a terminal: the lines of `casegate handoff list` and `show`."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

import click

from gateway.cli import output, wording
from gateway.cli.content import change_word, condition_lines
from gateway.cli.page import organisation
from gateway.cli.steps import act_words
from gateway.cli.wording import say
from gateway.client import Gateway
from gateway.client.documents import newest_offer
from gateway.client.views import SealedReference
from gateway.domain import answers
from gateway.domain.handoff import HandoffState
from gateway.domain.item_value import defang_text
from gateway.domain.json_values import parse_timestamp
from gateway.domain.organisation import OrganisationName
from gateway.domain.standing import Closed
from gateway.evidence import sd_jwt

_SHORT = {"imminent_danger": "DANGER"}
"""Classes of urgency that are too long for a column."""


def urgency_word(urgency: str) -> str:
    """A class of urgency as a column shows it."""
    return _SHORT.get(urgency) or wording.code("urgency", urgency)


OUT = "OUT OF SERVICE"
"""What a list says in place of a state, or of a due time."""


def due(listed: Mapping[str, Any]) -> str:
    """By when an answer is owed, in UTC: to the offer, to the minute, or to a recall or an update,
    the day; the state where none is."""
    if listed.get("out_of_service"):
        return OUT
    if listed["overdue"]:
        return "OVERDUE"
    if listed["due_at"]:
        time = parse_timestamp(listed["due_at"]).astimezone(UTC)
        if listed["state"] == HandoffState.OFFERED:
            return f"{time:%m-%d %H:%M}"
        return f"{'recall' if listed['recalled'] else 'update'} {time:%m-%d}"
    if listed["corrected"]:
        return "CORRECTED, wait"
    state = listed.get("ended_by") or listed["state"].removesuffix("_accepted")
    return str(state).replace("_", " ")


def case_version(view: Mapping[str, Any]) -> str:
    """Return of which case a handoff is, in which version, and who signed that."""
    assurance = wording.code("assurance", view["assurance"])
    case = output.short(view["case"])
    return say("case_version", case=case, version=view["version"], assurance=assurance)


def groups(accepted: Sequence[str] | None) -> str | None:
    """Return the groups that a partial acceptance took."""
    return None if accepted is None else wording.code("group", accepted)


def closed(why: str | None) -> str | None:
    """Return why the content does not open."""
    return None if why is None else wording.code("closed", Closed(why).name.lower())


def matter(view: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a handoff is about, and what its originator noted."""
    routing = sd_jwt.read_unverified(view["routing"]).content
    notes = [one.value for one in newest_offer(view).disclosures if one.name == "note"]
    return {
        **{
            name: wording.code(name, routing[name]) if name in routing else None
            for name in ("matter", "urgency", "urgency_reason")
        },
        "note": [defang_text(note) for note in notes],
    }


def contact(one: Mapping[str, Any]) -> str:
    """Return whom to telephone, as they are to be reached."""
    return output.sanitise(f"{one['name']} ({one['role'].replace('_', ' ')}): {one['address']}")


def whom_to_call(view: Mapping[str, Any]) -> str | None:
    """Return whom its originator telephones about a danger, as long as it owes the call."""
    if "telephone" in view:
        return contact(view["telephone"])
    owed = any(one["action"] == "handoff.call" and one["due_at"] for one in view["acts"])
    return say("no_contact") if owed else None


def uncleared(offered: Mapping[str, Any]) -> str:
    """Return what is missing where a case is offered in imminent danger before its clearance."""
    return say("uncleared") if offered["break_glass"] else ""


def sealed(parts: Sequence[SealedReference]) -> list[str]:
    return [
        say(
            "sealed_for",
            group=wording.code("group", one["group"]),
            element=output.short(one["id"]),
            organisation=one["sealed_to"],
        )
        for one in parts
    ]


def print_arrivals(arrived: Sequence[Mapping[str, Any]]) -> None:
    """Print what the other side did and nobody here has seen, each with its event's id."""
    if arrived:
        click.echo(output.colour(say("arrived"), "cyan"))
    for one in arrived:
        key = "arrival_due" if one["due_at"] else "arrival"
        due = output.format_time(one["due_at"] or "")
        what = wording.code("arrived", one["type"])
        time = output.format_time(one["since"])
        output.say(f"  {say(key, what=what, time=time, due=due, event=one['event'])}")


def owed(view: Mapping[str, Any], names: Mapping[str, str], *, late: bool) -> list[str]:
    """Return what is owed, and late or not, by whom."""
    return [
        say(
            "duty",
            what=wording.code("waits", one["kind"]),
            organisation=organisation(one["organisation"], names),
            time=output.format_time(one["due_at"]),
        )
        for one in view["duties"]
        if one["overdue"] is late and one["closed_at"] is None
    ]


def recalled(gateway: Gateway, view: Mapping[str, Any]) -> str:
    """Return what a recall asks of the reader: of its originator, to look at the answers."""
    if view["originator"] == gateway.connection.organisation:
        return say("holder_asked")
    return say("recall_answer_due")


def retention(stated: Mapping[str, Any]) -> str:
    """Return what a holder states of its retention, as far as it is shown."""
    told = {
        "legal_basis": say("retained_by", basis=stated.get("legal_basis")),
        "until": say("retained_until", day=stated.get("until")),
        "review_on": say("retained_review", day=stated.get("review_on")),
    }
    shown = [text for name, text in told.items() if stated.get(name)]
    return ", ".join(shown) or say("retained")


def waiting_acts(view: Mapping[str, Any]) -> list[str]:
    """Return what its originator sent to the peer gateway that decides, and nobody took in yet."""
    peer = OrganisationName(view["recipient"]).peer
    waiting = view.get("waiting", ())
    acts = act_words({"action": one["action"], "due_at": None} for one in waiting)
    return [
        say("sent_act", act=act, time=output.format_time(one["since"]), peer=peer)
        for act, one in zip(acts, waiting, strict=True)
    ]


def package(one: Mapping[str, Any]) -> str:
    """Return one line on a package: what it changed, and whether that was acknowledged."""
    kind = change_word(one) if one["change"] else say("first")
    at, made = one["acknowledged"], output.format_time(one["at"])
    noted = say("acknowledged", time=output.format_time(at)) if at else say("not_acknowledged")
    named = {"number": one["number"], "kind": kind, "version": one["version"]}
    return say("package", **named, time=made, noted=noted)


def succession(view: Mapping[str, Any]) -> dict[str, Any]:
    """Return the handoffs before and after it, where a mandate moved to a successor."""
    links: dict[str, Any] = {}
    if "reissue_of" in view:
        before = view["reissue_of"]
        links["reissued_for"] = say(
            "by_succession",
            handoff=output.short(before["handoff"]),
            succession=before["succession"],
        )
    if "reissued_as" in view:
        after = view["reissued_as"]
        key = "by_succession" if after["handoff"] else "unshown_by_succession"
        handoff = output.short(after["handoff"] or "")
        links["followed_by"] = say(key, handoff=handoff, succession=after["succession"])
    return links


def print_conditions(conditions: Mapping[str, Any]) -> None:
    """Print the conditions of use."""
    click.echo(output.colour(say("conditions"), "cyan"))
    output.print_fields(condition_lines(conditions))


def history(answer: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """One line on an answer; who exactly gave it stays with its organisation."""
    text = answer["document"]  # empty where it was erased before its delivery
    content = sd_jwt.read_unverified(text).content if text else {}
    shown = [name for name in _TOLD if content.get(name) and name != "conditions"]
    told = {name: defang_text(_value(name, content[name])) for name in shown}
    if "code" in answer and "code" not in content:
        told = {"code": wording.code("code", answer["code"]), **told}
    details = [say("named", name=wording.label(name), value=text) for name, text in told.items()]
    how = wording.code("assurance", answer.get("assurance", "undelivered"))
    line = say(
        "answer",
        time=output.format_time(answer["at"]),
        kind=wording.code("acts", _KINDS.get(answer["kind"], answer["kind"])),
        author=names.get(answer["author"], answer["author"]),
        how=how,
        event=answer["event"],
    )
    return say("and").join([line, *details])


_KINDS = {str(move): kind.name for move, kind in answers.KIND_OF_MOVE.items()}
"""What a move is called, as documents call it."""


def _value(name: str, value: Any) -> str:
    """A value of an answer: codes in words, elements and places by the ends of their ids, texts as
    they are."""
    if name == "reservation":
        return f"{wording.code(name, value['condition'])}, {value['legal_basis']}"
    if name not in _CODED:
        text = output.format_value(value)
        return output.with_ends(text) if isinstance(value, list) else text
    return wording.code(name, value)


_CODED = {
    one.name for kind in answers.ANSWERS.values() for one in kind.fields if one.words
} - {"reservation"}  # fmt: skip
"""The fields of answers that have codes."""


_TOLD = ("by", *dict.fromkeys(one.name for kind in answers.ANSWERS.values() for one in kind.fields))
