"""Where an item is hosted, and which items of a removal offer are the recipient's (R8)."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.hosting_country import CountryMatch, hosting_country, split_by_country
from tests.each import each

EARLY, LATE = "2026-03-01T10:00:00+02:00", "2026-03-01T09:00:00Z"
"""The first is written later, and is earlier."""


def seen(country: str, observed_at: str = LATE, **more: Any) -> dict[str, Any]:
    return {"country": country, "observed_at": observed_at, "method": "rdap", **more}


def item(name: str, *hosting: dict[str, Any], kind: str = "url") -> dict[str, Any]:
    found = {"id": name, "kind": kind, "value": f"https://{name}.example/a"}
    return found | ({"hosting": list(hosting)} if hosting else {})


def split(*items: dict[str, Any], selected: str = "", serves: str = "NL") -> Any:
    chosen = selected.split() or [one["id"] for one in items]
    return split_by_country(items, chosen, lambda country: country == serves)


@each(
    "hosting, country",
    [
        ([seen("NL")], "NL"),
        ([seen("NL"), seen("US", EARLY)], "NL"),
        ([seen("US", EARLY), seen("NL", is_cdn=False)], "NL"),
        ([seen("US", EARLY, is_cdn=True), seen("NL")], "NL"),
        ([], None),
        ([seen("NL"), seen("US")], None),
        ([seen("NL", is_cdn=True)], None),
        ([seen("EU")], None),
    ],
)
def test_the_newest_observation_says_the_country_where_it_is_certain(hosting, country):
    assert hosting_country(item("a", *hosting)) == country


def test_a_recipient_has_the_items_of_its_country_and_no_others():
    found = split(item("nl", seen("NL")), item("us", seen("US")), item("x"))
    assert found.here == {"nl"}
    assert found.elsewhere == (("us", "US"),)
    assert found.uncertain == ("x",)


def test_only_what_was_selected_is_split():
    found = split(item("nl", seen("NL")), item("us", seen("US")), selected="nl")
    assert (found.here, found.elsewhere, found.uncertain) == ({"nl"}, (), ())


def test_what_is_nowhere_and_what_cannot_be_read_has_no_country():
    sealed = {"id": "s", "sealed_to": "office", "sealed": "x"}
    found = split(item("h", kind="hash"), item("p", kind="payment"), sealed)
    assert (found.here, found.elsewhere, found.uncertain) == (set(), (), ())


def test_an_item_of_a_host_is_where_another_item_of_that_host_is():
    host = {"id": "host", "kind": "host", "value": "nl.example"}
    assert split(host, item("nl", seen("NL"))).here == {"host", "nl"}


@each(
    "items, plain, explained",
    [
        ("nl", "here", "here"),
        ("nl us", "here", "here"),
        ("us", "elsewhere", "elsewhere"),
        ("x", "uncertain", "here"),
        ("nl x", "uncertain", "here"),
        ("us x", "uncertain", "here"),
        ("", "uncertain", "here"),
    ],
)
def test_an_offer_fits_where_an_item_is_of_the_country_and_doubts_are_explained(
    items, plain, explained
):
    known = {"nl": item("nl", seen("NL")), "us": item("us", seen("US")), "x": item("x")}
    found = split(*(known[one] for one in items.split()))
    assert found.match(explained=False) == CountryMatch(plain)
    assert found.match(explained=True) == CountryMatch(explained)


@given(st.lists(st.sampled_from(["NL", "US", "EU", ""])))
def test_each_item_is_in_one_of_the_three(countries):
    items = [item(f"i{n}", *([seen(c)] if c else [])) for n, c in enumerate(countries)]
    found = split(*items)
    parts = [*found.here, *(one for one, _ in found.elsewhere), *found.uncertain]
    assert sorted(parts) == sorted(one["id"] for one in items)
