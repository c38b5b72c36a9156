"""`python -m tests.scan SSLYZE`: a gateway's listeners under sslyze and testssl.sh.

sslyze holds each to Mozilla's "modern" configuration; testssl.sh may find nothing that counts but
what docs/operators.md names. Both run as programs of their own. Exit status: 0 all well, 1 not.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.journeys.front import Front
from tests.journeys.harness import config_of, running

PAGE = Path(__file__).parents[2] / "docs" / "operators.md"
COUNTS = {"MEDIUM", "HIGH", "CRITICAL", "FATAL"}
"""Severities of testssl.sh that it prints as NOT ok, or that are no longer a mere note."""

SECONDS = 600


@dataclass(frozen=True)
class Address:
    """A listener: what it is called here, where it is, and the root that vouches for it."""

    name: str
    host: str
    root: Path


def documented() -> set[str]:
    """The findings of testssl.sh that the page on TLS explains."""
    table = PAGE.read_text(encoding="utf-8").split("<!-- findings -->")[1]
    return set(re.findall(r"^\| `(\w+)`", table.split("<!-- /findings -->")[0], re.MULTILINE))


def by_sslyze(program: Path, address: Address, _folder: Path) -> list[str]:
    """What sslyze has against an address."""
    trusted = ["--certinfo_ca_file", str(address.root)]
    command = [str(program), "--mozilla_config=modern", *trusted, address.host]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode == 0 and f"{address.host}: OK - Compliant." in done.stdout:
        return []
    said = done.stdout.partition("COMPLIANCE AGAINST")[2] or done.stdout + done.stderr
    return [line.strip() for line in said.splitlines() if address.host in line or " * " in line]


def by_testssl(program: Path, address: Address, folder: Path) -> list[str]:
    """What testssl.sh has against an address, that the page does not explain."""
    file = folder / f"{address.name.replace(' ', '-')}.json"
    options = ["--quiet", "--color", "0", "--warnings", "batch", "--add-ca", str(address.root)]
    command = [str(program), *options, "--jsonfile", str(file), address.host]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    if not file.exists():
        return [f"it found nothing to say: {(done.stdout + done.stderr)[-300:]}"]
    found = json.loads(file.read_text(encoding="utf-8"))
    if not any(one["id"] == "TLS1_3" and one["severity"] == "OK" for one in found):
        return ["it did not reach the listener"]
    known = documented()
    return [
        f"{one['severity']} {one['id']}: {one['finding']}"
        for one in found
        if one["severity"] in COUNTS and one["id"] not in known
    ]


def listeners(stack: ExitStack, folder: Path) -> Iterator[Address]:
    """The listeners of a gateway that runs, and the proxy before one where there is HAProxy."""
    fronts = [Front.DIRECT, *([Front.HAPROXY] if shutil.which("haproxy") else [])]
    for front in fronts:
        place = folder / front
        place.mkdir()
        config = config_of(stack.enter_context(running(place, front)))
        root = config.published / "root.pem"
        partners = urlsplit(config.partners_url).netloc
        if front is Front.DIRECT:
            yield Address("public", urlsplit(config.issuer).netloc, root)
            yield Address("partners", partners, root)
        else:
            yield Address("partners behind HAProxy", partners, root)


def scan(sslyze: Path, testssl: Path, addresses: Iterable[Address], folder: Path) -> bool:
    """Scan all addresses; print what was found; whether all is well."""
    tools = {"sslyze": (by_sslyze, sslyze), "testssl.sh": (by_testssl, testssl)}
    with ThreadPoolExecutor(2) as pool:
        asked = {
            (address.name, name): pool.submit(tool, program, address, folder)
            for address in addresses
            for name, (tool, program) in tools.items()
        }
        well = True
        for (address, name), answer in asked.items():
            troubles = answer.result()
            print(f"{address:24} {name:12} {'ok' if not troubles else 'NOT ok'}", flush=True)
            for trouble in troubles:
                print(f"    {trouble}")
            well = well and not troubles
    return well


def main(arguments: list[str]) -> int:
    """Start a gateway, scan it, stop it."""
    (sslyze,) = arguments
    testssl = shutil.which("testssl") or shutil.which("testssl.sh")
    if testssl is None:
        print("testssl.sh is not on this machine: apt-get install testssl.sh", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="casegate-scan-") as place, ExitStack() as stack:
        folder = Path(place)
        addresses = list(listeners(stack, folder))
        return 0 if scan(Path(sslyze), Path(testssl), addresses, folder) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
