"""The doctor tells whether administrators are enough, where their keys are, what waits for them."""

from datetime import timedelta
from pathlib import Path

from gateway.domain.health import Level
from tests.doctor.finding import findings, sentences, the
from tests.operating import ISSUER, Operator

DAY = timedelta(days=1)


def add_bernard(gw: Operator, own: Path) -> None:
    """Take on a third administrator, whose key is made in a new folder."""
    gw.done("administrator", "create-key", own, "--person", "bernard", "--issuer", ISSUER)
    given = ("--jwk", own / "key.jwk", "--proof", own / "key.proof")
    gw.done("administrator", "add", "bernard", "--name", "C. Bernard", *given)


def test_the_keys_of_enabled_administrators_on_the_host_are_a_warning(gw: Operator) -> None:
    add_bernard(gw, gw.folder.parent / "own")
    told = sentences(gw, "administrators", Level.WARNING)
    assert "keys of 2 enabled administrators are on this machine" in told
    assert f"{gw.config.people}/martin.pem" in told
    (gw.config.people / "martin.pem").unlink()
    assert "keys of 1 " in sentences(gw, "administrators", Level.WARNING)
    (gw.config.people / "dubois.pem").unlink()
    assert "two can disable a third" in sentences(gw, "administrators", Level.OK)


def test_with_two_administrators_neither_can_be_disabled(gw: Operator, tmp_path: Path) -> None:
    assert "2 administrators" in sentences(gw, "administrators", Level.WARNING)
    add_bernard(gw, tmp_path / "own")
    assert "3 administrators" in sentences(gw, "administrators", Level.OK)
    gw.done("administrator", "disable", "bernard", "--reason", "left")
    assert "2 administrators" in sentences(gw, "administrators", Level.WARNING)


def test_what_waits_for_administrators_is_counted(gw: Operator) -> None:
    assert "nothing waits" in the(findings(gw), "waiting", Level.OK)
    admission = ("--name", "OFMIN", "--kind", "police_office", "--country", "FR")
    led = ("--public-authority", "--regime", "led")
    gw.done("organisation", "admit", "ofmin", *admission, *led, persons=("martin",))
    told = the(findings(gw), "waiting", Level.OK)
    assert "1 proposals and 0 organisations" in told
    assert "casegate admin waiting" in told
