"""The verdict on a copy of a log: whole, or where it is not, by the name of each defect."""

from pathlib import Path

from gateway.ledger import tiles
from gateway.ledger.note import VerificationKey
from gateway.verification import log_copy
from gateway.verification.report import Code, StepResult, VerificationReport
from gateway.verification.trust import TrustAnchors
from tests.each import each
from tests.ledger.copies import Served, flipped, signer_of, without
from tests.verification.scenario import fact

VECTORS = Path(__file__).parents[1] / "vectors"
ORIGIN = "log.example.org"
SIGNER = signer_of(ORIGIN)
TRUST = TrustAnchors((SIGNER.key,), (ORIGIN,))


def check(log: Served, trust: TrustAnchors = TRUST) -> VerificationReport:
    return log_copy.check_copy(log.fetch, trust)[0]


def refused(verdict: VerificationReport, code: Code, step: int, words: str) -> None:
    (failed,) = [one for one in verdict.steps if one.outcome is StepResult.FAILED]
    assert (verdict.code, failed.number) == (code, step), verdict
    assert words in failed.detail, failed
    assert failed.detail in verdict.sentence


@each("size", [0, 1, 255, 256, 257, 600, 1024])
def test_a_whole_copy_is_whole(size):
    verdict = check(Served(SIGNER, size))
    assert verdict.code == Code.VERIFIED, verdict
    assert verdict.kind == "log"
    assert fact(verdict, "copy")["size"] == size


def test_another_implementations_log_is_whole():
    folder = VECTORS / "tlog600"
    key = VerificationKey.parse((folder / "keys.txt").read_text().split("\n")[1])
    verdict, _ = log_copy.check_copy(
        lambda path: (folder / "log" / path).read_bytes(), TrustAnchors((key,), (key.name,))
    )
    assert verdict.code == Code.VERIFIED, verdict
    assert fact(verdict, "copy")["size"] == 600


def test_progress_counts_entries():
    told = []
    log_copy.check_copy(Served(SIGNER, 600).fetch, TRUST, lambda done, of: told.append((done, of)))
    assert told == [(256, 600), (512, 600), (600, 600)]


def lie(size: int, path: str, change) -> Served:
    log = Served(SIGNER, size)
    log.lies[path] = change(log.fetch(path))
    return log


TOP = tiles.tile_path(1, 0, 2)
DEFECTS = {
    "a bit of an entry is flipped": (
        lie(600, tiles.entries_path(1), lambda d: flipped(d, 5)),
        (Code.MISMATCH, 2, "the first bad index is 256"),
    ),
    "an entry is left out of its bundle": (
        lie(600, tiles.entries_path(2, 88), lambda d: without(tiles.decode_entries(d), 3)),
        (Code.MISMATCH, 2, "the first bad index is 515"),
    ),
    "two entries are swapped": (
        lie(600, tiles.entries_path(0), lambda d: tiles.encode_entries(
            [(e := tiles.decode_entries(d))[1], e[0], *e[2:]])),
        (Code.MISMATCH, 2, "the first bad index is 0"),
    ),
    "a bundle is cut off": (
        lie(600, tiles.entries_path(0), lambda d: d[:-1]),
        (Code.MISMATCH, 2, "the bundle is cut off"),
    ),
    "a leaf hash is flipped": (
        lie(600, tiles.tile_path(0, 1), lambda d: flipped(d, 32 * 7)),
        (Code.MISMATCH, 2, "the first bad index is 263"),
    ),
    "a tile is cut off": (
        lie(600, tiles.tile_path(0, 2, 88), lambda d: d[:-32]),
        (Code.MISMATCH, 2, "tile/0/002.p/88"),
    ),
    "a hash above the leaves is flipped": (
        lie(600, TOP, lambda d: flipped(d, 33)),
        (Code.MISMATCH, 3, "the first bad index is 256"),
    ),
    "a bundle is missing": (
        lie(600, tiles.entries_path(1), lambda d: None),
        (Code.INCOMPLETE, 2, "tile/entries/001 is missing"),
    ),
    "a tile is missing": (
        lie(600, TOP, lambda d: None),
        (Code.INCOMPLETE, 3, "tile/1/000.p/2 is missing"),
    ),
    "the checkpoint is missing": (
        lie(600, "checkpoint", lambda d: None),
        (Code.UNKNOWN_FORMAT, 1, "not a copy of a log"),
    ),
    "the checkpoint says another size": (
        lie(600, "checkpoint", lambda d: d.replace(b"\n600\n", b"\n601\n")),
        (Code.BAD_SIGNATURE, 1, "not the log's"),
    ),
    "the checkpoint is of a longer log": (
        lie(600, "checkpoint", lambda d: Served(SIGNER, 700).note()),
        (Code.INCOMPLETE, 2, "is missing"),
    ),
    "the checkpoint is of another history": (
        lie(600, "checkpoint", lambda d: Served(SIGNER, 600, fork=3).note()),
        (Code.NOT_IN_LOG, 4, "another root"),
    ),
    "the checkpoint is of an unknown log": (
        lie(600, "checkpoint", lambda d: Served(signer_of("other.example"), 9).note()),
        (Code.KEY_MISSING, 1, "no key was provided"),
    ),
    "the checkpoint is not text": (
        lie(600, "checkpoint", lambda d: b"\xff\xfe"),
        (Code.KEY_MISSING, 1, "no key was provided"),
    ),
}  # fmt: skip


@each("defect", DEFECTS)
def test_a_defect_is_named_where_it_is(defect):
    log, (code, step, words) = DEFECTS[defect]
    refused(check(log), code, step, words)


def test_an_entry_changed_with_its_leaf_is_seen_at_the_tile_above():
    """Whoever rewrites an entry and its leaf has to rewrite all above, and cannot sign the root."""
    log, other = Served(SIGNER, 600), Served(SIGNER, 600, fork=300)
    for path in (tiles.entries_path(1), tiles.tile_path(0, 1)):
        log.lies[path] = other.fetch(path)
    refused(check(log), Code.MISMATCH, 3, "the first bad index is 256")
    log.lies[TOP] = other.fetch(TOP)
    refused(check(log), Code.NOT_IN_LOG, 4, "the log signed another root")
