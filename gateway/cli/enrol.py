"""`casegate enrol` and `conformance`: from an invitation to an active organisation."""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import click
from cryptography.hazmat.primitives.asymmetric import ec

from gateway import files
from gateway.cli import output, partner_command
from gateway.cli.arguments import ANY_FILE, ANY_FOLDER, CONNECTION_FILE, FILE, json_option
from gateway.cli.failure import CommandFailed
from gateway.cli.system import KEY_FILE, declare, kept_key, make_csr
from gateway.client import ClientError, Gateway, RequestRefused, SettingsError, TlsNotTrusted
from gateway.client.connection import (
    ADMINISTRATORS_FILE,
    new_settings,
    read_file,
    render,
    render_administrators,
)
from gateway.client.enrolment import (
    CheckResult,
    ConformanceRunner,
    Enrolled,
    Enrolment,
    InvitationFile,
)
from gateway.client.errors import raising
from gateway.client.gateway import new_id, now
from gateway.domain.organisation import organisation_uri
from gateway.evidence import canonical, declarations
from gateway.files import PrivateFileError
from gateway.keys import KeyPurpose, SigningKey, generate_key, jwk_set, load_key, write_key


@dataclass(frozen=True)
class SystemFolder:
    """The folder of one system, filled step by step; what is there from an earlier try is kept."""

    folder: Path
    invitation: InvitationFile

    def keep_root(self, pem: bytes) -> Path:
        """Pin the root, whose fingerprint was compared."""
        file = self.folder / "ca.pem"
        files.replace(file, pem, mode=0o644)
        return file

    def key(self) -> ec.EllipticCurvePrivateKey:
        """The system's private key; made at the first try."""
        return kept_key(self.folder / "key.pem")

    def document_key(self) -> SigningKey:
        """The organisation's first document key; made at the first try."""
        file = self.folder / "keys" / KEY_FILE
        if not file.exists():
            write_key(file, generate_key(KeyPurpose.DOCUMENT))
        return load_key(file, KeyPurpose.DOCUMENT)

    def proof(self, key: SigningKey) -> dict[str, Any]:
        """The public half of the document key, and the proof that the other one is here."""
        issuer = self.invitation.issuer
        whose = organisation_uri(issuer, self.invitation.organisation)
        declaration = declare(key, declarations.POSSESSION, key.kid, whose, issuer)
        return {"jwk": key.public_jwk(), "proof": declaration}

    def keep(
        self, certificate: bytes, attestation_keys: bytes, document_key: SigningKey | None
    ) -> Path:
        """Write what the partners' commands read; the connection file last."""
        files.replace(self.folder / "certificate.pem", certificate, mode=0o644)
        files.replace(self.folder / "gateway-keys.json", attestation_keys, mode=0o644)
        deciding = render_administrators(self.invitation.issuer, self.invitation.administrators)
        files.replace(self.folder / ADMINISTRATORS_FILE, deciding, mode=0o644)
        settings = new_settings(
            self.invitation.client_id,
            api_url=self.invitation.api_url,
            issuer=self.invitation.issuer,
            log_key=self.invitation.log_key,
        )
        if document_key is not None:
            settings["document_key"] = f"keys/{KEY_FILE}"
            own = self.folder / settings["organisation_keys"]
            own.mkdir(mode=0o700, exist_ok=True)
            keys = json.dumps(jwk_set([document_key])).encode()
            files.replace(own / f"{self.invitation.organisation}.json", keys)
        file = self.folder / CONNECTION_FILE
        files.replace(file, render(settings).encode())
        return file


def _hex(_context: click.Context, _parameter: click.Parameter, given: str | None) -> str | None:
    digits = None if given is None else re.sub(r"[\s:]", "", given).lower()
    if digits is not None and not re.fullmatch(r"[0-9a-f]{64}", digits):
        raise click.BadParameter("a fingerprint has 64 hexadecimal digits")
    return digits


