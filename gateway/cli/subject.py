"""`casegate subject`: the draft of an answer to a person's request about its data."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from gateway.cli import arguments, output, page
from gateway.cli.partner_command import EPILOG, Parameter, by_option, partner_command
from gateway.cli.search import ITEM_OPTIONS, item_of, warn_of_scopes
from gateway.cli.verify import language_option
from gateway.client import Gateway
from gateway.client.handoffs import FoundItems
from gateway.text import catalogue

REASON_CODE = "rights_request"
REQUESTS = ("access", "erasure")


@click.group(epilog=EPILOG)
def subject() -> None:
    """Draft answers to requests of persons about their data."""


@dataclass(frozen=True)
class Draft:
    """What was found for a person's ``request``, in a language, with the names of organisations.

    Each row is a case or handoff with what its view says of it; nothing of content.
    """

    request: str
    asked: Mapping[str, str]
    found: FoundItems
    views: Sequence[Mapping[str, Any]]
    names: Mapping[str, str]
    language: str

    def phrase(self, key: str, **values: Any) -> str:
        """Return a word or a sentence of the draft."""
        return catalogue.phrase("subject", key, self.language, **values)

    @property
    def title(self) -> str:
        """Say what it is."""
        return self.phrase(f"title_{self.request}")

    def rows(self) -> list[dict[str, str]]:
        """Return a row for each case or handoff that has the item."""
        rows = []
        for one, view in zip(self.found["items"], self.views, strict=True):
            own, here = not one.get("handoff"), self.phrase("ourselves")
            others = ", ".join(page.organisation(name, self.names) for name in one["counterparts"])
            cells = {
                "what": str(one.get("reference") or one.get("handoff")),
                "since": catalogue.moment(one["since"], self.language),
                "matter": self._words("matter", one["matter"]),
                "purpose": self._words("purpose", view["conditions"]["purpose"]),
                "source": here if own else others,
                "recipients": (others if own else here) or self.phrase("nobody"),
                "until": catalogue.moment(view["erase_on"], self.language),
                "restricted": self.phrase("yes" if view.get("measures") else "no"),
            }
            rows.append({self.phrase(name): cell for name, cell in cells.items()})
        return rows

    def _words(self, kind: str, codes: Sequence[str]) -> str:
        return ", ".join(catalogue.word("codes", f"{kind}.{one}", self.language) for one in codes)

    def blocks(self, by: str, reason: str) -> Iterator[page.Block]:
        """Return the draft, with what whoever answers has to decide."""
        (kind, value) = next(iter(self.asked.items()))
        today = datetime.now(UTC).date()  # noqa: TID251 - the day of this machine
        rows = {
            kind: value,
            "person": by,
            "reason": reason,
            "day": catalogue.moment(today, self.language),
            "event": ", ".join(self.found["events"]),
        }
        named = [(self.phrase(name), cell) for name, cell in rows.items()]
        yield page.Block(self.phrase("search"), alert=self.phrase("draft"), rows=named)
        table = self.rows()
        lines = [self.phrase("found" if table else "nothing", number=len(table))]
        columns = [*table[0]] if table else ()
        cells = [[*row.values()] for row in table]
        yield page.Block(self.phrase("results"), lines=lines, columns=columns, rows=cells)
        lines = ["decide", f"decide_{self.request}", "not_searched"]
        yield page.Block(self.phrase("before"), lines=[*map(self.phrase, lines)])


_OPTIONS: Sequence[Parameter] = (
    by_option,
    click.option(
        "--request",
        required=True,
        type=arguments.Words(REQUESTS),
        help="What the person asks for.",
    ),
    click.option(
        "--reason", required=True, help="Reason, up to 200 characters; it is recorded in your log."
    ),
    *ITEM_OPTIONS,
    arguments.csv_option,
    arguments.page_option,
    language_option,
)


@partner_command(subject, *_OPTIONS)
def search(
    gateway: Gateway,
    by: str,
    request: str,
    reason: str,
    as_csv: bool,
    file: Path | None,
    language: str,
    **options: Any,
) -> None:
    """Draft the answer to a person's request for access or erasure.

    Finds your own cases, and what you hold of others, by an address, a hash or an account that the
    person names, and says of each since when, for what, from whom, to whom and until when: never
    content. The search is recorded in your log, with person and reason, and not the item. Who
    answers decides what the person may be told.

    \b
    Example: casegate subject search --by pdc-dpo-1 \\
        --request access --reason 'Request 12' --account some.one
    """
    if output.for_machines() and as_csv:
        raise click.UsageError("--json and --csv exclude each other: give one of them")
    asked = item_of(options)
    found = gateway.search_items(by, REASON_CODE, reason, **asked)
    warn_of_scopes(found["searched"])
    views = [
        gateway.handoff(handoff) if (handoff := one.get("handoff")) else gateway.case(one["case"])
        for one in found["items"]
    ]
    names = {one["organisation"]: one["name"] for one in gateway.organisations()}
    draft = Draft(request, asked, found, views, names, language)
    blocks, table = [*draft.blocks(by, reason)], draft.rows() if as_csv else None
    told = {"request": request, **found}
    page.answer(draft.title, blocks, language, told, file=file, table=table)
