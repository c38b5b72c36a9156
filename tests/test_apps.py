"""Why a gateway is not ready, as its own parts tell it."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway import __version__, wiring
from gateway.apps import Audience, Worker, gate, listener, make_app
from gateway.cli.gateway_setup import make
from gateway.config import ConfigError
from gateway.keys import OVERLAP, KeyPurpose, RotationStep, pending_step, perform_step
from gateway.web.app import create_partner_app
from gateway.web.caller import Tokens
from gateway.web.problems import InvalidToken
from tests.operating import PASSPHRASE, PERSONS, Operator, operator, settings
from tests.postgresql import own_server


@pytest.fixture
def gw(tmp_path: Path) -> Operator:
    return operator(tmp_path)


def _change(gateway: wiring.GatewayRuntime, statement: str) -> None:
    with gateway.store.database._writers.engine.connect() as connection:
        connection.exec_driver_sql(statement)


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        ("UPDATE log_head SET size = 0", "log-frozen"),  # an older copy
        ("DROP TABLE alembic_version", "database-version"),
        ("DROP TABLE log_head", "database-unavailable"),
        ("", "high-water-mark-unavailable"),
    ],
)
def test_what_is_in_the_way_of_writing_and_signing_is_told(
    gw: Operator, harm: str, reason: str
) -> None:
    with gw.opened() as gateway:
        unready = gate(Audience.PUBLIC, gateway).unready
        assert unready() is None
        if harm:
            _change(gateway, harm)
        else:
            (gw.folder / "high-water-mark").write_bytes(b"damaged")
        found = unready()
        assert found is not None
        assert found.reason == reason
        assert "SELECT" not in found.detail


def test_a_full_disk_and_a_clock_that_jumps_are_told(
    gw: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    with gw.opened() as gateway:

        def reason(**ports: Any) -> str:
            changed = replace(gateway, ports=replace(gateway.ports, **ports))
            found = gate(Audience.PUBLIC, changed).unready()
            assert found is not None
            assert found.detail
            return found.reason

        assert reason(leapt=lambda: True) == "clock-ahead"
        a_day_ago = wiring.now() - timedelta(days=1)
        assert reason(now=lambda: a_day_ago) == "clock-behind"
        usage = SimpleNamespace(disk_usage=lambda _: SimpleNamespace(free=1024**2))
        monkeypatch.setattr(wiring, "shutil", usage)
        assert reason() == "disk-full"


def test_an_older_version_is_ready_on_the_tables_of_a_newer_one(gw: Operator) -> None:
    with gw.opened() as gateway:
        _change(gateway, "UPDATE alembic_version SET version_num = '9999'")
        assert gate(Audience.PARTNERS, gateway).unready() is None


def test_through_a_change_of_the_token_key_each_listener_takes_the_tokens_of_all_others(
    gw: Operator,
) -> None:
    """Each is restarted in its own time after a step; only the last step ends older tokens."""
    folder, at = gw.config.keys / KeyPurpose.TOKEN, wiring.now()
    started = [_tokens(gw)]
    for _ in (RotationStep.PUBLISH, RotationStep.ACTIVATE):
        at += OVERLAP
        perform_step(folder, pending_step(folder, KeyPurpose.TOKEN, at), at)
        started.append(_tokens(gw))
    before, shown, used = (one.issue("a.desk", ["cases.read"], "A" * 43)[0] for one in started)
    for reader, token in ((1, before), (2, before), (0, shown), (2, shown), (1, used)):
        assert started[reader].read(token).client_id == "a.desk"
    perform_step(folder, pending_step(folder, KeyPurpose.TOKEN, at + OVERLAP), at + OVERLAP)
    withdrawn = _tokens(gw)
    assert withdrawn.read(used)
    with pytest.raises(InvalidToken):
        withdrawn.read(before)


def _tokens(gw: Operator) -> Tokens:
    """The tokens of a listener that starts now."""
    with gw.opened() as gateway:
        return Tokens(gate(Audience.PARTNERS, gateway))


def test_what_the_server_refuses_by_itself_is_worded_as_by_the_apps(gw: Operator) -> None:
    for part in (Audience.PUBLIC, Audience.PARTNERS):
        describe = listener(Worker(part, gw.config, lambda _: None)).describe
        for status, slug in ((400, "malformed-request"), (431, "bad-request")):
            answer = describe(status)
            told = json.loads(answer.body)
            assert told["type"] == f"{gw.config.issuer}/problems/{slug}"
            assert told["status"] == status
            assert told["instance"].startswith("urn:uuid:")
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert json.loads(describe(500).body)["type"].endswith("/problems/server-error")


def test_the_console_is_served_where_it_has_an_address(gw: Operator) -> None:
    with gw.opened() as gateway, pytest.raises(ConfigError, match="there is no console"):
        make_app(Audience.CONSOLE, gateway)
    gw.set("console", "url", '"https://console.example"')
    gw.set("console", "bind", f'"unix:{gw.folder}/console.sock"')
    wiring.open_console_folder(gw.config)
    counted: list[tuple[Any, ...]] = []
    counts: Any = SimpleNamespace(answered=lambda *told: counted.append(told[:3]))
    with gw.opened() as gateway:
        client = make_app(Audience.CONSOLE, replace(gateway, counts=counts)).test_client()
        for path, status in (("/login", 200), ("/handoffs/1", 303)):
            assert client.get(path, base_url="https://console.example").status_code == status
    assert counted == [("/login", "GET", 200), ("none", "any", 303)]
    assert listener(Worker(Audience.CONSOLE, gw.config, lambda _: None)).tls is None


class _Peer:
    thumbprint, san_uris = "a" * 43, ("urn:casegate:example:point-de-contact:desk",)


@pytest.mark.slow
def test_a_database_server_that_is_down_is_a_503_of_its_own_and_both_listeners_live(
    tmp_path: Path,
) -> None:
    with own_server() as server:
        make(tmp_path / "gw", settings(database_url=server.url), PERSONS, PASSPHRASE)
        with Operator(tmp_path / "gw").opened() as gateway:
            seen = {"peer_der": lambda _: b"", "check_peer": lambda _der, _at: _Peer()}
            partners = create_partner_app(replace(gate(Audience.PARTNERS, gateway), **seen))
            apps = (partners.test_client(), make_app(Audience.PUBLIC, gateway).test_client())
            server.stop()
            form = {"client_id": "point-de-contact.desk", "grant_type": "client_credentials"}
            asked = [
                apps[0].post("/oauth/token", data=form),
                apps[1].get("/tile/0/000.p/1"),
            ]
            for answer in asked:
                slug = answer.json["type"].rpartition("/")[2]
                assert (answer.status_code, slug) == (503, "database-unavailable")
                assert answer.headers["Retry-After"] == "5"
            for app in apps:
                assert app.get("/healthz").status_code == 503
                unready = app.get("/readyz")
                assert (unready.status_code, unready.json["reason"]) == (
                    503,
                    "database-unavailable",
                )
            server.start()
            for app in apps:
                assert app.get("/healthz").json == {"status": "ok"}
                assert app.get("/readyz").json == {"status": "ready", "version": __version__}


def test_a_refused_handshake_is_counted_and_in_the_security_log_and_a_cut_line_only_counted(
    gw: Operator, capsys: pytest.CaptureFixture[str]
) -> None:
    counted: list[str] = []
    counts: Any = SimpleNamespace(met=counted.append)
    worker = Worker(Audience.PARTNERS, gw.config, lambda _: counts)
    worker.on_fork(0)
    met = listener(worker).met
    met("handshake-expired", "CERTIFICATE_VERIFY_FAILED (certificate has expired)")
    met("cut", "at its deadline")
    assert counted == ["handshake-expired", "cut"]
    (line,) = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert told.pop("at")
    assert told == {
        "event": "handshake-expired",
        "level": "warning",
        "listener": "partners",
        "reason": "CERTIFICATE_VERIFY_FAILED (certificate has expired)",
    }