@click.command(epilog=partner_command.EPILOG)
@click.argument("file", type=ANY_FILE)
@click.option(
    "--out",
    "folder",
    type=ANY_FOLDER,
    help="New folder for this system; by default its name, as hotline.desk.",
)
@click.option(
    "--no-document-key",
    is_flag=True,
    help="Make none: your organisation has one, or wants the gateway to attest.",
)
@click.option(
    "--root-sha256",
    metavar="HEX",
    callback=_hex,
    help="The root's fingerprint, as the administrators said it; without it you are asked.",
)
@json_option
def enrol(
    file: Path,
    folder: Path | None,
    no_document_key: bool,
    root_sha256: str | None,
) -> None:
    """Enrol this system with an invitation and configure its connection.

    Shows the fingerprint of the gateway's root in FILE, which you compare with the one that the
    administrators say, by telephone or in person. Makes the system's key and the organisation's
    first document key, gets the certificate, and asks the gateway who this is. If it is
    interrupted, run it again with the same folder: the same keys get the same certificate.

    Example: casegate enrol hotline-new.json --out desk
    """
    try:
        invitation = _read(file)
        home = SystemFolder(folder or Path(invitation.client_id), invitation)
        _compare_root(invitation, root_sha256)
        connection, done, key = _enrol(home, signs=not no_document_key)
    except ClientError as error:
        raise partner_command.Failure(error) from error
    except PrivateFileError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        file_or_folder = error.filename or folder or "the new folder"
        raise partner_command.Failure(
            SettingsError(
                f"{file_or_folder}: {error.strerror}; correct that, and run it again with the same "
                "folder"
            )
        ) from error
    except (click.Abort, KeyboardInterrupt) as stopped:
        raise CommandFailed(
            _STOPPED, {"kind": "interrupted"}, exit_code=partner_command.NO_ANSWER
        ) from stopped
    with partner_command.connected(connection) as gateway:
        _tell(home, done, key, gateway.whoami())


_STOPPED = (
    "stopped before it was done: run it again with the same folder, and answer at a terminal, or "
    "give --root-sha256"
)


def _read(file: Path) -> InvitationFile:
    if not file.exists():
        raise click.UsageError(f"{file} does not exist: the gateway's administrators hand one over")
    invitation = InvitationFile.read(files.read_private(file))
    if invitation.ended(now()):
        raise SettingsError(
            f"the invitation expired at {output.format_time(invitation.expires_at)}."
            " Ask the administrators for a new one."
        )
    return invitation


_NOBODY = (
    "nobody can be asked here: give --root-sha256 HEX, as the administrators say it by telephone"
)


def _compare_root(invitation: InvitationFile, said: str | None) -> None:
    """Go on only where somebody heard the root's fingerprint from somebody else than the file."""
    if said is None:
        click.echo(
            f"{invitation.client_id} at {invitation.issuer}; the root's fingerprint:", err=True
        )
        for half in re.findall("." * 32, invitation.root_sha256):
            click.echo("  " + " ".join(re.findall("....", half)), err=True)
        try:
            same = click.confirm("Do the administrators say the same, by telephone?", err=True)
        except click.Abort as stopped:
            if isinstance(stopped.__context__, KeyboardInterrupt):
                raise
            raise click.UsageError(_NOBODY) from None
    else:
        same = said == invitation.root_sha256
    if not same:
        raise TlsNotTrusted(
            "the invitation names another root than the administrators: do not use it, and ask them"
        )


def _enrol(home: SystemFolder, *, signs: bool) -> tuple[Path, Enrolled, SigningKey | None]:
    invitation = home.invitation
    if (home.folder / CONNECTION_FILE).exists():
        raise SettingsError(
            f"{home.folder} is a connection already: casegate system check, or another --out"
        )
    enrolment = Enrolment(invitation, now, time.sleep)
    root = home.keep_root(enrolment.fetch_root())
    key = home.document_key() if signs else None
    csr = make_csr(home.key(), invitation.organisation, invitation.system)
    try:
        done = enrolment.enrol(root, csr, None if key is None else home.proof(key))
    except RequestRefused as refused:
        if refused.slug == "already-exists":
            raise SettingsError(f"{refused} (--no-document-key)") from refused
        raise
    attestation_keys = enrolment.attestation_keys(root)
    return home.keep(done.certificate, attestation_keys, key), done, key


def _tell(
    home: SystemFolder,
    done: Enrolled,
    key: SigningKey | None,
    whoami: Mapping[str, Any],
) -> None:
    connection = home.folder / CONNECTION_FILE
    found = {"connection": str(connection), "event": done.event, "document_key": key and key.kid}
    if output.reply({**found, "whoami": whoami}):
        return
    invitation = home.invitation
    output.say(f"{invitation.client_id} at {invitation.issuer}", "Enrolled")
    output.print_fields(
        {
            "recorded as": f"event {done.event}; receipt verified",
            "organisation": f"{invitation.organisation}, {whoami['status']}",
            "scopes": whoami["scopes"],
            "certificate until": [one["not_after"] for one in whoami["certificates"]],
            "document key": key and key.kid,
            "connection": str(connection),
        }
    )
    at = f"--connection {output.sanitise(str(connection))}"
    if whoami["status"] == "active":
        click.echo(f"Next: casegate system check {at}")
        return
    click.echo(
        f"Next: casegate conformance run --by PSEUDONYM {at}\n"
        f"  PSEUDONYM is one of casegate staff list {at}. If it shows none, "
        "ask the gateway's administrators to enter your first persons."
    )


