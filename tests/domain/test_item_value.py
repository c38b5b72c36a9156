"""What the value of an item must look like, and how it is shown."""

import re
from base64 import b64encode

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.item_value import (
    FAULTS,
    defang,
    defang_text,
    has_unsafe_characters,
    hash_fault,
    identifiers_in,
    ip_event,
)
from gateway.domain.vocabulary import HashAlgorithm, ItemKind
from tests.each import each

PHOTODNA = b64encode(bytes(range(144))).decode()
ONION = "a2" * 28 + ".onion"


def test_every_kind_of_item_is_checked():
    assert set(FAULTS) == set(ItemKind)


GOOD = [
    ("url", "https://content.example.org/a/b.jpg?x=1#y"),
    ("url", "HTTP://Content.Example.org:8080/%C3%A9"),
    ("url", "ftp://files.example.org/"),
    ("url", "https://192.0.2.1/"),
    ("url", "http://[2001:db8::1]:80/x"),
    ("url", "https://xn--bcher-kva.example/"),
    ("url", "https://a.example/" + "x" * 300),
    ("host", "a-b.example.org"),
    ("host", "192.0.2.1"),
    ("host", "2001:db8::1"),
    ("ip_event", "192.0.2.1"),
    ("ip_event", "192.0.2.1:443@2026-01-02T03:04:05Z"),
    ("ip_event", "2001:db8::1@2026-01-02T03:04:05+01:00"),
    ("ip_event", "[2001:db8::1]:65535"),
    ("onion", ONION),
    ("onion", f"http://www.{ONION}/a.b"),
    ("hash", "0" * 32),
    ("hash", "ab" * 64),
    ("account", "user name@chat.example"),
    ("account", "Élodie 42"),
    ("payment", "4" * 95),
    ("p2p", "magnet:?dn=x&xt=urn:btih:" + "a" * 40),
    ("p2p", "magnet:?xt=urn:btmh:1220" + "a" * 64),
    ("p2p", "ed2k://|file|x|1024|" + "a" * 32 + "|/"),
    ("p2p", "a" * 40),
    ("report_ref", "NCMEC-2025-0001234"),
]

BAD = [
    ("url", "content.example.org/a"),
    ("url", "javascript:alert(1)"),
    ("url", "data:image/png;base64,AAAA"),
    ("url", "file:///etc/hosts"),
    ("url", "https:///a"),
    ("url", "https://"),
    ("url", "https://user@a.example/"),
    ("url", "https://user:secret@a.example/"),
    ("url", "https://a.example:99999/"),
    ("url", "https://a.example:0/"),
    ("url", "https://[2001:db8::1/"),
    ("url", "https://localhost/"),
    ("url", "https://a.example/é"),
    ("url", "https://a.example/a b"),
    ("url", "https://a.example/\n"),
    ("url", "https://a.example\\@b.example/"),
    ("url", "https://a.example/" + "x" * 2048),
    ("url", "https://a.example/?u=data:image/png;base64,AAAA"),
    ("url", "https://a.example/?u=data%3Aimage%2Fpng%3Bbase64%2CAAAA"),
    ("host", "A.example.org"),
    ("host", "localhost"),
    ("host", "a..example"),
    ("host", "-a.example"),
    ("host", "bücher.example"),
    ("host", "192.0.2.01"),
    ("host", "fe80::1%eth0"),
    ("host", "a.example\n"),
    ("host", "a." * 126 + "example"),
    ("ip_event", "192.0.2.256"),
    ("ip_event", "192.0.2.1:70000"),
    ("ip_event", "192.0.2.1:0"),
    ("ip_event", "192.0.2.1@2026-01-02T03:04:05"),
    ("ip_event", "192.0.2.1@"),
    ("ip_event", "2001:DB8::1"),
    ("ip_event", "[2001:db8::1]"),
    ("ip_event", "a.example:443"),
    ("onion", "a" * 55 + ".onion"),
    ("onion", "https://a.example/"),
    ("hash", "A" * 32),
    ("hash", "0" * 33),
    ("hash", "g" * 32),
    ("account", " "),
    ("account", "a\nb"),
    ("account", "a\u202eb"),
    ("account", "x" * 301),
    ("account", "C:\\Users\\x.jpg"),
    ("payment", "data:,4"),
    ("p2p", "magnet:?dn=x"),
    ("p2p", "something"),
    ("report_ref", "a name of somebody"),
    ("report_ref", "a" * 101),
]


@each("kind, value", GOOD)
def test_a_value_in_the_form_of_its_kind_is_taken(kind, value):
    assert FAULTS[kind](value) is None


@each("kind, value", BAD)
def test_a_value_in_another_form_is_refused(kind, value):
    assert FAULTS[kind](value)


@given(st.sampled_from(list(ItemKind)), st.text(max_size=80))
def test_no_text_breaks_a_check(kind, text):
    fault = FAULTS[kind](text)
    assert fault is None or isinstance(fault, str)


def test_a_refused_address_does_not_stand_in_the_message():
    assert "secret" not in FAULTS["url"]("https://user:secret@a.example/")


@each(
    "algorithm, value",
    [
        ("md5", "0a" * 16),
        ("sha1", "0a" * 20),
        ("sha256", "0a" * 32),
        ("sha512", "0a" * 64),
        ("pdq", "0a" * 32),
        ("photodna", "0a" * 144),
        ("photodna", PHOTODNA),
    ],
)
def test_a_hash_of_its_length_is_taken(algorithm, value):
    assert hash_fault(algorithm, value) is None
    assert hash_fault(algorithm, value[:-1])
    assert hash_fault(algorithm, value + "0")
    assert hash_fault(algorithm, "é" + value[1:])


