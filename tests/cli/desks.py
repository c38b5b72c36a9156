"""The partners' commands as a person types them, each member at its own desk."""

import json
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.client import Gateway
from tests.casework import case_content
from tests.client.client_fixture import MemberClient
from tests.founded_gateway import HOTLINE
from tests.web.listening import Listening, listening

# Modules; the package has the commands under the same names.
CLOCKED = [import_module(f"gateway.cli.{name}") for name in ("case", "case_file")]
CLEARED = ("--assessed-by", "analyst-1", "--cleared-by", "approver-1")


@dataclass
class Desks:
    """The founded gateway with the command line in front of it."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    stage: Listening = field(default_factory=listening)
    changes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Let what is typed see the gateway's time, not this machine's."""
        for module in CLOCKED:
            self.monkeypatch.setattr(module, "now", self.stage.gateway.clock)

    def run(self, *arguments: str, at: str = HOTLINE, **kwargs: Any) -> Result:
        """Type a command at a member's desk; ``changes`` of the fixture go to its client."""
        self.monkeypatch.setattr(
            Gateway, "open", lambda file: MemberClient(self.stage, at, **self.changes)
        )
        return CliRunner().invoke(main, [str(a) for a in arguments], **kwargs)

    def done(self, *arguments: str, at: str = HOTLINE, **kwargs: Any) -> str:
        """Type a command that succeeds; what it printed."""
        result = self.run(*arguments, at=at, **kwargs)
        assert result.exit_code == 0, result.output
        return result.stdout

    def told(self, *arguments: str, at: str = HOTLINE, **kwargs: Any) -> Any:
        """Type a command that succeeds, for machines; what it printed as JSON."""
        return json.loads(self.done(*arguments, "--json", at=at, **kwargs))

    def case_file(self, **changes: Any) -> Path:
        """A file with a new case's JSON; ``changes`` as for case_content."""
        content = case_content(changes.pop("case", None) or self.stage.gateway.new_id(), **changes)
        file = self.folder / f"{content['case']}-{content['version']}.json"
        file.write_text(json.dumps(content))
        return file

    def submitted(self, **changes: Any) -> str:
        """The id of a new cleared case of the hotline's."""
        file = self.case_file(**changes)
        told = self.told("case", "submit", str(file), "--by", "intake-1", *CLEARED)
        return str(UUID(told["result"]["case"]))

    def offered(
        self, *more: str, to: tuple[str, ...] = ("--competence", "csam/FR"), **changes: Any
    ) -> str:
        """The id of a new handoff of items and statements; ``changes`` are to its case."""
        groups = ("--group", "items", "--group", "statements", "--group", "classifications")
        arguments = ("--by", "liaison-1", "--purpose", "identify_victim", *groups, *to, *more)
        told = self.told("handoff", "offer", self.submitted(**changes), *arguments)
        return str(told["result"]["handoff"])
