import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.searched_item import SearchedKind, searched_form, searched_items
from tests.domain.test_matters import MATTERS
from tests.each import each

URL, HASH, ACCOUNT = SearchedKind
PAGE = "http://host.example/a"
PHOTODNA = "ab" * 144


@each(
    "spelled, form",
    [
        ("https://host.example/a", PAGE),
        ("HTTP://Host.EXAMPLE/a", PAGE),
        ("http://host.example:80/a", PAGE),
        ("https://host.example:443/a", PAGE),
        ("https://host.example./a#part", PAGE),
        ("hxxps://host[.]example/a", PAGE),
        ("host.example/a", PAGE),
        ("  https://host.example/b/../%61 ", PAGE),
        ("https://host.example/./a", PAGE),
        ("https://host.example:8443/a", "http://host.example:8443/a"),
        ("https://host.example", "http://host.example/"),
        ("https://host.example/?", "http://host.example/"),
        ("https://host.example/a?B=%c3%a9", f"{PAGE}?B=%C3%A9"),
        ("https://host.example/a?B=\u00e9", f"{PAGE}?B=%C3%A9"),
        ("https://b\u00fccher.example/", "http://xn--bcher-kva.example/"),
        ("https://[2001:DB8:0::1]/", "http://[2001:db8::1]/"),
        ("fxp://host.example:21/a", "ftp://host.example/a"),
        ("https://host.example/A", "http://host.example/A"),
        ("https://host.example/%2F", "http://host.example/%2F"),
    ],
)
def test_spellings_of_one_address_have_one_form(spelled, form):
    assert searched_form(URL, spelled) == form


@each(
    "kind, spelled, form",
    [
        (HASH, "D41D8CD98F00B204E9800998ECF8427E", "d41d8cd98f00b204e9800998ecf8427e"),
        (HASH, "md5:d41d8cd98f00b204e9800998ecf8427e", "d41d8cd98f00b204e9800998ecf8427e"),
        (HASH, PHOTODNA.upper(), PHOTODNA),
        (HASH, "q6ur" * 48, PHOTODNA),
        (ACCOUNT, " @Some.One ", "some.one"),
        (ACCOUNT, "Some.One@Host.Example", "some.one@host.example"),
        (ACCOUNT, "https://Host.example/u/1#x", "http://host.example/u/1"),
    ],
)
def test_spellings_of_one_hash_and_of_one_account_have_one_form(kind, spelled, form):
    assert searched_form(kind, spelled) == form


@each(
    "kind, value",
    [
        (URL, " "),
        (URL, "https:///a"),
        (URL, "https://host.example:port/"),
        (URL, "https://[::1/"),
        (HASH, "not a hash"),
        (HASH, "YWJj"),
        (ACCOUNT, "@"),
    ],
)
def test_what_can_be_no_item_is_refused(kind, value):
    with pytest.raises(ValueError, match=r"."):
        searched_form(kind, value)


@given(kind=st.sampled_from(SearchedKind), value=st.text())
def test_a_form_is_its_own_form_whatever_was_written(kind, value):
    try:
        form = searched_form(kind, value)
    except ValueError:
        return
    assert searched_form(kind, form) == form


_part = st.text(st.sampled_from("abcXYZ019-._~%é/?=&"), max_size=12)


@given(path=_part, query=_part, host=st.from_regex(r"[a-z]{1,9}\.[a-z]{2,5}", fullmatch=True))
def test_an_address_is_found_whatever_its_scheme_port_capitals_and_fragment(path, query, host):
    rest = "/" + path.replace("?", "") + "?" + query.replace("#", "")
    plain = searched_form(URL, f"https://{host}{rest}")
    for spelled in (
        f"HTTP://{host.upper()}.:80{rest}#part",
        f"https://{host}:443{rest}#",
        f"hxxps://{host.replace('.', '[.]')}{rest}",
    ):
        assert searched_form(URL, spelled) == plain
    assert plain.isascii()


ITEMS = [
    {"id": "1", "kind": "url", "value": "https://Host.example/a", "hash": [
        {"alg": "md5", "value": "d41d8cd98f00b204e9800998ecf8427e"}]},
    {"id": "2", "kind": "account", "value": "Some.One", "parent_item": "1"},
    {"id": "3", "kind": "host", "value": "host.example"},
    {"id": "4", "sealed": "...", "sealed_to": "police"},
    {"id": "5", "kind": "hash", "value": "D41D8CD98F00B204E9800998ECF8427E"},
]  # fmt: skip
CONTENT = {"url:http://host.example/a", "hash:d41d8cd98f00b204e9800998ecf8427e"}


def test_addresses_hashes_and_accounts_are_looked_for_and_nothing_that_is_sealed():
    assert searched_items(ITEMS, MATTERS, ["csam"]) == {*CONTENT, "account:some.one"}


def test_no_account_is_looked_for_of_what_somebody_published():
    for matters in (["hate_speech"], ["terrorist_content"], ["csam", "terrorist_content"]):
        assert searched_items(ITEMS, MATTERS, matters) == CONTENT