def test_a_hash_in_capitals_is_refused():
    assert hash_fault("md5", "0A" * 16)


def test_a_photodna_hash_has_one_base64_spelling():
    assert hash_fault("photodna", PHOTODNA[:96] + "\n" + PHOTODNA[96:])
    assert hash_fault("photodna", b64encode(bytes(143)).decode())


@each("value", ["", "0a" * 32, "A" * 400])
def test_a_tmk_body_is_refused_with_its_reason(value):
    assert "content" in hash_fault(HashAlgorithm.TMK_PDQF, value)


@each(
    "address, port, at, written",
    [
        ("192.0.2.1", None, None, "192.0.2.1"),
        ("192.0.2.1", 443, "2026-01-02T03:04:05Z", "192.0.2.1:443@2026-01-02T03:04:05Z"),
        ("2001:db8::1", 443, None, "[2001:db8::1]:443"),
        ("2001:db8::1", None, "2026-01-02T03:04:05Z", "2001:db8::1@2026-01-02T03:04:05Z"),
    ],
)
def test_an_address_at_a_moment_is_written_as_it_is_checked(address, port, at, written):
    assert ip_event(address, port, at) == written
    assert FAULTS["ip_event"](written) is None


@each(
    "kind, value, shown",
    [
        ("url", "https://a.example.org/b.jpg", "hxxps://a[.]example[.]org/b.jpg"),
        ("url", "HTTP://a.example?u=https://b.example/", "hxxp://a[.]example?u=hxxps://b.example/"),
        ("url", "ftp://a.example", "fxp://a[.]example"),
        ("url", "https://u.v:w.x@a.example/", "hxxps://u.v:w.x@a[.]example/"),
        ("host", "a.example.org", "a[.]example[.]org"),
        ("onion", ONION, ONION.replace(".", "[.]")),
        ("onion", f"http://{ONION}/a.b", f"hxxp://{ONION.replace('.', '[.]')}/a.b"),
        (
            "ip_event",
            "192.0.2.1:80@2026-01-02T03:04:05.5Z",
            "192[.]0[.]2[.]1:80@2026-01-02T03:04:05.5Z",
        ),
        ("account", "first.last@mail.example", "first.last@mail[.]example"),
        ("account", "first.last", "first.last"),
        ("account", "https://a.example/first.last", "hxxps://a[.]example/first.last"),
        ("p2p", "magnet:?xt=urn:btih:00", "magnet[:]?xt=urn:btih:00"),
        ("p2p", "ed2k://|file|a.b|", "ed2k[:]//|file|a.b|"),
        ("hash", "00ff", "00ff"),
    ],
)
def test_a_value_is_shown_so_that_nothing_links_to_it(kind, value, shown):
    assert defang(value, kind) == shown


@given(st.sampled_from([value for kind, value in GOOD if kind == "url"]), st.text(max_size=40))
def test_no_address_survives_showing(url, rest):
    shown = defang(url + rest, "url")
    assert not re.search(r"(?i)(https?|ftp):", shown)
    assert "[.]" in shown or "[" in url  # an IPv6 address has no dots


@each(
    "text",
    [
        "ok" + "".join(chr(0xE0000 + ord(c)) for c in "hidden"),
        "ok" + "".join(chr(0xE0100 + n) for n in b"bytes"),
        "a\ufe00b",
        "private \ue000",
        "private \U000f0000",
        "no character \ufdd0",
        "unassigned \u0378",
        "unassigned \U00040000",
        "three in a row \u200b\u200c\u200d",
        "word\u2060joiner",
        "\u3164",
        "\u2800\u2800",
        " \u200b ",
        "turned \u202e",
        "half \ud800",
        "control \x07",
    ],
)
def test_what_a_person_and_a_program_would_read_differently_is_unsafe(text):
    assert has_unsafe_characters(text, lines=True)


@each(
    "text",
    [
        "Signalé par formulaire ;\nla page était en ligne.\t(voir annexe)",
        *[
            "Страница удалена",
            "ページは削除されました",
            "页面已删除",
            "페이지",
            "حُذفت الصفحة",
            "הדף הוסר",
            "หน้า",
        ],
        "می\u200cخواهم",
        "क्\u200dष",
        "soft\u00adhyphen",
        "👨\u200d👩\u200d👧 🇫🇷 ❤\ufe0f\u200d🔥",
        "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
        "葛\U000e0100城",
        "new emoji \U0001fae9",
        "right\u200fmark",
    ],
)
def test_texts_of_all_scripts_are_safe(text):
    assert not has_unsafe_characters(text, lines=True)


@each(
    "text, found",
    [
        ("See https://a.example/x, or www.b.example", ["an address"]),
        ("Wrote as someone@mail.example.", ["an e-mail address"]),
        ("Called +33 6 12 34 56 78", ["a telephone number"]),
        ("Called 06.12.34.56.78 twice", ["a telephone number"]),
        ("Called 0032 470 12 34 56", ["a telephone number"]),
        ("On 01.02.2026 10:11, file 2026/0042, 0198c1f2-7a00-7000-8000-000000000001", []),
        ("A child of about 8, seen @ home at 10.30", []),
    ],
)
def test_what_belongs_into_an_item_is_found_in_free_text(text, found):
    assert identifiers_in(text) == found


def test_addresses_in_free_text_are_no_links():
    assert defang_text("see https://a.example.org/x.jpg and http://b.example") == (
        "see hxxps://a[.]example[.]org/x.jpg and hxxp://b[.]example"
    )
    assert defang_text("No address. Just words.") == "No address. Just words."
