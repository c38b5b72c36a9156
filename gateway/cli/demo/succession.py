"""The chapter of the mandate that moves: planned, approved by both, an open handoff moved."""

from typing import TYPE_CHECKING

from gateway.cli.demo.stage import MEMBERS

if TYPE_CHECKING:
    from gateway.cli.demo.story import Story

READ_UNTIL = "2023-12-01"
HOTLINE, OCRVP, OFMIN, _ = (member.slug for member in MEMBERS)


class Succession:
    """``handoff`` is the one that OCRVP holds when its mandate moves; ``bundle`` the file of what
    it became."""

    handoff: str
    bundle: bytes

    def __init__(self, story: "Story") -> None:
        """Tell it within a story."""
        self._story = story

    def plan(self, day: str) -> None:
        """Have it planned and approved, while the mandate is still OCRVP's."""
        values = {
            "successor": OFMIN,
            "competence": "receive/csam/FR",
            "on": day,
            "read_until": READ_UNTIL,
            "legal_act": "Decree 2023-829 of 29 August 2023",
            "consents": False,
        }
        what = f"plan that {OCRVP}'s mandate (csam, FR) is {OFMIN}'s from {day} on"
        planned = self._story.change("succession.plan", OCRVP, values, what)
        for slug in (OCRVP, OFMIN):
            with self._story.stage.client(slug) as office:
                approved = office.approve_succession(planned["succession"], f"{slug}-1")
            self._story.wrote(slug, "approves the succession", approved)

    def tell(self) -> None:
        """Tell what maintenance did at the first moment of the new day, and who reads now."""
        new = self._tell_what_moved()
        self._story.take_on(OFMIN, new, "ofmin-1", None)
        with self._story.stage.client(OCRVP) as office:
            opened = office.consult(self.handoff, "ocrvp-7", "quality", "to hand it over")
            told = f"still opens what it had accepted (until {READ_UNTIL})"
            self._story.wrote(OCRVP, told, opened.written)
        with self._story.stage.client(OFMIN) as office:
            self.bundle = office.export(new, "ofmin-1", "for the file")

    def _tell_what_moved(self) -> str:
        """The handoff at the successor, as the originator sees it."""
        with self._story.stage.client(HOTLINE) as hotline:
            before = hotline.handoff(self.handoff)
            end = hotline.receipt(before["answers"][-1]["event"]).receipt
            self._story.done("the gateway", f"ends {OCRVP}'s open handoff: {before['state']}", end)
            new = str(before["succeeded_by"]["handoff"])
            offer = hotline.handoff(new)["answers"][0]
            made = hotline.receipt(offer["event"]).receipt
            told = f"re-issues it to {OFMIN} with the same frozen offer"
            self._story.done("the gateway", told, made, offer["statement"])
        return new
