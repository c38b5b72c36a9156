"""Keys: those by which the gateway signs, that of the issuing authority, those of cases."""

import pwd
from contextlib import closing
from pathlib import Path

from gateway import keys, wiring
from gateway.config import Config
from gateway.doctor.reading import Examined, Findings, minute
from gateway.domain import refusals
from gateway.domain.health import Level
from gateway.pki.rotation import IN_USE, AuthorityStage, load, reminder
from gateway.store.key_inventory import KeyInventory, take_inventory
from gateway.store.keyring import SqlKeyring

LISTENERS = ("public", "partners", "console")


def signing_keys(gateway: Examined) -> Findings:
    """Tell whether the gateway's own keys are there, each of the right kind; how old they are, and
    which step of a rotation comes next."""
    ages = []
    for purpose in keys.GATEWAYS_OWN:
        folder = gateway.config.keys / purpose
        keys.load_key_set(folder, purpose)
        ages.append(f"{purpose} {(gateway.now - keys.since(folder / 'current.pem')).days}")
        if begun := keys.open_rotation(folder):
            step, file = begun
            due = keys.since(file) + keys.wait_before(step, purpose)
            command = (
                f"casegate admin gateway-key rotate --key {keys.KEY_NAMES[purpose]} --step {step}"
            )
            level = Level.OK if gateway.now < due else Level.WARNING
            yield level, f"a {purpose} key changes: `{command}` from {minute(due)} on"
    for name in (wiring.FINGERPRINT_FILE, wiring.HEAD_KEY_FILE):
        keys.load_secret(gateway.config.keys / name)
    yield Level.OK, "the signing keys are there, each of its kind, readable only by their owner"
    yield Level.OK, f"age of the signing keys in days: {', '.join(ages)}"


def issuing_key(gateway: Examined) -> Findings:
    """Tell whether the issuing authority is there, and who can read its key."""
    config = gateway.config
    files = sorted(config.issuing.glob("*.key"))
    if not files:
        yield Level.OK, "the issuing key is not in this folder: only maintenance needs it"
        return
    load(config.issuing, AuthorityStage.NEXT, *IN_USE)
    for sentence in reminder(config.issuing, gateway.now):
        yield Level.WARNING, sentence
    owner = files[0].stat().st_uid
    running = listeners_run_as()
    if running and not running & {owner, 0}:
        yield Level.OK, f"the issuing key is {_user(owner)}'s; listeners run as another user"
        return
    fact = "run" if running else "started from this folder would run"
    yield (
        Level.WARNING,
        f"listeners {fact} as {_user(owner)}, who can read the issuing key: see 'As a service, with"
        " separate users' in docs/operators.md",
    )


def listeners_run_as() -> set[int]:
    """The users of the listeners that run on this machine, as far as they are to be seen."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if "run" in words and "--only" in words and {*LISTENERS} & {*words}:
                found.add(process.stat().st_uid)
        except OSError:
            continue  # ended meanwhile, or hidden
    return found


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def case_keys(gateway: Examined) -> Findings:
    """Tell whether every case has its key, what was erased has none, and the keys can be opened."""
    config = gateway.config
    file = config.keys_file
    with closing(wiring.connect_keyring(config)) as keyring:
        keyring.require()
        if file is not None and file.stat().st_mode & 0o007:
            yield Level.ERROR, f"everybody can open {file}: run chmod o= {file}"
        try:
            yield from _key_encryption(config, keyring)
            with gateway.read() as work:
                yield from _inventory(take_inventory(work, keyring))
                doomed = work.cases.doomed(1)
        except refusals.CaseKeysUnavailable as unavailable:
            yield Level.ERROR, f"{unavailable.detail}: see docs/operators.md"
            return
    if doomed:
        yield Level.WARNING, "keys of erased cases remain: check that maintenance is running"


def _key_encryption(config: Config, keyring: SqlKeyring) -> Findings:
    kek, current = wiring.key_encryption(config), keyring.key_encryption().current
    keys.load_secret(kek.file(current))
    others = [one for one in kek.known() if one != current]
    if keyring.left():
        yield (
            Level.WARNING,
            f"keys are wrapped by another key-encryption key than {current}: finish its change"
            " by `casegate admin gateway-key rotate --purpose kek --step retire`",
        )
    elif others:
        yield Level.WARNING, f"key-encryption keys that nothing needs: {', '.join(others)}"


def _inventory(found: KeyInventory) -> Findings:
    if found.lost:
        named = "; ".join(found.missing)
        yield (
            Level.ERROR,
            f"the keys of {found.lost} cases are missing: bring the newest keys database back; "
            f"what cannot be found is lost and is to be erased ({named})",
        )
    if found.destroyed:
        yield (
            Level.WARNING,
            f"{found.destroyed} cases are there again whose keys were destroyed: maintenance"
            " erases them once the log goes on",
        )
    if not (found.lost or found.destroyed):
        yield Level.OK, f"encrypted cases: {found.readable}; each has its key"
