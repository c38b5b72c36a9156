"""What pages share: the next page of a list."""

from gateway.console.context import following


def test_the_next_page_of_a_list_keeps_its_filters_and_no_other_part_of_the_address():
    found = {"next": "/handoffs?box=in&limit=50&after=a%2Fb%26c&urgency=urgent"}
    assert following(found, {"urgency": "urgent"}) == "urgency=urgent&after=a%2Fb%26c"
    assert following(found, {"after": "before"}) == "after=a%2Fb%26c"
    assert following({"next": None}, {"urgency": "urgent"}) is None
