"""Everything that can go wrong between a partner and its gateway, one class and sentence each."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from gateway.evidence import receipt as receipts
from gateway.evidence.receipt import Receipt


@contextmanager
def raising(
    kind: type[Exception],
    sentence: str = "",
    causes: type[Exception] | tuple[type[Exception], ...] = ValueError,
) -> Iterator[None]:
    """Raise what goes wrong in the block as another kind of error: the sentence, and why.

    It goes wrong by one of the ``causes``; a ValueError is what all documents raise.
    """
    try:
        yield
    except causes as error:
        why = str(getattr(error, "strerror", error))
        if isinstance(error, UnicodeDecodeError):
            why = f"byte {error.start + 1} is not UTF-8"
        raise kind(f"{sentence}: {why}" if sentence else why) from error


@dataclass(frozen=True)
class UnconfirmedWrite:
    """A write that was asked for, and of which it is not known whether it was done.

    ``handoff`` is the id that its event must name, if it must; ``kept`` whether it waits in the
    outbox; ``reads`` whether it opens something to whoever asks, and so is not sent again later;
    ``others`` how many more were asked for after it.
    """

    action: str
    path: str
    key: str
    handoff: str | None = None
    kept: bool = False
    reads: bool = False
    others: int = 0

    @property
    def advice(self) -> str:
        """Return what to do about it: whoever asked anew would ask under another key, for a second
        one."""
        key, others = self.key, self.others
        if self.kept and others:
            return (
                f"the write is kept under the key {key}, and so are {others} more: casegate outbox "
                "resend sends them again; do not repeat them"
            )
        if self.kept:
            return (
                f"the write is kept under the key {key}: casegate outbox resend sends it again; "
                "do not repeat it"
            )
        if self.reads:
            return (
                f"whether it was done is not known (idempotency key {key}): asking again is "
                "another event"
            )
        if others:
            return (
                f"whether it was done is not known (idempotency key {key}), nor of {others} more, "
                "and nothing is kept without an outbox: look before you repeat it"
            )
        return (
            f"whether it was done is not known (idempotency key {key}), and nothing is kept "
            "without an outbox: look before you repeat it"
        )


class ClientError(Exception):
    """A request did not come to a good end; the message is one sentence that says what to do.

    ``unanswered`` is the write behind it, where it is not known whether that was done, or where it
    is kept because it was not heard.
    """

    advice = ""
    """What to do about it, when nothing was to be changed."""

    unanswered: UnconfirmedWrite | None = None

    @property
    def sentences(self) -> list[str]:
        """Return what went wrong, then what to do, where that is more."""
        advice = self.unanswered.advice if self.unanswered else self.advice
        return [super().__str__(), advice] if advice else [super().__str__()]

    def __str__(self) -> str:
        """Return both in one."""
        message, *advice = self.sentences
        return "; ".join([message.removesuffix("."), *advice]) if advice else message


class SettingsError(ClientError):
    """The connection file, or a file that it names, cannot be used; nothing was sent."""


class TlsNotTrusted(ClientError):
    """No connection was made: one side does not accept the other's certificate."""


class GatewayUnavailable(ClientError):
    """The gateway gave no answer, also after retries: whether a write was done is not known.

    Ask again with the same idempotency key; `Gateway.resume` does so for what was kept on disk.
    ``reached`` is False where no connection was made, so that nothing was sent.
    """

    def __init__(self, message: str, *, reached: bool = True) -> None:
        """Say what to do by whether anything was sent."""
        super().__init__(message)
        self.reached = reached
        self.advice = (
            "ask again later"
            if reached
            else "nothing was sent: repeat the command later, or ask the gateway's operator"
        )


class TokenRefused(ClientError):
    """The gateway gives this system no access token. ``error`` is OAuth's code (RFC 6749 5.2)."""

    def __init__(self, error: str) -> None:
        """Name the code, and what a partner can do about it."""
        super().__init__(
            f"the gateway gives this system no access token ({error}): check that the certificate "
            "is in force and that the client id is its own (`casegate system check`), then ask the "
            "gateway's operator"
        )
        self.error = error


class UnexpectedAnswer(ClientError):
    """The answer is not of the gateway's interface: a redirection, too long, or other JSON."""


class InvalidArgument(ClientError, ValueError):
    """An id, a command, a place or a field is none that there is; nothing was sent."""


