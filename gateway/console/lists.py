"""Lists that are narrowed by what their endpoints take: no page knows a filter."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask import g, request

from gateway.console.context import signed_in
from gateway.console.forms import BodyForm
from gateway.domain.refusals import ValidationFailed

NOT_ASKED = ("after", "limit", "from", "to")
"""Where a page begins, and how long it is; and days, of which a form would have to say of what."""

_NONE: Mapping[str, Any] = {"items": (), "next": None}


def narrowed(
    endpoint: str,
    given: Mapping[str, str] = {},
    *,
    choices: Mapping[str, Mapping[str, str]] = {},
) -> tuple[BodyForm, Mapping[str, Any]]:
    """The form of a list's filters, and a page of the list; ``given`` are filters that the page
    sets itself. A filter that cannot be read finds nothing, and has its fault."""
    access, sent = signed_in().access, dict(request.args.lists())
    left_out = (*NOT_ASKED, *given)
    form = BodyForm.of(
        access.query(endpoint), g.language, sent=sent, choices=choices, without=left_out
    )
    query = {name: "true" if one is True else str(one) for name, one in form.body().items()}
    after = {name: request.args[name] for name in ("after",) if request.args.get(name)}
    try:
        return form, access.read(endpoint, {**given, **query, **after})
    except ValidationFailed as refused:
        return replace(form, errors=refused.errors), _NONE
