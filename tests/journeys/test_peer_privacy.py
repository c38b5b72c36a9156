"""Nothing of what is withheld is in any file of the other gateway: database, journal, free pages,
keys of cases, backup (slow)."""

import base64
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway import wiring
from tests.exchange.relay.test_what_stays import opened
from tests.founded_gateway import enter_staff
from tests.journeys.harness import (
    ABROAD,
    OFMIN,
    case_content,
    casegate,
    check_log,
    clearance,
    config_of,
)
from tests.journeys.peers import (
    PeerStage,
    gateways,
    join,
    parties,
    recall,
    row,
    view,
)
from tests.waiting import until

pytestmark = [pytest.mark.journey, pytest.mark.slow]

BELGIAN, FRENCH = "person-of-be-4711", "person-of-fr-4712"
HOTLINES, POLICES = "words-that-stay-with-the-hotline", "words-that-stay-with-the-police"
CODE = "suspect_identified"


def forms(word: str) -> Iterator[bytes]:
    """A word as it may stand in a file: in clear, in hex, and in Base64 wherever it begins."""
    plain = word.encode()
    yield from (plain, plain.hex().encode(), word.encode("utf-16-le"))
    for before in range(3):
        coded = base64.urlsafe_b64encode(bytes(before) + plain)
        inner = coded[-(-before * 8 // 6) : len(coded) - 4]
        yield from (inner, inner.replace(b"-", b"+").replace(b"_", b"/"))


def found(stage: PeerStage, words: Iterable[str]) -> dict[str, set[str]]:
    """In which files of a gateway's, and of its backups, some words are."""
    files = [one for one in stage.operator.rglob("*") if one.is_file()]
    files += [one for one in backup(stage).rglob("*") if one.is_file()]
    kept = {one: one.read_bytes() for one in files}
    for name in ("-wal", "keys"):
        assert any(name in one.name and data for one, data in kept.items()), [*map(str, kept)]
    return {
        word: {one.name for one, data in kept.items() if any(form in data for form in forms(word))}
        for word in words
    }


def backup(stage: PeerStage) -> Path:
    """The folder of a gateway's backups: of its database, and of the keys of its cases."""
    folder = stage.folder / "backups"
    if not folder.exists():
        folder.mkdir()
        casegate("backup", folder / "gateway", "--home", stage.operator)
        casegate("backup-keys", folder / "case-keys", "--home", stage.operator)
    return folder


def person(stage: PeerStage, slug: str, name: str) -> None:
    """Enter one more person of a member."""
    gateway = wiring.connect(config_of(stage))
    try:
        enter_staff(gateway.ports.begin, slug, [name], event=gateway.ports.new_id())
    finally:
        gateway.close()


def decrypted(stage: PeerStage, slug: str, box: str) -> str:
    """All that a gateway's database holds, as far as the gateway itself reads it."""
    gateway = wiring.connect(config_of(stage))
    try:
        return opened(gateway.ports, slug, box)
    finally:
        gateway.close()


def test_what_is_withheld_is_in_no_file_of_the_other_gateway(tmp_path: Path) -> None:
    with gateways(tmp_path, "be", "fr") as (be, fr):
        join(be, fr)
        parties(be, fr)
        person(be, ABROAD, BELGIAN)
        person(fr, OFMIN, FRENCH)
        handoff = story(be, fr)
        assert row(fr, handoff)[-1] == "declined"
        for stage in (be, fr):
            check_log(stage)
        theirs, ours = (CODE, POLICES, FRENCH), (HOTLINES, BELGIAN)
        assert found(be, theirs) == {one: set() for one in theirs}
        assert found(fr, ours) == {one: set() for one in ours}
        here, there = decrypted(be, ABROAD, "out"), decrypted(fr, OFMIN, "in")
        assert [[one in text for one in (*theirs, *ours)] for text in (here, there)] == [
            [False, False, False, True, True],
            [True, True, True, False, False],
        ], "what the scan looks for is there, at the gateway where it belongs"
        assert found(be, [BELGIAN])[BELGIAN], "names of one's own stand in clear"
        assert found(be, [HOTLINES])[HOTLINES] == set(), "content nowhere"


def story(be: PeerStage, fr: PeerStage) -> str:
    """A handoff of a part of a case, its acceptance, an outcome, a recall and why it is kept."""
    content = case_content()
    content["marking"]["release_to"] = [config_of(fr).issuer]
    content["statements"][0]["text"] = HOTLINES
    with be.client(ABROAD) as hotline:
        hotline.submit(content, BELGIAN, clearance(content))
        written = hotline.offer(
            content["case"],
            BELGIAN,
            competence="csam/FR",
            groups=("items",),
            purpose=["investigate"],
        )
    handoff = str(written.result["handoff"])
    until(lambda: view(fr, OFMIN, handoff).get("state") == "offered", 150)
    with fr.client(OFMIN) as office:
        office.accept(office.handoff(handoff), FRENCH)
        office.answer("report_outcome", handoff, FRENCH, code=CODE, note=POLICES)
    until(lambda: len(view(be, ABROAD, handoff).get("answers", ())) == 3, 150)
    recall(be, handoff)
    until(lambda: view(fr, OFMIN, handoff).get("recalled"), 150)
    later = str(wiring.now().date() + timedelta(days=180))
    kept = {"done": "declined", "legal_basis": POLICES, "until": later}
    with fr.client(OFMIN) as office:
        office.answer("answer_recall", handoff, FRENCH, **kept)
    until(lambda: row(be, handoff)[-1] == "kept_by_law", 150)
    return handoff
