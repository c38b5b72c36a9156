"""`casegate demo`: a case goes from a hotline to a police office, over real TLS, from nothing."""

import json
import shlex
import shutil
import sys
import textwrap
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

import click

from gateway import wiring
from gateway.cli.arguments import plain_errors
from gateway.cli.demo import environment
from gateway.cli.demo.environment import ADMINS, MEMBERS, DemoEnvironment, run_command
from gateway.client import Gateway
from gateway.client.connection import PartnerConnection
from gateway.client.errors import ClientError, RequestRefused
from gateway.client.session import ConfirmedWrite
from gateway.domain.case import GROUPS, PROPERTIES
from gateway.domain.organisation import SCOPES
from gateway.evidence import base64url, receipt, sd_jwt, verification
from gateway.evidence import event as events
from gateway.evidence.receipt import Receipt
from gateway.evidence.trust import TrustAnchors
from gateway.formats.profile import ImportProfile, read_profile
from gateway.formats.report_file import ImportRefused
from gateway.formats.xarf import import_xarf
from gateway.ledger import proof

BEFORE = date(2023, 8, 30)  # the last day of OCRVP's mandate
AFTER = date(2023, 11, 2)  # OFMIN holds the mandate, and its observer's membership since two days
MANDATE_MOVES = "2023-08-31"
CONTENT = [group for group in GROUPS if group != "routing"]

READ_UNTIL = "2023-12-01"

HOTLINE, OCRVP, OFMIN, ABROAD = (member.slug for member in MEMBERS)
NEWCOMER = "hotline-new"

APPLICATION: dict[str, Any] = {
    "name": "A new hotline",
    "kind": "hotline",
    "public_authority": False,
    "regimes": ["gdpr"],
    "country": "LU",
    "membership": "associate",
    "purposes": ["remove", "protect_child"],
    "description": "We answer the phone day and night.",
    "received_on": "2023-10-02",
    "contacts": [{"role": "head", "name": "Nobody", "address": "head@hotline.example"}],
}
DECISION = {
    "decision_ref": "Board decision of 31 October 2023",
    "decided_on": "2023-10-31",
    "document_sha256": base64url.digest(b"the minutes of the demonstration's board"),
}
MEMBERSHIP = {
    "membership": "associate",
    "from": "2023-10-31",
    "decision_ref": DECISION["decision_ref"],
}


@dataclass
class TimelineEntry:
    """One entry of the timeline: who did what, how it ended, and the evidence of it.

    ``document`` is what it signed, or had signed, where the entry records one.
    """

    who: str
    what: str
    receipt: Receipt

    document: str | None = None

    @property
    def event(self) -> dict[str, Any]:
        """The event document of the entry."""
        return events.read(self.receipt.document)

    @property
    def word(self) -> str:
        """Whose signature is under the document that the entry records; empty without one."""
        if self.document is None:
            return ""
        claims = sd_jwt.read_unverified(self.document).claims
        attested = "attested_for" in claims
        return "attested by the gateway" if attested else f"signed by {self.who}'s own key"


WIDTH = 80


def _wrapped(text: str, lead: str) -> str:
    """The text in lines of 80 columns, all after the width of ``lead``; ids are never cut."""
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=lead,
        subsequent_indent=" " * len(lead),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _say(text: str, mark: str = "", colour: str = "") -> None:
    """Print a line of the story, with its mark in colour; spaces before the text stay."""
    indent = " " * (len(text) - len(text.lstrip()))
    lines = _wrapped(text.lstrip(), f"  {indent}{f'{mark} ' if mark else ''}")
    click.echo(lines.replace(mark, click.style(mark, fg=colour), 1) if mark else lines)


