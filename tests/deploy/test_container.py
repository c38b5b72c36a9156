"""The image and the Compose file: their commands exist, and their steps work without a container.

The steps of the build stage are run as they stand, below a folder. The last stage, which makes a
user and copies what was built, and the Compose file are read only.
"""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from gateway.cli import SUBCOMMANDS
from gateway.cli.demo.environment import free_ports
from gateway.cli.run import PARTS
from gateway.serving.tls import openssl_conf
from tests.postgresql import own_server

ROOT = Path(__file__).parents[2]
CONTAINER = ROOT / "deploy/container"
COMPOSITION: dict[str, Any] = yaml.safe_load((CONTAINER / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, Any] = COMPOSITION["services"]
PROCESSES = {name: one for name, one in SERVICES.items() if one["image"] == "casegate"}


def instructions(stage: str | None = None) -> Iterator[tuple[str, str]]:
    """Each instruction of the Containerfile and what follows it; of one stage, if it is named."""
    text = (CONTAINER / "Containerfile").read_text("utf-8")
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    within = ""
    for line in filter(None, map(str.strip, text.splitlines())):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            within = rest.partition(" AS ")[2]
        if stage is None or within == stage:
            yield word, rest


def test_every_process_is_a_command_that_exists_with_its_options():
    (start,) = (json.loads(rest) for word, rest in instructions() if word == "CMD")
    for words in [start, *(p["command"] for p in PROCESSES.values() if "entrypoint" not in p)]:
        SUBCOMMANDS[words[0]].load().make_context(words[0], words[1:])


def test_every_process_runs_but_the_console_and_the_metrics_which_answer_on_the_host_only():
    """The console is no part of every gateway: docs/console.md says how it is added."""
    started = {one["command"][-1] for one in PROCESSES.values() if "entrypoint" not in one}
    assert started == {*PARTS} - {"console", "metrics"}


def test_the_builder_gets_what_the_image_copies_and_nothing_else():
    copied = {
        one for word, rest in instructions("build") if word == "COPY" for one in rest.split()[:-1]
    }
    assert not [one for one in copied if not (ROOT / one).exists()]
    rules = (CONTAINER / "Containerfile.dockerignore").read_text("utf-8").splitlines()[1:]
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == copied


def test_the_builder_gets_whatever_the_wheel_includes():
    copied = [one.split()[0] for word, one in instructions("build") if word == "COPY"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    for one in wheel["force-include"]:
        assert {one, one.partition("/")[0]} & {*copied}, one


def test_every_file_of_the_image_that_is_named_is_copied_to_it():
    programs = {"/opt/casegate/deploy/healthy.py", "/opt/casegate/deploy/hand-over"}
    named = (CONTAINER / "Containerfile").read_text() + (CONTAINER / "compose.yaml").read_text()
    assert set(re.findall(r"/opt/casegate/deploy/[\w.-]+", named)) == programs


def test_the_issuing_key_is_out_of_reach_for_what_has_a_network_to_the_outside():
    holders = {
        name
        for name, one in PROCESSES.items()
        if any(volume.startswith("./gateway:") for volume in one["volumes"])
    }
    assert holders == {"maintain", "hand-over"}
    assert SERVICES["maintain"]["networks"] == ["databases"]
    assert COMPOSITION["networks"]["databases"] == {"internal": True}
    assert SERVICES["hand-over"]["network_mode"] == "none"
    assert "./gateway:/srv/casegate:ro" in SERVICES["hand-over"]["volumes"]
    assert not [name for name in holders if "ports" in SERVICES[name]]


def test_each_image_from_elsewhere_is_named_in_one_place_where_its_digest_can_stand():
    text = (CONTAINER / "Containerfile").read_text()
    (base,) = re.findall(r"^ARG PYTHON_IMAGE=(\S+)$", text, re.M)
    assert {one.split()[1] for one in re.findall(r"^FROM .+$", text, re.M)} == {"${PYTHON_IMAGE}"}
    builds = {one["build"]["args"]["PYTHON_IMAGE"] for one in PROCESSES.values()}
    assert builds == {f"${{PYTHON_IMAGE:-{base}}}"}
    servers = {one["image"] for name, one in SERVICES.items() if name not in PROCESSES}
    assert servers == {"${POSTGRES_IMAGE:-docker.io/library/postgres:18-trixie}"}
    page = (ROOT / "docs/operators.md").read_text()
    assert all(f"{name}=" in page for name in ("PYTHON_IMAGE", "POSTGRES_IMAGE"))


def test_no_process_of_the_image_is_root_or_may_become_it():
    users = [rest for word, rest in instructions("") if word == "USER"]
    assert users == ["casegate"]
    for one in PROCESSES.values():
        assert one["cap_drop"] == ["ALL"]
        assert one["read_only"] is True
        assert "no-new-privileges:true" in one["security_opt"]
        assert "user" not in one


def test_no_service_is_without_limits_of_its_log_its_memory_and_its_processes():
    for one in SERVICES.values():
        assert one["logging"]["options"] == {"max-size": "10m", "max-file": "5"}
        assert one["pids_limit"]
        assert one["mem_limit"]
        assert "no-new-privileges:true" in one["security_opt"]


def test_every_secret_is_a_file_and_the_databases_are_three():
    named = {secret for one in SERVICES.values() for secret in one.get("secrets", [])}
    assert named == COMPOSITION["secrets"].keys()
    assert all(list(one) == ["file"] for one in COMPOSITION["secrets"].values())
    databases = [one for one in SERVICES.values() if "postgres:" in one["image"]]
    assert len({one["environment"]["CASEGATE_DATABASE"] for one in databases}) == 3
    assert len({one["volumes"][0] for one in databases}) == 3


@pytest.mark.slow
def test_an_empty_server_gets_a_database_whose_owner_is_no_superuser():
    with own_server() as server:
        uri = server.url.replace("postgresql+psycopg", "postgresql")
        with psycopg.connect(uri, autocommit=True) as superuser:
            programs = Path(server._server.bin_path)
            environ = {
                "PATH": f"{programs}:/usr/bin:/bin",
                "PGHOST": str(server.folder),
                "POSTGRES_USER": "postgres",
                "POSTGRES_DB": "postgres",
                "POSTGRES_PASSWORD": "it's a $ecret",
                "CASEGATE_DATABASE": "casegate_mark",
            }
            superuser.execute("ALTER ROLE postgres PASSWORD 'first'")
            subprocess.run([CONTAINER / "database.sh"], env=environ, check=True)
            roles = superuser.execute(
                "SELECT rolname, rolsuper, rolpassword IS NULL FROM pg_authid"
                " WHERE rolname IN ('casegate', 'postgres') ORDER BY 1"
            ).fetchall()
            assert roles == [("casegate", False, False), ("postgres", True, True)]
            found = superuser.execute(
                "SELECT rolname, datcollate, pg_encoding_to_char(encoding) FROM pg_database"
                " JOIN pg_roles ON pg_roles.oid = datdba WHERE datname = 'casegate_mark'"
            ).fetchall()
            assert found == [("casegate", "C", "UTF8")]


# --- The image's own steps, below a folder, and a gateway from what they leave there ---


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that the build stage makes: the steps are run as they stand."""
    top = tmp_path_factory.mktemp("image")
    shim = top / "shims/python"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    shim.chmod(0o755)
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    environ["PATH"] = f"{shim.parent}:/usr/bin:/bin"
    folder = top

    def below(text: str) -> str:
        return re.sub(r"(?<![\w/.])/(?=opt/|etc/casegate|build\b)", f"{top}/", text)

    for word, rest in instructions("build"):
        match word:
            case "ENV":
                environ.update(one.split("=", 1) for one in shlex.split(rest))
            case "WORKDIR":
                folder = Path(below(rest))
                folder.mkdir(parents=True)
            case "COPY":
                *sources, target = below(rest).split()
                _copy([ROOT / one for one in sources], folder / target, target.endswith("/"))
            case "RUN":
                command = ["/bin/sh", "-euc", below(rest)]
                subprocess.run(command, cwd=folder, env=environ, check=True)
    return top


def _copy(sources: list[Path], target: Path, into: bool) -> None:
    (target if into else target.parent).mkdir(parents=True, exist_ok=True)
    for source in sources:
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, target, dirs_exist_ok=True, ignore=ignored)
        else:
            shutil.copy(source, target / source.name if target.is_dir() else target)


def _environ(image: Path, **more: str) -> dict[str, str]:
    opt = image / "opt/casegate/bin"
    conf = str(image / "etc/casegate/openssl.cnf")
    return {"PATH": f"{opt}:/usr/bin:/bin", "OPENSSL_CONF": conf, "LANG": "C.UTF-8", **more}


@pytest.mark.slow
@pytest.mark.journey
def test_a_gateway_is_made_and_runs_from_the_wheel_and_its_hashed_packages(image, tmp_path):
    public, partners = free_ports()
    gateway, environ = tmp_path / "srv", _environ(image, CASEGATE_HOME=str(tmp_path / "srv"))
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("correct horse battery\n")
    passphrase.chmod(0o600)
    words = (
        f"casegate init {gateway} --name demo --issuer https://localhost:{public}"
        f" --partners-url https://localhost:{partners} --public-bind 127.0.0.1:{public}"
        f" --partners-bind 127.0.0.1:{partners} --admin martin=M --admin dubois=D"
        f" --root-passphrase-file {passphrase}"
    )
    subprocess.run(["/bin/sh", "-euc", words], env=environ, cwd=tmp_path, check=True)
    check = [image / "opt/casegate/bin/python", image / "opt/casegate/deploy/healthy.py"]
    check += ["public", "partners"]
    assert subprocess.run(check, env=environ, check=False).returncode == 1
    casegate = image / "opt/casegate/bin/casegate"
    with subprocess.Popen(
        [casegate, "run"], env=environ, cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as running:
        try:
            assert running.stdout is not None
            assert "ready\n" in iter(running.stdout.readline, "")
            assert subprocess.run(check, env=environ, check=False).returncode == 0
        finally:
            running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0


@pytest.mark.slow
@pytest.mark.journey
def test_the_image_has_the_command_and_openssl_s_settings(image):
    environ = _environ(image)
    done = subprocess.run(
        ["/bin/sh", "-c", "casegate verify --help"], env=environ, capture_output=True, check=True
    )
    assert b"Usage: casegate verify" in done.stdout
    assert (image / "etc/casegate/openssl.cnf").read_text() == openssl_conf()
    assert os.access(image / "opt/casegate/deploy/hand-over", os.X_OK)
