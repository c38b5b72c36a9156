"""A case in a file: read, checked offline as the gateway does it, and what in it is warned of."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

import click

from gateway.cli import output
from gateway.client import InvalidCase
from gateway.client.errors import raising
from gateway.client.gateway import now
from gateway.domain.case import date_errors
from gateway.domain.item_value import identifiers_in
from gateway.domain.json_values import parse_date
from gateway.evidence import canonical

MAX_CASE_BYTES = 256 * 1024
"""The gateway takes no longer body."""


SHORT_RETENTION_DAYS = 30
"""A case that is erased sooner is warned of."""


_A_CASE = "a case is a JSON object with its id in 'case', as in docs/protocol/examples/case.json"


class CaseFile(output.Input):
    """A file with the JSON of a case, or "-" for the standard input, as what it says."""

    def __init__(self) -> None:
        """Read no more than shows that it is too long."""
        super().__init__(MAX_CASE_BYTES + 1)

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Read it; a usage error that names the file."""
        data = super().convert(value, param, ctx)
        if len(data) > MAX_CASE_BYTES:
            self.fail(f"{value}: a case has at most {MAX_CASE_BYTES} bytes", param, ctx)
        try:
            content = canonical.decode(data)
        except UnicodeError:
            self.fail(f"{value} is not a text in UTF-8: {_A_CASE}", param, ctx)
        except ValueError as error:
            self.fail(f"{value} is not JSON ({error}): {_A_CASE}", param, ctx)
        if not isinstance(content, dict) or "case" not in content:
            self.fail(f"{value} is not a case: {_A_CASE}", param, ctx)
        try:
            known = str(UUID(str(content["case"]))) == content["case"]
        except ValueError:
            known = False
        if not known:
            self.fail(f"{value}: /case: must be a UUID in lower case", param, ctx)
        return content


content_argument = click.argument("content", metavar="FILE", type=CaseFile())


def _contents(_context: click.Context, _parameter: click.Parameter, data: bytes) -> dict[str, Any]:
    with raising(click.BadParameter, "the file is not JSON"):
        contents = canonical.decode(data)
    if not isinstance(contents, dict) or not contents:
        raise click.BadParameter('the file has {"<id of the element>": {"type", "value"}}')
    return contents


contents_option = click.option(
    "--contents",
    "plain",
    required=True,
    type=output.Input(MAX_CASE_BYTES + 1),
    callback=_contents,
    help="JSON: what is sealed, by the id of its element.",
)


def check_content(content: Mapping[str, Any]) -> None:
    """Raise InvalidCase for a case that the gateway would refuse by its document alone."""
    from gateway.schemas.case_document import (  # noqa: PLC0415 - long to load
        CaseInvalid,
        load_case,
    )

    try:
        load_case(content)
        errors = tuple(date_errors(content, now(), now().date(), None))
    except CaseInvalid as invalid:
        errors = invalid.errors
    if errors:
        raise InvalidCase("the case is not valid; nothing was sent", errors)


def check_each(contents: Sequence[Mapping[str, Any]]) -> None:
    """Raise InvalidCase for all that is wrong in any of the cases."""
    found: list[tuple[str, str]] = []
    for content in contents:
        try:
            check_content(content)
        except InvalidCase as invalid:
            if len(contents) == 1:
                raise
            found += [(at, f"(case {content['case']}) {why}") for at, why in invalid.errors]
    if found:
        raise InvalidCase("not all of the cases are valid; nothing was sent", found)


def warn_of_erasure(content: Mapping[str, Any]) -> None:
    """Say that a day of erasure is near: what it destroys, it destroys for every recipient."""
    try:
        left = (parse_date(content["marking"]["erase_on"]) - now().date()).days
    except (LookupError, TypeError, ValueError):
        return  # the gateway says what is wrong with it
    if 0 < left < SHORT_RETENTION_DAYS:
        output.warn(f"in {left} days the case is erased for every recipient.")


def warn_of_content(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Warn of what may be meant otherwise in a valid case, before it is sent; each pointer with its
    warning: free text that holds what belongs in an item, and an address that is there again."""
    found = list[tuple[str, str]]()
    texts = {
        f"/statements/{number}/text": one.get("text", "")
        for number, one in enumerate(content.get("statements", ()))
    }
    texts["/marking/handling_note"] = content["marking"].get("handling_note", "")
    for pointer, text in texts.items():
        if named := identifiers_in(text):
            told = "put it into an item (an address is of the kind url), or leave it out"
            found.append((pointer, f"holds {' and '.join(named)}: {told}"))
    seen: dict[SplitResult, int] = {}
    for number, one in enumerate(content.get("items", ())):
        if one.get("kind") == "url":  # of a sealed one nobody sees it
            parts = urlsplit(one["value"])  # its host has no case (RFC 3986 6.2.2.1)
            first = seen.setdefault(parts._replace(netloc=parts.netloc.lower()), number)
            if first != number:
                why = f"is the address of /items/{first}: leave one out"
                found.append((f"/items/{number}/value", why))
    for pointer, why in found:
        output.warn(f"{pointer} {why}")
    return found