# --- `casegate conformance`: the test that comes before activation ---


@click.group(epilog=partner_command.EPILOG)
def conformance() -> None:
    """Run the conformance test and show its result.

    An organisation that is enrolled becomes active after it. All of it is test data, apart from
    every real case.
    """


@conformance.command(epilog=partner_command.EPILOG)
@partner_command.by_option
@click.option("--run", "earlier", type=click.UUID, metavar="RUN", help="Continue this run.")
@click.option(
    "--case",
    "case_file",
    type=FILE,
    help="A test case (JSON) as your own system makes it; by default a small sample.",
)
@partner_command.partner
def run(gateway: Gateway, by: str, earlier: UUID | None, case_file: Path | None) -> None:
    """Do each step of a run that is not passed yet.

    Where one fails it says what to correct.

    The client does what it does every day: it submits a case, accepts and opens an offer,
    verifies receipts of which some were altered, and refuses an offer. Exit status 1 when a step
    is not passed.
    """
    runs = gateway.conformance
    begun = earlier or str(runs.start(by).result["run"])
    started = runs.show(begun)
    if case_file is None:
        case = _sample()
    else:
        with raising(SettingsError, f"{case_file} is not JSON"):
            case = canonical.decode(read_file(case_file))
        if not isinstance(case, dict):
            raise SettingsError(f"{case_file} is not a case: a JSON object is expected")
    outcomes = list(ConformanceRunner(runs, by, case).steps(started))
    after = runs.show(str(started["run"]))
    steps = [
        {
            "step": one.step,
            "passed": one.passed,
            "detail": one.refused and str(one.refused),
            "errors": [
                {"pointer": p, "message": m} for p, m in (one.refused.errors if one.refused else ())
            ],
        }
        for one in outcomes
    ]
    if not output.reply({"run": after["run"], "state": after["state"], "steps": steps}):
        _show(gateway, after, outcomes)
    if not all(outcome.passed for outcome in outcomes):
        raise SystemExit(partner_command.REFUSED)


def _show(gateway: Gateway, run: dict[str, Any], outcomes: list[CheckResult]) -> None:
    for outcome in outcomes:
        word = (
            output.colour("passed", "green") if outcome.passed else output.colour("failed", "red")
        )
        click.echo(f"{outcome.step.ljust(8)} {word}")
        if outcome.refused is None:
            continue
        output.say(f"  {outcome.refused}")
        for pointer, message in outcome.refused.errors:
            output.say(f"  {pointer or '/'}: {message}")
    if run["state"] == "passed":
        output.say(f"run {run['run']}, an event in the log", "Passed")
        click.echo("Next, where you are not active yet: the gateway's administrators activate you")
        if lacking := sorted({"cases.write", "handoffs.answer"} - {*gateway.whoami()["scopes"]}):
            output.warn(
                f"with real cases this system cannot do all of it: it lacks {', '.join(lacking)}"
            )
    else:
        output.say(f"Correct what failed, then: --run {run['run']}")


@conformance.command(epilog=partner_command.EPILOG)
@click.argument("identifier", metavar="RUN", type=click.UUID)
@partner_command.partner
def show(gateway: Gateway, identifier: UUID) -> None:
    """Show which steps of a run are passed."""
    found = gateway.conformance.show(identifier)
    if output.reply(found):
        return
    output.say(f"run {found['run']} of {found['system']}: {found['state']}")
    states = {True: "passed", False: "open"}
    output.print_columns(found["steps"], ("step", ("state", lambda one: states[one["passed"]])))


def _sample() -> dict[str, Any]:
    """A small case that says that it is a test."""
    page, at = str(new_id()), now().isoformat(timespec="seconds")
    return {
        "case": str(new_id()),
        "version": 1,
        "originator_ref": "conformance-run",
        "received_at": at,
        "intake_channel": "web_form",
        "reporter": {"anonymous": True, "feedback_requested": False},
        "matter": ["csam"],
        "urgency": "normal",
        "items": [{"id": page, "kind": "url", "value": "https://page.test/", "is_source": True}],
        "statements": [],
        "classifications": [],
        "marking": {
            "tlp": "AMBER",
            "handling": [],
            "permitted_actions": "ask_first",
            "attribution": "may",
            "release_to": [],
            "onward": "ask_originator",
            "erase_on": f"{now().year + 1}-01-01",
            "purpose": ["identify_victim"],
        },
        "legal_basis": [{"regime": "gdpr", "article": "6(1)(f)"}],
    }
