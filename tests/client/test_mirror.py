"""A mirror of a log: it grows step by step, keeps what is proved, and nothing else."""

import shutil
import ssl
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.client import (
    GatewayUnavailable,
    LogForked,
    PublicLogCorrupt,
    SettingsError,
    UnexpectedAnswer,
)
from gateway.client.mirror import FORKED, Mirror, PublicListener, PublicLog
from gateway.ledger import tiles
from gateway.ledger.note import Checkpoint, sign_checkpoint
from gateway.verification import log_copy
from gateway.verification.history import prove_fork
from gateway.verification.report import Code, InputFile
from gateway.verification.trust import TrustAnchors
from tests.each import each
from tests.ledger.copies import Served, flipped, signer_of
from tests.ports import START

ORIGIN = "log.example.org"
SIGNER = signer_of(ORIGIN)
TRUST = TrustAnchors((SIGNER.key,), (ORIGIN,))


def mirror(log: Served, folder: Path) -> Mirror:
    return Mirror(log.fetch, folder, TRUST)


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def whole(folder: Path, size: int) -> None:
    """The copy is whole at this size, and has no file that a log of this size has not."""

    def read(path: str) -> bytes:
        try:
            return (folder / path).read_bytes()
        except FileNotFoundError:
            raise LookupError(path) from None

    verdict, _ = log_copy.check_copy(read, TRUST)
    assert verdict.code == Code.VERIFIED, verdict
    assert f"all {size} entries" in verdict.sentence or size == 1
    for path in files(folder):
        if path != "checkpoint":
            assert tiles.is_available(tiles.parse_tile_path(path), size)


@given(st.lists(st.integers(0, 300), min_size=1, max_size=6))
def test_a_copy_that_follows_a_log_is_whole_after_each_step(tmp_path_factory, growth):
    folder, log = tmp_path_factory.mktemp("copy"), Served(SIGNER)
    copy, before = mirror(log, folder), None
    for by in growth:
        log.grow(by)
        step = copy.step()
        assert step.before == before
        assert step.after.size == len(log.entries)
        before = step.after
        whole(folder, len(log.entries))
    edge = [path for path in files(folder) if ".p/" in path]
    assert len({path.rpartition("/")[0] for path in edge}) == len(edge), "one width for each tile"


def test_what_is_there_is_not_fetched_again(tmp_path):
    log = Served(SIGNER, 600)
    mirror(log, tmp_path).step()
    log.grow(300)
    log.asked.clear()
    mirror(log, tmp_path).step()
    full_before = {tiles.tile_path(0, n) for n in (0, 1)} | {tiles.entries_path(n) for n in (0, 1)}
    assert not full_before & set(log.asked)
    log.asked.clear()
    step = mirror(log, tmp_path).step()
    assert (log.asked, step.fetched, step.before) == (["checkpoint"], 0, step.after)


def test_an_interrupted_copy_goes_on_where_it_stopped(tmp_path):
    log = Served(SIGNER, 1000)
    given, left = log.fetch, 5

    def breaks(path: str) -> bytes:
        if len(log.asked) > left:
            raise GatewayUnavailable("gone")
        return given(path)

    with pytest.raises(GatewayUnavailable):
        Mirror(breaks, tmp_path, TRUST).step()
    assert not (tmp_path / "checkpoint").exists()
    had = set(files(tmp_path))
    assert had
    log.asked.clear()
    mirror(log, tmp_path).step()
    assert not had & set(log.asked)
    whole(tmp_path, 1000)


def test_a_tile_that_an_interrupted_run_left_is_checked_all_the_same(tmp_path):
    log = Served(SIGNER, 600)
    file = tmp_path / tiles.entries_path(0)
    file.parent.mkdir(parents=True)
    file.write_bytes(flipped(log.fetch(tiles.entries_path(0)), 5))
    with pytest.raises(PublicLogCorrupt, match="first bad index is 0"):
        mirror(log, tmp_path).step()
    mirror(log, tmp_path).step()
    whole(tmp_path, 600)


