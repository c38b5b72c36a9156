"""The acts of the demonstration: a case goes from a hotline to a police office, and abroad."""

import json
import textwrap
import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from importlib import resources
from typing import Any

import click

from gateway import wiring
from gateway.cli.demo.environment import (
    ADMINS,
    MEMBER_ABROAD,
    MEMBERS,
    DemoEnvironment,
    run_command,
)
from gateway.client.errors import ClientError, RequestRefused
from gateway.client.gateway import Gateway as Client
from gateway.client.handoffs import OfferTerms
from gateway.client.session import ConfirmedWrite
from gateway.domain.case import GROUPS, PROPERTIES
from gateway.domain.organisation import SCOPES
from gateway.evidence import base64url, sd_jwt
from gateway.evidence.receipt import Receipt
from gateway.formats.report_file import ImportProfile, ImportRefused, read_profile
from gateway.formats.xarf import import_xarf

BEFORE = date(2023, 8, 30)  # the last day of OCRVP's mandate


AFTER = date(2023, 11, 2)  # OFMIN holds the mandate, and its observer's membership since two days


MANDATE_MOVES = "2023-08-31"


CONTENT = [group for group in GROUPS if group != "routing"]


READ_UNTIL = "2023-12-01"


DANGER_DUE = timedelta(seconds=15)


HOTLINE, OCRVP, OFMIN = (member.slug for member in MEMBERS)


NEWCOMER = "hotline-new"


FR, BE = "fr", "be"
"""What each of the two gateways is called at the other."""


ABROAD = f"{MEMBER_ABROAD.slug}@{BE}"


AGREED: dict[str, Any] = {
    "directions": ["in", "out"],
    "matters": ["csam"],
    "territories": ["FR", "BE"],
    "purposes": ["remove", "protect_child", "investigate"],
    "kinds": ["hotline", "police_office"],
    "membership": "full",
    "tlp": "AMBER+STRICT",
    "assurance": "signed",
    "offers_a_day": "50",
    "from": "2023-10-31",
}


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


REMOVAL: OfferTerms = {
    "organisation": ABROAD,
    "groups": ["items", "classifications", "subjects", "basis"],
    "purpose": ["remove"],
    "country_reason": "the host says that it is in Belgium",
}


PERSONS = {"entries": ["analyst,head,duty", "approver,officer", "dpo"]}


WIDTH = 80


def say(text: str, mark: str = "", colour: str = "") -> None:
    """Print a line of the story, with its mark in colour; spaces before the text stay."""
    indent = " " * (len(text) - len(text.lstrip()))
    lead = f"  {indent}{f'{mark} ' if mark else ''}"
    lines = textwrap.fill(
        text.lstrip(),
        WIDTH,
        initial_indent=lead,
        subsequent_indent=" " * len(lead),
        break_long_words=False,
        break_on_hyphens=False,
    )
    click.echo(lines.replace(mark, click.style(mark, fg=colour), 1) if mark else lines)


