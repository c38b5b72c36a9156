"""Databases: whether commits last, how servers are reached, whose the tables are."""

from itertools import combinations
from pathlib import Path

from sqlalchemy import make_url

from gateway.doctor.reading import Examined, Findings
from gateway.domain.health import Level
from gateway.store import migrations
from gateway.store.database import look_at

NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "afs"})

MEMORY = frozenset({"tmpfs", "ramfs"})

_BY_TLS = "set sslmode=verify-full and sslrootcert in its URL"


def database(gateway: Examined) -> Findings:
    """Tell whether commits are durable, and who can read the file."""
    with gateway.read():
        pass  # refuses what may lose commits
    file = gateway.config.database_file
    if file is None:
        yield Level.OK, "PostgreSQL keeps what it commits"
        return
    kind = _file_system(file)
    if kind in NETWORK:
        yield Level.ERROR, f"{file} is on {kind}: SQLite needs a disk of this machine"
    elif kind in MEMORY:
        yield Level.WARNING, f"{file} is in memory ({kind}): nothing survives the machine's end"
    if file.stat().st_mode & 0o007:
        yield Level.ERROR, f"everybody can open {file}: run chmod o= {file}"
    else:
        yield Level.OK, f"SQLite on {kind or 'a disk'} keeps what it commits (WAL, FULL)"


def _file_system(file: Path) -> str:
    """The kind of file system that a file is on; empty where that is not told."""
    try:
        lines = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    kinds = {Path(line.split()[1]): line.split()[2] for line in lines}
    place = file.resolve()
    return next((kinds[at] for at in place.parents if at in kinds), "")


def servers(gateway: Examined) -> Findings:
    """How PostgreSQL's servers are reached, whether they are apart, and what the role may do."""
    config = gateway.config
    urls = {
        "the log": None if config.database_file else config.database_url,
        "the high-water mark": None if config.mark_file else config.mark_url,
        "the case keys": None if config.keys_file else config.keys_url,
    }
    found = {name: look_at(url) for name, url in urls.items() if url is not None}
    if not found:
        yield Level.OK, "all databases are files of this host"
    for name, server in found.items():
        if not (server.local or server.encrypted):
            yield Level.ERROR, f"{name}: the session is not encrypted: {_BY_TLS}"
        elif not server.local and make_url(urls[name] or "").query.get("sslmode") != "verify-full":
            yield Level.ERROR, f"{name}: the server's certificate is not verified: {_BY_TLS}"
        else:
            held = f"{server.size / 1024**3:.1f} GiB on a disk that only its own host sees"
            yield Level.OK, f"{name}: the way to PostgreSQL is closed to others; {held}"
    for (name, server), (other, beside) in combinations(found.items(), 2):
        if server.cluster == beside.cluster:
            yield (
                Level.WARNING,
                f"{name} and {other} are on one server, whose backup takes both back together:"
                " see 'Servers' in docs/postgresql.md",
            )
    log = found.get("the log")
    if log is not None and log.deletes:
        yield (
            Level.WARNING,
            f"{log.role} may delete events: give the listeners a role of their own, see 'Roles'"
            " in docs/postgresql.md",
        )


def schema(gateway: Examined) -> Findings:
    """Tell whether the tables are of this version."""
    config = gateway.config
    found = gateway.revision
    if found is None:
        yield Level.ERROR, "the database holds no gateway: is [database] url right?"
    elif found == migrations.REVISIONS[-1]:
        yield Level.OK, f"the tables are of this version ({found})"
    elif found in migrations.REVISIONS:
        yield (
            Level.WARNING,
            f"the schema ({found}) is older than this version: starting the gateway upgrades it",
        )
        today = gateway.now.astimezone(config.civil_time_zone).date()
        yield from (
            (Level.WARNING, str(one)) for one in migrations.endings(config.database_url, today)
        )
    else:
        yield Level.WARNING, f"the tables are of a newer version ({found}): see its changelog"
