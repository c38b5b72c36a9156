"""Who is signed in, on which browser, and what is held between two of their pages.

A database of the console's own, which is never in a backup: whoever lost it signs in again. A
session's token is in its cookie alone, and what is held for the session is encrypted under it.
"""

import hmac
import json
import secrets
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from hashlib import sha256
from pathlib import Path
from threading import local
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.console.access import Person
from gateway.evidence import base64url, sd_jwt

IDLE = timedelta(minutes=15)
LONGEST = timedelta(hours=8)
MOST_SESSIONS = 3
"""Of one person; with the next one the oldest ends."""
CHALLENGE = timedelta(minutes=5)
MOST_HELD = 20
"""Values held for one session; with the next one the oldest goes."""
MOST_WAITING = 20
"""Acts of one person that wait for others; with the next one the oldest goes."""
MOST_WAITING_BYTES = 4 * 1024 * 1024
"""Of all acts that wait in one organisation; whoever has most of them loses the oldest."""
LARGEST_HELD = 4 * sd_jwt.MAX_TEXT
"""Bytes of a value: the largest document as it is signed, as it is read, and its form fit."""
MOST_HELD_BYTES = 4 * LARGEST_HELD
"""Of all values held for one session; with more the oldest go."""
COUNTED_DAYS = 30

_NOTED = timedelta(minutes=1)
"""How often the last use of a session is written, and what is over is erased."""
_TIMEOUT = 5.0  # seconds that one process waits for another one's write
_PAGES = 65_536  # of 4 KiB: a full database refuses, and does not fill the disk
_TABLES = """
create table if not exists session(id text primary key, organisation text not null,
  name text not null, kid text not null, credential text not null, began real not null,
  seen real not null) strict, without rowid;
create index if not exists session_of on session(organisation, name, began);
create table if not exists used_challenge(digest blob primary key, expires real not null)
  strict, without rowid;
create table if not exists held(id text primary key, session text not null
  references session(id) on delete cascade, made integer not null, value blob not null,
  expires real not null) strict, without rowid;
create index if not exists held_of on held(session, made);
create table if not exists waiting_act(id text primary key, organisation text not null,
  name text not null, value blob not null, expires real not null, recorded integer not null)
  strict, without rowid;
create index if not exists waiting_act_of on waiting_act(organisation, expires);
create table if not exists signature(waiting text not null references waiting_act(id)
  on delete cascade, name text not null, value blob not null, primary key(waiting, name))
  strict, without rowid;
create table if not exists attempt(name text primary key, minute integer not null,
  number integer not null) strict, without rowid;
create table if not exists rest(organisation text not null, name text not null,
  minutes integer, shift_ends text, later real not null, primary key(organisation, name))
  strict, without rowid;
create table if not exists exposure(day text not null, organisation text not null,
  name text not null, what text not null, number integer not null,
  primary key(day, organisation, name, what)) strict, without rowid;
"""


@dataclass(frozen=True)
class BrowserSession:
    """A person on one browser. ``key`` follows from the token in the cookie and is stored nowhere;
    ``credential`` is the id by which the browser knows the passkey ``kid``."""

    id: str
    person: Person
    kid: str
    credential: str
    began: datetime
    seen: datetime
    key: bytes = field(default=b"", repr=False)

    @property
    def ends(self) -> datetime:
        """When it ends, without another request."""
        return min(self.seen + IDLE, self.began + LONGEST)

    def csrf(self, path: str) -> str:
        """The token of the forms that are sent to a path."""
        return base64url.encode(hmac.digest(self.key, b"form\0" + path.encode(), "sha256"))


class TooLarge(ValueError):
    """A value that is not held: no document has this size."""


@dataclass(frozen=True)
class UnsignedAct:
    """An act that ``by`` asked for, what it is, and what each person signed of it."""

    by: str
    value: Any
    signed: Mapping[str, str]
    recorded: bool


class Rest(NamedTuple):
    """When a person wants to rest: after so many ``minutes`` of a session, and at an
    hour of the day in UTC, as ``17:30``; no break before ``later``."""

    minutes: int | None
    shift_ends: str | None
    later: datetime

    def is_break_due(self, began: datetime, now: datetime) -> bool:
        """Tell whether a session that began then has been at work for that long."""
        if self.minutes is None:
            return False
        return now >= max(began + timedelta(minutes=self.minutes), self.later)

    def shift_end(self, now: datetime) -> datetime | None:
        """When the shift of a moment ends, or ended in the last four hours."""
        if self.shift_ends is None:
            return None
        ends = datetime.combine(now.date(), time.fromisoformat(self.shift_ends), now.tzinfo)
        days = (ends + timedelta(days=one) for one in (-1, 0, 1))
        return next(one for one in days if now < one + _TOLD)


