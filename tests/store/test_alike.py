"""Whatever is asked, in whatever order, SQLite and PostgreSQL give the same answers and one log.

Operations are drawn with small numbers, so that ids, references and counters often collide. Both
draw the same salts: their logs must be equal to the last byte.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from gateway.domain.case import Case, CaseState
from gateway.domain.handoff import Addressee, HandoffAnswer, HandoffPlace, HandoffState
from gateway.domain.organisation import Certificate, Status
from gateway.domain.refusals import AlreadyExists, EditConflict
from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import (
    CertificateOrder,
    Consultation,
    HandoffFilter,
    IdempotencyRecord,
)
from tests.evidence.ingredients import chance
from tests.store import places, samples
from tests.store.samples import NOON, numbered

SLUGS = ("hotline", "police", "abroad", "gateway")
STATES = list(HandoffState)


def organisation(a, b, c):
    mandates = tuple(
        replace(
            samples.competence(SLUGS[a]), id=numbered(10 * a + n), registration_event=numbered(n)
        )
        for n in range(c)
    )
    status = Status.ACTIVE if b % 2 else Status.SUSPENDED
    return samples.organisation(SLUGS[a], mandates=mandates, status=status, version=b)


def certificate(a, b):
    return Certificate(f"t{a}", a, SLUGS[b], "intake", NOON + timedelta(days=a))


def case(a, b, c):
    return Case(
        originator=SLUGS[a % 2],
        id=numbered(b),
        version=c,
        digest=f"digest-{a % 2}-{b}-{c}",
        originator_ref=f"ref-{(b + c) % 4}",
        erase_on=NOON.date(),
        state=list(CaseState)[c],
        revision=c,
    )


def version(case):
    return replace(samples.version_of(case), event=numbered(case.version))


def handoff(a, b, c):
    return samples.handoff(
        case(b % 2, c, 1),
        id=numbered(a),
        address=Addressee(SLUGS[b]),
        state=STATES[c],
        sequence=max(b, 1),
    )[0]


def answer(handoff, event):
    return HandoffAnswer(
        handoff=handoff.id,
        sequence=handoff.sequence,
        move=None,
        state=handoff.state,
        author=handoff.originator,
        at=NOON,
        document="text",
        event=numbered(event),
    )


def offer(work, a, b, c):
    made = replace(handoff(a, b, c), sequence=1)
    work.handoffs.add(made, answer(made, 10 * a + b))


def reply(work, a, b, c):
    known = work.handoffs.get(numbered(a)) or handoff(a, b, c)
    made = replace(known, state=STATES[c], sequence=max(b, 1))
    work.handoffs.save(made, answer(made, 10 * a + b + 100))


def submit(work, a, b, c):
    made = replace(case(a, b, c), version=1, digest=f"digest-{a % 2}-{b}-1", revision=1)
    work.cases.add(made, version(made))


def record(work, a, b, c):
    parties = SLUGS[: b + 1] if c % 2 else SLUGS[b:]
    work.log.record(samples.fact(*parties, id_=numbered(1 + a + 4 * b + 16 * c)))


def request(a, **changes):
    made = CertificateOrder(numbered(a), "hotline", "intake", "csr", "admin")
    return replace(made, **changes)


Operation = Callable[..., object]

REGISTRY: dict[str, Operation] = {
    "add organisation": lambda w, a, b, c: w.organisations.add(organisation(a, b, c)),
    "save organisation": lambda w, a, b, c: w.organisations.save(organisation(a, b, c)),
    "add system": lambda w, a, b, c: w.organisations.add_system(samples.system(SLUGS[a])),
    "set keys": lambda w, a, b, c: w.organisations.set_client_keys(
        SLUGS[a], "intake", ("one", "two")[:b]
    ),
    "add certificate": lambda w, a, b, c: w.organisations.add_certificate(certificate(a, b)),
    "revoke": lambda w, a, b, c: w.organisations.save_certificate(
        replace(certificate(a, b), revoked_at=NOON)
    ),
}
WRITES: dict[str, Operation] = {
    "submit": submit,
    "revise": lambda w, a, b, c: w.cases.save(case(a, b, c), version(case(a, b, c))),
    "move case": lambda w, a, b, c: w.cases.save(case(a, b, c)),
    "offer": offer,
    "reply": reply,
    "consult": lambda w, a, b, c: w.handoffs.add_consultation(
        Consultation(numbered(a), SLUGS[b], numbered(c), "digest", ("x",) * c, bool(c % 2))
    ),
    "remember": lambda w, a, b, c: w.retries.add(
        IdempotencyRecord(SLUGS[a], str(b), b"f", numbered(c))
    ),
    "spend": lambda w, a, b, c: w.budgets.consume(SLUGS[a], "12:00", c),
    "spend once": lambda w, a, b, c: w.used_assertions.consume(
        SLUGS[a], str(b), NOON + timedelta(days=c)
    ),
    "prune spent": lambda w, a, b, c: w.used_assertions.prune(NOON + timedelta(days=a)),
    "ask to sign": lambda w, a, b, c: w.signing.add(request(a)),
    "sign": lambda w, a, b, c: w.signing.save(request(a, certificate="pem" if b else None)),
    "record": record,
}
READS: dict[str, Operation] = {
    "organisation": lambda w, a, b, c: w.organisations.get(SLUGS[a]),
    "organisations": lambda w, a, b, c: list(w.organisations.page(SLUGS[a][:b], c)),
    "members": lambda w, a, b, c: list(w.organisations.page(SLUGS[a][:b], c, seen=True)),
    "receivers": lambda w, a, b, c: list(w.organisations.holders("receive", "csam")),
    "systems": lambda w, a, b, c: list(w.organisations.systems(SLUGS[a])),
    "revoked": lambda w, a, b, c: list(w.organisations.revoked(NOON + timedelta(days=a))),
    "certificates": lambda w, a, b, c: list(w.organisations.certificates(SLUGS[a], "intake")),
    "case": lambda w, a, b, c: w.cases.get(SLUGS[a], numbered(b)),
    "version": lambda w, a, b, c: w.cases.version(f"digest-{a}-{b}-{c}"),
    "cases": lambda w, a, b, c: list(w.cases.page(SLUGS[a], numbered(b), c)),
    "handoff": lambda w, a, b, c: w.handoffs.get(numbered(a)),
    "answers": lambda w, a, b, c: list(w.handoffs.answers(numbered(a))),
    "answer of": lambda w, a, b, c: w.handoffs.answer_of(numbered(10 * a + b)),
    "in": lambda w, a, b, c: list(
        w.handoffs.page(SLUGS[a], "in", HandoffFilter(), HandoffPlace(1, NOON, numbered(b)), c)
    ),
    "out": lambda w, a, b, c: list(
        w.handoffs.page(SLUGS[a], "out", HandoffFilter(STATES[b]), None, c)
    ),
    "open": lambda w, a, b, c: w.handoffs.open_of(SLUGS[a], numbered(b)),
    "consultation": lambda w, a, b, c: w.handoffs.consultation(numbered(a)),
    "told": lambda w, a, b, c: w.handoffs.was_informed_of_consultation(numbered(a)),
    "retry": lambda w, a, b, c: w.retries.get(SLUGS[a], str(b)),
    "client keys": lambda w, a, b, c: list(w.organisations.client_keys(SLUGS[a], "intake")),
    "to sign": lambda w, a, b, c: list(w.signing.pending(a)),
    "logged": lambda w, a, b, c: w.log.logged(numbered(1 + a + 4 * b + 16 * c)),
    "stream": lambda w, a, b, c: list(w.log.stream(SLUGS[a], b, c)),
    "read stream": lambda w, a, b, c: list(w.log.read_stream(SLUGS[a], b, c)),
    "last number": lambda w, a, b, c: w.log.last_number(SLUGS[a]),
    "head": lambda w, a, b, c: (w.log.head(), w.log.tile(a, b), list(w.log.entries(b, c))),
}
OPERATIONS = READS | WRITES | REGISTRY

_small = st.integers(0, 3)


def _work(mode, operations):
    drawn = st.tuples(st.sampled_from(list(operations)), _small, _small, _small)
    # Three units of work in four are committed.
    commits = st.integers(0, 3).map(bool) if mode is not TransactionMode.READ else st.just(False)
    return st.tuples(st.just(mode), st.lists(drawn, min_size=6, max_size=20), commits)


_works = st.lists(
    _work(TransactionMode.READ, READS)
    | _work(TransactionMode.WRITE, READS | WRITES)
    | _work(TransactionMode.WRITE, WRITES)
    | _work(TransactionMode.REGISTRY, REGISTRY),
    min_size=3,
    max_size=8,
)
# So that what is drawn next has something to act on.
_BEGINNING = (
    TransactionMode.REGISTRY,
    [
        *(("add organisation", a, 1, 1) for a in range(3)),
        *(("add system", a, 0, 0) for a in range(2)),
        *(("submit", a, b, 0) for a in range(2) for b in range(2)),
        *(("offer", a, a, a % 2) for a in range(3)),
        ("record", 0, 1, 0),
    ],
    True,
)


class Script:
    """Runs drawn units of work on one store and notes every answer and refusal."""

    def __init__(self, place):
        self._random = chance()
        self._store = place.open(random=self._draw)
        self.notes = []

    def run(self, number, mode, operations, commits):
        self._random = chance(str(number))
        with self._store.begin(mode) as work:
            try:
                for name, a, b, c in operations:
                    self.notes.append((name, self._answer(OPERATIONS[name], work, a, b, c)))
                if commits:
                    self.notes.append(("commit", list(work.commit())))
            except (RuntimeError, AlreadyExists) as error:
                self.notes.append(type(error))

    def look(self):
        """Note all that is stored at the end."""
        with self._store.begin(TransactionMode.READ) as work:
            for slug in SLUGS:
                stream = list(work.log.stream(slug, 0, 99))
                self.notes += [
                    work.organisations.get(slug),
                    list(work.organisations.certificates(slug, "intake")),
                    list(work.cases.page(slug, None, 99)),
                    list(work.handoffs.page(slug, "in", HandoffFilter(), None, 99)),
                    list(work.handoffs.page(slug, "out", HandoffFilter(), None, 99)),
                    [work.retries.get(slug, str(key)) for key in range(4)],
                    stream,
                    [work.log.logged(event) for _, event in stream],
                ]
            self.notes += [work.handoffs.consultation(numbered(event)) for event in range(4)]
            self.notes += [list(work.handoffs.answers(numbered(id_))) for id_ in range(4)]
            self.notes += [work.log.head(), work.log.tile(0, 0), list(work.log.entries(0, 99))]

    def _draw(self, size):
        return self._random(size)

    def _answer(self, act, work, *numbers):
        try:
            answer = act(work, *numbers)
            work._transaction.flush()  # PostgreSQL may hear of some changes only with the next
            return answer
        except (AlreadyExists, EditConflict) as error:
            return type(error)


# Each example takes two databases: fewer of them than elsewhere, and no shrinking.
@settings(
    max_examples=settings.default.max_examples // 3,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(works=_works)
def test_sqlite_and_postgresql_answer_alike_and_keep_one_log(works):
    with TemporaryDirectory() as folder:
        both = [places.sqlite(Path(folder)), places.postgresql()]
        scripts = [Script(place) for place in both]
        try:
            for number, (mode, operations, commits) in enumerate([_BEGINNING, *works]):
                for script in scripts:
                    script.run(number, mode, operations, commits)
            for script in scripts:
                script.look()
        finally:
            for place in both:
                place.close()
    assert scripts[0].notes == scripts[1].notes
