"""Cases are replaced only by who read them last, and every version stays."""

from dataclasses import replace

import pytest

from gateway.domain.case import CaseState
from gateway.domain.refusals import AlreadyExists, EditConflict
from gateway.domain.revision import Announcement, ChangeKind
from gateway.kernel.ports import TransactionMode
from gateway.kernel.values import ListedCase
from tests.store.samples import NOON, case, new_id, numbered, revised


def stored(store, *made):
    with store.begin(TransactionMode.WRITE) as work:
        for one in made or (case(),):
            work.cases.add(*one)
        work.commit()
    return made[0] if made else one


def test_a_case_and_its_version_come_back_as_they_were_stored(store):
    made, version = stored(store)
    with store.begin(TransactionMode.READ) as work:
        assert work.cases.get("hotline", made.id) == made
        assert work.cases.version(version.digest) == version
    with store.begin(TransactionMode.WRITE) as work:
        assert work.cases.get("hotline", made.id) == made


def test_a_case_belongs_to_its_originator(store):
    made, _ = stored(store)
    theirs, version = case("abroad", id=made.id, originator_ref=made.originator_ref)
    with store.begin(TransactionMode.WRITE) as work:
        assert work.cases.get("abroad", made.id) is None
        work.cases.add(theirs, replace(version, digest="another", case=made.id))
        work.commit()
    with store.begin(TransactionMode.READ) as work:
        assert work.cases.get("hotline", made.id) == made
        assert work.cases.get("abroad", made.id) == theirs
        assert work.cases.version("no-digest") is None


@pytest.mark.parametrize("same", ["id", "originator_ref"])
def test_a_taken_id_or_reference_is_refused_and_the_work_goes_on(store, same):
    made, _ = stored(store)
    other, version = case(**{same: getattr(made, same)})
    free = case()
    with store.begin(TransactionMode.WRITE) as work:
        with pytest.raises(AlreadyExists):
            work.cases.add(other, version)
        work.cases.add(*free)
        work.commit()
    with store.begin(TransactionMode.READ) as work:
        assert work.cases.version(version.digest) is None
        assert [one.case for one in work.cases.page("hotline", None, 10)] == [made, free[0]]


def test_a_document_is_the_version_of_one_case(store):
    _, version = stored(store)
    other, its_version = case()
    with store.begin(TransactionMode.WRITE) as work, pytest.raises(RuntimeError):
        work.cases.add(other, replace(its_version, digest=version.digest))
        work.commit()


def test_a_new_version_is_added_and_the_old_one_stays(store):
    made, first = stored(store)
    changed, second = revised(made)
    with store.begin(TransactionMode.WRITE) as work:
        work.cases.save(changed, second)
        work.commit()
    with store.begin(TransactionMode.READ) as work:
        assert work.cases.get("hotline", made.id) == changed
        assert work.cases.version(first.digest) == first
        assert work.cases.version(second.digest) == second


def test_what_each_version_changes_is_known_and_what_was_announced(store):
    made, first = case()
    stored(store, (made, first))
    second, version = revised(made)
    told = Announcement(made.originator, made.id, 2, ChangeKind.CORRECTION, NOON, version.event)
    with store.begin(TransactionMode.WRITE) as work:
        work.cases.save(second, replace(version, change=ChangeKind.CORRECTION))
        assert work.cases.announced(made.originator, made.id) is None
        work.cases.announce(told)
        work.commit()
    with store.begin(TransactionMode.WRITE) as work, pytest.raises(AlreadyExists):
        work.cases.announce(told)
    with store.begin(TransactionMode.READ) as work:
        assert work.cases.changes(made.originator, made.id, 0) == [ChangeKind.CORRECTION]
        assert work.cases.changes(made.originator, made.id, 2) == []
        assert work.cases.announced(made.originator, made.id) == told
        assert work.cases.announced("another", made.id) is None


def test_a_case_can_move_without_a_new_version(store):
    made, _ = stored(store)
    moved = replace(made, state=CaseState.CLOSED, cleared_by="p-8", revision=2)
    with store.begin(TransactionMode.WRITE) as work:
        work.cases.save(moved)
        work.commit()
    with store.begin(TransactionMode.READ) as work:
        assert work.cases.get("hotline", made.id) == moved


@pytest.mark.parametrize("revision", [1, 3])
def test_a_case_of_another_revision_is_stale_and_leaves_no_version(store, revision):
    made, _ = stored(store)
    changed, version = revised(made)
    with store.begin(TransactionMode.WRITE) as work:
        with pytest.raises(EditConflict):
            work.cases.save(replace(changed, revision=revision), version)
        work.commit()
    with store.begin(TransactionMode.READ) as work:
        assert work.cases.get("hotline", made.id) == made
        assert work.cases.version(version.digest) is None


def test_cases_come_in_pages_by_age_for_their_originator_only(store):
    ids = [new_id() for _ in range(5)]
    mine = [case(id=id_) for id_ in reversed(ids)]  # an originator may choose ids in any order
    stored(store, *reversed(mine), case("abroad"))
    found, after = [], None
    with store.begin(TransactionMode.READ) as work:
        while page := work.cases.page("hotline", after, 2):
            found += page
            after = page[-1].case.id
        assert work.cases.page("hotline", numbered(10**12), 2) == []
    assert found == [ListedCase(one, v.assurance, v.event, v.summary, v.event) for one, v in mine]


def test_a_list_has_the_summary_of_the_current_version_and_none_of_an_erased_case(store):
    made, _ = stored(store)
    changed, second = revised(made)
    second = replace(second, summary={"urgency": "imminent_danger"})
    erased = replace(changed, state=CaseState.ERASED, revision=3)
    summaries = []
    with store.begin(TransactionMode.WRITE) as work:
        for change in (lambda: work.cases.save(changed, second), lambda: work.cases.erase(erased)):
            change()
            summaries += [one.summary for one in work.cases.page("hotline", None, 10)]
    assert summaries == [second.summary, None]