@dataclass
class Scenario:
    """The acts, in order; ``receipts`` are those of all that was done, ``bundles`` of a handoff.

    ``first`` and ``second`` are the pseudonyms of each member's two persons: an analyst, and one
    who approves.
    """

    stage: DemoEnvironment
    abroad: DemoEnvironment
    receipts: list[Receipt] = field(default_factory=list)
    bundles: dict[str, bytes] = field(default_factory=dict)
    case: str = ""
    first: dict[str, str] = field(default_factory=dict)
    second: dict[str, str] = field(default_factory=dict)

    def tell(self) -> None:
        """Play all acts. The gateway is stopped in the end, so that verifying is offline."""
        self._found()
        closed, held = self._become_a_case()
        self._move_the_mandate()
        taken = self._work_on(closed, held)
        danger = self._warn_of_danger()
        self._live_on(taken)
        self._join_the_gateways()
        removed = self._ask_for_removal(taken)
        self._cross()
        self._hear_the_alarm_and_recall(danger, removed)
        self._welcome()
        self.stage.stop()
        self.abroad.stop()
        self.stage.add_console()

    # --- output ---

    def act(self, title: str, about: str = "") -> None:
        """Begin an act; ``about`` explains its words."""
        click.echo()
        click.secho(title, bold=True)
        if about:
            say(about)

    def done(self, told: str, receipt: Receipt, document: str | None = None) -> None:
        """Tell what was done, with the evidence of it; who signed the ``document``, if any."""
        self.receipts.append(receipt)
        say(f"{told}{_signer(document)}", "+", "green")

    def wrote(self, told: str, written: ConfirmedWrite) -> ConfirmedWrite:
        """Tell what a member wrote."""
        texts = (written.result.get(name) for name in ("document", "offer"))
        self.done(told, written.receipt, next(filter(None, texts), None))
        return written

    def refuses(self, told: str, ask: Callable[[], object]) -> None:
        """Tell what a member is refused, and by which rules; the refusal is an event too."""
        try:
            ask()
        except RequestRefused as refused:
            problem = refused.problem
            rules = f" ({', '.join(problem.rules)})" if problem.rules else ""
            say(f"{told}: refused{rules}", "-", "red")
            if problem.receipt is None:
                raise RuntimeError("the refusal left no evidence") from refused
            self.receipts.append(problem.receipt)
            return
        raise RuntimeError(f"this was let through: {told}")

    def change(self, action: str, slug: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Have the administrators change the registry; returns the result."""
        written = self.stage.administer(action, slug, values)
        self.receipts.append(written.receipt)
        result: Mapping[str, Any] = written.result
        return result

    # --- the acts ---

    def _found(self) -> None:
        self.act(
            "1. The gateway and its members",
            "Two administrators sign each change. A mandate: who is competent for what.",
        )
        self.stage.build()
        self.abroad.build()
        self.stage.configure(simulated_reference_date=BEFORE)
        for member in MEMBERS:
            police = member.values["kind"] == "police_office"
            regimes = ["gdpr", "led"] if police else ["gdpr"]
            values = {**member.values, "public_authority": police, "regimes": regimes}
            self.change("organisation.admit", member.slug, values)
        self._grant_membership(HOTLINE, "full", "2010-01-01")
        self._grant_membership(OCRVP, "observer", "2015-01-01")
        mandate = {
            "function": "receive",
            "matter": "csam",
            "territory": "FR",
            "legal_act": "Decree 2006-519 of 6 May 2006",
            "from": "2006-05-08",
        }
        self.change("mandate.grant", OCRVP, mandate)
        for member in MEMBERS:
            self._enter_persons(member.slug)
            self.stage.enrol(member.slug)
        say(f"a hotline is a member: {HOTLINE}", "+", "green")
        say(f"{OCRVP} has the mandate for csam in France (a decree); {OFMIN} waits", "+", "green")
        say("each makes its own key; the gateway issues its certificate", "+", "green")

    def _grant_membership(self, slug: str, membership: str, since: str) -> None:
        decided = {"membership": membership, "from": since, "decision_ref": "demonstration"}
        self.change("membership.grant", slug, decided)

    def _enter_persons(self, slug: str) -> None:
        """Enter a member's first persons: it alone notes whose the pseudonyms are."""
        entered = self.change("staff.establish", slug, PERSONS)["entries"]
        self.first[slug], self.second[slug], _ = (one["pseudonym"] for one in entered)

    def _client(self, slug: str) -> Client:
        """The client of a member, here or abroad."""
        if slug == ABROAD:
            return self.abroad.client(MEMBER_ABROAD.slug)
        return self.stage.client(slug)

    def _become_a_case(self) -> tuple[str, str]:
        """The handoff that OCRVP closed, and the one that it holds."""
        self.act(
            f"2. {BEFORE:%d %B %Y}: a report becomes a case",
            "Metadata, never media. Attested: the gateway signs for who has no key yet.",
        )
        self.stage.start()
        image = {"content_type": "image/png", "payload": "dGV4dA=="}  # it says "text"
        report = {**json.loads(_data("content-csam.json")), "evidence": [image]}
        try:
            import_xarf(json.dumps(report).encode(), _profile(), wiring.new_id, wiring.now())
        except ImportRefused:
            say("a report with an image in it: refused whole, never media (R1)", "-", "red")
        else:
            raise RuntimeError("an image was let in")
        content = _import()
        content["marking"]["release_to"] = [OCRVP, OFMIN, self.abroad.issuer]
        self.case = content["case"]
        self._submit_and_clear(content)
        handoff = self._offer_to_the_mandate()
        self.take_on(OCRVP, handoff, self.first[OCRVP], "case_opened")
        with self.stage.client(OCRVP) as office:
            closed = office.answer("close", handoff, self.first[OCRVP], reason="it goes on")
            self.wrote(f"{OCRVP} closes the handoff", closed)
        self._register_key(HOTLINE)
        held = self._offer_to_the_mandate("a second unit works on it")
        self.take_on(OCRVP, held, self.first[OCRVP], None)
        return handoff, held

    def _register_key(self, slug: str) -> None:
        self.receipts.append(self.stage.register_key(slug).receipt)
        say(f"{slug} registers a key: from now on it signs", "+", "green")

    def _submit_and_clear(self, content: dict[str, Any]) -> None:
        matches = [c["id"] for c in content["classifications"]]
        one, other = self.first[HOTLINE], self.second[HOTLINE]
        with self.stage.client(HOTLINE) as hotline:
            submitted = hotline.submit(content, one)
            self.wrote(f"{HOTLINE} submits it as a draft", submitted)
            told = f"{HOTLINE} assesses it, its match unconfirmed"
            where = {"case": self.case}
            assess = partial(hotline.step, "case.assess", where, one)
            self.refuses(told, lambda: assess(confirmed_matches=[]))
            assessed = assess(confirmed_matches=matches, reason="seen by me")
            self.receipts.append(assessed.receipt)
            self.refuses(
                "a person confirms the match; the same person clears it",
                lambda: hotline.step("case.clear", where, one),
            )
            cleared = hotline.step("case.clear", where, other)
            self.wrote("a second person clears it for sharing", cleared)

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
        more = " again" if again else ""
        self.wrote(f"{HOTLINE} offers it for csam in France{more}: to {office}", offered)
        return str(offered.result["handoff"])

    def take_on(self, slug: str, handoff: str, by: str, code: str | None) -> None:
        """Have a recipient accept, open and perhaps report on what it was offered."""
        with self._client(slug) as recipient:
            waiting = [view["handoff"] for view in recipient.inbox("offered")]
            if handoff not in waiting:
                raise RuntimeError(f"the offer did not reach {slug}")
            accepted = recipient.accept(recipient.handoff(handoff), by)
            opened = recipient.consult(handoff, by, "assessment", "first reading")
            self.receipts += [accepted.receipt, opened.written.receipt]
            fields = {**opened.content, **opened.content["marking"], "marking": None}
            named = {PROPERTIES.get(n, n) for n, value in fields.items() if value}
            shown = len(named & {*GROUPS})
            told = f"{slug} accepts; a person opens {shown} parts, with a reason"
            say(f"{told}{_signer(accepted.result['document'])}", "+", "green")
            if code:
                reported = recipient.answer(
                    "report_outcome", handoff, by, code=code, evidence_ref="2023/0001"
                )
                self.wrote(f"{slug} reports an outcome: {code}", reported)

    def _move_the_mandate(self) -> None:
        self.act(f"3. {MANDATE_MOVES}: the mandate moves from OCRVP to OFMIN")
        values = {
            "successor": OFMIN,
            "competence": "receive/csam/FR",
            "effective_on": MANDATE_MOVES,
            "read_until": READ_UNTIL,
            "legal_act": "Decree 2023-829 of 29 August 2023",
            "permissions": False,
        }
        planned = self.change("succession.plan", OCRVP, values)
        for slug in (OCRVP, OFMIN):
            with self.stage.client(slug) as office:
                approved = office.step(
                    "succession.approve", {"succession": planned["succession"]}, self.second[slug]
                )
            self.receipts.append(approved.receipt)
        say("the administrators plan it; both approve", "+", "green")
        self.stage.stop()
        self.stage.configure(simulated_reference_date=date.fromisoformat(MANDATE_MOVES))
        self._grant_membership(OFMIN, "observer", "2023-10-31")
        self._register_key(OFMIN)

    def _work_on(self, closed: str, held: str) -> str:
        """The handoff that OFMIN works on."""
        self.act(f"4. {AFTER:%d %B %Y}: OFMIN holds the mandate")
        due = DANGER_DUE / timedelta(hours=1)
        self.stage.configure(simulated_reference_date=AFTER, due_imminent_danger=due)
        self.stage.start()
        moved = self._show_what_moved(held)
        self.take_on(OFMIN, moved, self.first[OFMIN], None)
        with self.stage.client(OCRVP) as office:
            reader = self.first[OCRVP]
            opened = office.consult(held, reader, "assessment", "to hand it over")
            self.wrote(f"{OCRVP} still reads what it had accepted", opened.written)
            self.refuses(
                f"{OCRVP} opens what it had closed",
                lambda: office.consult(closed, reader, "assessment", "one more look"),
            )
        with self.stage.client(OFMIN) as office:
            exported = office.export(moved, self.first[OFMIN], "for the file")
            self.bundles["succession"] = exported
        with self.stage.client(HOTLINE) as hotline:
            terms: OfferTerms = {
                "organisation": OCRVP,
                "groups": CONTENT,
                "purpose": ["investigate"],
            }
            self.refuses(
                f"{HOTLINE} offers it to {OCRVP}, now an observer",
                lambda: hotline.offer(self.case, self.second[HOTLINE], **terms),
            )
        taken = self._offer_to_the_mandate("its unit asked for one of its own")
        self.take_on(OFMIN, taken, self.second[OFMIN], "child_safeguarded")
        with self.stage.client(HOTLINE) as hotline:
            answers = hotline.handoff(taken)["answers"]
        read = next(answer["code"] for answer in answers if "code" in answer)
        say(f"  {HOTLINE} reads of that outcome only: {read}")
        return taken

    def _show_what_moved(self, held: str) -> str:
        """The handoff at the successor, as the originator sees it."""
        with self.stage.client(HOTLINE) as hotline:
            before = hotline.handoff(held)
            end = hotline.receipt(before["answers"][-1]["event"]).receipt
            new = str(before["reissued_as"]["handoff"])
            offer = hotline.handoff(new)["answers"][0]
            made = hotline.receipt(offer["event"]).receipt
        self.receipts.append(end)
        self.done(f"{OCRVP}'s open handoff is reissued to {OFMIN}", made, offer["document"])
        return new

    def _warn_of_danger(self) -> str:
        """The handoff of a case that states an imminent danger."""
        self.act(
            "5. A child in danger",
            f"Due in an hour, here in {DANGER_DUE.seconds} seconds. The call comes first: here "
            "nobody calls.",
        )
        content = {
            **_import(quiet=True),
            "case": str(wiring.new_id()),
            "originator_ref": "danger-1",
            "urgency": "imminent_danger",
            "urgency_reason": "abuse_in_progress",
        }
        matches = [c["id"] for c in content["classifications"]]
        one, other = self.first[HOTLINE], self.second[HOTLINE]
        clearance = {"assessed_by": one, "cleared_by": other, "confirmed_matches": matches}
        with self.stage.client(HOTLINE) as hotline:
            self.receipts.append(hotline.submit(content, one, clearance).receipt)
            terms: OfferTerms = {
                "competence": "csam/FR",
                "groups": CONTENT,
                "purpose": ["protect_child"],
            }
            offered = hotline.offer(content["case"], other, **terms)
            self.wrote(f"{HOTLINE} offers a case of imminent danger to {OFMIN}", offered)
        with self.stage.client(OFMIN) as office:
            first, *_ = office.inbox()
        if first["handoff"] != offered.result["handoff"]:
            raise RuntimeError("the danger is not first in the inbox")
        say(f"it is first in {OFMIN}'s inbox, before all that came earlier", "+", "green")
        return str(offered.result["handoff"])

    def _hear_the_alarm_and_recall(self, danger: str, removed: str) -> None:
        with self.stage.client(HOTLINE) as hotline:
            due = datetime.fromisoformat(str(hotline.handoff(danger)["due_at"]))
            time.sleep(max(0.0, (due - wiring.now()).total_seconds()))
            self.stage.sweep()
            told = [
                one.receipt
                for one in hotline.events()
                if one.confirmed.event["type"] == "handoff.overdue"
                and one.confirmed.event.get("handoff") == danger
            ]
        if not told:
            raise RuntimeError("what is overdue was recorded for nobody")
        self.act("8. An alarm, and a recall")
        self.receipts += told
        say(f"the danger is overdue: an alarm for {HOTLINE} and {OFMIN}", "-", "red")
        one, other = self.first[HOTLINE], self.second[HOTLINE]
        with self.stage.client(HOTLINE) as hotline:
            asked = {"code": "data_subject_request", "reason": "the erasure was agreed"}
            made = hotline.step("case.recall", {"case": self.case}, other, approved_by=one, **asked)
            held = [line["recipient"] for line in made.result["handoffs"] if line["held"]]
            self.wrote(
                f"{HOTLINE} recalls the first case: {len(held)} handoffs here are to answer", made
            )
        with self._client(ABROAD) as holder:
            _until(lambda: holder.handoff(removed)["recalled"])
            said = holder.answer("answer_recall", removed, self.first[ABROAD], done="copies_erased")
            self.wrote(f"{ABROAD} answers: its copies are erased", said)
        with self.stage.client(HOTLINE) as hotline:
            _until(lambda: hotline.handoff(removed)["answers"][-1].get("code") == "copies_erased")
            lines = hotline.coverage(self.case)["handoffs"]
            self.bundles["abroad"] = hotline.export(removed, other, "for the file")
        owed = sum(bool(line["owed"]) for line in lines)
        say(f"  coverage, for {HOTLINE}: {owed} of {len(lines)} handoffs owe an answer still")

    def _live_on(self, handoff: str) -> None:
        self.act(
            "6. The case lives on",
            "A correction reaches every holder, who acknowledges it in time.",
        )
        one, other = self.first[HOTLINE], self.second[HOTLINE]
        with self.stage.client(HOTLINE) as hotline:
            opened = hotline.consult_case(self.case, one, "quality", "a wrong word")
            *others, wrong = opened.content["statements"]
            following = {
                **opened.content,
                "version": 2,
                "previous": sd_jwt.parse(opened.presentation).digest,
                "statements": [*others, {**wrong, "text": "The account uploaded it once."}],
            }
            change = {
                "kind": "correction",
                "reason_code": "inaccurate",
                "reason": "seen once, not twice",
                "pointers": [f"/statements/{wrong['id']}"],
            }
            matches = [c["id"] for c in opened.content["classifications"]]
            clearance = {"assessed_by": one, "cleared_by": other, "confirmed_matches": matches}
            revised = hotline.revise(following, one, change, clearance)
            self.wrote(f"{HOTLINE} corrects a statement: version 2", revised)
            updated = hotline.update(handoff, other, groups=CONTENT)
            self.wrote(f"{HOTLINE} sends it to {OFMIN}", updated)
        with self.stage.client(OFMIN) as office:
            officer = self.second[OFMIN]
            noted = office.answer("acknowledge", handoff, officer)
            self.wrote(f"{OFMIN} acknowledges it, and consults it from now on", noted)
            older = office.consult(handoff, officer, "superseded_package", "the change", package=1)
            self.wrote(f"{OFMIN} compares package 1, marked: do not use", older.written)
            self.bundles["handoff"] = office.export(handoff, officer, "for the file")

    def _join_the_gateways(self) -> None:
        self.act(
            "7. A second gateway",
            "The hotline abroad runs its own: operator, certificates, log and policy. Two persons "
            "at each compare the keys of the other, and agree what crosses.",
        )
        here, there, slug = self.stage, self.abroad, MEMBER_ABROAD.slug
        there.configure(simulated_reference_date=AFTER)
        values = {**MEMBER_ABROAD.values, "public_authority": False, "regimes": ["gdpr"]}
        membership = {"membership": "full", "from": "2010-01-01", "decision_ref": "demonstration"}
        there.administer("organisation.admit", slug, values)
        there.administer("membership.grant", slug, membership)
        entered = there.administer("staff.establish", slug, PERSONS).result["entries"]
        self.first[ABROAD], self.second[ABROAD], _ = (one["pseudonym"] for one in entered)
        there.enrol(slug)
        there.register_key(slug)
        here.trust(BE, there, AGREED)
        there.trust(FR, here, AGREED)
        there.start()
        here.enrol_at(there, FR)
        there.enrol_at(here, BE)
        for member in (HOTLINE, OFMIN):
            here.show(member, there, BE)
        there.show(slug, here, FR)
        here.believe(HOTLINE, BE, there)
        there.believe(slug, FR, here)
        with self.stage.client(HOTLINE) as hotline:
            _until(lambda: ABROAD in {one["organisation"] for one in hotline.organisations()})
        with self._client(ABROAD) as hotline:
            known = {f"{one}@{FR}" for one in (HOTLINE, OFMIN)}
            _until(lambda: known <= {one["organisation"] for one in hotline.organisations()})
        say(f"{there.issuer} is {BE} here: its hotline is {ABROAD}", "+", "green")
        say("each gateway cosigns the log of the other as it grows", "+", "green")

    def _cross(self) -> None:
        """Let a withdrawal and an acceptance cross: the recipient's gateway decides."""
        line, away = self.stage.operator / "peers" / BE, self.stage.operator / "peers" / "cut"
        terms: OfferTerms = {**REMOVAL, "again": "for another address"}
        with self.stage.client(HOTLINE) as hotline:
            offered = hotline.offer(self.case, self.second[HOTLINE], **terms)
            handoff = str(offered.result["handoff"])
            with self._client(ABROAD) as recipient:
                _until(lambda: handoff in {one["handoff"] for one in recipient.inbox("offered")})
                line.rename(away)
                say("the line to the other gateway is cut", "-", "red")
                where = {"handoff": handoff, "by": self.second[HOTLINE]}
                sent = hotline.answer("withdraw", **where, reason="offered in error")
                self.wrote(f"{HOTLINE} withdraws a second offer: sent, and waiting", sent)
                recipient.accept(recipient.handoff(handoff), self.first[ABROAD])
            away.rename(line)
            _until(lambda: not hotline.handoff(handoff)["waiting"])
            state = hotline.handoff(handoff)["state"]
        if state != "accepted":
            raise RuntimeError(f"what crossed ended as {state}")
        say(
            f"{ABROAD} had accepted it: its gateway refuses the withdrawal, on record, at both",
            "-",
            "red",
        )

    def _ask_for_removal(self, handoff: str) -> str:
        say("Embargo: nobody asks a host for a removal while officers need it there.")
        terms = REMOVAL
        until = (wiring.now() + timedelta(hours=48)).replace(microsecond=0).isoformat()
        with self.stage.client(OFMIN) as office, self.stage.client(HOTLINE) as hotline:
            officer, other = self.second[OFMIN], self.second[HOTLINE]
            where = {"handoff": handoff}
            held = {"code": "operation", "until": until}
            set_ = office.step("case.embargo", where, officer, **held)
            self.wrote(f"{OFMIN} sets an embargo of 48 hours", set_)
            self.refuses(
                f"{HOTLINE} offers its removal to {ABROAD}",
                lambda: hotline.offer(self.case, other, **terms),
            )
            where["measure"] = set_.result["measure"]
            ended = office.step("case.end_measure", where, officer)
            self.wrote(f"{OFMIN} ends it", ended)
            offered = hotline.offer(self.case, other, **terms)
            withheld = ", ".join(offered.result["withheld_groups"])
            self.wrote(f"{HOTLINE} offers it again, without {withheld}", offered)
            removed = str(offered.result["handoff"])
            with self._client(ABROAD) as recipient:
                _until(lambda: removed in {one["handoff"] for one in recipient.inbox("offered")})
            self.take_on(ABROAD, removed, self.first[ABROAD], "removed")
            _until(lambda: any("code" in one for one in hotline.handoff(removed)["answers"]))
        say(f"{HOTLINE} hears of both: in its own gateway's log, after the other's", "+", "green")
        return removed

    # --- a member's life ---

    def _welcome(self) -> None:
        self.act("9. A new member joins, another one is suspended")
        self.change("organisation.apply", NEWCOMER, APPLICATION)
        self.change("organisation.approve", NEWCOMER, DECISION)
        self.change("membership.grant", NEWCOMER, MEMBERSHIP)
        self.change("system.register", NEWCOMER, {"system": "desk", "scopes": sorted(SCOPES)})
        self._enter_persons(NEWCOMER)
        say(f"{NEWCOMER}: applied, approved by the board, associate member", "+", "green")
        self._join()
        reason = {"reason": "no answer for weeks"}
        with self.stage.client(NEWCOMER) as member:
            next(member.organisations(), None)
            self.change("organisation.suspend", NEWCOMER, reason)
            try:
                next(member.organisations(), None)
            except ClientError:
                pass
            else:
                raise RuntimeError("a suspended member was answered")
            say(
                f"{NEWCOMER} is suspended: its next request, on an open connection, fails",
                "-",
                "red",
            )
            self.change("organisation.reinstate", NEWCOMER, reason)
        with self.stage.client(NEWCOMER) as member:
            member.whoami()

    def _join(self) -> None:
        folder = self.stage.folder
        invitation, home = folder / "invitation.json", folder / NEWCOMER
        who = [word for person, _ in ADMINS for word in ("--as", person)]
        operator = ["admin", "--home", str(self.stage.operator), *who]
        run_command(*operator, "invitation", "create", NEWCOMER, "desk", "--out", str(invitation))
        said = json.loads(invitation.read_text(encoding="utf-8"))["root_sha256"]
        run_command("enrol", str(invitation), "--out", str(home), "--root-sha256", said)
        say("its invitation, then `casegate enrol`: keys, certificate, first call", "+", "green")
        settings, by = str(home / "connection.toml"), self.first[NEWCOMER]
        run_command("conformance", "run", "--connection", settings, "--by", by)
        self.change("organisation.activate", NEWCOMER, {"reason": "conformance passed"})
        say("`casegate conformance run`: sends, receives, verifies; activated", "+", "green")


def _until(look: Callable[[], object], seconds: float = 60) -> None:
    """Wait until there is something: what goes to another gateway takes a moment."""
    ends = time.monotonic() + seconds
    while not look():
        if time.monotonic() > ends:
            raise RuntimeError("what was sent to the other gateway did not arrive")
        time.sleep(0.2)


def _signer(document: str | None) -> str:
    """Whose signature is under a document, in brackets; nothing without one."""
    if document is None:
        return ""
    claims = sd_jwt.read_unverified(document).claims
    return " (attested)" if "attested_for" in claims else " (signed)"


def _import(*, quiet: bool = False) -> dict[str, Any]:
    # XARF's own sample, no real data: samples/v4 of github.com/xarf/xarf-spec at 37820dace8ac,
    # unchanged; MIT, Copyright (c) XARF contributors (tests/data/xarf/LICENSE).
    imported = import_xarf(_data("content-csam.json"), _profile(), wiring.new_id, wiring.now())
    if not quiet:
        say("Point de Contact imports XARF's own sample report", "+", "green")
        dropped = f"{len(imported.dropped)} things in it are dropped"
        say(f"  {dropped}: who complained, text of parts...")
    content = imported.case
    seen = {
        "id": str(wiring.new_id()),
        "kind": "fact",
        "text": "A moderator of the forum saw the account upload it twice this month.",
        "language": "en",
        "made_by_role": "analyst",
        "made_at": content["received_at"],
        "content_warning": "none",
    }
    told = {  # pages fold this one, until a person asks for it
        **seen,
        "id": str(wiring.new_id()),
        "text": "In its messages the account tells, in words, what it says that it did to a child.",
        "content_warning": "strong",
    }
    content.setdefault("statements", []).extend((seen, told))
    content["subjects"] = [
        {
            "id": str(wiring.new_id()),
            "category": "unqualified",
            "minor": "no",
            "basis_statement": [seen["id"]],
        }
    ]
    return content


def _data(name: str) -> bytes:
    return resources.files("gateway.cli.demo").joinpath(name).read_bytes()


def _profile() -> ImportProfile:
    return read_profile(tomllib.loads(_data("profile.toml").decode()))
