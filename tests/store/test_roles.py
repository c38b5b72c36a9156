"""The listeners' role, made as the operators' page says, can do their work and no more."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import ProgrammingError

from gateway.kernel.actors import GATEWAY
from tests.casework import accepted, consulted, offered
from tests.founded_gateway import Founded
from tests.founding import founded
from tests.log_check import check_log
from tests.store import places

PAGE = Path(__file__).parents[2] / "docs" / "postgresql.md"


@pytest.fixture
def place() -> Iterator[places.Place]:
    place = places.postgresql()
    (block,) = re.findall(r"## Roles\n.*?```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)
    owner = make_url(place.url)
    block = re.sub(r"\bcasegate\b", f'"{owner.database}"', block, count=1)
    with place.connected() as connection:
        connection.execute(text("DROP ROLE IF EXISTS casegate_listener"))
        connection.execute(text(block.replace("FOR ROLE casegate ", "")))
    place.url = owner.set(username="casegate_listener").render_as_string(hide_password=False)
    yield place
    place.close()
    engine = create_engine(owner)
    with engine.begin() as connection:
        connection.execute(text("DROP OWNED BY casegate_listener; DROP ROLE casegate_listener"))
    engine.dispose()


@pytest.fixture
def gateway(place: places.Place) -> Founded:
    return founded(lambda origin, _, now, random: place.open(origin=origin, now=now, random=random))


def test_members_are_founded_and_hand_over_by_it(gateway):
    consulted(gateway, accepted(gateway, offered(gateway)))
    check_log(gateway)


def test_administrators_set_and_end_log_holds_by_it(gateway):
    review = (gateway.clock() + timedelta(days=30)).date().isoformat()
    asked = {"reference": "12/345", "review_on": review}
    hold = gateway.administer("log_hold.set", GATEWAY, **asked).result["log_hold"]
    gateway.administer("log_hold.end", GATEWAY, log_hold=hold, reason="closed")
    check_log(gateway)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM log_event",
        "UPDATE log_event SET document = NULL",
        "UPDATE log_event SET disclosures = '[]'",
        "DELETE FROM party",
        "DELETE FROM log_head",
        "DELETE FROM log_tile",
        "TRUNCATE log_event",
        "DROP TABLE log_event",
        "ALTER TABLE log_event ADD COLUMN more int",
        "CREATE TABLE mine (id int)",
        "UPDATE alembic_version SET version_num = 'x'",
    ],
)
def test_it_takes_nothing_from_the_log_and_changes_no_table(place, statement):
    with (
        pytest.raises(ProgrammingError, match=r"permission denied|must be owner"),
        place.connected() as connection,
    ):
        connection.execute(text(statement))
