"""Of which consultations an originator learns, by the kinds of both and the setting."""

from itertools import product

from gateway.domain.consultation import ConsultationNotice, informs_originator
from tests.each import each


def told(notice, *, public=False, police=True, embargoed=False, before=False):
    return informs_originator(
        notice,
        originator_is_public=public,
        reader_is_police=police,
        embargoed=embargoed,
        informed_before=before,
    )


@each("public, police", [(True, True), (True, False), (False, False)])
@each("notice, embargoed, before", list(product(ConsultationNotice, [True, False], [True, False])))
def test_authorities_and_originators_of_others_learn_of_each(
    notice, embargoed, before, public, police
):
    assert told(notice, public=public, police=police, embargoed=embargoed, before=before)


@each(
    "notice, first, later",
    [
        (ConsultationNotice.NONE, False, False),
        (ConsultationNotice.FIRST, True, False),
        (ConsultationNotice.EACH, True, True),
    ],
)
def test_a_private_originator_learns_of_the_police_what_the_operator_chose(notice, first, later):
    assert told(notice) is first
    assert told(notice, before=True) is later


@each("notice, before", list(product(ConsultationNotice, [True, False])))
def test_under_an_embargo_a_private_originator_learns_of_none(notice, before):
    assert not told(notice, embargoed=True, before=before)