class InvalidCase(ClientError, ValueError):
    """The content is not a valid case; nothing was signed or sent.

    ``errors`` are pairs of JSON pointer and sentence, where all of them are known.
    """

    def __init__(self, message: str, errors: Sequence[tuple[str, str]] = ()) -> None:
        """Keep the errors with the sentence."""
        super().__init__(message)
        self.errors = tuple(errors)


class OutdatedVersion(ClientError):
    """What was asked is about a version of a case that is not the newest any more."""


class PeerLogMissing(ClientError):
    """What the log of another gateway would prove is not there yet, or cannot be read."""


class UnknownReference(ClientError, LookupError):
    """None of this organisation's cases or handoffs has the reference, or the end of an id, that
    was given, or several have; nothing was sent. ``candidates`` are those, as lists show them."""

    def __init__(self, message: str, candidates: Sequence[Mapping[str, Any]] = ()) -> None:
        """Keep the candidates with the sentence."""
        super().__init__(message)
        self.candidates = tuple(candidates)


class SealingFailed(ClientError):
    """An element cannot be sealed, by its content or for want of a key; nothing was sent."""


class EvidenceMismatch(ClientError):
    """The gateway answered, but its evidence does not confirm what was asked.

    What was asked may have been done. Keep the answer, and ask the operator and an auditor.
    """


class KeyNotHeld(ClientError):
    """A document is signed with a key that this system has not, and cannot fetch.

    It says nothing about the document. What was asked may have been done.
    """


class PublicLogCorrupt(ClientError):
    """What the public log serves is inconsistent, or is not signed: nothing was kept."""


class LogForked(ClientError):
    """The log showed a history that contradicts what it showed before.

    ``notes`` are the two signed checkpoints (the known one first): together they are the proof.
    """

    def __init__(self, message: str, notes: tuple[str, str]) -> None:
        """Keep the proof with the sentence."""
        super().__init__(message)
        self.notes = notes


HELP: Mapping[str, type] = {
    "elsewhere": list,
    "uncertain": list,
    "instead": list,
    "emergency_numbers": list,
    "held_until": str,
}
"""Members of a problem that tell the caller what else it can do, and what each of them is."""


@dataclass(frozen=True)
class ProblemDetails:
    """A refusal as the gateway words it (RFC 9457); ``slug`` is the last part of its type.

    ``errors`` are pairs of JSON pointer and sentence; ``rules`` the policies that refused, where
    they may be named; ``receipt`` is there when the refusal is an event in the log. ``help`` has
    what else the caller can do: the members named in HELP.
    """

    slug: str
    title: str
    status: int
    detail: str = ""
    instance: str = ""
    errors: tuple[tuple[str, str], ...] = ()
    rules: tuple[str, ...] = ()
    receipt: Receipt | None = None
    help: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    @classmethod
    def read(cls, members: Mapping[str, Any], status: int) -> "ProblemDetails":
        """Read a problem document; what is malformed in it is left out, for it only explains.

        Raises receipt.MalformedReceipt when it carries a receipt that is none.
        """
        kind, errors, rules = (members.get(n) for n in ("type", "errors", "rules"))
        carried = members.get("receipt")
        return cls(
            slug=_text(kind).rpartition("/")[2] or "about:blank",
            title=_text(members.get("title")) or f"status {status}",
            status=status,
            detail=_text(members.get("detail")),
            instance=_text(members.get("instance")),
            errors=tuple(
                (_text(e.get("pointer")), _text(e.get("message")))
                for e in (errors if isinstance(errors, list) else ())
                if isinstance(e, Mapping)
            ),
            rules=tuple(_text(rule) for rule in (rules if isinstance(rules, list) else ())),
            receipt=None if carried is None else receipts.from_json(carried),
            help={n: members[n] for n, form in HELP.items() if isinstance(members.get(n), form)},
        )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


class RequestRefused(ClientError):
    """The gateway said no, for good: nothing was done. Correct the request before asking again.

    With ``unanswered`` it did not hear the write: no access (401), or not now (408, 429).
    """

    def __init__(self, problem: ProblemDetails) -> None:
        """The message is the problem's detail, or its title where there is none."""
        super().__init__(problem.detail or problem.title)
        self.problem = problem
        self.slug = problem.slug
        self.status = problem.status
        self.title = problem.title
        self.detail = problem.detail
        self.errors = problem.errors
        self.rules = problem.rules
        self.receipt = problem.receipt
        self.help = problem.help

    def __str__(self) -> str:
        """The message, with each place to correct behind it."""
        return "; ".join([super().__str__(), *(f"{at or '/'}: {why}" for at, why in self.errors)])
