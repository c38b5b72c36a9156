"""What a setting may be: each check gives its value, or says in a ValueError what it expects."""

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

SQLITE = "sqlite:///"
POSTGRESQL = "postgresql+psycopg://"
FILE = "file:"

Word = TypeVar("Word", bound=StrEnum)

_LONGEST_TERM = timedelta(days=31)

_HOST = r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?"


def text(value: object) -> str:
    """Printable text."""
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError("must be text in quotes, without control characters")
    return value


def slug(value: object) -> str:
    """A short name that stands in certificates' URIs."""
    name = text(value)
    if not re.fullmatch(r"[a-z][a-z0-9-]{1,39}", name, re.ASCII):
        raise ValueError("must be 2 to 40 of a-z, 0-9 and '-', beginning with a letter")
    return name


def origin(value: object) -> str:
    """Accept `https://host[:port]` alone, so that two spellings of one address cannot differ.

    RFC 8414 section 2 forbids query and fragment in an issuer; a path would move the
    well-known documents (section 3.1) and is refused too.
    """
    url = text(value)
    if not re.fullmatch(rf"https://({_HOST}|\[[0-9a-f:]+\])(:[0-9]{{1,5}})?", url):
        raise ValueError("must be https://host or https://host:port, in lower case, nothing after")
    _, _, port = url.removeprefix("https://").rpartition("]")[2].partition(":")
    if port and not 0 < int(port) < 65_536:
        raise ValueError("must name a port from 1 to 65535")
    return url


def console(value: object) -> str:
    """The address of pages to whose host browsers keep passkeys: no IP address (WebAuthn 5.1.2)."""
    url = text(value)
    if re.fullmatch(r"https://.*:443|http://.*:80", url):
        raise ValueError("must be spelled as browsers do, without :443 or :80")
    if not re.fullmatch(r"http://localhost(:[0-9]{1,5})?", url):
        host = origin(url).removeprefix("https://").rpartition(":")[0] or url[8:]
        if url.startswith("https://[") or re.fullmatch(r"[0-9.]+", host):
            raise ValueError("must have the name of a host: passkeys know no IP address")
    return url


def contact(value: object) -> str:
    """Where people write: `mailto:` with an address, or an `https:` page (RFC 9116 2.5.3)."""
    where = text(value)
    if not re.fullmatch(r"mailto:[^\s@<>]+@[^\s@<>]+|https://[^\s<>]+", where):
        raise ValueError("must be mailto:name@host, or the https:// address of a page")
    return where


def address(value: object) -> str:
    """`host:port`, or `unix:/path` of a socket."""
    bind = text(value)
    if not bind.startswith("unix:"):
        host_and_port(bind)
    elif not bind.startswith("unix:/"):
        raise ValueError("must name a socket by its absolute path, as in unix:/run/x.sock")
    return bind


def local(value: object) -> str:
    """Numbers of the operator's are for whoever is on the host already."""
    bind = address(value)
    if not bind.startswith("unix:") and not is_loopback(bind):
        raise ValueError("must be a loopback address, or unix:/path of a socket")
    return bind


def is_loopback(bind: str) -> bool:
    """Tell whether a `host:port` can be reached from its host only."""
    return host_and_port(bind)[0] in ("127.0.0.1", "::1", "localhost")


def word(words: type[Word]) -> Callable[[object], Word]:
    """One of the words of an enumeration."""

    def check(value: object) -> Word:
        if value not in list(words):
            raise ValueError(f"must be one of {', '.join(words)}")
        return words(str(value))

    return check


