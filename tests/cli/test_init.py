"""`casegate init`: a gateway whole or not at all, in a folder for its owner alone."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway import config as config_file
from gateway import wiring
from gateway.apps import Audience, make_app
from gateway.cli import gateway_setup, main
from gateway.cli.gateway_setup import init
from gateway.client.mirror import Mirror
from gateway.evidence import event, sd_jwt
from gateway.kernel.ports import TransactionMode
from gateway.keys import KeyPurpose, load_key
from gateway.pki.authority import AuthorityError, load_authority
from gateway.verification.trust import TrustAnchors
from tests.each import each
from tests.ledger.copies import Served, flipped, signer_of
from tests.operating import (
    ISSUER,
    NEW,
    PARTNERS,
    PASSPHRASE,
    PERSONS,
    Operator,
    operator,
    said,
    settings,
)
from tests.postgresql import new_database

ADMINS = ("--admin", "martin=A. Martin", "--admin", "dubois=B. Dubois")


@pytest.fixture
def passphrase_file(tmp_path: Path) -> Path:
    file = tmp_path / "passphrase"
    file.write_bytes(PASSPHRASE + b"\n")
    file.chmod(0o600)
    return file


def typed(folder: Path | str, *more: object, admins: tuple[str, ...] = ADMINS, **kw: Any) -> Result:
    words = ["init", folder, "--name", "example", "--issuer", ISSUER, "--partners-url", PARTNERS]
    return CliRunner().invoke(main, [str(word) for word in (*words, *admins, *more)], **kw)


def below(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Everything in a folder: modes and contents."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mode,
            b"" if path.is_dir() else path.read_bytes(),
        )
        for path in folder.rglob("*")
    }


@pytest.fixture
def open_umask() -> Iterator[None]:
    former = os.umask(0)
    yield
    os.umask(former)


@pytest.mark.usefixtures("open_umask")
def test_all_of_it_is_for_its_owner_alone_but_what_is_published(tmp_path, passphrase_file):
    folder = tmp_path / "gw"
    result = typed(folder, "--root-passphrase-file", passphrase_file)
    assert result.exit_code == 0, result.output
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))}
    public = {path for path in modes if path.is_relative_to(folder / "published")}
    assert {path.name for path in public} > {"root.pem", "ca-chain.pem", "crl.pem"}
    for path, mode in modes.items():
        expected = (0o755, 0o644) if path in public else (0o700, 0o600)
        assert mode == expected[path.is_file()], path
    assert [path.name for path in tmp_path.iterdir() if path != passphrase_file] == ["gw"]


def test_it_says_what_to_do_next(tmp_path, passphrase_file):
    result = typed(tmp_path / "gw", "--root-passphrase-file", passphrase_file)
    folder = tmp_path / "gw"
    assert f"Move {folder}/offline off this machine" in result.stdout
    assert f"casegate run --home {folder}" in result.stdout
    assert f"casegate admin --home {folder} --as martin --as dubois organisation" in result.stdout


def test_the_founding_is_the_first_event_and_names_both_administrators(tmp_path):
    made = operator(tmp_path)
    with made.opened() as gateway, gateway.ports.begin(TransactionMode.READ) as work:
        ((_, first),) = work.log.stream("gateway", 0, 1)
        logged = work.log.logged(first)
        registered = {person.id: person.public_key for person in work.organisations.persons()}
    assert logged is not None
    assert event.read(logged.event.document)["type"] == "gateway.created"
    by = [d.value for d in logged.event.disclosures if d.kind == "by"]
    assert by == [[person for person, _ in PERSONS]]
    for person, public_key in registered.items():
        held = load_key(made.config.people / f"{person}.pem", KeyPurpose.PERSON)
        assert held.kid in public_key
    assert registered.keys() == {person for person, _ in PERSONS}


# --- a log that continues another


LOST = signer_of("old.example.org/log")


def mirrored(folder: Path, size: int = 300) -> None:
    """A copy of a log that is lost."""
    Mirror(Served(LOST, size).fetch, folder, TrustAnchors((LOST.key,), (LOST.name,))).step()


def continuing(place: Path, *more: object) -> Result:
    passphrase = place / "passphrase"
    passphrase.write_bytes(PASSPHRASE + b"\n")
    passphrase.chmod(0o600)
    given = ("--root-passphrase-file", passphrase, "--continues", place / "copy")
    return typed(place / "gw", *given, "--continues-key", LOST.vkey, *more)


def test_a_gateway_that_continues_a_lost_log_says_so_first_and_to_anybody(tmp_path):
    mirrored(tmp_path / "copy")
    made = continuing(tmp_path)
    assert made.exit_code == 0, made.output
    new = Operator(tmp_path / "gw")
    before = json.loads(new.type("log", "status", "--home", new.folder, "--json").stdout)
    assert (before["continues"]["log"], before["continues"]["size"]) == (LOST.name, 300)
    with new.opened() as gateway:
        public = make_app(Audience.PUBLIC, gateway).test_client()
        receipt = public.get("/log/predecessor").data
        key = gateway.keys.log.vkey
    (tmp_path / "receipt.json").write_bytes(receipt)
    kinds = {sd_jwt.read_disclosure(one).name for one in json.loads(receipt)["disclosures"]}
    assert kinds == {"party", "subject"}, "it names no person"
    words = ["audit", "check-copy", tmp_path / "copy", "--log-key", LOST.vkey, "--log-key", key]
    report = new.type(*words, "--continued-by", tmp_path / "receipt.json")
    assert report.exit_code == 0, report.output


def test_a_log_that_continues_none_says_so(tmp_path):
    made = operator(tmp_path)
    with made.opened() as gateway:
        public = make_app(Audience.PUBLIC, gateway).test_client()
        assert public.get("/log/predecessor").status_code == 404
    status = made.type("log", "status", "--home", made.folder, "--json")
    assert json.loads(status.stdout)["continues"] is None


def _damaged(place: Path) -> tuple[object, ...]:
    file = place / "copy" / "tile" / "entries" / "000"
    file.write_bytes(flipped(file.read_bytes(), 5))
    return ()


def _older_checkpoint(place: Path) -> tuple[object, ...]:
    (place / "older").write_bytes(Served(LOST, 299).note())
    return ("--last-checkpoint", place / "older")


def _foreign_checkpoint(place: Path) -> tuple[object, ...]:
    (place / "foreign").write_bytes(Served(signer_of("x.example.org"), 400).note())
    return ("--last-checkpoint", place / "foreign")


@pytest.mark.parametrize(
    "spoil",
    [
        _damaged,
        _older_checkpoint,
        _foreign_checkpoint,
        lambda _: ("--continues-key", signer_of("x.example.org").vkey),
        lambda _: ("--issuer", "https://old.example.org"),
    ],
)
def test_a_log_is_continued_by_a_whole_copy_and_under_a_new_name_alone(tmp_path, spoil):
    mirrored(tmp_path / "copy")
    said(continuing(tmp_path, *spoil(tmp_path)))
    assert not (tmp_path / "gw").exists()


# --- the settings


def test_the_file_is_the_configuration(tmp_path, passphrase_file):
    typed(tmp_path / "gw", "--root-passphrase-file", passphrase_file)
    file = tmp_path / "gw" / wiring.CONFIG_FILE
    config = config_file.load(file)
    assert (config.name, config.issuer, config.partners_url) == ("example", ISSUER, PARTNERS)
    assert config.database_file == tmp_path / "gw" / "casegate.db"
    assert config.simulated_reference_date is None


@each(
    "changes, setting",
    [
        (("--public-bind", "everywhere"), "[public] bind"),
        (("--database-url", "mysql://user@db.example/x"), "[database] url"),
    ],
)
def test_a_wrong_setting_is_named_before_a_passphrase_is_asked_for(tmp_path, changes, setting):
    result = typed(tmp_path / "gw", *changes)
    assert said(result).startswith(setting)
    assert "hunter2" not in result.output
    assert not (tmp_path / "gw").exists()


@each("changes", [("--issuer", "http://gateway.example.org"), ("--name", "Example")])
def test_what_never_changes_is_judged_with_the_command_line(tmp_path, changes):
    result = typed(tmp_path / "gw", *changes)
    assert result.exit_code == 2
    assert f"'{changes[0]}'" in result.output


def test_without_a_terminal_no_passphrase_is_asked_for_and_its_file_is_named(tmp_path):
    words = ["--name", "example", "--issuer", ISSUER, "--partners-url", PARTNERS, *ADMINS]
    command = [sys.executable, "-P", "-m", "gateway", "init", str(tmp_path / "gw"), *words]
    result = subprocess.run(  # a session of its own has no terminal
        command,
        input="hunter2\n",
        text=True,
        capture_output=True,
        start_new_session=True,
        check=False,
    )
    assert (result.returncode, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert line.endswith("or name its file with --root-passphrase-file")
    assert not (tmp_path / "gw").exists()


# --- nothing is overwritten


def test_a_second_one_in_the_same_place_says_what_to_do(tmp_path):
    made = operator(tmp_path)
    before = below(tmp_path)
    sentence = said(typed(made.folder))
    assert f"start it with `casegate run --home {made.folder}`" in sentence
    assert below(tmp_path) == before


def test_a_folder_with_anything_in_it_is_left_alone(tmp_path):
    (tmp_path / "gw").mkdir()
    (tmp_path / "gw" / ".hidden").write_text("mine")
    before = below(tmp_path)
    assert "is not empty, and nothing is overwritten" in said(typed(tmp_path / "gw"))
    assert below(tmp_path) == before


def test_a_file_in_its_place_is_left_alone(tmp_path):
    (tmp_path / "gw").write_text("mine")
    assert "is not empty" in said(typed(tmp_path / "gw"))
    assert (tmp_path / "gw").read_text() == "mine"


def test_an_empty_folder_is_used_where_it_is(tmp_path, passphrase_file, monkeypatch):
    folder = tmp_path / "gw"
    folder.mkdir(mode=0o755)
    place = folder.stat().st_ino
    monkeypatch.chdir(folder)
    assert typed(".", "--root-passphrase-file", passphrase_file).exit_code == 0
    assert (folder.stat().st_ino, stat.S_IMODE(folder.stat().st_mode)) == (place, 0o700)
    assert Path("casegate.toml").exists()


def test_a_folder_below_nothing_is_not_made(tmp_path, passphrase_file):
    result = typed(tmp_path / "typo" / "gw", "--root-passphrase-file", passphrase_file)
    assert said(result) == f"{tmp_path}/typo/gw: No such file or directory"
    assert not (tmp_path / "typo").exists()


# --- nothing is left behind

STEPS = [
    (gateway_setup.files, "create"),
    (gateway_setup.keys, "write_key"),
    (gateway_setup.keys, "write_secret"),
    (gateway_setup, "make_root"),
    (gateway_setup, "make_issuing"),
    (gateway_setup, "publish_chain"),
    (gateway_setup.files, "replace"),
    (gateway_setup.migrations, "upgrade"),
    (gateway_setup.wiring, "connect"),
    (gateway_setup.Maintenance, "start"),
    (gateway_setup.registry_keys, "found"),
    (Path, "rename"),
    (Path, "rmdir"),
]


def failing(after: Callable[..., Any], error: BaseException) -> Callable[..., Any]:
    """Do a step in full, and fail before anybody hears of it, the first time."""
    failed = False

    def step(*args: Any, **kwargs: Any) -> Any:
        nonlocal failed
        done = after(*args, **kwargs)
        if not failed:
            failed = True
            if isinstance(done, wiring.GatewayRuntime):
                done.close()
            raise error
        return done

    return step


@pytest.mark.parametrize("number", range(len(STEPS)), ids=[name for _, name in STEPS])
def test_whatever_fails_nothing_stays_behind_and_the_next_attempt_succeeds(
    tmp_path, monkeypatch, number
):
    (owner, name), existed = STEPS[number], number % 2 == 0
    folder = tmp_path / "gw"
    if existed:
        folder.mkdir(mode=0o750)
    text = settings(
        database_url=f"sqlite:///{tmp_path}/casegate.db",
        mark_url=f"file:{tmp_path}/high-water-mark",
    )
    before = below(tmp_path)
    error = KeyboardInterrupt() if existed else OSError("no space left")
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, failing(getattr(owner, name), error))
        with pytest.raises(type(error)):
            gateway_setup.make(folder, text, PERSONS, PASSPHRASE)
    assert below(tmp_path) == before
    if name in ("create", "found"):
        gateway_setup.make(folder, text, PERSONS, PASSPHRASE)
        assert (folder / wiring.CONFIG_FILE).exists()


def test_after_a_failed_attempt_new_keys_of_cases_are_wrapped_by_the_key_that_is_there(
    tmp_path, monkeypatch
):
    folder = tmp_path / "gw"
    text = settings(keys_url=new_database())
    with monkeypatch.context() as patched:
        step = failing(gateway_setup.registry_keys.found, OSError("no space left"))
        patched.setattr(gateway_setup.registry_keys, "found", step)
        with pytest.raises(OSError, match="no space left"):
            gateway_setup.make(folder, text, PERSONS, PASSPHRASE)
    gateway_setup.make(folder, text, PERSONS, PASSPHRASE)
    with closing(wiring.connect_keyring(wiring.load_config(folder))) as keyring:
        assert keyring.take()


def test_a_database_of_another_gateway_is_refused_and_left_alone(tmp_path, passphrase_file):
    other = operator(tmp_path)
    size, database = other.size(), other.config.database_file
    given = ("--database-url", f"sqlite:///{database}", "--root-passphrase-file", passphrase_file)
    assert said(typed(tmp_path / "second", *given)).startswith("no process of this gateway")
    moved = ("--issuer", "https://elsewhere.example.org")
    assert "this is the database of the log" in said(typed(tmp_path / "second", *given, *moved))
    assert not (tmp_path / "second").exists()
    assert other.size() == size


def test_a_mark_of_another_log_s_beginning_is_refused(tmp_path, passphrase_file):
    other = operator(tmp_path)
    given = ("--high-water-mark-url", f"file:{other.config.mark_file}")
    result = typed(tmp_path / "second", *given, "--root-passphrase-file", passphrase_file)
    assert "nobody may set it back" in said(result)
    assert other.size() == NEW


# --- persons


@each(
    "given, sentence",
    [
        (("martin=A. Martin",), "at least two administrators"),
        (("martin=A. Martin", "martin=B. Martin"), "one id is given twice"),
        (("martin=A", "dubois=B", "martin=C"), "one id is given twice"),
        (("martin=A. Martin", "dubois"), "not of the form id=name"),
        (("martin=A. Martin", "dubois= "), "not of the form id=name"),
        (("martin=A. Martin", "B Dubois=B"), "not of the form id=name"),
        (("martin=A. Martin", "../x=B"), "not of the form id=name"),
        (("martin=A. Martin", "dubois=B\x1b[2J"), "not of the form id=name"),
    ],
)
def test_a_gateway_has_two_administrators_with_an_id_each(tmp_path, given, sentence):
    admins = tuple(word for one in given for word in ("--admin", one))
    result = typed(tmp_path / "gw", admins=admins)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert "\x1b" not in result.stderr
    assert list(tmp_path.iterdir()) == []


# --- the root's passphrase


def test_the_root_opens_with_its_passphrase_alone(tmp_path):
    offline = operator(tmp_path).config.offline
    pems = ((offline / "root.pem").read_bytes(), (offline / "root.key").read_bytes())
    assert (
        load_authority(*pems, PASSPHRASE).certificate.issuer.rfc4514_string() == "CN=example root"
    )
    for wrong in (None, PASSPHRASE + b"\n"):
        with pytest.raises(AuthorityError):
            load_authority(*pems, wrong)


def test_no_secret_is_an_argument():
    """Everybody on a machine can read the arguments of its processes."""
    for parameter in init.params:
        if "passphrase" in str(parameter.name):
            assert parameter.name == "root_passphrase_file"
    assert not any("password" in str(parameter.name) for parameter in init.params)


@pytest.mark.parametrize("option", ["--database-url", "--high-water-mark-url", "--case-keys-url"])
@pytest.mark.parametrize("place", ["gw:hunter2@db.example/gw", "gw@db.example/gw?password=hunter2"])
def test_a_password_in_an_address_is_refused_and_not_repeated(
    tmp_path, passphrase_file, option, place
):
    folder = tmp_path / "gw"
    words = ("--root-passphrase-file", passphrase_file, option, f"postgresql+psycopg://{place}")
    refused = typed(folder, *words)
    assert refused.exit_code == 2
    assert "leave the password out" in refused.stderr
    assert "CASEGATE_DATABASE_URL" in refused.stderr
    assert "hunter2" not in refused.output
    assert not folder.exists()


@each(
    "content, sentence",
    [
        (b"elevenchars\n", "at least 12 characters"),
        (b"", "at least 12 characters"),
        (b"two lines of\nwords\n", "is not one line of text"),
        (b"\xff" * 20, "is not one line of text"),
    ],
)
def test_a_passphrase_that_is_short_or_more_than_a_line_is_refused(tmp_path, content, sentence):
    file = tmp_path / "passphrase"
    file.write_bytes(content)
    file.chmod(0o600)
    assert sentence in said(typed(tmp_path / "gw", "--root-passphrase-file", file))
    assert not (tmp_path / "gw").exists()


def test_a_passphrase_that_others_can_read_is_refused(tmp_path, passphrase_file):
    passphrase_file.chmod(0o644)
    refused = typed(tmp_path / "gw", "--root-passphrase-file", passphrase_file)
    assert f"Run: chmod 600 {passphrase_file}" in said(refused)
    assert not (tmp_path / "gw").exists()


def brought(place: Path, person: str, issuer: str = ISSUER) -> str:
    """The value of --admin-key after a person made their key on their own machine."""
    words = ["admin", "administrator", "create-key", place, "--person", person, "--issuer", issuer]
    assert CliRunner().invoke(main, [str(word) for word in words]).exit_code == 0
    return f"{person}={place}/key.jwk,{place}/key.proof"


def test_an_administrator_s_own_key_never_comes_to_the_machine(tmp_path, passphrase_file):
    given = ("--admin-key", brought(tmp_path / "own", "martin"))
    result = typed(tmp_path / "gw", *given, "--root-passphrase-file", passphrase_file)
    assert result.exit_code == 0, result.output
    key = load_key(tmp_path / "own/key.pem", KeyPurpose.PERSON)
    assert f"Key of martin: {key.kid}" in result.stdout
    assert "Give dubois their key" in result.stdout
    made = Operator(tmp_path / "gw")
    assert [file.name for file in made.config.people.iterdir()] == ["dubois.pem"]
    review = (wiring.now() + timedelta(days=10)).date()
    act = ("log-hold", "set", "--reference", "1", "--review-on", str(review))
    assert "--approver-key martin=FILE" in said(made.admin(*act))
    assert made.admin("--approver-key", f"martin={tmp_path}/own/key.pem", *act).exit_code == 0


def test_a_key_without_its_person_s_proof_for_this_gateway_founds_nothing(
    tmp_path, passphrase_file
):
    secret = ("--root-passphrase-file", passphrase_file)
    foreign = brought(tmp_path / "a", "martin", "https://other.example.org")
    of_dubois = brought(tmp_path / "b", "dubois").replace("dubois=", "martin=")
    for given in (foreign, of_dubois, "martin=nothing,nowhere"):
        assert said(typed(tmp_path / "gw", "--admin-key", given, *secret))
    for given in ("nobody=a,b", "martin=key.jwk"):
        assert typed(tmp_path / "gw", "--admin-key", given, *secret).exit_code == 2
    assert not (tmp_path / "gw").exists()


def test_a_passphrase_is_asked_for_twice_and_not_shown(tmp_path):
    words = PASSPHRASE.decode()
    result = typed(tmp_path / "gw", input=f"{words}\n{words}\n")
    assert result.exit_code == 0, result.output
    assert words not in result.output
    pem, key = (tmp_path / "gw/offline" / name for name in ("root.pem", "root.key"))
    load_authority(pem.read_bytes(), key.read_bytes(), PASSPHRASE)


def test_a_short_passphrase_is_refused_when_asked_for_too(tmp_path):
    result = typed(tmp_path / "gw", input="short\nshort\n")
    assert "at least 12 characters" in result.stderr
    assert not (tmp_path / "gw").exists()