def test_false_files_that_fit_each_other_do_not_stay(tmp_path):
    log, other = Served(SIGNER, 600), Served(SIGNER, 600, fork=300)
    for path in (tiles.entries_path(1), tiles.tile_path(0, 1)):
        log.lies[path] = other.fetch(path)
    with pytest.raises(PublicLogCorrupt):
        mirror(log, tmp_path).step()
    log.lies.clear()
    mirror(log, tmp_path).step()
    whole(tmp_path, 600)


def test_files_of_other_widths_are_removed(tmp_path):
    log = Served(SIGNER, 300)
    stale = tmp_path / "tile" / "0" / "001.p" / "9"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"x")
    mirror(log, tmp_path).step()
    assert not stale.exists()
    whole(tmp_path, 300)


@pytest.mark.parametrize(
    ("path", "change", "words"),
    [
        (tiles.entries_path(1), lambda d: flipped(d, 5), "first bad index is 256"),
        (tiles.entries_path(2, 88), lambda d: d[:-1], "cut off"),
        (tiles.tile_path(0, 1), lambda d: flipped(d, 40), "first bad index is 257"),
        (tiles.tile_path(0, 0), lambda d: d[:-32], "has 8160 bytes"),
        (tiles.tile_path(1, 0, 2), lambda d: flipped(d, 0), "not the root of the tile below"),
        (tiles.tile_path(1, 0, 2), lambda d: None, "is missing"),
        ("checkpoint", lambda d: d.replace(b"600", b"601"), "is not its checkpoint"),
        ("checkpoint", lambda d: b"<html>", "is not its checkpoint"),
        ("checkpoint", lambda d: None, "no log has that address"),
        ("checkpoint", lambda d: Served(SIGNER, 600, fork=9).note(), "lead to another root"),
    ],
)
def test_what_does_not_hold_together_is_not_kept(tmp_path, path, change, words):
    log = Served(SIGNER, 600)
    log.lies[path] = change(log.fetch(path))
    with pytest.raises(PublicLogCorrupt, match=words):
        mirror(log, tmp_path).step()
    assert not (tmp_path / "checkpoint").exists()
    log.lies.clear()
    mirror(log, tmp_path).step()
    whole(tmp_path, 600)


@pytest.mark.parametrize("before", [0, 300])
def test_the_size_that_a_log_claims_costs_its_mirror_nothing(tmp_path, before):
    """A signed checkpoint may name any size: what is removed is what was fetched."""
    log = Served(SIGNER, 300)
    if before:
        mirror(log, tmp_path).step()
    log.grow(300)
    claimed = Checkpoint(ORIGIN, 2**62, b"r" * 32)
    log.lies["checkpoint"] = sign_checkpoint(claimed, SIGNER).encode()
    had = files(tmp_path)
    with pytest.raises(PublicLogCorrupt):
        mirror(log, tmp_path).step()
    assert files(tmp_path) == had
    log.lies.clear()
    mirror(log, tmp_path).step()
    whole(tmp_path, 600)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (Served(SIGNER, 599), "shorter than before"),
        (Served(SIGNER, 599, fork=7), "another history"),
        (Served(SIGNER, 600, fork=7), "another history"),
        (Served(SIGNER, 900, fork=7), "another history"),
        (Served(SIGNER, 900, fork=599), "another history"),
    ],
)
def test_a_log_that_does_not_continue_is_convicted_and_the_copy_stays(tmp_path, other, words):
    log = Served(SIGNER, 600)
    mirror(log, tmp_path).step()
    before = files(tmp_path)
    with pytest.raises(LogForked, match=words) as told:
        mirror(other, tmp_path).step()
    assert told.value.notes == (log.note().decode(), other.note().decode())
    after = files(tmp_path)
    kept = {path: data for path, data in after.items() if path.startswith(FORKED)}
    assert {path: after[path] for path in after.keys() - kept.keys()} == before
    parts = [InputFile(path, data) for path, data in kept.items()]
    assert (prove_fork(parts, TRUST).code == Code.CONTRADICTION) is (words == "another history")
    log.grow(100)
    with pytest.raises(LogForked):
        mirror(log, tmp_path).step()
    shutil.rmtree(tmp_path / FORKED)
    mirror(log, tmp_path).step()
    whole(tmp_path, 700)


