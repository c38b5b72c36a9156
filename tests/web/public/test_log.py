"""The public face of the log: what a monitor needs, and nothing that is not committed."""

from datetime import UTC, datetime

from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import Confirmation, ConfirmationKind
from gateway.ledger import note, tiles, tree
from gateway.ledger.cosignature import verify
from gateway.ledger.note import open_checkpoint
from tests.casework import submitted
from tests.each import each
from tests.ports import ORIGIN
from tests.verification.logbook import witness


def test_the_checkpoint_is_a_signed_note_of_the_head(line):
    answer = line.anybody().get("/checkpoint")
    assert answer.content_type == "text/plain; charset=utf-8"
    assert answer.headers["Cache-Control"] == "public, max-age=1"
    assert answer.text.split("\n")[:2] == [ORIGIN, str(line.gateway.size())]


def test_a_checkpoint_that_is_known_is_not_sent_again(line):
    public = line.anybody()
    tag = public.get("/checkpoint").headers["ETag"]
    same = public.get("/checkpoint", headers={"If-None-Match": tag})
    assert same.status_code == 304
    assert same.data == b""
    submitted(line.gateway)
    assert public.get("/checkpoint", headers={"If-None-Match": tag}).status_code == 200


def test_the_tree_can_be_rebuilt_from_the_entries(line):
    public, size = line.anybody(), line.gateway.size()
    answer = public.get(f"/tile/entries/000.p/{size}")
    assert answer.content_type == "application/octet-stream"
    entries = tiles.decode_entries(answer.data)
    root = tree.root([tree.leaf_hash(one) for one in entries])
    hashes = public.get(f"/tile/0/000.p/{size}").data
    assert hashes == b"".join(tree.leaf_hash(one) for one in entries)
    signed = public.get("/checkpoint").data
    checkpoint = open_checkpoint(signed, [line.gateway.checkpoint_signer.signer.key], ORIGIN)
    assert (checkpoint.size, checkpoint.root) == (size, root)


def test_a_full_tile_is_kept_for_ever_and_a_partial_one_for_a_while(line):
    public = line.anybody()
    size = line.gateway.size()
    assert public.get("/tile/0/000").status_code == 404, "not until it is full"
    assert public.get("/tile/entries/000").status_code == 404
    while line.gateway.size() < 256:
        submitted(line.gateway)
    full = public.get("/tile/0/000")
    assert len(full.data) == 256 * 32
    assert full.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert len(tiles.decode_entries(public.get("/tile/entries/000").data)) == 256
    assert public.get("/tile/1/000.p/1").status_code == 200
    earlier = public.get(f"/tile/0/000.p/{size}")
    assert earlier.data == full.data[: size * 32]
    assert "immutable" not in earlier.headers["Cache-Control"]


def test_the_first_stamp_that_holds_an_entry_is_there_for_anybody(line):
    public, size = line.anybody(), line.gateway.size()
    assert public.get("/log/stamps/0").json == {"stamps": []}
    note = public.get("/checkpoint").text
    at = datetime(2026, 11, 30, tzinfo=UTC)
    kept = [(one, by) for one in (size, size + 1) for by in ("a.example", "b.example")]
    with line.gateway.store.begin(TransactionMode.WRITE) as work:
        for number, by in kept:
            stamp = Confirmation(number, ConfirmationKind.STAMP, by, at, note, b"token")
            work.confirmations.keep(stamp)
        work.commit()
    answer = public.get(f"/log/stamps/{size - 1}")
    told = {"checkpoint": note, "token": "dG9rZW4="}
    assert answer.json == {"stamps": [{"authority": by, **told} for _, by in kept[:2]]}
    assert answer.headers["Cache-Control"] == "public, max-age=1"
    assert len(public.get(f"/log/stamps/{size}").json["stamps"]) == 2
    assert len(public.get(f"/log/stamps/{10**30}").json["stamps"]) == 2
    assert public.get("/log/stamps/-1").status_code == 404


@each(
    "path",
    [
        "0/000.p/200",
        "0/001",
        "0/001.p/1",
        "1/000.p/1",
        "entries/000.p/200",
        "0/000.p/0",
        "0/000.p/256",
        "0/000.p/08",
        "00/000.p/8",
        "64/000.p/1",
        "0/x000/000.p/1",
        "0/0",
        "data/000.p/1",
        "0/000.p/1/",
        "../checkpoint",
        "",
    ],
)
def test_what_the_log_does_not_have_is_not_found(line, path):
    assert line.anybody().get(f"/tile/{path}").status_code == 404


def test_the_verifier_key_is_one_line(line):
    answer = line.anybody().get("/log/vkey")
    assert answer.text == f"{line.gateway.checkpoint_signer.signer.key}\n"
    assert note.VerificationKey.parse(answer.text.strip()).name == ORIGIN


def test_a_checkpoint_has_the_lines_of_its_witnesses_and_earlier_ones_have_an_address(line):
    public, size = line.anybody(), line.gateway.size()
    assert public.get("/log/cosignatures").json == {"checkpoints": []}
    bare = public.get("/checkpoint").text
    text = note.split(bare)[0]
    by = [witness("a.example"), witness("b.example")]
    with line.gateway.ports.begin(TransactionMode.WRITE) as work:
        for one in by:
            data = one.cosign(text, line.gateway.clock()).encode()
            kept = (size, ConfirmationKind.COSIGNATURE, one.name, line.gateway.clock(), bare, data)
            work.confirmations.keep(Confirmation(*kept))
        work.commit()
    cosigned = public.get("/checkpoint").text
    assert [one.witness.name for one in verify(cosigned, [one.key for one in by])] == [
        "a.example",
        "b.example",
    ]
    assert public.get("/log/cosignatures").json == {"checkpoints": [cosigned]}
    submitted(line.gateway)
    assert verify(public.get("/checkpoint").text, [one.key for one in by]) == []
    assert public.get("/log/cosignatures").json == {"checkpoints": [cosigned]}