def integer(low: int, high: int) -> Callable[[object], int]:
    """A whole number from ``low`` to ``high``."""

    def check(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return value

    return check


def number(low: float, high: float, unit: str) -> Callable[[object], float]:
    """A number of a unit, as seconds, from ``low`` to ``high``."""

    def check(value: object) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
            return float(value)
        raise ValueError(f"must be a number of {unit} from {low} to {high}")

    return check


def telephone_numbers(value: object) -> tuple[str, ...]:
    """A list of telephone numbers, one at least."""
    form = re.compile(r"\+?[0-9][0-9 ]{0,19}", re.ASCII)
    if not isinstance(value, list | tuple) or not value:
        raise ValueError('must be a list of telephone numbers, as in ["112"]')
    if not all(isinstance(number, str) and form.fullmatch(number) for number in value):
        raise ValueError("must be a list of telephone numbers in quotes, digits only")
    return tuple(value)


def terms(
    classes: type[Word], kinds: Iterable[str]
) -> Callable[[object], dict[tuple[Word, str], timedelta]]:
    """Terms in hours, up to 31 days: a list of texts of a class, a kind of organisation, hours."""
    form = re.compile(rf"({'|'.join(classes)}) ({'|'.join(kinds)}) ([1-9][0-9]{{0,2}})", re.ASCII)

    def check(value: object) -> dict[tuple[Word, str], timedelta]:
        given = value if isinstance(value, list | tuple) else [None]
        found = [isinstance(one, str) and form.fullmatch(one) for one in given]
        read = {(classes(f[1]), f[2]): timedelta(hours=int(f[3])) for f in found if f}
        if len(read) < len(given) or any(one > _LONGEST_TERM for one in read.values()):
            raise ValueError(
                "must be a list of class, kind of organisation, hours (1 to 744), each pair once, "
                'as in ["priority judicial 120"]'
            )
        return read

    return check


def boolean(value: object) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ValueError("must be true or false, without quotes")
    return value


def command(value: object) -> tuple[str, ...]:
    """A command to run, without a shell: its program, and each argument, as texts of a list."""
    if not isinstance(value, list | tuple) or not value:
        raise ValueError('must be a list of texts, as in ["/usr/local/bin/notify", "--short"]')
    return tuple(text(one) for one in value)


def web_address(value: object) -> str:
    """The address of a service of others."""
    url = text(value)
    if not re.fullmatch(rf"https?://{_HOST}(:[0-9]{{1,5}})?(/[^\s?#]*)?", url):
        raise ValueError("must be http://host/path or https://host/path, in lower case")
    return url


def tables(
    most: int, **members: Callable[[object], str]
) -> Callable[[object], tuple[Mapping[str, str], ...]]:
    """Sections of one name, at most so many, each with exactly these members."""

    def check(value: object) -> tuple[Mapping[str, str], ...]:
        named = " and ".join(members)
        if not isinstance(value, list) or len(value) > most:
            raise ValueError(f"may be there {most} times at most")
        if not all(isinstance(one, dict) and one.keys() == members.keys() for one in value):
            raise ValueError(f"must have {named}, and nothing else")
        return tuple({name: members[name](one[name]) for name in members} for one in value)

    return check


def time_zone(value: object) -> ZoneInfo:
    """A civil time zone."""
    try:
        return ZoneInfo(text(value))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("must be a name of the IANA time zone database") from error


def log_origin(value: object) -> str:
    """The name of a transparency log (c2sp.org/tlog-checkpoint): no scheme, no '+'."""
    name = text(value)
    if not re.fullmatch(rf"{_HOST}(:[0-9]{{1,5}})?(/[A-Za-z0-9._~-]+)*", name, re.ASCII):
        raise ValueError("must be a name without scheme, spaces or '+', as in gateway.example/log")
    return name


def database(value: object) -> str:
    """Check an address; the error does not repeat it: it may hold a password."""
    url = text(value)
    if url.startswith(POSTGRESQL):
        return url
    path = url.removeprefix(SQLITE)
    if path == url or not path or "?" in path or path == ":memory:":
        raise ValueError(f"must be {SQLITE}<file> or {POSTGRESQL}<user>@<host>/<name>")
    return url


def mark(value: object) -> str:
    """Check the address of a high-water mark: a file of its own, or PostgreSQL."""
    url = text(value)
    if url.startswith(POSTGRESQL) or (url.startswith(FILE) and url != FILE):
        return url
    raise ValueError(f"must be {FILE}<file> or {POSTGRESQL}<user>@<host>/<name>")


def day(value: object) -> date:
    """A date."""
    if not isinstance(value, date) or isinstance(value, datetime):
        raise ValueError("must be a date without quotes, as in 2023-10-31")
    return value


def host_and_port(bind: str) -> tuple[str, int]:
    """Split `host:port` or `[v6 address]:port`; ValueError says what is expected."""
    found = re.fullmatch(rf"(?:({_HOST})|\[([0-9a-f:]+)\]):([0-9]{{1,5}})", bind, re.ASCII)
    if not found or not 0 < int(found[4]) < 65_536:
        raise ValueError("must be host:port, as in 127.0.0.1:8443 or [::1]:8443")
    if found[3]:
        ipaddress.IPv6Address(found[3])
    return found[1] or found[3], int(found[4])
