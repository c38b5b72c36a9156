"""The demonstration's stage: what it cannot do, it says with all that was said to it."""

from pathlib import Path

import pytest

from gateway.cli.demo.environment import run_command


def test_a_command_that_fails_is_told_with_its_status_and_what_it_printed(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError) as told:
        run_command("doctor", "--home", str(tmp_path))
    assert "casegate doctor --home, exit status 2:" in str(told.value)
    assert "casegate.toml does not exist" in str(told.value).replace("\n", " ")
