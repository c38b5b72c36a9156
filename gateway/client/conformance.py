"""The conformance run from a system's side: each step done by what the client does every day."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from gateway.client.documents import DocumentSigner
from gateway.client.errors import RequestRefused, UnexpectedAnswer, raising
from gateway.client.session import ConfirmedWrite, Session, list_of, spelled
from gateway.evidence import handoff_documents, sd_jwt
from gateway.evidence import receipt as receipts
from gateway.evidence.receipt import ReceiptError
from gateway.evidence.signature import public_keys
from gateway.ledger.note import NoteError, VerificationKey

TEST_TYP = "casegate-test+sd-jwt"
STEPS = ("send", "receive", "verify", "decline")


@dataclass(frozen=True)
class CheckResult:
    """How a step ended; ``refused`` says what to correct where it was not passed."""

    step: str
    refused: RequestRefused | None = None

    @property
    def passed(self) -> bool:
        """Whether it was passed."""
        return self.refused is None


@dataclass(frozen=True)
class Runs:
    """The conformance runs of an organisation at its gateway."""

    exchange: Session
    author: DocumentSigner | None
    organisation: str

    def start(self, by: str) -> ConfirmedWrite:
        """Begin a run; its result is the run."""
        return self.exchange.write("conformance.start", "/conformance/runs", {"by": by})

    def show(self, run: UUID | str) -> dict[str, Any]:
        """A run of one's own: its steps, and what there is to work on."""
        return self.exchange.read("conformance.read", f"/conformance/runs/{spelled(run)}")

    def send(
        self,
        run: UUID | str,
        content: Mapping[str, Any],
        by: str,
        clearance: Mapping[str, Any] | None = None,
    ) -> ConfirmedWrite:
        """Hand a test case in, as `Gateway.submit` does a real one."""
        asked = {"by": by, "content": content, "clearance": clearance}
        own = asked if self.author is None else self.author.case(asked)
        path = f"/conformance/runs/{spelled(run)}/cases"
        return self.exchange.write("conformance.submit", path, own)

    def answer(self, run: UUID | str, noun: str, by: str, **asked: Any) -> ConfirmedWrite:
        """Do another part of a run: ``noun`` is the last part of its address."""
        path = f"/conformance/runs/{spelled(run)}/{noun}"
        return self.exchange.write("conformance.submit", path, {"by": by, **asked})


@dataclass(frozen=True)
class ConformanceRunner:
    """A walk through one run. ``case`` is a test case (JSON) that this system would send."""

    runs: Runs
    by: str
    case: Mapping[str, Any]
    clearance: Mapping[str, Any] | None = None

    def steps(self, run: Mapping[str, Any]) -> Iterator[CheckResult]:
        """Do each step that is not passed yet; a refusal ends its step, not the walk."""
        name = str(run.get("run"))
        passed = {str(one["step"]) for one in list_of(run, "steps") if one["passed"]}
        does = (self._send, self._receive, self._verify, self._decline)
        for step, do in zip(STEPS, does, strict=True):
            try:
                if step not in passed:
                    do(name, run)
            except RequestRefused as refused:
                yield CheckResult(step, refused)
            else:
                yield CheckResult(step)

    def _send(self, run: str, _: Mapping[str, Any]) -> None:
        self.runs.send(run, self.case, self.by, self.clearance)

    def _receive(self, run: str, shown: Mapping[str, Any]) -> None:
        offer = list_of(shown, "offers")[0]
        self.runs.answer(run, "acceptance", self.by, conditions=offer["conditions"])
        opened = self.runs.answer(
            run, "consultations", self.by, reason_code="assessment", reason="conformance run"
        )
        digest, package_digest = read_presentation(opened.result, self.runs.organisation)
        seen = {"case_digest": digest, "package_digest": package_digest}
        self.runs.answer(run, "consultation-report", self.by, **seen)

    def _verify(self, run: str, shown: Mapping[str, Any]) -> None:
        checks = {str(r["name"]): _verifies(r["receipt"], shown) for r in shown["receipts"]}
        self.runs.answer(run, "receipt-checks", self.by, checks=checks)

    def _decline(self, run: str, _: Mapping[str, Any]) -> None:
        self.runs.answer(run, "decline", self.by, reason="not ours: conformance run")


def read_presentation(run: Mapping[str, Any], organisation: str) -> tuple[str, str]:
    """Verify the test case that a consultation opened: its digest, and the name of what it shows.

    Raises ClientError when it does not verify with the run's own keys, or is for somebody else.
    """
    text, issuer = str(run.get("presentation")), str(run.get("issuer"))
    audience = issuer.partition("/conformance/")[0] + f"/organisations/{organisation}"
    with raising(UnexpectedAnswer, "the test case does not verify"):
        keys = public_keys(run.get("keys"))
        sd_jwt.verify(text, typ=TEST_TYP, keys=keys, audience=audience, issuer=issuer)
        document = sd_jwt.parse(text)
    return document.digest, handoff_documents.package_digest(d.digest for d in document.disclosures)


def _verifies(members: Any, run: Mapping[str, Any]) -> bool:
    """Whether a receipt holds against the log of the run, and nothing else."""
    try:
        key = VerificationKey.parse(str(run.get("log_key")))
        receipts.verify(receipts.from_json(members), [key], str(run.get("log")))
    except (ReceiptError, NoteError):
        return False
    return True
