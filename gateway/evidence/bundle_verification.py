"""Verify an evidence bundle: each document and receipt, then all of them against each other.

What is looked at, and in which order; the steps themselves are in the modules of the classes that
this one is made of.
"""

from collections.abc import Callable

from gateway.evidence.bundle_course import BundleCourse


class BundleVerification(BundleCourse):
    """One handoff as a bundle shows it; `steps` are to be called in order."""

    def steps(self) -> list[tuple[str, Callable[[], str]]]:
        """The titled steps, in their order."""
        return [
            ("The file is an evidence bundle", self.read),
            ("The signature of the case version is valid", self.check_case),
            ("The signature of the offer is valid", self.check_offer),
            (
                "The offer covers this case version and comes from its originator",
                self.compare_offer,
            ),
            ("The offer covers every element shown", self.compare_shown),
            ("The signature of every answer is valid", self.check_answers),
            (
                "Every answer refers to this handoff, case version, offer and package",
                self.compare_answers,
            ),
            (
                "Every receipt proves that the same log contains its event",
                self.confirm_receipts,
            ),
            ("The log has one history", self.check_history),
            ("Every receipt belongs to this handoff", self.match_receipts),
            ("The log records the offer and every answer", self.check_documents_logged),
            ("The times are possible", self.check_times),
            ("The recipient was registered for the mandate", self.check_mandate),
            ("Origin of each member's key", self.trace_keys),
            ("No attested document breaks a requirement to sign", self.check_requirements),
            ("The events follow each other in a possible order", self.check_event_order),
            ("Nothing went through that was closed", self.check_measures),
            ("Undisclosed elements are counted", self.count_withheld),
        ]

    def count_withheld(self) -> str:
        """How many digests have no content here, decoys included."""
        return "; ".join(f"{number} of the {name}" for name, number in self.withheld().items())

    def withheld(self) -> dict[str, int]:
        """Those numbers, by what the digests are of."""
        return {
            "case": sum(one.verified.withheld for one in self.cases),
            "answers": sum(one.verified.withheld for one in self.moved()),
            "events": sum(one.opened.withheld for one in self.confirmed),
        }
