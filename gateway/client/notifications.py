"""Notifications: what happened in this organisation's own stream, signed by the gateway."""

from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from gateway import files
from gateway.client.cases import ClientBase
from gateway.client.errors import (
    ClientError,
    EvidenceMismatch,
    SettingsError,
    UnexpectedAnswer,
    raising,
)
from gateway.client.session import ConfirmedWrite, spelled
from gateway.evidence import security_event
from gateway.evidence.security_event import EventNotification, NotificationError, jti_of
from gateway.evidence.signature import PublicKey

REMEMBERED = 1000
"""Notifications that are known when they come again; the gateway repeats none but the newest."""

MOST = 100

_LINE = 37
"""Characters of one id, with the end of its line."""


@dataclass(frozen=True)
class NotificationPage:
    """Notifications in the order of the stream; ``more`` of them wait."""

    notifications: Sequence[EventNotification]
    more: bool


class SeenNotifications:
    """The newest notifications that were worked on: here, and in a file if one is given.

    A notification is remembered before it is acknowledged. So a stop between the two repeats none,
    and a stop in the midst of the work repeats the one that was worked on.
    """

    def __init__(self, file: Path | None = None) -> None:
        """SettingsError when the file is not one of these, or cannot be read."""
        self._file = file
        try:
            self._seen = deque(_stored(file), REMEMBERED)
        except OSError as error:
            raise SettingsError(f"{file} cannot be read: {error.strerror}") from error
        except ValueError:
            raise SettingsError(
                f"{file} has no list of notifications: move it away; some may come twice"
            ) from None

    def __contains__(self, event: UUID) -> bool:
        """Whether the notification of an event was worked on."""
        return event in self._seen

    def add(self, event: UUID) -> None:
        """Remember one; SettingsError when the file cannot be written."""
        self._seen.append(event)
        if self._file is None:
            return
        with raising(SettingsError, f"{self._file} cannot be written", OSError):
            files.replace(self._file, "".join(f"{one}\n" for one in self._seen).encode())


def _stored(file: Path | None) -> Iterator[UUID]:
    """What a file remembers, oldest first; ValueError where it is something else."""
    if file is not None and file.exists():
        with file.open("rb") as opened:
            yield from map(UUID, opened.read(REMEMBERED * _LINE).decode("ascii").split())


class NotificationClient(ClientBase):
    """This organisation's notifications. Each is verified before anything is made of it."""

    _notification_keys: Mapping[str, PublicKey] | None = None

    def notifications(self) -> Generator[EventNotification]:
        """Each notification once it is there, without end.

        One is acknowledged when the next is asked for, or the iterator is closed: what was not
        worked on comes again, at the next start too. A repetition is passed over here, after a
        restart too where the connection has a ``notifications_file``. Raises SettingsError.
        """
        seen = SeenNotifications(self.connection.notifications_file)
        handled: list[EventNotification] = []
        try:
            while True:
                page = self.poll_notifications(wait=True, acknowledge=handled)
                handled = []
                for one in page.notifications:
                    if one.event not in seen:
                        yield one
                        seen.add(one.event)
                    handled.append(one)
        finally:
            if handled:
                with suppress(ClientError):  # they come again
                    self.poll_notifications(most=0, acknowledge=handled)

    def poll_notifications(
        self,
        *,
        wait: bool = False,
        most: int = MOST,
        acknowledge: Sequence[EventNotification] = (),
        refuse: Mapping[EventNotification, tuple[str, str]] | None = None,
    ) -> NotificationPage:
        """Get the next notifications, at most 100; the first is waited for, if told so.

        Those before are acknowledged, or refused with a code of RFC 8935 and a description. Raises
        EvidenceMismatch for one that the gateway did not sign for this organisation.
        """
        organisation = self.connection.organisation
        asked = {
            "maxEvents": most,
            "returnImmediately": not wait,
            "ack": [jti_of(one.event, organisation) for one in acknowledge],
            "setErrs": {
                jti_of(one.event, organisation): {"err": error, "description": description}
                for one, (error, description) in (refuse or {}).items()
            },
        }
        page = self._exchange.read("notification.poll", "/notifications", asked)
        sets, more = page.get("sets"), page.get("moreAvailable", False)
        if not isinstance(sets, dict) or not isinstance(more, bool):
            raise UnexpectedAnswer("the gateway's answer has no notifications")
        found = [self._verified(str(text)) for text in sets.values()]
        if [jti_of(one.event, organisation) for one in found] != [*sets]:
            raise EvidenceMismatch("a notification has another id than the gateway says")
        return NotificationPage(found, more)

    def notification_status(self) -> dict[str, Any]:
        """How far this organisation's notifications were acknowledged, and which were refused."""
        return self._exchange.read("notification.poll", "/notifications")

    def replay_notification(self, event: UUID | str, by: str) -> ConfirmedWrite:
        """Have a refused notification sent again, before those that follow."""
        path = f"/notifications/{spelled(event)}/replay"
        return self._write("notification.replay", path, by=by)

    def _verified(self, text: str) -> EventNotification:
        """Read a token; the gateway's keys are asked for where one is not known yet."""
        if self._notification_keys is None:
            self._notification_keys = self._exchange.keys("/keys/notification")
        try:
            try:
                return self._read(text)
            except KeyError:
                self._notification_keys = self._exchange.keys("/keys/notification")
                return self._read(text)
        except (NotificationError, KeyError) as error:
            reason = "its key is not the gateway's" if isinstance(error, KeyError) else error
            raise EvidenceMismatch(f"a notification does not verify: {reason}") from error

    def _read(self, text: str) -> EventNotification:
        return security_event.verify(
            text,
            self._notification_keys or {},
            issuer=self.connection.issuer,
            organisation=self.connection.organisation,
            now=self._now(),
        )
