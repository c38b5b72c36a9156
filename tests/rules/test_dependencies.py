"""Libraries of which the gateway uses what they keep for themselves are bounded upwards."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2] / "pyproject.toml"

INNER_PARTS = {
    "gunicorn": "serving/worker.py: the worker's loop and its response",
    "marshmallow": "schemas/schema_fields.py: the hooks of a schema",
    "prometheus-client": "metrics.py: the class of values, and the format of its files",
}


@pytest.mark.parametrize("name", INNER_PARTS)
def test_a_library_whose_inner_parts_are_used_has_an_upper_bound(name):
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["server"]]
    (bound,) = (re.fullmatch(rf"{name}>=[0-9.]+,<([0-9.]+)", one) for one in wanted if name in one)
    assert bound is not None
    assert tuple(map(int, version(name).split("."))) < tuple(map(int, bound[1].split(".")))
