"""The directory: the caller itself, and the organisations that take part."""

from typing import Any

from gateway.actions import organisations
from gateway.domain.organisation import SLUG
from gateway.domain.refusals import NotFound
from gateway.web.endpoint import Call, endpoint
from gateway.web.partners import fields as field
from gateway.web.partners.case_document import Part
from gateway.web.partners.pages import page


class OrganisationsQuery(Part):
    """A page of the directory, by organisation id."""

    after = field.slug(required=False)
    limit = field.limit()


@endpoint(
    "GET /whoami",
    action="directory.read",
    scope="directory.read",
    gives="Whoami",
)
def whoami(call: Call) -> dict[str, Any]:
    """Show the caller as the gateway sees it: organisation, system, scopes, certificates."""
    return call.ask(organisations.whoami)


@endpoint(
    "GET /organisations",
    action="directory.read",
    scope="directory.read",
    gives="Organisations",
    query=OrganisationsQuery(),
)
def index(call: Call) -> dict[str, Any]:
    """List the organisations with their standing and competences on the legal date."""
    asked = call.query
    found = call.ask(organisations.page, asked.get("after", ""), asked["limit"] + 1)
    return page("/organisations", found, "organisation", asked)


@endpoint(
    "GET /organisations/<organisation>",
    action="directory.read",
    scope="directory.read",
    gives="Organisation",
)
def show(call: Call, organisation: str) -> dict[str, Any]:
    """Read one organisation of the directory."""
    if not SLUG.fullmatch(organisation):
        raise NotFound
    return call.ask(organisations.look_up, organisation)


ENDPOINTS = (whoami, index, show)
