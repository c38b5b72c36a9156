"""The log as anybody may read it: checkpoint, tiles, verifier key (C2SP tlog-tiles)."""

from flask import Response, request

from gateway import __version__
from gateway.domain.refusals import LogFrozen, NotFound
from gateway.evidence import base64url
from gateway.evidence import receipt as receipts
from gateway.kernel.actors import GATEWAY
from gateway.kernel.ports import TransactionMode
from gateway.kernel.transact import receipt_for
from gateway.kernel.values import ConfirmationKind
from gateway.ledger import note, tiles
from gateway.ledger.tree import HASH_BYTES, MAX_SIZE
from gateway.ledger.witness import SIZE_MEDIA, Refused
from gateway.registry import keys, witnessing
from gateway.web.context import AppContext
from gateway.web.endpoint import RECORDED, unauthenticated
from gateway.web.inputs import read_body
from gateway.web.metadata import KEPT
from gateway.web.responses import json_response

TEXT = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"

FOR_EVER = "public, max-age=31536000, immutable"
A_MOMENT = "public, max-age=1"
A_WHILE = "public, max-age=300"


@unauthenticated("GET /checkpoint", media="text/plain", refusals=RECORDED)
def log_show_checkpoint(gate: AppContext) -> Response:
    """Get the newest checkpoint of the log, a signed note; of a frozen log, the last it signed.

    It has the lines of witnesses that cosigned this very one. The header `Log-State: frozen` says
    that the log is frozen: the tiles may then end before it.
    """
    checkpoint_signer, headers = gate.ports.checkpoint_signer, {"Cache-Control": A_MOMENT}
    try:
        with gate.ports.begin(TransactionMode.READ) as work:
            head, cosigned = work.log.head(), work.confirmations.cosigned()
        newest = cosigned.get(head.size) or checkpoint_signer.sign(head)
    except LogFrozen:
        newest = checkpoint_signer.stored()
        headers["Log-State"] = "frozen"
    answer = Response(newest, headers=headers, content_type=TEXT)
    answer.set_etag(base64url.digest(newest.encode("utf-8")))
    answer.make_conditional(request)
    return answer


@unauthenticated("GET /tile/<path:path>", media=BYTES)
def log_show_tile(gate: AppContext, path: str) -> Response:
    """Get a tile of hashes, or a bundle of entries; not there until the log is that long."""
    try:
        address = tiles.parse_tile_path(f"tile/{path}")
    except ValueError:
        raise NotFound from None
    with gate.ports.begin(TransactionMode.READ) as work:
        if not tiles.is_available(address, work.log.head().size):
            raise NotFound
        if address.level is None:
            start = address.n * tiles.TILE_WIDTH
            data = tiles.encode_entries(work.log.entries(start, start + address.width))
        else:
            data = work.log.tile(address.level, address.n)[: address.width * HASH_BYTES]
    full = address.width == tiles.TILE_WIDTH
    kept = {"Cache-Control": FOR_EVER if full else A_WHILE}
    return Response(data, headers=kept, content_type=BYTES)


@unauthenticated("GET /log/vkey", media="text/plain")
def log_show_verifier_key(gate: AppContext) -> Response:
    """Get the log's verifier key, one line; pin it once, from somewhere you trust.

    While a new key takes over both sign, and a second line is the other one.
    """
    return Response("".join(f"{one}\n" for one in gate.log_keys), headers=KEPT, content_type=TEXT)


@unauthenticated("GET /log/keys", response="KeyEvents", refusals=RECORDED)
def log_list_keys(gate: AppContext) -> Response:
    """Get the receipts of all events that published and withdrew keys of the gateway.

    A pinned key of the log verifies them in this order, and leads to every later one: each new key
    of the log was published under the signature of its predecessor.
    """
    found = [receipts.to_json(one) for one in keys.key_history(gate.ports)]
    return json_response({"receipts": found}, headers=KEPT)


@unauthenticated("GET /log/predecessor", response="Receipt", refusals=RECORDED)
def log_show_predecessor(gate: AppContext) -> Response:
    """Get the receipt of the first event of a log that continues another (`log.continued`).

    404 where the log continues none. The old log's receipts stay verifiable with the key that it
    names.
    """
    with gate.ports.begin(TransactionMode.READ) as work:
        first = keys.continuation(work)
    if first is None:
        raise NotFound
    receipt = receipt_for(gate.ports, first, GATEWAY)
    return json_response(receipts.to_json(receipt), headers={"Cache-Control": A_MOMENT})