_TOLD = timedelta(hours=4)
"""How long after the end of a shift a page says that it ended."""


class Sessions:
    """The console's database. Threads and processes share it, each thread by its connection."""

    def __init__(self, file: Path, secret: bytes, now: Callable[[], datetime]) -> None:
        """``secret`` authenticates challenges; processes of one gateway share it."""
        self._file, self._secret, self._now = file, secret, now
        self._local = local()
        self._zone, self._pruned = now().tzinfo, now() - _NOTED

    @property
    def _database(self) -> sqlite3.Connection:
        if (found := getattr(self._local, "connection", None)) is None:
            self._file.touch(mode=0o600)
            found = sqlite3.connect(self._file, timeout=_TIMEOUT, isolation_level=None)
            for pragma in ("journal_mode=wal", "synchronous=normal", "foreign_keys=on"):
                found.execute(f"pragma {pragma}")
            found.execute("pragma secure_delete=on")
            found.execute(f"pragma max_page_count={_PAGES}")
            found.executescript(_TABLES)
            self._local.connection = found
        return found

    def close(self) -> None:
        """Let go of this thread's connection."""
        self._database.close()
        del self._local.connection

    # --- Challenges: authenticated, so that asking for many stores nothing; each is used once ---

    def challenge(self, purpose: str) -> bytes:
        """Make what a passkey is asked to sign, for five minutes."""
        until = (self._now() + CHALLENGE).timestamp()
        head = int(until).to_bytes(8, "big") + secrets.token_bytes(16)
        return head + self._tag(purpose, head)

    def consume_challenge(self, purpose: str, challenge: bytes) -> bool:
        """Tell whether a challenge is ours, of this purpose, in time and unused; it is used now."""
        head, tag = challenge[:24], challenge[24:]
        if not hmac.compare_digest(tag, self._tag(purpose, head)):
            return False
        expires = int.from_bytes(head[:8], "big")
        if expires <= self._now().timestamp():
            return False
        if self._now() - self._pruned >= _NOTED:
            self.prune()
        added = self._database.execute(
            "insert into used_challenge values (?, ?) on conflict do nothing",
            (sha256(challenge).digest(), float(expires)),
        )
        return added.rowcount == 1

    def _tag(self, purpose: str, head: bytes) -> bytes:
        return hmac.digest(self._secret, purpose.encode() + b"\0" + head, "sha256")[:16]

    def within(self, name: str, most: int) -> bool:
        """Count an attempt under a name, and tell whether this minute had at most so many."""
        minute = int(self._now().timestamp()) // 60
        ((number,),) = self._database.execute(
            "insert into attempt values (?1, ?2, 1) on conflict(name) do update set"
            " number = iif(minute = ?2, number + 1, 1), minute = ?2 returning number",
            (name, minute),
        ).fetchall()
        return bool(number <= most)

    # --- Sessions ---

    def begin(self, person: Person, kid: str, credential: str) -> str:
        """A new session; returns its token, for the cookie alone."""
        token, now = secrets.token_bytes(32), self._now().timestamp()
        row = (_id_of(token), *person, kid, credential, now, now)
        self._database.execute("insert into session values (?, ?, ?, ?, ?, ?, ?)", row)
        self._database.execute(
            "delete from session where id in (select id from session where organisation = ?"
            " and name = ? order by began desc limit -1 offset ?)",
            (*person, MOST_SESSIONS),
        )
        return base64url.encode(token)

    def find(self, token: str) -> BrowserSession | None:
        """The session of a cookie, if it is in force: its use is noted."""
        try:
            secret = base64url.decode(token)
        except ValueError:
            return None
        rows = self._database.execute("select * from session where id = ?", (_id_of(secret),))
        found = self._in_force(rows.fetchall(), hmac.digest(secret, b"session", "sha256"))
        if not found:
            return None
        if self._now() - found[0].seen >= _NOTED:
            self._database.execute(
                "update session set seen = ? where id = ?",
                (self._now().timestamp(), found[0].id),
            )
            return replace(found[0], seen=self._now())
        return found[0]

    def of(self, person: Person) -> list[BrowserSession]:
        """All sessions of a person that are in force, the newest first."""
        rows = self._database.execute(
            "select * from session where organisation = ? and name = ? order by began desc",
            tuple(person),
        )
        return self._in_force(rows.fetchall())

    def end(self, person: Person, session: str) -> None:
        """End a session of a person's own, with all that is held for it."""
        self._database.execute(
            "delete from session where id = ? and organisation = ? and name = ?",
            (session, *person),
        )

    def _in_force(self, rows: list[Any], key: bytes = b"") -> list[BrowserSession]:
        now = self._now()
        found = [
            BrowserSession(
                session, Person(*person), kid, credential, self._at(began), self._at(seen), key
            )
            for session, *person, kid, credential, began, seen in rows
        ]
        return [one for one in found if now - one.seen < IDLE and now - one.began < LONGEST]

    def _at(self, seconds: float) -> datetime:
        return datetime.fromtimestamp(seconds, self._zone)

    # --- What is held for a session between two of its pages ---

    def hold(self, session: BrowserSession, value: Any, life: timedelta) -> str:
        """Hold a JSON value for a session of a request; returns the name to ask for it by."""
        data = json.dumps(value, ensure_ascii=False).encode()
        if len(data) > LARGEST_HELD:
            raise TooLarge("more than is held between two pages")
        name, now = secrets.token_urlsafe(18), self._now()
        encrypted = _encrypt(session.key, name, data)
        made = int(now.timestamp() * 1_000_000)
        row = (name, session.id, made, encrypted, (now + life).timestamp())
        self._database.execute("insert into held values (?, ?, ?, ?, ?)", row)
        self._database.execute(
            "delete from held where id in (select id from (select id,"
            " row_number() over newest number, sum(length(value)) over newest bytes from held"
            " where session = ? window newest as (order by made desc))"
            " where number > ? or number > 1 and bytes > ?)",
            (session.id, MOST_HELD, MOST_HELD_BYTES),
        )
        return name

    def held(self, session: BrowserSession, name: str) -> Any:
        """Return what is held under a name for this session; None where that is nothing."""
        rows = self._database.execute(
            "select value from held where id = ? and session = ? and expires > ?",
            (name, session.id, self._now().timestamp()),
        ).fetchall()
        return next((_decrypt(session.key, name, one) for (one,) in rows), None)

    def hold_again(self, session: BrowserSession, name: str, value: Any) -> None:
        """Put a value in place of what is held under a name, as long as that is; it is the newest
        then."""
        data = _encrypt(session.key, name, json.dumps(value, ensure_ascii=False).encode())
        row = (data, int(self._now().timestamp() * 1_000_000), name, session.id)
        self._database.execute(
            "update held set value = ?, made = ? where id = ? and session = ?", row
        )

    def take(self, session: BrowserSession, name: str) -> Any:
        """As `held`, once: it is gone then."""
        rows = self._database.execute(
            "delete from held where id = ? and session = ? and expires > ? returning value",
            (name, session.id, self._now().timestamp()),
        ).fetchall()
        return next((_decrypt(session.key, name, one) for (one,) in rows), None)

    # --- Acts that wait for a second person, of one organisation: its persons read them ---

    def wait(self, person: Person, value: Any, signature: str, life: timedelta) -> str:
        """Keep an act that a person has signed until others did, too; returns its name."""
        name = secrets.token_urlsafe(18)
        row = (name, *person, self._locked(name, value), (self._now() + life).timestamp())
        self._database.execute("insert into waiting_act values (?, ?, ?, ?, ?, 0)", row)
        self._database.execute(
            "delete from waiting_act where id in (select id from (select id, number,"
            " sum(size) over (order by number, expires desc) bytes from (select id, expires,"
            " length(value) size, row_number() over (partition by name order by expires desc)"
            " number from waiting_act where organisation = ?)) where number > ? or bytes > ?)",
            (person.organisation, MOST_WAITING, MOST_WAITING_BYTES),
        )
        self.sign_waiting(name, person, signature)
        return name

    def waiting(self, organisation: str) -> dict[str, UnsignedAct]:
        """All acts that wait in an organisation, the oldest first."""
        rows = self._database.execute(
            "select id, name, value, recorded from waiting_act where organisation = ?"
            " and expires > ? order by expires",
            (organisation, self._now().timestamp()),
        ).fetchall()
        found = {}
        for name, by, value, recorded in rows:
            signed = self._database.execute("select * from signature where waiting = ?", (name,))
            given = {one: _decrypt(self._lock, f"{name}/{one}", text) for _, one, text in signed}
            if (kept := _decrypt(self._lock, name, value)) is not None:
                found[name] = UnsignedAct(by, kept, given, bool(recorded))
        return found

    def sign_waiting(self, name: str, person: Person, signature: str) -> None:
        """Put in what one more person signed, which was verified; the first one counts. One that
        was ended meanwhile is signed by nobody."""
        value = self._locked(f"{name}/{person.name}", signature)
        self._database.execute(
            "insert into signature select id, ?, ? from waiting_act where id = ?"
            " and organisation = ? on conflict do nothing",
            (person.name, value, name, person.organisation),
        )

    def note_recorded(self, name: str) -> None:
        """Note of an act that it is in the log: who asked for it has its receipt to fetch."""
        self._database.execute("update waiting_act set recorded = 1 where id = ?", (name,))

    def end_waiting(self, organisation: str, name: str) -> None:
        """Let go of an act: it was done, or refused."""
        ended = (name, organisation)
        self._database.execute("delete from waiting_act where id = ? and organisation = ?", ended)

    def _locked(self, name: str, value: Any) -> bytes:
        return _encrypt(self._lock, name, json.dumps(value).encode())

    @property
    def _lock(self) -> bytes:
        return hmac.digest(self._secret, b"waiting", "sha256")

    # --- What a person set for themselves: a break, and the end of their shift ---

    def rest_of(self, person: Person) -> Rest:
        """Return what a person set."""
        rows = self._database.execute(
            "select minutes, shift_ends, later from rest where organisation = ? and name = ?",
            tuple(person),
        ).fetchall()
        minutes, shift_ends, later = rows[0] if rows else (None, None, 0.0)
        return Rest(minutes, shift_ends, self._at(later))

    def set_rest(self, person: Person, rest: Rest) -> None:
        """Put what a person sets in place of what they had set."""
        row = (*person, rest.minutes, rest.shift_ends, rest.later.timestamp())
        self._database.execute("insert or replace into rest values (?, ?, ?, ?, ?)", row)

    # --- What a person was exposed to: for the person alone, for a month ---

    def count(self, person: Person, what: str, day: date) -> int:
        """Count one more on a day, and return how many that makes."""
        ((number,),) = self._database.execute(
            "insert into exposure values (?, ?, ?, ?, 1) on conflict do update"
            " set number = number + 1 returning number",
            (day.isoformat(), *person, what),
        ).fetchall()
        return int(number)

    def counted(self, person: Person, what: str) -> dict[date, int]:
        """How many there were, by day."""
        rows = self._database.execute(
            "select day, number from exposure where organisation = ? and name = ? and what = ?"
            " order by day desc",
            (*person, what),
        )
        return {date.fromisoformat(day): number for day, number in rows}

    def prune(self) -> None:
        """Erase what is over."""
        self._pruned = now = self._now()
        limits = {
            "held where expires <= ?": now.timestamp(),
            "waiting_act where expires <= ?": now.timestamp(),
            "used_challenge where expires <= ?": now.timestamp(),
            "session where seen <= ?": (now - IDLE).timestamp(),
            "session where began <= ?": (now - LONGEST).timestamp(),
            "attempt where minute < ?": int(now.timestamp()) // 60,
            "exposure where day < ?": (now - timedelta(days=COUNTED_DAYS)).date().isoformat(),
        }
        for rows, limit in limits.items():
            self._database.execute(f"delete from {rows}", (limit,))  # noqa: S608 - our own words


def _id_of(token: bytes) -> str:
    return sha256(token).hexdigest()


def _encrypt(key: bytes, name: str, data: bytes) -> bytes:
    nonce = secrets.token_bytes(12)
    return nonce + AESGCM(key).encrypt(nonce, data, name.encode())


def _decrypt(key: bytes, name: str, encrypted: bytes) -> Any:
    """Return a JSON value; None under another key, as once the secret was lost."""
    try:
        return json.loads(AESGCM(key).decrypt(encrypted[:12], encrypted[12:], name.encode()))
    except InvalidTag:
        return None