@dataclass
class Scenario:
    """The acts, in order; `timeline` collects what left evidence, `bundle` the handoff's file."""

    stage: DemoEnvironment
    timeline: list[TimelineEntry] = field(default_factory=list)
    bundle: bytes = b""
    succession_bundle: bytes = b""
    case: str = ""
    first_handoff: str = ""
    open_handoff: str = ""
    """The one that OCRVP holds when its mandate moves."""
    first: dict[str, str] = field(default_factory=dict)
    second: dict[str, str] = field(default_factory=dict)
    """The pseudonyms of each member's two persons: an analyst, and one who approves."""

    def tell(self) -> None:
        """Play all acts. The gateway is stopped in the end, so that verifying is offline."""
        self._found()
        self._first_act()
        self._move_the_mandate()
        self._second_act()
        self._third_act()
        self.act("A new hotline: from application to its first case")
        self._decide()
        self._join()
        self.act("A member is suspended while its connection is open")
        self._suspend()
        self.stage.stop()

    # --- output ---

    def act(self, title: str) -> None:
        """Begin an act."""
        click.echo()
        click.secho(title, bold=True)

    def note(self, text: str) -> None:
        """Print what leaves no evidence."""
        _say(text)

    def done(self, who: str, what: str, receipt: Receipt, document: str | None = None) -> None:
        """Tell what was done, with the evidence of it."""
        line = TimelineEntry(who, what, receipt, document)
        self.timeline.append(line)
        _say(f"{who} {what}{f' ({line.word})' if line.word else ''}", "+", "green")

    def wrote(self, who: str, what: str, written: ConfirmedWrite) -> ConfirmedWrite:
        """Tell what a member wrote, and who signed the document."""
        texts = (written.result.get(name) for name in ("document", "offer"))
        self.done(who, what, written.receipt, next(filter(None, texts), None))
        return written

    def refused(self, who: str, what: str, refused: RequestRefused) -> None:
        """Tell what a member was refused, by which rules."""
        problem = refused.problem
        rules = f" ({', '.join(problem.rules) or problem.slug})"
        _say(f"{who} {what}: refused{rules}", "-", "red")
        self.note(f"    {problem.detail or problem.title}")
        if problem.receipt is None:
            raise RuntimeError("the refusal left no evidence")
        self.timeline.append(TimelineEntry(who, f"{what}: refused{rules}", problem.receipt))

    # --- the acts ---

    def _found(self) -> None:
        self.act("The gateway, and who takes part")
        self.stage.build()
        self.stage.set_simulated_reference_date(BEFORE)
        self.note("operator's folder made: keys, authorities, database, two administrators")
        for member in MEMBERS:
            police = member.values["kind"] == "police_office"
            values = {
                **member.values,
                "public_authority": police,
                "regimes": ["gdpr", "led"] if police else ["gdpr"],
            }
            self.change("organisation.admit", member.slug, values, f"admitted {member.slug}")
        for slug in (HOTLINE, ABROAD):
            membership = {
                "membership": "full",
                "from": "2010-01-01",
                "decision_ref": "demonstration",
            }
            self.change("membership.grant", slug, membership, f"made {slug} a full member")
        membership = {
            "membership": "observer",
            "from": "2015-01-01",
            "decision_ref": "demonstration",
        }
        self.change("membership.grant", OCRVP, membership, f"made {OCRVP} an observer")
        mandate = {
            "function": "receive",
            "matter": "csam",
            "territory": "FR",
            "legal_act": "Decree 2006-519 of 6 May 2006",
            "from": "2006-05-08",
        }
        self.change("mandate.grant", OCRVP, mandate, f"recorded {OCRVP}'s mandate: csam, FR")
        for member in MEMBERS:
            self._enter_persons(member.slug)
            self.stage.enrol(member.slug)
        self.note("each member made its own key; the gateway issued a certificate for it")

    def _enter_persons(self, slug: str) -> None:
        """Enter a member's first two persons: it alone notes whose the pseudonyms are."""
        roles = {"entries": ["analyst,head", "approver,officer"]}
        what = f"entered the first two persons of {slug}"
        entered = self.change("staff.establish", slug, roles, what)["entries"]
        self.first[slug], self.second[slug] = (one["pseudonym"] for one in entered)

    def change(
        self, action: str, slug: str, values: Mapping[str, Any], what: str
    ) -> Mapping[str, Any]:
        """Have the administrators change the registry; returns the result."""
        written = self.stage.administer(action, slug, values)
        self.done("the administrators", what, written.receipt)
        result: Mapping[str, Any] = written.result
        return result

    def _first_act(self) -> None:
        self.act(f"{BEFORE:%d %B %Y}: OCRVP holds the mandate")
        self.stage.start()
        self._refuse_media()
        content = self._import()
        self.case = content["case"]
        self._submit_and_clear(content)
        handoff = self._offer_to_the_mandate()
        self.take_on(OCRVP, handoff, self.first[OCRVP], "case_opened")
        with self.stage.client(OCRVP) as office:
            closed = office.answer(
                "close", handoff, self.first[OCRVP], reason="the national file continues it"
            )
            self.wrote(OCRVP, "closes the handoff", closed)
        self.first_handoff = handoff
        self.note("a second handoff of the case stays open:")
        self.open_handoff = self._offer_to_the_mandate("a second unit works on it")
        self.take_on(OCRVP, self.open_handoff, self.first[OCRVP], None)

    def _refuse_media(self) -> None:
        image = {"content_type": "image/png", "payload": "dGV4dA=="}  # it says "text"
        report = {**json.loads(_data("content-csam.json")), "evidence": [image]}
        try:
            import_xarf(json.dumps(report).encode(), _profile(), wiring.new_id, wiring.now())
        except ImportRefused as refused:
            self.note("a report with an image in it is refused whole, before anything is sent:")
            self.note(f"    {refused}")
        else:
            raise RuntimeError("an image was let in")

    def _import(self) -> dict[str, Any]:
        # XARF's own sample, no real data: samples/v4 of github.com/xarf/xarf-spec at 37820dace8ac,
        # unchanged; MIT, Copyright (c) XARF contributors (tests/data/xarf/LICENSE).
        imported = import_xarf(_data("content-csam.json"), _profile(), wiring.new_id, wiring.now())
        self.note("Point de Contact imports the XARF specification's own sample report")
        for sentence in (*imported.dropped, *imported.notes):
            self.note(f"    {sentence}")
        content = imported.case
        statement = str(wiring.new_id())
        content.setdefault("statements", []).append(
            {
                "id": statement,
                "kind": "fact",
                "text": "A moderator of the forum saw the account upload it twice this month.",
                "language": "en",
                "made_by_role": "analyst",
                "made_at": content["received_at"],
                "content_warning": "none",
            }
        )
        content["subjects"] = [
            {
                "id": str(wiring.new_id()),
                "category": "unqualified",
                "minor": "no",
                "basis_statement": [statement],
            }
        ]
        return content

    def _submit_and_clear(self, content: dict[str, Any]) -> None:
        matches = [c["id"] for c in content["classifications"]]
        with self.stage.client(HOTLINE) as hotline:
            submitted = hotline.submit(content, self.first[HOTLINE])
            self.wrote(HOTLINE, "submits the case as a draft", submitted)
            try:
                hotline.assess(self.case, self.first[HOTLINE])
            except RequestRefused as refused:
                self.refused(HOTLINE, "assesses it without confirming the match", refused)
            assessed = hotline.assess(
                self.case, self.first[HOTLINE], confirmed_matches=matches, reason="seen by me"
            )
            self.wrote(HOTLINE, "has a person confirm the match", assessed)
            try:
                hotline.clear(self.case, self.first[HOTLINE])
            except RequestRefused as refused:
                self.refused(HOTLINE, "has the same person clear it", refused)
            cleared = hotline.clear(self.case, self.second[HOTLINE])
            self.wrote(HOTLINE, "has another person clear it", cleared)

    def _offer_to_the_mandate(self, again: str | None = None) -> str:
        with self.stage.client(HOTLINE) as hotline:
            offered = hotline.offer(
                self.case,
                self.second[HOTLINE],
                competence="csam/FR",
                groups=CONTENT,
                purpose=["investigate", "protect_child"],
                again=again,
            )
        office = offered.result["to"]["organisation"]
        self.wrote(HOTLINE, f'offers it to the competence "csam, FR": that is {office}', offered)
        return str(offered.result["handoff"])

    def take_on(self, slug: str, handoff: str, by: str, code: str | None) -> None:
        """Have a recipient accept, open and perhaps report on what it was offered."""
        with self.stage.client(slug) as recipient:
            waiting = [view["handoff"] for view in recipient.inbox("offered")]
            if handoff not in waiting:
                raise RuntimeError(f"the offer did not reach {slug}")
            view = recipient.handoff(handoff)
            accepted = recipient.accept(view, by)
            self.wrote(slug, "accepts it under its conditions", accepted)
            opened = recipient.consult(handoff, by, "assessment", "first reading")
            self.wrote(slug, "opens the content, with person and reason", opened.written)
            shown = _groups_of(opened.content)
            self.note(f"    shown: {', '.join(shown)}")
            self.note(f"    withheld: {', '.join(opened.withheld_groups) or 'nothing'}")
            if code:
                outcome = recipient.answer(
                    "report_outcome", handoff, by, code=code, evidence_ref="2023/0001"
                )
                self.wrote(slug, f"reports an outcome: {code}", outcome)

    def _move_the_mandate(self) -> None:
        self.act("31 August 2023: the mandate moves from OCRVP to OFMIN")
        self._plan_succession(MANDATE_MOVES)
        self.stage.stop()
        self.stage.set_simulated_reference_date(date.fromisoformat(MANDATE_MOVES))
        membership = {
            "membership": "observer",
            "from": "2023-10-31",
            "decision_ref": "Board decision of 31 October 2023",
        }
        self.change("membership.grant", OFMIN, membership, f"made {OFMIN} an observer")
        for slug in (HOTLINE, OFMIN):
            registered = self.stage.register_key(slug)
            self.done("the administrators", f"registered {slug}'s own key", registered.receipt)

    def _second_act(self) -> None:
        self.act(f"{AFTER:%d %B %Y}: OFMIN holds the mandate")
        self.stage.set_simulated_reference_date(AFTER)
        self.stage.start()
        self._show_succession()
        with self.stage.client(HOTLINE) as hotline:
            try:
                hotline.offer(
                    self.case,
                    self.second[HOTLINE],
                    organisation=OCRVP,
                    groups=CONTENT,
                    purpose=["investigate"],
                )
            except RequestRefused as refused:
                self.refused(HOTLINE, "offers it to OCRVP, now only an observer", refused)
        with self.stage.client(OCRVP) as office:
            try:
                office.consult(self.first_handoff, self.first[OCRVP], "assessment", "one more look")
            except RequestRefused as refused:
                self.refused(OCRVP, "consults what it had closed", refused)
        handoff = self._offer_to_the_mandate("its unit asked for one of its own")
        self.take_on(OFMIN, handoff, self.second[OFMIN], "child_safeguarded")
        self._show_outcome(handoff)
        with self.stage.client(OFMIN) as office:
            self.bundle = office.export(handoff, self.second[OFMIN], "for the file")

    def _show_outcome(self, handoff: str) -> None:
        with self.stage.client(HOTLINE) as hotline:
            answers = hotline.handoff(handoff)["answers"]
        code = next(answer["code"] for answer in answers if "code" in answer)
        self.note(f"    the hotline, outside a police outcome's circle, sees: {code}")

    def _third_act(self) -> None:
        self.act("A redacted presentation for a hotline abroad")
        with self.stage.client(HOTLINE) as hotline:
            offered = hotline.offer(
                self.case,
                self.second[HOTLINE],
                organisation=ABROAD,
                groups=["items", "classifications", "subjects", "basis"],
                purpose=["remove"],
                country_reason="the host says that it is in Belgium",
            )
        self.wrote(HOTLINE, "offers parts of it to the hotline abroad", offered)
        self.note(f"    policy withholds part of: {', '.join(offered.result['withheld_groups'])}")
        self.take_on(ABROAD, str(offered.result["handoff"]), self.first[ABROAD], "removed")

    # --- the succession ---

    def _plan_succession(self, day: str) -> None:
        """Have it planned and approved, while the mandate is still OCRVP's."""
        values = {
            "successor": OFMIN,
            "competence": "receive/csam/FR",
            "effective_on": day,
            "read_until": READ_UNTIL,
            "legal_act": "Decree 2023-829 of 29 August 2023",
            "permissions": False,
        }
        what = f"plan that {OCRVP}'s mandate (csam, FR) is {OFMIN}'s from {day} on"
        planned = self.change("succession.plan", OCRVP, values, what)
        for slug in (OCRVP, OFMIN):
            with self.stage.client(slug) as office:
                approved = office.approve_succession(planned["succession"], self.second[slug])
            self.wrote(slug, "approves the succession", approved)

    def _show_succession(self) -> None:
        """Tell what maintenance did at the first moment of the new day, and who reads now."""
        new = self._tell_what_moved()
        self.take_on(OFMIN, new, self.first[OFMIN], None)
        with self.stage.client(OCRVP) as office:
            opened = office.consult(
                self.open_handoff, self.first[OCRVP], "assessment", "to hand it over"
            )
            told = f"still opens what it had accepted (until {READ_UNTIL})"
            self.wrote(OCRVP, told, opened.written)
        with self.stage.client(OFMIN) as office:
            self.succession_bundle = office.export(new, self.first[OFMIN], "for the file")

    def _tell_what_moved(self) -> str:
        """The handoff at the successor, as the originator sees it."""
        with self.stage.client(HOTLINE) as hotline:
            before = hotline.handoff(self.open_handoff)
            end = hotline.receipt(before["answers"][-1]["event"]).receipt
            self.done("the gateway", f"ends {OCRVP}'s open handoff: {before['state']}", end)
            new = str(before["reissued_as"]["handoff"])
            offer = hotline.handoff(new)["answers"][0]
            made = hotline.receipt(offer["event"]).receipt
            told = f"re-issues it to {OFMIN} with the same frozen offer"
            self.done("the gateway", told, made, offer["document"])
        return new

    # --- a member's life ---

    def _decide(self) -> None:
        change = self.change
        change("organisation.apply", NEWCOMER, APPLICATION, f"recorded {NEWCOMER}'s application")
        decided = f"recorded that the board approved it ({DECISION['decided_on']})"
        change("organisation.approve", NEWCOMER, DECISION, decided)
        change("membership.grant", NEWCOMER, MEMBERSHIP, f"made {NEWCOMER} an associate")
        system = {"system": "desk", "scopes": sorted(SCOPES)}
        change("system.register", NEWCOMER, system, f"registered {NEWCOMER}'s system")
        self._enter_persons(NEWCOMER)

    def _join(self) -> None:
        folder = self.stage.folder
        invitation, home = folder / "invitation.json", folder / NEWCOMER
        who = [word for person, _ in ADMINS for word in ("--as", person)]
        operator = ["admin", "--home", str(self.stage.operator), *who]
        run_command(*operator, "invitation", "create", NEWCOMER, "desk", "--out", str(invitation))
        self.note("the administrators make an invitation: good once, for 72 hours")
        said = json.loads(invitation.read_text(encoding="utf-8"))["root_sha256"]
        run_command("enrol", str(invitation), "--out", str(home), "--root-sha256", said)
        self.note(f"{NEWCOMER}: casegate enrol: key, certificate, document key, first call")
        settings = home / "connection.toml"
        run_command(
            "conformance", "run", "--connection", str(settings), "--by", self.first[NEWCOMER]
        )
        self.note(f"{NEWCOMER}: casegate conformance run: sends, receives, verifies, refuses")
        reason = {"reason": "conformance passed"}
        self.change("organisation.activate", NEWCOMER, reason, f"activated {NEWCOMER}")
        with self.stage.client(NEWCOMER) as newcomer:
            found = newcomer.whoami()["organisation"]
        self.note(f"    {found['name']} takes part: {found['membership']}")

    def _suspend(self) -> None:
        reason = {"reason": "a key may be known"}
        with self.stage.client(ABROAD) as member:
            member.whoami()
            self.note(f"{ABROAD} is connected, its token holds")
            what = f"suspended {ABROAD}"
            self.change("organisation.suspend", ABROAD, reason, what)
            self.note(f"    its next request on that connection: {_refused(member)}")
            what = f"reinstated {ABROAD}"
            self.change("organisation.reinstate", ABROAD, reason, what)
        with self.stage.client(ABROAD) as member:
            member.whoami()
        self.note(f"    {ABROAD} works again")