def test_a_served_file_that_does_not_fit_the_copy_convicts_nobody(tmp_path):
    """The log may have a bad disk: only signed roots are proof of a second history."""
    log = Served(SIGNER, 600)
    mirror(log, tmp_path).step()
    log.grow(300)
    path = tiles.tile_path(1, 0, 3)
    log.lies[path] = flipped(log.fetch(path), 0)
    with pytest.raises(PublicLogCorrupt):
        mirror(log, tmp_path).step()
    log.lies[path] = None
    with pytest.raises(PublicLogCorrupt):
        mirror(log, tmp_path).step()
    assert not (tmp_path / FORKED).exists()


def test_a_folder_belongs_to_one_log(tmp_path):
    mirror(Served(SIGNER, 3), tmp_path).step()
    other = signer_of("other.example")
    with pytest.raises(SettingsError):
        Mirror(Served(other, 5).fetch, tmp_path, TrustAnchors((other.key,), (other.name,))).step()
    both = TrustAnchors((SIGNER.key, other.key), (ORIGIN, other.name))
    with pytest.raises(SettingsError, match=r"the log there is other\.example"):
        Mirror(Served(other, 5).fetch, tmp_path, both).step()


def test_a_log_whose_key_was_not_given_is_not_copied(tmp_path):
    with pytest.raises(PublicLogCorrupt):
        Mirror(Served(SIGNER, 3).fetch, tmp_path, TrustAnchors((), ())).step()


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "tile").write_text("in the way")
    with pytest.raises(SettingsError):
        mirror(Served(SIGNER, 3), tmp_path).step()


def test_progress_counts_entries(tmp_path):
    told = []
    mirror(Served(SIGNER, 600), tmp_path).step(lambda done, of: told.append((done, of)))
    assert told == [(256, 600), (512, 600), (600, 600)]


# --- The public listener as anybody reads it ---


def public(status: int, body: bytes = b"x", url: str = "https://gateway.example") -> PublicLog:
    transport = httpx.MockTransport(lambda request: httpx.Response(status, content=body))
    return PublicLog(url, None, lambda: START, sleep=lambda _: None, transport=transport)


def test_a_file_is_fetched_by_its_path():
    with public(200, b"data", "https://gateway.example:8443/") as log:
        assert log.fetch("tile/0/000") == b"data"


def test_what_is_not_there_is_a_lookup_error():
    with public(404) as log, pytest.raises(LookupError):
        log.fetch("tile/0/000")


def test_a_log_that_says_it_is_frozen_is_not_accused_of_what_it_lacks(tmp_path):
    served = Served(SIGNER, 600)

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/")
        if path == "checkpoint":
            return httpx.Response(200, content=served.fetch(path), headers={"Log-State": "frozen"})
        return httpx.Response(404)

    transport = httpx.MockTransport(answer)
    address, sleep = "https://gateway.example", lambda _: None
    with (
        PublicLog(address, None, lambda: START, sleep=sleep, transport=transport) as log,
        pytest.raises(GatewayUnavailable, match="frozen"),
    ):
        Mirror(log.fetch, tmp_path, TrustAnchors((SIGNER.key,), (ORIGIN,))).step()


@each("status, error", [(503, GatewayUnavailable), (500, GatewayUnavailable),
                                               (429, GatewayUnavailable), (403, UnexpectedAnswer),
                                               (301, UnexpectedAnswer)])  # fmt: skip
def test_other_answers_are_errors(status, error):
    with public(status) as log, pytest.raises(error):
        log.fetch("checkpoint")


@each("url", ["http://gateway.example", "https://gateway.example/log",
                                 "https://a b", "https://", "gateway.example"])  # fmt: skip
def test_an_address_is_https_and_a_host(url):
    with pytest.raises(SettingsError, match="https://host"):
        public(200, url=url)


def test_tls_is_1_3_and_a_root_file_must_be_one(tmp_path):
    context = PublicListener("https://gateway.example").tls()
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert context.verify_mode is ssl.CERT_REQUIRED
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(SettingsError):
        PublicListener("https://gateway.example", tmp_path / "ca.pem").tls()
