"""What a person has here: passkeys, sessions, what they did, their numbers, and when they rest."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from flask import (
    Blueprint,
    Response,
    abort,
    g,
    make_response,
    redirect,
    render_template,
    request,
)

from gateway.console import passkeys
from gateway.console.approvals import signing_key
from gateway.console.context import console, sent, signed_in
from gateway.console.pages.contents import LIVE, STRONG
from gateway.console.session import Rest
from gateway.evidence import event, receipt
from gateway.evidence.sd_jwt import DocumentError
from gateway.text import catalogue

pages = Blueprint("me", __name__)


@pages.get("/me")
def show() -> str:
    """My passkeys and sessions."""
    return _page()


@pages.post("/me/sessions")
def end_sessions() -> Response:
    """End one of my sessions on another browser, or all of these: with my passkey, so that nobody
    does it who found this browser."""
    me, sessions = signed_in(), console().sessions
    try:
        answer = passkeys.read_answer(sent("credential"))
        passkeys.verify(answer, console().persons.passkeys(me.person), "end-sessions")
    except DocumentError as error:
        console().log.refuse("console-sign-in-refused", request=g.request_id, reason=str(error))
        return make_response(_page(wrong=True), 403)
    for one in sessions.of(me.person):
        if one.id != me.session.id and sent("session") in (one.id, ""):
            sessions.end(me.person, one.id)
    return make_response(redirect("/me", 303))


def _page(*, wrong: bool = False) -> str:
    me, sessions = signed_in(), console().sessions
    challenge = sessions.challenge("end-sessions")
    # What they read, for them alone: strong texts opened and live addresses copied, by day.
    strong, live = (sessions.counted(me.person, one) for one in (STRONG, LIVE))
    days = sorted({*strong, *live}, reverse=True)
    return render_template(
        "me.html",
        me=me,
        passkeys=console().persons.passkeys(me.person),
        sessions=sessions.of(me.person),
        options=passkeys.request_options(challenge, me.session.credential),
        wrong=wrong,
        numbers=[(day, strong.get(day, 0), live.get(day, 0)) for day in days],
        rest=sessions.rest_of(me.person),
        breaks=BREAKS,
        hours=HOURS,
    )


# --- When they rest: a line above each page says so, and stops nothing ---


BREAKS = (30, 60, 90, 120)
"""Minutes of a session after which a person may want a break."""

HOURS = tuple(f"{half // 2:02}:{half % 2 * 30:02}" for half in range(48))
"""The hours of a day, in UTC, at which a shift may end."""

LATER = timedelta(minutes=10)


@pages.post("/me/rest")
def set_rest() -> Response:
    """Keep when the person wants to rest."""
    minutes, shift_ends = sent("minutes"), sent("shift_ends")
    if minutes not in ("", *map(str, BREAKS)) or shift_ends not in ("", *HOURS):
        abort(400)
    rest = Rest(int(minutes) if minutes else None, shift_ends or None, console().now())
    console().sessions.set_rest(signed_in().person, rest)
    return make_response(redirect("/me", 303))


@pages.post("/me/later")
def rest_later() -> Response:
    """Let the break wait for ten minutes, and return to the first page."""
    me, sessions = signed_in().person, console().sessions
    later = sessions.rest_of(me)._replace(later=console().now() + LATER)
    sessions.set_rest(me, later)
    return make_response(redirect("/", 303))


class Resting(NamedTuple):
    """What stands above each page: after how many minutes a break was wanted, for how long the
    person has worked, and when their shift ended."""

    minutes: int | None
    worked: int
    ended: datetime | None


def resting() -> Resting | None:
    """Return what a person set for now; None where that is nothing."""
    me, now = signed_in(), console().now()
    rest, began = console().sessions.rest_of(me.person), me.session.began
    end = rest.shift_end(now)
    ended = end if end is not None and end <= now else None
    due = rest.minutes if rest.is_break_due(began, now) else None
    if due is None and ended is None:
        return None
    return Resting(due, (now - began) // timedelta(minutes=1), ended)


# --- What they did: acts in their name, and which their passkeys signed ---


SCANNED = 100
"""Events of one's own organisation that a page looks through, from the newest on."""


@pages.get("/me/acts")
def acts() -> str:
    """List what was done in the person's name, and with which passkey."""
    access = signed_in().access
    head = access.read("events_list", {"limit": "1"})["head"]
    asked = request.args.get("before", "")
    before = min(max(int(asked), 1), head + 1) if asked.isdecimal() else head + 1
    after = max(before - 1 - SCANNED, 0)
    query = {"after": str(after), "limit": str(SCANNED)}
    found = access.read("events_list", query)["events"] if head else []
    keys = console().persons.passkeys(signed_in().person)
    made = (_OwnAct.of(entry, keys) for entry in reversed(found))
    rows = [one for one in made if one is not None and one.number < before]
    return render_template("acts.html", rows=rows, number=before - 1 - after, before=after + 1)


class _OwnAct(NamedTuple):
    """Something that was done in the person's name."""

    number: int
    time: str
    what: str
    result: str
    passkey: str

    @classmethod
    def of(cls, entry: Mapping[str, Any], keys: Collection[str]) -> "_OwnAct | None":
        """Word an event of the organisation's; None for one in another person's name, which none of
        the ``keys`` signed."""
        told = receipt.from_json(entry["receipt"])
        opened = event.open_disclosures(told.document, told.disclosures)
        said, shown = opened.said, dict(opened.shown)
        own = [one for one in map(signing_key, shown.get("approvals", ())) if one in keys]
        by = shown.get("by", ())
        if signed_in().person.name not in ([by] if isinstance(by, str) else by) and not own:
            return None
        return cls(
            entry["stream_number"],
            said["time"],
            catalogue.word("events", said["type"], g.language),
            catalogue.word("results", said["result"], g.language),
            ", ".join(own),
        )