@unauthenticated("GET /log/stamps/<int:entry>", response="TimeStamps", refusals=RECORDED)
def log_list_stamps(gate: AppContext, entry: int) -> Response:
    """Get of each time-stamp authority its first stamp of a checkpoint that holds an entry.

    Of one that stamped none yet, its newest.
    """
    with gate.ports.begin(TransactionMode.READ) as work:
        found = work.confirmations.first_beyond(ConfirmationKind.STAMP, min(entry, MAX_SIZE))
    stamps = [
        {"authority": one.by, "checkpoint": one.note, "token": note.encode_base64(one.data)}
        for one in found
    ]
    return json_response({"stamps": stamps}, headers={"Cache-Control": A_MOMENT})


@unauthenticated("GET /log/cosignatures", response="Cosignatures")
def log_list_cosignatures(gate: AppContext) -> Response:
    """Get the newest checkpoint that each witness cosigned, with its lines (C2SP cosignature/v1).

    Whom to believe of them the reader decides, by keys that it has from elsewhere.
    """
    with gate.ports.begin(TransactionMode.READ) as work:
        found = list(work.confirmations.cosigned().values())
    return json_response({"checkpoints": found}, headers={"Cache-Control": A_MOMENT})


REFUSED = (400, 403, 404, 409, 422, 429)
"""The statuses by which a witness refuses (C2SP tlog-witness), with a sentence for people."""

MOST_ASKED = 16 * 1024
"""Bytes of a request to cosign: a proof of 63 hashes, and a note with lines of many witnesses."""


@unauthenticated(
    "POST /witness/add-checkpoint",
    media="text/plain",
    takes="text/plain",
    refusals=RECORDED,
    others=tuple((status, "") for status in REFUSED),
)
def log_cosign_checkpoint(gate: AppContext) -> Response:
    """Ask the gateway, as a witness, to cosign a checkpoint of a peer's log (C2SP tlog-witness).

    It cosigns logs of its peer gateways alone, and of each one history. 409 says how many entries
    of the log it saw, in `text/x.tlog.size`.
    """
    try:
        sent = read_body(request)
        if len(sent) > MOST_ASKED:
            raise Refused(400, f"a request has at most {MOST_ASKED} bytes")
        line = witnessing.cosign(gate.ports, sent.decode("utf-8"))
    except UnicodeError:
        return Response("a request is UTF-8\n", 400, content_type=TEXT)
    except Refused as refused:
        if refused.status == 409:
            return Response(f"{refused.size}\n", 409, content_type=SIZE_MEDIA)
        later = {"Retry-After": "60"} if refused.status == 429 else {}
        return Response(f"{refused}\n", refused.status, later, content_type=TEXT)
    return Response(line, content_type=TEXT)


@unauthenticated("GET /witness/vkey", media="text/plain")
def log_show_witness_key(gate: AppContext) -> Response:
    """Get the verifier key by which the gateway cosigns its peers' logs; pin it from elsewhere."""
    if gate.ports.witness is None:
        raise NotFound
    return Response(f"{gate.ports.witness.key}\n", headers=KEPT, content_type=TEXT)


@unauthenticated("GET /healthz", response="Alive")
def log_check_health(gate: AppContext) -> Response:
    """See whether the listener answers and reads its database."""
    with gate.ports.begin(TransactionMode.READ) as work:
        work.log.head()
    return json_response({"status": "ok"})


@unauthenticated("GET /readyz", response="Ready", others=((503, "NotReady"),))
def log_check_readiness(gate: AppContext) -> Response:
    """See whether the gateway can write and sign; with 503, why it cannot.

    Reasons: `log-frozen`, `high-water-mark-unavailable`, `case-keys-unavailable` (also if they are
    older), `database-version` (its tables are of another version), `database-unavailable`,
    `disk-full`, `clock-ahead` (moved ahead since the start), `clock-behind` (its newest event).
    """
    trouble = gate.unready()
    if trouble is None:
        return json_response({"status": "ready", "version": __version__})
    return json_response({"status": "not_ready", **vars(trouble)}, status=503)


ENDPOINTS = (
    log_show_checkpoint,
    log_show_tile,
    log_show_verifier_key,
    log_list_keys,
    log_show_predecessor,
    log_list_stamps,
    log_list_cosignatures,
    log_cosign_checkpoint,
    log_show_witness_key,
    log_check_health,
    log_check_readiness,
)
