"""How a member's system gets its certificates: the first by an invitation, the next by the last.

Until the root is known nothing is believed: it is fetched without any check, compared with the
fingerprint of the invitation, and from then on it alone is trusted.
"""

import base64
import json
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import pkcs7

from gateway.client import errors, session
from gateway.client.connection import PartnerConnection, read_administrators
from gateway.client.signing import DocumentSigner
from gateway.client.transport import HttpRequest, HttpResponse, HttpTransport
from gateway.domain.audit_event import EVENT_TYPES, EventResult
from gateway.domain.enrolment import TOKEN, WAITING
from gateway.domain.organisation import SLUG
from gateway.domain.peer import ADDRESS
from gateway.evidence import base64url, canonical, handoff_documents, sd_jwt
from gateway.evidence import receipt as receipts
from gateway.evidence.receipt import ReceiptError
from gateway.evidence.signature import public_keys
from gateway.ledger.note import ED25519, NoteError, VerificationKey
from gateway.verification.trust import TrustAnchors, confirm_receipt

ASKED_AGAIN = 24
"""How often a certificate that is not made yet is asked for: two minutes by five seconds."""

LONGEST_WAIT = 30.0


FORMAT = "casegate-invitation/1"
"""An invitation, and one that waits for a second administrator."""

_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True)
class InvitationFile:
    """What an invitation file says.

    ``issuer`` and ``api_url`` are the two addresses, ``root_sha256`` the fingerprint of the root
    certificate (hex, over its DER), ``log_key`` the log's verifier key, ``administrators`` the
    public JWK of each administrator by their id.
    """

    issuer: str
    api_url: str
    root_sha256: str
    log_key: str
    organisation: str
    system: str
    invitation: str
    token: str
    expires_at: str
    administrators: Mapping[str, Any] = field(default_factory=dict)

    @property
    def client_id(self) -> str:
        """The system's name at the gateway."""
        return f"{self.organisation}.{self.system}"

    def ended(self, now: datetime) -> bool:
        """Tell whether its time is over, by the clock here."""
        return now >= datetime.fromisoformat(self.expires_at)

    def __repr__(self) -> str:
        """Whose it is, without the token."""
        return f"InvitationFile({self.client_id} at {self.issuer})"

    def render(self) -> bytes:
        """Write it."""
        return (json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n").encode()

    @classmethod
    def read(cls, data: bytes) -> "InvitationFile":
        """Read one; SettingsError when it is none, or was not copied whole."""
        try:
            members: Any = canonical.decode(data)
            persons = members.pop("administrators", {})
            format_, told = members.pop("format"), members.values()
            if format_ == WAITING:
                raise errors.SettingsError(
                    "a second administrator has not approved this invitation yet, or `casegate "
                    "admin invitation complete` has not finished the file: ask for it then"
                )
            if format_ != FORMAT or not all(isinstance(v, str) and v.isprintable() for v in told):
                raise ValueError
            made = cls(**members, administrators=persons)
            if not made.fits():
                raise ValueError
        except (ValueError, TypeError, KeyError, AttributeError, NoteError):
            raise errors.SettingsError(
                "this is no invitation of a gateway, or it was not copied whole: ask for it again"
            ) from None
        return made

    def fits(self) -> bool:
        """Tell whether each field has its form; ValueError or NoteError for some that have not."""
        return (
            all(SLUG.fullmatch(name) for name in (self.organisation, self.system))
            and all(ADDRESS.fullmatch(address) for address in (self.issuer, self.api_url))
            and _DIGEST.fullmatch(self.root_sha256) is not None
            and TOKEN.fullmatch(self.token) is not None
            and datetime.fromisoformat(self.expires_at).tzinfo is not None
            and VerificationKey.parse(self.log_key).kind == ED25519
            and bool(read_administrators({"issuer": self.issuer, "persons": self.administrators}))
        )


@dataclass(frozen=True)
class PublicWay:
    """The way to a gateway's public listener; without a root nothing is checked on it."""

    address: str
    root: Path | None = None

    def tls(self) -> ssl.SSLContext:
        """TLS 1.3, and the root alone, as everywhere; no check at all while there is no root."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        if self.root is None:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        else:
            context.verify_flags |= ssl.VERIFY_X509_STRICT
            context.load_verify_locations(cafile=self.root)
        return context


@dataclass(frozen=True)
class Enrolled:
    """What an enrolment gave: the certificate with its authority's (PEM), and the event of it."""

    certificate: bytes
    event: str


@dataclass(frozen=True)
class Enrolment:
    """One system's enrolment at the gateway of an invitation. ``transport`` is for tests."""

    invitation: InvitationFile
    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    transport: httpx.BaseTransport | None = None

    def fetch_root(self) -> bytes:
        """The root's certificate (PEM), once it has the fingerprint of the invitation.

        Raises TlsNotTrusted when the gateway shows another: then somebody stands in between.
        """
        reply = self._sent(HttpRequest("GET", "/ca.pem"), None)
        try:
            shown = x509.load_pem_x509_certificates(reply.body)
        except ValueError:
            raise errors.UnexpectedAnswer(
                "the gateway does not show its authorities' certificates"
            ) from None
        for one in shown:
            if one.fingerprint(hashes.SHA256()).hex() == self.invitation.root_sha256:
                return one.public_bytes(serialization.Encoding.PEM)
        raise errors.TlsNotTrusted(
            f"{self.invitation.issuer} does not show the root certificate of the invitation: "
            "do not go on, and ask the gateway's administrators"
        )

    def attestation_keys(self, root: Path) -> bytes:
        """The keys with which the gateway attests, as a JWK set."""
        body = self._sent(HttpRequest("GET", "/keys/attestation"), root).body
        try:
            public_keys(canonical.decode(body))
        except ValueError:
            raise errors.UnexpectedAnswer(
                "the gateway does not show the keys it attests with"
            ) from None
        return body

    def enrol(
        self, root: Path, csr: bytes, document_key: Mapping[str, Any] | None = None
    ) -> Enrolled:
        """Use the invitation; ``document_key`` has ``jwk`` and ``proof``.

        Safe to repeat with the same key. Raises RequestRefused, GatewayUnavailable,
        EvidenceMismatch.
        """
        invitation = self.invitation
        named = f"{invitation.client_id}:{invitation.token}".encode()
        headers = {
            "Authorization": f"Basic {base64.b64encode(named).decode()}",
            "Content-Type": session.JSON,
            "Accept": session.JSON,
        }
        body = json.dumps({"csr": csr.decode(), **(document_key or {})}).encode()
        members = session.members_of(
            self._sent(HttpRequest("POST", "/enrolments", body, headers), root)
        )
        result = members.get("result")
        certificate = result.get("certificate") if isinstance(result, dict) else None
        if not isinstance(certificate, str):
            raise errors.UnexpectedAnswer("the gateway answers an enrolment without a certificate")
        key = x509.load_pem_x509_csr(csr).public_key()
        try:
            made = x509.load_pem_x509_certificate(certificate.encode())
        except ValueError:
            raise errors.UnexpectedAnswer("the gateway's answer is not a certificate") from None
        if made.public_key() != key:
            raise errors.UnexpectedAnswer("the gateway answers with a certificate for another key")
        return Enrolled(certificate.encode(), self._event(members.get("receipt"), key))

    def _event(self, members: Any, ours: CertificatePublicKeyTypes) -> str:
        """The event that the receipt proves: our invitation, used by our system for our key."""
        key = VerificationKey.parse(self.invitation.log_key)
        with errors.raising(errors.EvidenceMismatch, "the receipt of the enrolment is not valid"):
            confirmed = confirm_receipt(
                receipts.from_json(members), TrustAnchors((key,), (key.name,), {}, {})
            )
        event = confirmed.event
        redeemed = (EVENT_TYPES["invitation.redeem"][0], EventResult.ALLOWED)
        if (event["type"], event["result"]) != redeemed:
            raise errors.EvidenceMismatch("the receipt of the enrolment is of another event")
        spki = ours.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        subject = {
            "invitation": self.invitation.invitation,
            "system": self.invitation.system,
            "key": base64url.digest(spki),
        }
        told = [canonical.decode(v.encode()) for k, v in confirmed.opened.shown if k == "subject"]
        if len(told) != 1 or not subject.items() <= told[0].items():
            raise errors.EvidenceMismatch(
                "the receipt of the enrolment is of another system or key"
            )
        return str(event["id"])

    def _sent(self, message: HttpRequest, root: Path | None) -> HttpResponse:
        way = PublicWay(self.invitation.issuer, root)
        line = HttpTransport(way, self.now, self.sleep, self.transport)
        try:
            return session.granted(_patient(line, message, self.sleep))
        finally:
            line.close()


def renewed(
    connection: PartnerConnection,
    csr: bytes,
    now: Callable[[], datetime],
    sleep: Callable[[float], None],
) -> bytes:
    """A connection's next certificate (PEM), for the key of a new request (RFC 7030 4.2.2).

    Safe to repeat with the same key. Raises RequestRefused, GatewayUnavailable, UnexpectedAnswer.
    """
    der = x509.load_pem_x509_csr(csr).public_bytes(serialization.Encoding.DER)
    headers = {"Content-Type": "application/pkcs10", "Content-Transfer-Encoding": "base64"}
    path = "/.well-known/est/simplereenroll"
    line = HttpTransport(connection, now, sleep)
    try:
        message = HttpRequest("POST", path, base64.encodebytes(der), headers)
        reply = session.granted(_patient(line, message, sleep))
    finally:
        line.close()
    try:
        (made,) = pkcs7.load_der_pkcs7_certificates(base64.b64decode(reply.body))
    except ValueError:
        raise errors.UnexpectedAnswer(
            "the gateway answers a renewal without a certificate"
        ) from None
    return made.public_bytes(serialization.Encoding.PEM)


def _patient(
    line: HttpTransport, message: HttpRequest, sleep: Callable[[float], None]
) -> HttpResponse:
    """Ask again while the certificate is not made yet (202 with Retry-After)."""
    for _ in range(ASKED_AGAIN):
        reply = line.send(message)
        if reply.status != 202:
            return reply
        after = reply.headers.get("retry-after", "")
        sleep(min(float(after) if after.isdigit() else 5.0, LONGEST_WAIT))
    raise errors.GatewayUnavailable(
        "the gateway took the request, but has not made the certificate yet"
    )


# --- The conformance run from a system's side: each step done by what the client does every day ---


STEPS = ("send", "receive", "verify", "decline")


@dataclass(frozen=True)
class CheckResult:
    """How a step ended; ``refused`` says what to correct where it was not passed."""

    step: str
    refused: errors.RequestRefused | None = None

    @property
    def passed(self) -> bool:
        """Tell whether it was passed."""
        return self.refused is None


@dataclass(frozen=True)
class Runs:
    """The conformance runs of an organisation at its gateway."""

    exchange: session.Session
    author: DocumentSigner | None
    organisation: str

    def start(self, by: str) -> session.ConfirmedWrite:
        """Begin a run; its result is the run."""
        return self.exchange.write("conformance.start", "/conformance/runs", {"by": by})

    def show(self, run: UUID | str) -> dict[str, Any]:
        """A run of one's own: its steps, and what there is to work on."""
        return self.exchange.read("conformance.read", f"/conformance/runs/{session.spelled(run)}")

    def send(
        self,
        run: UUID | str,
        content: Mapping[str, Any],
        by: str,
        clearance: Mapping[str, Any] | None = None,
    ) -> session.ConfirmedWrite:
        """Hand a test case in, as `Gateway.submit` does a real one."""
        asked = {"by": by, "content": content, "clearance": clearance}
        own = asked if self.author is None else self.author.case(asked)
        path = f"/conformance/runs/{session.spelled(run)}/cases"
        return self.exchange.write("conformance.submit", path, own)

    def answer(self, run: UUID | str, noun: str, by: str, **asked: Any) -> session.ConfirmedWrite:
        """Do another part of a run: ``noun`` is the last part of its address."""
        path = f"/conformance/runs/{session.spelled(run)}/{noun}"
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
        passed = {str(one["step"]) for one in session.list_of(run, "steps") if one["passed"]}
        for step in STEPS:
            try:
                if step not in passed:
                    self._do(step, name, run)
            except errors.RequestRefused as refused:
                yield CheckResult(step, refused)
            else:
                yield CheckResult(step)

    def _do(self, step: str, run: str, shown: Mapping[str, Any]) -> None:
        """Do a step of STEPS, by what the run shows."""
        answer = partial(self.runs.answer, run)
        match step:
            case "send":
                self.runs.send(run, self.case, self.by, self.clearance)
            case "receive":
                offer, why = session.list_of(shown, "offers")[0], "conformance run"
                answer("acceptance", self.by, conditions=offer["conditions"])
                opened = answer("consultations", self.by, reason_code="assessment", reason=why)
                digest, package = read_presentation(opened.result, self.runs.organisation)
                answer("consultation-report", self.by, case_digest=digest, package_digest=package)
            case "verify":
                checks = {str(r["name"]): _verifies(r["receipt"], shown) for r in shown["receipts"]}
                answer("receipt-checks", self.by, checks=checks)
            case "decline":
                answer("decline", self.by, reason="not ours: conformance run")


def read_presentation(run: Mapping[str, Any], organisation: str) -> tuple[str, str]:
    """Verify the test case that a consultation opened: its digest, and the name of what it shows.

    Raises ClientError when it does not verify with the run's own keys, or is for somebody else.
    """
    text, issuer = str(run.get("presentation")), str(run.get("issuer"))
    audience = issuer.partition("/conformance/")[0] + f"/organisations/{organisation}"
    with errors.raising(errors.UnexpectedAnswer, "the test case does not verify"):
        keys = public_keys(run.get("keys"))
        sd_jwt.verify(
            text, typ=handoff_documents.TEST_TYP, keys=keys, audience=audience, issuer=issuer
        )
        document = sd_jwt.parse(text)
    return document.digest, handoff_documents.package_digest(d.digest for d in document.disclosures)


def _verifies(members: Any, run: Mapping[str, Any]) -> bool:
    """Tell whether a receipt holds against the log of the run, and nothing else."""
    try:
        key = VerificationKey.parse(str(run.get("log_key")))
        receipts.verify(receipts.from_json(members), [key], str(run.get("log")))
    except (ReceiptError, NoteError):
        return False
    return True
