"""The operator's file: what it may say, what is refused, and what follows from it."""

from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gateway.config import SETTINGS, Config, ConfigError, load, render
from tests.each import each
from tests.verification.logbook import Logbook, witness

GIVEN = {
    "name": "demo",
    "issuer": "https://gateway.example",
    "partners_url": "https://partners.gateway.example:8444",
}


def write(folder: Path, text: str) -> Path:
    path = folder / "casegate.toml"
    path.write_text(text, encoding="utf-8")
    return path


def config(folder: Path, **values: object) -> Config:
    return load(write(folder, render(**GIVEN, **values)), {})


def test_what_init_writes_is_read_back(tmp_path: Path) -> None:
    made = config(tmp_path, workers=3, request_deadline=2.5, public_bind="[::1]:9443")
    assert (made.name, made.issuer, made.partners_url) == tuple(GIVEN.values())
    assert made.log_origin == "gateway.example/log"
    assert (made.workers, made.request_deadline, made.public_bind) == (3, 2.5, "[::1]:9443")
    assert made.civil_time_zone == ZoneInfo("Europe/Paris")
    assert (made.threads, made.waiters, made.denials_per_minute) == (16, 32, 60)
    assert (made.token_seconds, made.body_bytes) == (300, 262_144)


def test_the_file_explains_every_setting_and_shows_its_default(tmp_path: Path) -> None:
    text = render(**GIVEN)
    for setting in SETTINGS:
        assert setting.about.splitlines()[0] in text
    uncommented = "\n".join(
        line.removeprefix("# ")
        if line.startswith(tuple(f"# {s.key} = " for s in SETTINGS))
        else line
        for line in text.splitlines()
    )
    assert load(write(tmp_path, uncommented), {}) == load(write(tmp_path, text), {})


