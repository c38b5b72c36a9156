"""What persons signed of an event, as its reader sees it: who, what, when, and if it verifies."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from flask import g

from gateway.console import wording
from gateway.console.access import Person
from gateway.console.context import say, signed_in
from gateway.domain.audit_event import ACTION_OF
from gateway.evidence import base64url, declarations
from gateway.evidence.sd_jwt import DocumentError, UnknownKey


class ShownApproval(NamedTuple):
    """An approval in words: by whom, its lines, and its own text."""

    who: str
    lines: list[tuple[str, str]]
    text: str


def shown(texts: Sequence[str], said: Mapping[str, Any]) -> Iterator[ShownApproval]:
    """Word each approval of an event, as far as it can be read; ``said`` is what the event says in
    clear."""
    for text in texts:
        try:
            yield _shown(text, said)
        except (DocumentError, KeyError, TypeError, ValueError):
            yield ShownApproval(say("approval_unread"), [], text)


def _shown(text: str, said: Mapping[str, Any]) -> ShownApproval:
    claims = declarations.read_unverified_approval(text)
    gateway = str(claims["aud"])
    named = declarations.signer_of(text, gateway)
    person = Person(*named) if named else Person("", declarations.person_of(text, gateway))
    changes, action = declarations.read_unverified_changes(text), ACTION_OF.get(said["type"])
    # Of several that were signed at once, those of this event's action.
    own = [one for one in changes if one[0] == action] or changes
    lines = [(say("signed_for"), wording.act(name, g.language)) for name, _ in own[:1]]
    lines += [(say("digest_of_change"), ", ".join(digest for _, digest in own))]
    if len(changes) > 1:
        lines.append((say("signed_at_once"), str(len(changes))))
    at = datetime.fromtimestamp(int(claims["iat"]), UTC).isoformat()
    lines += [
        (wording.label("time", g.language), wording.moment(at, g.language)),
        (say("passkey_id"), signing_key(text)),
        (say("signature"), say(_state(text, person, gateway))),
    ]
    told = say("person_of", name=person.name, organisation=person.organisation)
    who = told if person.organisation else say("administrator", name=person.name)
    return ShownApproval(who, lines, text)


def signing_key(text: str) -> str:
    """Return the id of the key that an approval says it is signed with; ValueError, or LookupError,
    for what is none."""
    return str(json.loads(base64url.decode(text.partition(".")[0]))["kid"])


def _state(text: str, person: Person, gateway: str) -> str:
    """The key of the text that says if a signature verifies with a key of its person."""
    asked: dict[str, Any] = {
        "person": person.name,
        "audience": gateway,
        "keys": signed_in().access.approval_keys(person),
    }
    try:
        if person.organisation:
            declarations.verify_approval(text, organisation=person.organisation, **asked)
        else:
            declarations.verify_approvals(text, **asked)
    except UnknownKey:
        return "signed_by_unknown"
    except DocumentError:
        return "signature_wrong"
    return "signature_verifies"
