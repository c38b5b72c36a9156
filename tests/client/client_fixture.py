"""A member's desk with the product's client, wired to the real app without sockets.

Between the two lies a `Wire` that a test can cut, slow down or tap: everything else is real.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from gateway.client import Gateway, PartnerConnection
from gateway.verification.trust import TrustAnchors
from tests.founded_gateway import DESK, HOTLINE, Founded
from tests.ports import ISSUER, ORIGIN
from tests.web.listening import DER, PARTNERS, Listening, der

Fault = Callable[[httpx.Request, httpx.Response | None], httpx.Response | None]


class Wire(httpx.BaseTransport):
    """Carries requests to the app with the desk's certificate, and remembers them.

    ``faults`` are used up one by one: each is called before the request (with no response) and,
    unless it answered or raised then, after it with the response.
    """

    def __init__(self, listening: Listening, organisation: str) -> None:
        certificate = listening.partner(organisation).certificate
        assert certificate is not None

        def app(environ: dict[str, Any], start: Any) -> Any:
            return listening.partners({**environ, DER: der(certificate)}, start)

        self._app = httpx.WSGITransport(app=app)
        self.requests: list[httpx.Request] = []
        self.faults: list[Fault] = []
        self.tamper: Callable[[httpx.Request, dict[str, Any]], Any] | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        fault = self.faults.pop(0) if self.faults else None
        answer = fault(request, None) if fault else None
        if answer is not None:
            return answer
        response = self._ask(request)
        if fault:
            response = fault(request, response) or response
        return response

    def _ask(self, request: httpx.Request) -> httpx.Response:
        response = self._app.handle_request(request)
        content = response.read()
        if self.tamper and request.url.path != "/oauth/token":
            members = json.loads(content)
            content = json.dumps(self.tamper(request, members) or members).encode()
        headers = {
            name: value for name, value in response.headers.items() if name != "content-length"
        }
        return httpx.Response(response.status_code, headers=headers, content=content)

    def paths(self) -> list[str]:
        """The paths asked for, in order."""
        return [request.url.path for request in self.requests]


def answer(status: int, **headers: str) -> Fault:
    """A fault that answers in the gateway's place, without asking it."""

    def fault(request: httpx.Request, response: httpx.Response | None) -> httpx.Response:
        return httpx.Response(status, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return fault


def cut(request: httpx.Request, response: httpx.Response | None) -> None:
    """A fault: the connection breaks before the request arrives."""
    if response is None:
        raise httpx.ConnectError("cut", request=request)


def lose_answer(request: httpx.Request, response: httpx.Response | None) -> None:
    """A fault: the request is done, and its answer is lost."""
    if response is not None:
        raise httpx.ReadError("lost", request=request)


def passing(request: httpx.Request, response: httpx.Response | None) -> None:
    """No fault."""


def trust_of(gateway: Founded) -> TrustAnchors:
    """What a member pins of the founded gateway."""
    return TrustAnchors(
        log_keys=(gateway.checkpoint_signer.signer.key,),
        origins=(ORIGIN,),
        gateway_keys=gateway.attestation_keys(),
    )


def connection_of(
    listening: Listening, organisation: str = HOTLINE, **changes: Any
) -> PartnerConnection:
    """A member's connection; its files are not read, for there is no TLS here."""
    nowhere = Path("/nonexistent")
    parts: dict[str, Any] = {
        "api_url": PARTNERS,
        "issuer": ISSUER,
        "client_id": f"{organisation}.{DESK}",
        "certificate": nowhere,
        "key": nowhere,
        "ca": nowhere,
        "trust": trust_of(listening.gateway),
    }
    return PartnerConnection(**parts | changes)


class MemberClient(Gateway):
    """The client of one member; ``wire`` is its way to the gateway, ``pauses`` its waiting."""

    def __init__(
        self,
        listening: Listening,
        organisation: str = HOTLINE,
        *,
        outbox: Path | None = None,
        ids: Any = None,
        document_key: Any = None,
        encryption_keys: Any = None,
        assertion_key: Any = None,
        tile: Any = None,
        **changes: Any,
    ) -> None:
        self.wire = Wire(listening, organisation)
        self.pauses: list[float] = []
        super().__init__(
            connection_of(listening, organisation, outbox=outbox, **changes),
            listening.gateway.clock,
            ids or listening.gateway.new_id,
            outbox,
            sleep=self.pauses.append,
            transport=self.wire,
            document_key=document_key,
            encryption_keys=encryption_keys,
            assertion_key=assertion_key,
            tile=tile,
        )
