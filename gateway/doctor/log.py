"""The log: whether it continues what was signed, whether rows are as it says; its holds."""

from contextlib import closing

from gateway import keys, wiring
from gateway.config import Config
from gateway.doctor.reading import Examined, Findings
from gateway.domain import refusals
from gateway.domain.health import Level, missed_reviews
from gateway.kernel.log_continuity import require_prefixes
from gateway.ledger.note import NoteError, open_checkpoint
from gateway.maintenance.comparison import rows_proof
from gateway.store.log_integrity import StoredLogCorrupt, verify_log


def log(gateway: Examined) -> Findings:
    """Tell whether the database continues what was signed, by this key."""
    config = gateway.config
    try:
        marked = wiring.read_mark(config)
        head_key = keys.load_secret(config.keys / wiring.HEAD_KEY_FILE)
        with gateway.read(head_key=head_key) as work:
            require_prefixes(work, marked, ())
            size = work.log.head().size
    except refusals.LogFrozen as frozen:
        yield (
            Level.ERROR,
            f"log frozen: {frozen.detail}; see 'The log is frozen' in docs/operators.md",
        )
        return
    except refusals.HighWaterMarkUnavailable as unreachable:
        yield Level.ERROR, f"{unreachable.detail}: see [high_water_mark] url"
        return
    if marked is None:
        return  # told above: without a mark the log is frozen
    try:
        signers = wiring.load_log_signers(config)
        open_checkpoint(marked.note, [one.key for one in signers], config.log_origin)
    except NoteError:
        yield Level.ERROR, "the log key is not the one that signed this log: restore the original"
        return
    yield Level.OK, f"the database continues what was signed ({marked.head.size} of {size})"
    yield from _apart(config)


def _apart(config: Config) -> Findings:
    file, mark = config.database_file, config.mark_file
    if file is not None and mark is not None and file.stat().st_dev == mark.stat().st_dev:
        yield (
            Level.WARNING,
            "the high-water mark is on the disk of the database: a restored image of that disk"
            " takes both back, and goes unnoticed; put it on another one ([high_water_mark] url)",
        )


def whole_log(gateway: Examined) -> Findings:
    """Tell whether every document, detail, stream and search word is as the log has it: takes
    long."""
    person_key = keys.load_secret(gateway.config.keys / wiring.FINGERPRINT_FILE)
    with gateway.read_rows(person_key=person_key) as work:
        try:
            head = verify_log(work, gateway.tell)
        except StoredLogCorrupt as error:
            yield Level.ERROR, f"the stored log is damaged: {error}"
            return
    yield Level.OK, f"all {head.size} entries have their documents, streams and search words"


def registry(gateway: Examined) -> Findings:
    """Tell whether the registry's rows are what the log's events say."""
    with gateway.read_rows() as work:
        told = rows_proof(gateway.config, work, gateway.proved).registry().sentences()
    for sentence in told:
        yield Level.ERROR, sentence
    if not told:
        yield Level.OK, "the registry is what the log's events say"


def handoffs(gateway: Examined) -> Findings:
    """Tell whether cases, handoffs and what stands beside them are what log and documents say."""
    keyring = wiring.connect_keyring(gateway.config)
    with closing(keyring), gateway.read_rows(keyring=keyring) as work:
        told = rows_proof(gateway.config, work, gateway.proved).handoffs().sentences()
    for sentence in told:
        yield Level.ERROR, sentence
    if not told:
        yield Level.OK, "cases and handoffs are what the log and their documents say"


def log_holds(gateway: Examined) -> Findings:
    """Return what suspends the terms of the log, and whether it was looked at in time."""
    with gateway.read_rows() as work:
        holds = work.log_terms.holds()
    today = gateway.now.astimezone(gateway.config.civil_time_zone).date()
    missed = missed_reviews(holds, today)
    for sentence in missed:
        yield Level.WARNING, sentence
    if not missed:
        yield Level.OK, f"log holds in force: {len(holds)}; none waits for its review"