def test_the_configuration_cannot_be_changed_after_it_was_read(tmp_path: Path) -> None:
    with pytest.raises(AttributeError):
        config(tmp_path).workers = 9  # type: ignore[misc]


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("[gatway]\n", r"\[gatway\] is not a section"),
        ("[public]\nport = 1\n", r"\[public\] port is not a setting"),
        ("public = 1\n", r"\[public\] is not a section"),
        ("[gateway]\nname = ", "not TOML"),
        ("[gateway]\nname = 'demo'\n", r"\[gateway\] issuer is missing"),
    ],
)
def test_what_is_not_known_or_missing_is_named(tmp_path: Path, line: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        load(write(tmp_path, line), {})


AUTHORITY = '[[time_stamp_authority]]\nurl = "http://tsa.example/tsr"\nca_file = "tsa.pem"\n'


def test_a_section_may_be_there_several_times(tmp_path: Path) -> None:
    text = render(**GIVEN)
    one = {"url": "http://tsa.example/tsr", "ca_file": "tsa.pem"}
    assert load(write(tmp_path, text), {}).time_stamp_authorities == ()
    assert load(write(tmp_path, text + 2 * AUTHORITY), {}).time_stamp_authorities == (one, one)


@each(
    "text, reason",
    [
        (3 * AUTHORITY, "2 times at most"),
        (AUTHORITY.replace("[[", "[").replace("]]", "]"), "is not a section"),
        (AUTHORITY + "name = 'x'\n", "must have url and ca_file, and nothing else"),
        (AUTHORITY.replace("http:", "ftp:"), "must be http://host/path"),
        (AUTHORITY.replace("tsr", "tsr?x"), "must be http://host/path"),
    ],
)
def test_such_a_section_is_checked_as_a_setting_is(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        load(write(tmp_path, render(**GIVEN) + text), {})


@each("key", ["x", Logbook().signer.vkey, str(witness("w").key)[:-1]])
def test_a_witness_has_the_verifier_key_of_one(tmp_path: Path, key: str) -> None:
    text = render(**GIVEN) + '[[witness]]\nurl = "https://w.example"\nkey = "{}"\n'
    known = str(witness("w").key)
    (one,) = load(write(tmp_path, text.format(known)), {}).witnesses
    assert one == {"url": "https://w.example", "key": known}
    with pytest.raises(ConfigError, match="key"):
        load(write(tmp_path, text.format(key)), {})


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="casegate init"):
        load(tmp_path / "casegate.toml", {})


@each(
    "field, value",
    [
        ("name", "Demo"),
        ("name", "d"),
        ("name", 7),
        ("issuer", "http://gateway.example"),
        ("issuer", "https://gateway.example/a"),
        ("issuer", "https://gateway.example?x"),
        ("issuer", "https://user@gateway.example"),
        ("issuer", "https://gateway.example:0"),
        ("issuer", "https://gateway.example\n"),
        ("log_origin", "gateway.example/l+g"),
        ("civil_time_zone", "Europe/Nowhere"),
        ("civil_time_zone", "../../etc/passwd"),
        ("public_bind", "8443"),
        ("public_bind", "127.0.0.1:0"),
        ("public_bind", "127.0.0.1:65536"),
        ("public_bind", "127.0.0.1:٨٤٤٣"),
        ("public_bind", "[::g]:8443"),
        ("partners_bind", "unix:relative.sock"),
        ("console_url", "http://console.example"),
        ("console_url", "https://console.example:443"),
        ("console_url", "https://192.0.2.7"),
        ("console_url", "https://192.0.2.7:8445"),
        ("console_url", "https://[2001:db8::7]:8445"),
        ("console_url", "https://console.example/desk"),
        ("workers", 0),
        ("workers", 2.0),
        ("request_deadline", 0),
        ("request_deadline", True),
        ("database_url", "mysql://h/n"),
        ("database_url", "sqlite:///"),
        ("database_url", "sqlite:///:memory:"),
        ("database_url", "sqlite:///a.db?mode=ro"),
        ("simulated_reference_date", "2023-10-31"),
    ],
)
def test_a_wrong_value_is_refused_with_the_settings_name(
    tmp_path: Path, field: str, value: object
) -> None:
    with pytest.raises(ConfigError, match=r"^\[[a-z]+\] [a-z_]+ must "):
        config(tmp_path, **{field: value}) if field not in GIVEN else render(
            **{**GIVEN, field: value}
        )


FILES = {"console_certificate_path": "c.pem", "console_key_path": "k.pem"}
CONSOLE = {"console_url": "https://console.example", **FILES}
LOCAL = {
    "console_url": "http://localhost:8445",
    "simulated_reference_date": date(2023, 10, 31),
}


def test_a_console_has_a_certificate_of_its_operator_or_a_proxy(tmp_path: Path) -> None:
    made = config(tmp_path, **CONSOLE)
    assert made.console_tls == (tmp_path / "c.pem", tmp_path / "k.pem")
    assert made.console_folder == tmp_path / "console"
    unix = {"console_url": "https://console.example:8445", "console_bind": "unix:/run/c.sock"}
    assert config(tmp_path, **unix).console_tls is None
    assert config(tmp_path, **LOCAL).console_url == "http://localhost:8445"
    assert config(tmp_path).console_url is None


@each(
    "values, expected",
    [
        (FILES, "url is missing"),
        ({**CONSOLE, "console_key_path": None}, "certificate and key are both needed"),
        ({"console_url": "https://console.example"}, "certificate and key are both needed"),
        ({**CONSOLE, "console_bind": "unix:/run/c.sock"}, "a proxy ends TLS"),
        ({**CONSOLE, "console_url": "https://gateway.example:8445"}, "a host name of its own"),
        ({**CONSOLE, "console_url": "https://partners.gateway.example"}, "a host name of its own"),
        ({**LOCAL, "simulated_reference_date": None}, "for demonstrations only"),
        ({**LOCAL, "console_bind": "0.0.0.0:8445"}, "must be a loopback address"),
        ({**LOCAL, **FILES}, "must be a loopback address"),
    ],
)
def test_settings_of_a_console_that_do_not_go_together_are_refused(
    tmp_path: Path, values: dict[str, object], expected: str
) -> None:
    with pytest.raises(ConfigError, match=expected):
        config(tmp_path, **values)


def test_a_wrong_value_in_the_file_is_refused_as_one_to_be_written_is(tmp_path: Path) -> None:
    text = render(**GIVEN).replace("# threads = 16", 'threads = "many"')
    with pytest.raises(ConfigError, match=r"\[listeners\] threads must be a whole number"):
        load(write(tmp_path, text), {})


def test_a_token_lives_no_longer_than_one_that_nobody_revokes_may(tmp_path: Path) -> None:
    text = render(**GIVEN).replace("# access_token_seconds = 300", "access_token_seconds = 3600")
    said = r"\[limits\] access_token_seconds must be a whole number from 30 to 300$"
    with pytest.raises(ConfigError, match=said):
        load(write(tmp_path, text), {})


def test_render_refuses_a_name_that_is_no_setting() -> None:
    with pytest.raises(ConfigError, match="speed is not a setting"):
        render(**GIVEN, speed=1)


def test_the_database_lies_in_the_folder_of_the_file(tmp_path: Path) -> None:
    made = config(tmp_path)
    assert made.database_url == f"sqlite:///{tmp_path}/casegate.db"
    assert made.database_file == tmp_path / "casegate.db"
    assert made.database_lock == tmp_path / "casegate.db.lock"


def test_an_absolute_database_path_stays_where_it_is(tmp_path: Path) -> None:
    made = config(tmp_path, database_url="sqlite:////srv/cases.db")
    assert made.database_url == "sqlite:////srv/cases.db"
    assert made.database_file == Path("/srv/cases.db")


def test_the_environment_overrides_the_database_and_nothing_else(tmp_path: Path) -> None:
    path = write(tmp_path, render(**GIVEN))
    made = load(
        path,
        {"CASEGATE_DATABASE_URL": "postgresql+psycopg://gw@db.example/gw", "CASEGATE_WORKERS": "9"},
    )
    assert made.database_url == "postgresql+psycopg://gw@db.example/gw"
    assert (made.database_file, made.database_lock, made.workers) == (None, None, 2)


def test_a_wrong_database_address_is_refused_without_repeating_it(tmp_path: Path) -> None:
    path = write(tmp_path, render(**GIVEN))
    with pytest.raises(ConfigError, match=r"^CASEGATE_DATABASE_URL must be") as refused:
        load(path, {"CASEGATE_DATABASE_URL": "postgres://gw:hunter2@db.example/gw"})
    assert "hunter2" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_database_password_is_not_shown_with_the_configuration(tmp_path: Path) -> None:
    made = config(tmp_path, database_url="postgresql+psycopg://gw:hunter2@db.example/gw")
    assert "hunter2" not in repr(made)


def test_the_legal_date_is_unset_unless_the_demo_section_sets_it(tmp_path: Path) -> None:
    assert config(tmp_path).simulated_reference_date is None
    assert config(
        tmp_path, simulated_reference_date=date(2023, 10, 31)
    ).simulated_reference_date == date(2023, 10, 31)


def test_a_date_with_a_time_is_no_legal_date(tmp_path: Path) -> None:
    text = render(**GIVEN).replace(
        "# simulated_reference_date =", "simulated_reference_date = 2023-10-31T00:00:00"
    )
    with pytest.raises(ConfigError, match=r"\[demo\] simulated_reference_date must be a date"):
        load(write(tmp_path, text), {})


def test_certificates_name_the_hosts_that_clients_call(tmp_path: Path) -> None:
    made = config(tmp_path, public_bind="0.0.0.0:443", partners_bind="192.0.2.7:8444")
    assert made.public_names == ("gateway.example",)
    assert made.partners_names == ("partners.gateway.example", "192.0.2.7")


def test_behind_a_proxy_the_certificate_names_the_url_alone(tmp_path: Path) -> None:
    made = config(tmp_path, partners_bind="unix:/run/casegate/partners.sock")
    assert made.partners_names == ("partners.gateway.example",)


def test_folders_follow_from_the_operators_folder(tmp_path: Path) -> None:
    made = config(tmp_path)
    folders = (made.offline, made.issuing, made.server, made.keys, made.people, made.published)
    assert [folder.relative_to(made.folder).name for folder in folders] == [
        "offline",
        "issuing",
        "server",
        "keys",
        "people",
        "published",
    ]