def _groups_of(content: Mapping[str, Any]) -> list[str]:
    """The groups of which something is shown, in the order of the case."""
    fields = {**content, **content["marking"]}
    groups = {PROPERTIES.get(n, n) for n, value in fields.items() if value and n != "marking"}
    return [group for group in GROUPS if group in groups]


def _data(name: str) -> bytes:
    return resources.files("gateway.cli.demo").joinpath(name).read_bytes()


def _profile() -> ImportProfile:
    return read_profile(tomllib.loads(_data("profile.toml").decode()))


def _refused(member: Gateway) -> str:
    try:
        member.whoami()
    except ClientError as refused:
        return f"refused ({refused})"
    raise RuntimeError("a suspended member was answered")


# --- The command ---


MARKER = ".casegate-demonstration"


@click.command()
@click.option(
    "--out",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("demo"),
    show_default=True,
    help="Where to play; an earlier demonstration there is replaced.",
)
@click.option(
    "--database",
    default="sqlite",
    show_default=True,
    metavar="sqlite|postgresql|URL",
    help="Where the gateway keeps its log: postgresql starts a temporary server;"
    " the URL of an empty database names a server that is there.",
)
def demo(folder: Path, database: str) -> None:
    """Run a complete demonstration over TLS and verify its evidence.

    The folder stays: `casegate run --home FOLDER/gateway` keeps its gateway up, except where the
    server was the demonstration's own.
    """
    _prepare(folder)
    with (
        plain_errors(),
        _settings(database) as settings,
        DemoEnvironment(folder.absolute(), **settings) as stage,
    ):
        story = Scenario(stage)
        story.tell()
        trust = PartnerConnection.read(stage.folder / MEMBERS[0].slug / "connection.toml").trust
    files = _save(folder, story.timeline)
    bundles = {"handoff": story.bundle, "succession": story.succession_bundle}
    _verify(files, {folder / f"{name}.bundle.json": data for name, data in bundles.items()}, trust)
    _print(story.timeline)
    click.echo(f"\nEverything is in {folder}: keys, receipts, the handoff's bundle. Try:")
    command = sys.argv[0] if sys.argv[0].endswith("casegate") else "casegate"
    click.echo(f"  {shlex.join([command, 'verify', str(folder / 'handoff.bundle.json')])} \\")
    click.echo(f"    {shlex.join(['--trust', str(folder / MEMBERS[0].slug)])}")
    if database != "postgresql":
        click.echo(f"  {shlex.join([command, 'run', '--home', str(folder / 'gateway')])}")


