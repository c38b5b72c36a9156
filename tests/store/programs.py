"""Processes of the test programs: each writes until it is told to stop, or is killed."""

import subprocess
import sys
import threading
from pathlib import Path

from tests.waiting import PATIENCE_SECONDS

ROOT = Path(__file__).parents[2]


class Program:
    """One process, and the lines that it has printed: each of something that is durable."""

    def __init__(self, module: str, *arguments: object) -> None:
        """Start it; it waits until it may go."""
        self.lines: list[list[str]] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"tests.store.{module}", *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self._process.stdout.readline() == "ready\n"
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def go(self) -> None:
        self._tell("go\n")

    def kill(self) -> None:
        self._process.kill()
        self._end()

    def stop(self) -> None:
        """Let it finish what it is at."""
        self._tell("stop\n")
        self._end()
        assert self._process.returncode == 0

    def _tell(self, word: str) -> None:
        self._process.stdin.write(word)
        self._process.stdin.flush()

    def _read(self) -> None:
        for line in self._process.stdout:
            if line.endswith("\n"):  # the last one of a killed process may be cut
                self.lines.append(line.split())

    def _end(self) -> None:
        self._process.wait(PATIENCE_SECONDS)
        self._reader.join()
        self._process.stdin.close()
        self._process.stdout.close()
