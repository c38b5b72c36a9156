"""Which endpoints each listener serves."""

from gateway.web import certificates, log, metadata, oauth
from gateway.web.endpoint import Endpoint
from gateway.web.partners import (
    batches,
    cases,
    conformance,
    directory,
    events,
    handoffs,
    peers,
    registry,
    relay,
    searches,
    steps,
)

PARTNERS: tuple[Endpoint, ...] = (
    *(
        one
        for module in (
            directory,
            cases,
            handoffs,
            searches,
            events,
            registry,
            peers,
            conformance,
            relay,
        )
        for one in vars(module).values()
        if isinstance(one, Endpoint)
    ),
    *handoffs.ANSWERING,
    *steps.ENDPOINTS,
    *batches.BATCHES,
)
"""Everything that a system with a token may call."""

PARTNERS_OPEN: tuple[Endpoint, ...] = (
    *metadata.PARTNERS,
    *certificates.PARTNERS,
    log.log_list_keys,
    log.log_check_health,
    log.log_check_readiness,
)
"""What the partners' listener answers without a token; TLS there demands a certificate."""

TOKEN: tuple[Endpoint, ...] = oauth.ENDPOINTS
"""Where a certificate becomes a token, on the partners' listener."""

PUBLIC: tuple[Endpoint, ...] = (
    *metadata.PUBLIC,
    *log.ENDPOINTS,
    *certificates.PUBLIC,
)
"""What anybody may read, and where an invitation becomes a certificate; the description of all
this is added by the app."""