@contextmanager
def _settings(database: str) -> Iterator[dict[str, Any]]:
    """The settings that name the database, while there is one."""
    if database == "sqlite":
        yield {}
    elif database == "postgresql":
        try:
            with environment.postgresql("casegate") as url:
                yield {"database_url": url}
        except environment.ServerUnavailable as error:
            raise click.ClickException(str(error)) from error
    else:
        yield {"database_url": database}


def _prepare(folder: Path) -> None:
    """Make the folder anew; one that is no demonstration is left alone."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARKER).exists():
            raise click.ClickException(f"{folder} is not empty and no demonstration: name another")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).write_text("made by casegate demo; replaced by the next one\n")


def _save(folder: Path, timeline: Sequence[TimelineEntry]) -> list[Path]:
    """Keep every receipt as a file of its own, as a party would."""
    kept = folder / "receipts"
    kept.mkdir()
    files = []
    for number, line in enumerate(timeline, start=1):
        file = kept / f"{number:02d}-{line.event['type']}-{line.event['result']}.json"
        file.write_text(json.dumps(receipt.to_json(line.receipt), indent=1), encoding="utf-8")
        files.append(file)
    return files


def _verify(files: Sequence[Path], bundles: Mapping[Path, bytes], trust: TrustAnchors) -> None:
    """Verify what was kept, from files and public keys alone; the gateway is down."""
    click.echo()
    click.secho("The gateway is stopped. What do the files prove?", bold=True)
    for file in files:
        found = verification.verify(file.read_bytes(), trust)
        if not found.passed:
            raise click.ClickException(f"{file.name}: {found.sentence}")
    _say(f"{len(files)} receipts verified offline", "+", "green")
    for file, data in bundles.items():
        file.write_bytes(data)
        found = verification.verify(data, trust)
        if not found.passed:
            raise click.ClickException(f"{file.name}: {found.sentence}")
        _say(f"{file.name}: {found.headline}", "+", "green")


def _print(timeline: Sequence[TimelineEntry]) -> None:
    """The timeline as the log has it: in order of index."""
    click.echo()
    click.secho("Timeline (place in the log, reference date, who and what)", bold=True)
    for line in timeline:
        day = line.event.get("simulated_date", "-")
        place = proof.parse(line.receipt.proof).index
        word = f" ({line.word})" if line.word else ""
        columns = f"  {place:3}  {day:10}  "
        click.echo(_wrapped(f"{line.who} {line.what}{word}", columns))
