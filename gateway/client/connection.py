"""The connection file: where the gateway is, who this system is, and which keys it believes.

A TOML file without secrets; what it names (certificate, key, keys to verify with) lies beside it.
"""

import json
import re
import ssl
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from gateway import files
from gateway.client.errors import KeyNotHeld, SettingsError, raising
from gateway.domain.organisation import NAME, SLUG, system_of
from gateway.domain.peer import ADDRESS
from gateway.evidence import canonical
from gateway.evidence import receipt as receipts
from gateway.evidence.declarations import ApprovalKey, read_approval_keys
from gateway.evidence.sd_jwt import UnknownKey
from gateway.evidence.signature import (
    PublicKey,
    encryption_keys,
    public_keys,
)
from gateway.ledger.note import COSIGNATURE, ED25519, VerificationKey
from gateway.verification import gateway_keys, peers
from gateway.verification.trust import TrustAnchors

T = TypeVar("T")

CONNECTION_FILE = "connection.toml"
ADMINISTRATORS_FILE = "administrators.json"
"""The file of the keys with which the gateway's administrators approve what they decide."""

PERSONS_FILE = "persons.json"
"""The file of the passkeys with which persons of members sign, each by ORGANISATION/PSEUDONYM."""

WITNESSES_FILE = "witnesses.vkey"
"""The file of the keys of witnesses, one a line."""

AUTHORITIES_FOLDER = "tsa"
"""The folder of the root certificates of time-stamp authorities (PEM)."""

FETCHED = "fetched"
"""The folder in `organisation_keys` of keys that the client fetched: nobody compared them."""

MAX_FILE_BYTES = 1024 * 1024
"""No file that a connection names comes near; it bounds what a wrong path costs."""

_REQUIRED: Mapping[str, str] = {
    "api_url": "the address of the partners' interface, https://host:port",
    "issuer": "the gateway's public address, https://host:port",
    "client_id": "this system's name, <organisation>.<system>",
    "certificate": "the file of this system's certificate (PEM)",
    "key": "the file of its private key (PEM, readable only by its owner)",
    "ca": "the file of the gateway's root certificate (PEM)",
    "log_key": "the log's verifier key, one line",
    "attestation_keys": "the file of the gateway's attestation keys (JWK set)",
}
_OPTIONAL: Mapping[str, str] = {
    "organisation_keys": "a folder with the members' own public keys, <organisation>.json",
    "administrators": "the file of the public keys of the gateway's administrators",
    "document_key": "the file of the key with which this member signs its own documents (PEM)",
    "encryption_keys": "a folder with private keys (*.pem) that open what is sealed to this member",
    "assertion_key": "the file of the key by which this system authenticates, if registered (PEM)",
    "checkpoint_file": "the file that remembers the newest checkpoint of the log",
    "witnesses": "the file of the verifier keys of witnesses that are to confirm the log",
    "quorum": "how many of them have to confirm it, in quotes; 1 where it is left out",
    "time_stamp_authorities": "the file of the root certificates of those who are to stamp it",
    "within": "how long the log may grow without that, as 24h, before an alarm",
    "notifications_file": "the file that remembers the newest notifications that were worked on",
    "outbox": "the folder that keeps each write until it is answered; it holds case content",
}
_PATHS = {*_REQUIRED, *_OPTIONAL} - {
    "api_url", "issuer", "client_id", "log_key", "quorum", "within",
}  # fmt: skip
_HOURS = re.compile("[1-9][0-9]{0,3}h", re.ASCII)
_COUNT = re.compile("[1-9][0-9]?", re.ASCII)


def _no_key(organisation: str) -> NoReturn:
    raise KeyNotHeld(f"the key with which {organisation} signs is not held here")


@dataclass(frozen=True)
class PartnerConnection:
    """One system's connection to its gateway, made by `read`; `tls` opens certificate and key.

    ``trust`` holds the keys that verify; ``seal_to`` those to which is sealed, and ``compared`` the
    members' document keys that a person compared, by organisation and key id. ``checkpoint_file``,
    ``notifications_file``, ``outbox``, ``document_key``, ``encryption_keys``, ``assertion_key`` and
    ``organisation_keys`` (files and folders, opened by whoever makes the client) are None where not
    wanted. The client puts ``fetch_keys`` in: it adds an organisation's registered keys to
    ``trust``; ``learn_keys``, which adds those that follow the gateway's own, and keeps what tells
    of them in ``key_events``; and ``learn_peers``, which adds those of peer gateways and keeps what
    tells of them beside it.
    """

    api_url: str
    issuer: str
    client_id: str
    certificate: Path
    key: Path
    ca: Path
    trust: TrustAnchors
    checkpoint_file: Path | None = None
    outbox: Path | None = None
    document_key: Path | None = None
    encryption_keys: Path | None = None
    seal_to: Mapping[str, Mapping[str, EllipticCurvePublicKey]] = field(default_factory=dict)
    assertion_key: Path | None = None
    organisation_keys: Path | None = None
    compared: Mapping[str, Mapping[str, PublicKey]] = field(default_factory=dict)
    fetch_keys: Callable[[str], None] = _no_key
    learn_keys: Callable[[], None] = lambda: None
    learn_peers: Callable[[], None] = lambda: None
    key_events: Path | None = None
    notifications_file: Path | None = None
    within: timedelta = timedelta(hours=24)
    """How long the log may grow before witnesses of ``trust`` have to have confirmed it."""

    @classmethod
    def read(cls, file: Path) -> "PartnerConnection":
        """Read a connection file, to which its paths are relative, or the one of a folder.

        Raises SettingsError, which names each setting that is missing or wrong.
        """
        file = file / CONNECTION_FILE if file.is_dir() else file
        values = _values(file)
        paths: dict[str, Any] = {
            name: file.parent / values[name] for name in values if name in _PATHS
        }
        log_key = _log_key(file, values["log_key"])
        attestation_keys, kept = paths.pop("attestation_keys"), paths.get("organisation_keys")
        deciding = _administrators(paths.pop("administrators", None), values["issuer"])
        watching = _watching(file, paths, values.get("quorum", "1"))
        compared, fetched = map(read_organisations, (kept, kept and kept / FETCHED))
        paths["key_events"] = file.parent / gateway_keys.KEY_EVENTS
        held = _merged([compared, replace(fetched, vouched=_names(fetched)), deciding, watching])
        read = cls(
            api_url=_origin(file, "api_url", values["api_url"]),
            issuer=_origin(file, "issuer", values["issuer"]),
            client_id=values["client_id"],
            trust=replace(
                held,
                log_keys=(log_key,),
                origins=(log_key.name,),
                gateway_keys=read_keys(attestation_keys),
                checkpoints=_checkpoints([paths.get("checkpoint_file")]),
                issuer=values["issuer"],
                here=values["issuer"],
                origin_of={**held.origin_of, str(log_key): file.name}
                | dict.fromkeys(read_keys(attestation_keys), attestation_keys.name),
            ),
            seal_to={file.stem: _read_set(file, encryption_keys) for file in _key_files(kept)},
            compared=compared.organisations,
            within=_hours(file, values.get("within", "24h")),
            **paths,
        )
        trust = _learned(read.trust, paths["key_events"])
        return replace(read, trust=_with_peers(trust, kept, file.parent / peers.PEERS))

    @property
    def gateways(self) -> Collection[str]:
        """The URIs of this gateway, and of its peers that are known."""
        return [self.issuer, *(one.issuer for one in self.trust.others)]

    def home(self, organisation: str) -> str:
        """The URI of the gateway where an organisation is a member, by its name here; what tells of
        a peer is fetched once. KeyNotHeld for one that no two persons compared."""
        if "@" not in organisation:
            return self.issuer
        for learn in (self.learn_peers, lambda: None):
            with suppress(UnknownKey):
                return self.trust.home(organisation).issuer
            learn()
        raise KeyNotHeld(f"the gateway of {organisation} is no peer of {self.issuer}")

    def root_of(self, issuer: str) -> Path:
        """The root certificate of a gateway's public listener: of a peer `peers/<id>.pem` beside
        the connection file, one's own where there is none."""
        alias = next((one.alias for one in self.trust.others if one.issuer == issuer), "")
        file = self.ca.with_name("peers") / f"{alias}.pem"
        return file if alias and file.exists() else self.ca

    @property
    def address(self) -> str:
        """Where this system's requests go: the partners' listener."""
        return self.api_url

    @property
    def organisation(self) -> str:
        """The organisation in whose name this system acts."""
        return self.client_id.partition(".")[0]

    @property
    def log_key(self) -> VerificationKey:
        """The oldest known key of the log: all have its name."""
        return self.trust.log_keys[0]

    def tls(self) -> ssl.SSLContext:
        """The settings of every connection: TLS 1.3, our certificate, the gateway's root alone.

        The system's own list of authorities is never asked (TLS3). SettingsError when a file
        cannot be used.
        """
        with raising(SettingsError, causes=files.PrivateFileError):
            files.require_private(self.key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        try:
            context.load_verify_locations(cafile=self.ca)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(
                f"{self.ca} is not a file of certificates in PEM: put the gateway's root there"
            ) from error
        for file in (self.certificate, self.key):
            if not file.exists():
                raise SettingsError(f"{file} does not exist: the connection names it")
        try:
            context.load_cert_chain(self.certificate, self.key, password=_no_passphrase)
        except (OSError, ssl.SSLError) as error:
            if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
                raise SettingsError(
                    f"{self.key} is the key of another certificate than {self.certificate}: name "
                    "the two that `casegate enrol` or `casegate system renew` wrote together"
                ) from error
            raise SettingsError(
                f"{self.certificate} and {self.key} are not a certificate and its key in PEM"
            ) from error
        return context


def read_keys(file: Path) -> dict[str, PublicKey]:
    """Read a JWK set of public keys by key id; SettingsError when the file holds none."""
    return _read_set(file, public_keys)


def _read_set(file: Path, read: Callable[[Any], T]) -> T:
    with raising(SettingsError, f"{file} is not a JWK set of public keys"):
        return read(canonical.decode(read_file(file)))


def read_key_file(organisation: str, file: Path) -> TrustAnchors:
    """An organisation's keys, and what tells of them; SettingsError when it cannot be read.

    RFC 7517 section 5 allows additional members in a JWK set: ``registrations``, ``revocations``
    and ``locks`` hold receipts, ``key_statuses`` signed statements of the gateway.
    """
    keys = read_keys(file)
    return TrustAnchors(
        (),
        (),
        organisations={organisation: keys},
        origin_of={f"{organisation} {kid}": file.name for kid in keys},
        registrations=_listed(file, "registrations", receipts.from_json),
        revocations=_listed(file, "revocations", receipts.from_json),
        locks=_listed(file, "locks", receipts.from_json),
        key_statuses=_listed(file, "key_statuses", _text),
    )


def _listed(file: Path, name: str, read: Callable[[Any], Any]) -> list[Any]:
    """Return what a member of a JWK set lists; nothing where it has none."""
    values = canonical.decode(read_file(file)).get(name, [])
    with raising(SettingsError, f"{file} has invalid {name}"):
        if not isinstance(values, list):
            raise ValueError("it is not a list")
        return [read(one) for one in values]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("it lists something other than text")
    return value


def read_organisations(folder: Path | None) -> TrustAnchors:
    """Return what is in `<organisation>.json` of each organisation; nothing without a folder."""
    return _merged([read_key_file(file.stem, file) for file in _key_files(folder)])


def _key_files(folder: Path | None) -> list[Path]:
    if folder is None or not folder.is_dir():
        return []
    return [file for file in sorted(folder.glob("*.json")) if SLUG.fullmatch(file.stem)]


def read_file(file: Path) -> bytes:
    """Read a small file; SettingsError when that cannot be done."""
    with raising(SettingsError, f"{file} cannot be read", OSError), file.open("rb") as opened:
        data = opened.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise SettingsError(f"{file} is longer than {MAX_FILE_BYTES} bytes")
    return data


def new_settings(
    client_id: str, *, api_url: str = "", issuer: str = "", log_key: str = ""
) -> dict[str, str]:
    """The settings of a new connection, all files of which lie beside it; for `render`."""
    return {
        "api_url": api_url,
        "issuer": issuer,
        "client_id": client_id,
        "certificate": "certificate.pem",
        "key": "key.pem",
        "ca": "ca.pem",
        "log_key": log_key,
        "attestation_keys": "gateway-keys.json",
        "organisation_keys": "organisations",
        "administrators": ADMINISTRATORS_FILE,
        "checkpoint_file": "newest.checkpoint",
        "notifications_file": "newest.notifications",
        "outbox": "outbox",
    }


def render(values: Mapping[str, str]) -> str:
    """Write a connection file with a comment for each setting; what is unknown stays empty.

    ``values`` are settings by name; others than the known ones are a KeyError.
    """
    known = {**_REQUIRED, **_OPTIONAL}
    given = dict.fromkeys(known, "") | {name: values[name] for name in values if known[name]}
    lines = [
        "# How this system reaches its gateway. No secret stands here; keep the key's file so."
    ]
    for name, about in known.items():
        off = "# " if name in _OPTIONAL and not given[name] else ""
        lines += ["", f"# {about[0].upper()}{about[1:]}.", f"{off}{name} = {_quoted(given[name])}"]
    return "\n".join(lines) + "\n"


def renamed(text: str, values: Mapping[str, str]) -> str:
    """The text of a connection file in which these settings have new values; all else stays.

    SettingsError unless each stands exactly once, on a line of its own: nothing else is certain
    to be read as it was meant.
    """
    wanted = {**tomllib.loads(text), **values}
    for name, value in values.items():
        line = re.compile(rf"""(?m)^[ \t]*(["']?){name}\1[ \t]*=.*$""")
        # In what takes its place a backslash has a meaning of its own.
        text, found = line.subn(f"{name} = {_quoted(value)}".replace("\\", r"\\"), text)
        if found != 1:
            raise SettingsError(f"{name} does not stand on one line of its own")
    try:
        kept = tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        kept = False
    if not kept:
        raise SettingsError(f"{', '.join(values)} cannot be changed without changing more")
    return text


def _quoted(value: str) -> str:
    # A JSON string of printable text is a basic string of TOML too.
    return json.dumps(value, ensure_ascii=False)


def _values(file: Path) -> dict[str, str]:
    if not file.exists():
        raise SettingsError(
            f"{file.absolute()} does not exist: name this system's connection file, or its folder, "
            "with -c or in CASEGATE_CONNECTION; `casegate enrol` makes one"
        )
    with raising(SettingsError, f"{file} is not TOML"):
        found: dict[str, Any] = tomllib.loads(read_file(file).decode("utf-8"))
    unknown = sorted(found.keys() - _REQUIRED.keys() - _OPTIONAL.keys())
    if unknown:
        raise SettingsError(f"{file} has settings that do not exist: {', '.join(unknown)}")
    for name, value in found.items():
        if not isinstance(value, str) or not value.isprintable():
            raise SettingsError(f"{file}: {name} must be text in quotes, without line breaks")
    missing = [f"{name} ({about})" for name, about in _REQUIRED.items() if not found.get(name)]
    if missing:
        raise SettingsError(
            f"{file} lacks {'; '.join(missing)}: the gateway's operator gives what you do not have"
        )
    if system_of(found["client_id"]) is None:
        raise SettingsError(f"{file}: client_id must be <organisation>.<system>")
    return {name: value for name, value in found.items() if value}


def _origin(file: Path, name: str, value: str) -> str:
    if not ADDRESS.fullmatch(value):
        raise SettingsError(f"{file}: {name} must be https://host or https://host:port, no more")
    return value


def _log_key(file: Path, value: str) -> VerificationKey:
    with raising(SettingsError, f"{file}: log_key is not a verifier key of a log"):
        key = VerificationKey.parse(value)
    if key.kind != ED25519:
        raise SettingsError(f"{file}: log_key must be of the kind Ed25519")
    return key


def _no_passphrase() -> NoReturn:
    # OpenSSL would ask on the terminal, in the middle of a program.
    raise SettingsError("the private key has a passphrase: a system's key is used unattended")


# --- The keys that a verifier names --------------------------------------------------------------


def gather_trust(
    places: Sequence[Path],
    log_keys: Sequence[str],
    gateway_keys: Sequence[Path],
    organisation_keys: Sequence[str],
    witnesses: Sequence[str] = (),
    *,
    authorities: Sequence[Path] = (),
) -> TrustAnchors:
    """All keys that a verifier trusts; SettingsError for what cannot be read as such.

    ``places`` are connection files and folders of keys, ``log_keys`` and ``witnesses`` verifier
    keys or files of them, ``gateway_keys`` JWK sets, ``organisation_keys`` of the form ID=FILE,
    ``authorities`` the root certificates of time-stamp authorities (PEM).
    """
    return _joined(
        [
            *(_of_witnesses(_keys_of(given), given) for given in witnesses),
            *map(_of_authorities, authorities),
            *(_trust_at(place) for place in places),
            *(_of_logs(_keys_of(given), given) for given in log_keys),
            *(_of_gateway(keys) for keys in gateway_keys),
            *(read_key_file(*_named_file(given)) for given in organisation_keys),
        ]
    )


def _trust_at(place: Path) -> TrustAnchors:
    """The keys of a connection file, or of a folder with one or with the keys themselves."""
    if place.is_file() or (place / CONNECTION_FILE).exists():
        connected, folder = (
            PartnerConnection.read(place),
            place.parent if place.is_file() else place,
        )
        persons = _persons(folder / PERSONS_FILE, connected.issuer)
        return _joined([connected.trust, persons] if persons.persons else [connected.trust])
    gateway, administrators = place / "gateway-keys.json", place / ADMINISTRATORS_FILE
    issuer = _issuer(gateway) if gateway.exists() else ""
    deciding = _administrators(administrators if administrators.exists() else None, issuer)
    found = _merged(
        [
            read_organisations(place / "organisations"),
            *(
                (_of_witnesses if file.name == WITNESSES_FILE else _of_logs)(_keys_in(file), file)
                for file in sorted(place.glob("*.vkey"))
            ),
            *([_of_gateway(gateway)] if gateway.exists() else []),
            *map(_of_authorities, sorted((place / AUTHORITIES_FOLDER).glob("*.pem"))),
            deciding,
            _persons(place / PERSONS_FILE, issuer),
        ]
    )
    checkpoints = _checkpoints(sorted(place.glob("*.checkpoint")))
    named = replace(found, checkpoints=checkpoints, issuer=issuer or deciding.issuer)
    return _learned(named, place / gateway_keys.KEY_EVENTS)


def _learned(trust: TrustAnchors, file: Path) -> TrustAnchors:
    """The same keys, and those that follow them by the file of receipts, where it exists."""
    if not file.exists():
        return trust
    with raising(SettingsError, f"{file} has no receipts of the gateway's keys"):
        return gateway_keys.learn(trust, read_file(file))


def _with_peers(trust: TrustAnchors, kept: Path | None, file: Path) -> TrustAnchors:
    """The same keys, those of peer gateways by the file of receipts, where it exists, and those of
    their members in the folder of members' keys, as ``ofmin@fr.json``."""
    if not file.exists():
        return trust
    with raising(SettingsError, f"{file} has no receipts of peer gateways"):
        trust = peers.learn(trust, read_file(file))
    return with_remote_members(trust, kept)


def with_remote_members(trust: TrustAnchors, kept: Path | None) -> TrustAnchors:
    """The same keys, and those of peers' members in the folder of members' keys; SettingsError."""
    for folder, vouched in ((kept, False), (kept and kept / FETCHED, True)):
        for one in sorted(folder.glob("*@*.json")) if folder else ():
            if NAME.fullmatch(one.stem):
                found = read_key_file(one.stem, one)
                keys = found.organisations[one.stem]
                trust = trust.with_keys(one.stem, keys, place=one.name, vouched=vouched)
                trust = replace(
                    trust,
                    registrations=[*trust.registrations, *found.registrations],
                    revocations=[*trust.revocations, *found.revocations],
                    key_statuses=[*trust.key_statuses, *found.key_statuses],
                )
    return trust


def _of_logs(keys: Sequence[VerificationKey], given: str | Path) -> TrustAnchors:
    """The keys of logs, and where they come from: a file, or the command line."""
    place = Path(given).name if Path(given).is_file() else "--log-key"
    return TrustAnchors(*_log_trust(keys), origin_of={str(key): place for key in keys})


def _hours(file: Path, within: str) -> timedelta:
    if not _HOURS.fullmatch(within):
        raise SettingsError(f"{file}: within must be a number of hours, as 24h")
    return timedelta(hours=int(within[:-1]))


def _watching(file: Path, paths: dict[str, Path], quorum: str) -> TrustAnchors:
    """The witnesses and time-stamp authorities that a connection asks for, out of its paths;
    SettingsError where there are fewer witnesses than it asks for."""
    keys, roots = (paths.pop(name, None) for name in ("witnesses", "time_stamp_authorities"))
    found = TrustAnchors((), ()) if keys is None else _of_witnesses(_keys_in(keys), keys)
    if not _COUNT.fullmatch(quorum) or (keys and int(quorum) > len(found.witnesses)):
        raise SettingsError(f"{file}: quorum must be how many of the witnesses are enough")
    stamping = [] if roots is None else [_of_authorities(roots)]
    return _merged([replace(found, quorum=int(quorum)), *stamping])


def _of_witnesses(keys: Sequence[VerificationKey], given: str | Path) -> TrustAnchors:
    """The keys of witnesses, and where they come from; SettingsError for keys of another kind."""
    place = Path(given).name if Path(given).is_file() else "--witness"
    if any(key.kind != COSIGNATURE for key in keys):
        raise SettingsError(f"{place}: the key of a witness must be of the kind cosignature/v1")
    return TrustAnchors((), (), witnesses=keys, origin_of={str(key): place for key in keys})


def _of_authorities(file: Path) -> TrustAnchors:
    """The root certificates in a file; SettingsError where it has none."""
    with raising(SettingsError, f"{file} has no certificates that can be read (PEM)"):
        roots = x509.load_pem_x509_certificates(read_file(file))
    named = {one.fingerprint(SHA256()).hex(): file.name for one in roots}
    return TrustAnchors((), (), authorities=roots, origin_of=named)


def _of_gateway(file: Path) -> TrustAnchors:
    keys = read_keys(file)
    return TrustAnchors((), (), gateway_keys=keys, origin_of=dict.fromkeys(keys, file.name))


def _administrators(file: Path | None, issuer: str) -> TrustAnchors:
    """The keys of the persons who administer a gateway; nothing without a file."""
    of, keys, named = _approving(file, issuer, SLUG, "administrators")
    return TrustAnchors((), (), administrators=keys, issuer=of, origin_of=named)


def _persons(file: Path, issuer: str) -> TrustAnchors:
    """The passkeys of persons of a gateway's members; nothing without a file."""
    of, keys, named = _approving(file if file.exists() else None, issuer, _PERSON, "persons")
    return TrustAnchors((), (), persons=keys, issuer=of, origin_of=named)


_PERSON = re.compile(r"[a-z][a-z0-9-]{1,39}/[a-z0-9-]{1,40}", re.ASCII)


def _approving(
    file: Path | None, issuer: str, name: re.Pattern[str], whose: str
) -> tuple[str, dict[str, dict[str, ApprovalKey]], dict[str, str]]:
    """The gateway of persons, their keys, and in which file they were.

    SettingsError where it is another gateway than ``issuer``, unless that is empty.
    """
    if file is None:
        return "", {}, {}
    with raising(SettingsError, f"{file} has no keys of {whose}"):
        of, keys = read_administrators(canonical.decode(read_file(file)), name)
    if issuer and of != issuer:
        raise SettingsError(f"{file} is of {of}, and not of {issuer}")
    return of, keys, dict.fromkeys(keys, file.name)


def read_administrators(
    members: Any, name: re.Pattern[str] = SLUG
) -> tuple[str, dict[str, dict[str, ApprovalKey]]]:
    """Read the gateway that `ADMINISTRATORS_FILE`, or `PERSONS_FILE`, is of, and the keys of each
    person by their id, which is like ``name``; ValueError."""
    match members:
        case {"issuer": str(issuer), "persons": dict(persons)} if ADDRESS.fullmatch(issuer):
            if all(isinstance(one, str) and name.fullmatch(one) for one in persons):
                return issuer, {
                    one: read_approval_keys(recorded, revoked=True)
                    for one, recorded in persons.items()
                }
    raise ValueError("it names its gateway (issuer), and persons by their ids, each with a JWK")


def render_administrators(issuer: str, persons: Mapping[str, Any]) -> bytes:
    """Write `ADMINISTRATORS_FILE`, or `PERSONS_FILE`; ``persons`` has the public JWK of each, or a
    JWK set, by their id."""
    return (json.dumps({"issuer": issuer, "persons": dict(persons)}, indent=1) + "\n").encode()


def _issuer(file: Path) -> str:
    """The gateway that a JWK set names in a member ``issuer``; empty where it names none."""
    issuer = canonical.decode(read_file(file)).get("issuer", "")
    if not isinstance(issuer, str) or (issuer and not ADDRESS.fullmatch(issuer)):
        raise SettingsError(f"{file}: issuer must be the gateway's address, https://host")
    return issuer


def _checkpoints(files: Sequence[Path | None]) -> list[str]:
    """The notes in files of remembered checkpoints that exist."""
    return [
        read_file(file).decode("utf-8", errors="replace")
        for file in files
        if file is not None and file.exists()
    ]


def _joined(trusts: Sequence[TrustAnchors]) -> TrustAnchors:
    """All that is trusted, gateway by gateway.

    Keys without an issuer belong to the one gateway there is. SettingsError for two gateways of
    which one has no name, and for two keys of one id in one set.
    """
    issuers = list(dict.fromkeys(one.issuer for one in trusts if one.issuer)) or [""]
    unnamed = [one for one in trusts if not one.issuer]
    speaking = [one for one in unnamed if one.gateway_keys]
    named = [one for one in trusts if one.issuer and one.gateway_keys]
    if len(speaking) + bool(named) > 1 or (
        len(issuers) > 1 and any(one.gateway_keys or one.organisations for one in unnamed)
    ):
        raise SettingsError(
            "these are keys of several gateways: name each in its gateway-keys.json (issuer), "
            "with its organisations' keys in the same folder"
        )
    first, *others = (
        _merged([*(one for one in trusts if one.issuer == issuer), *(unnamed if not at else [])])
        for at, issuer in enumerate(issuers)
    )
    # What a connection learned of peers counts where their keys were not brought.
    learned = {one.issuer: one for trust in trusts for one in trust.others}
    others += [one for issuer, one in learned.items() if issuer not in issuers]
    # Who confirms the log of one gateway may confirm that of another.
    witnesses = dict.fromkeys(key for one in trusts for key in one.witnesses)
    quorum = max((one.quorum for one in trusts), default=1)
    authorities = dict.fromkeys(root for one in trusts for root in one.authorities)
    first = replace(first, others=others, witnesses=tuple(witnesses), quorum=quorum)
    return replace(first, authorities=tuple(authorities))


def _merged(trusts: Sequence[TrustAnchors]) -> TrustAnchors:
    gateway: dict[str, PublicKey] = {}
    organisations: dict[str, dict[str, PublicKey]] = {}
    administrators: dict[str, dict[str, ApprovalKey]] = {}
    for trust in trusts:
        _add(gateway, trust.gateway_keys)
        for person, approving in trust.administrators.items():
            known = administrators.setdefault(person, {})
            if known and not (known.keys() <= approving.keys() or approving.keys() <= known.keys()):
                raise SettingsError(f"two different keys are {person}'s: give only the right one")
            _add(known, approving)
        for slug, keys in trust.organisations.items():
            _add(organisations.setdefault(slug, {}), keys)
    log_keys = [key for trust in trusts for key in trust.log_keys]
    return TrustAnchors(
        *_log_trust(log_keys),
        gateway_keys=gateway,
        organisations=organisations,
        registrations=[one for trust in trusts for one in trust.registrations],
        revocations=[one for trust in trusts for one in trust.revocations],
        locks=[one for trust in trusts for one in trust.locks],
        key_statuses=[one for trust in trusts for one in trust.key_statuses],
        vouched=frozenset[tuple[str, str]]().union(*(one.vouched for one in trusts))
        - {name for one in trusts for name in _names(one) - one.vouched},
        administrators=administrators,
        persons={name: keys for one in trusts for name, keys in one.persons.items()},
        origin_of={name: place for one in trusts for name, place in one.origin_of.items()},
        witnesses=tuple(key for one in trusts for key in one.witnesses),
        quorum=max((one.quorum for one in trusts), default=1),
        authorities=tuple(root for one in trusts for root in one.authorities),
        checkpoints=[one for trust in trusts for one in trust.checkpoints],
        issuer=next((one.issuer for one in trusts if one.issuer), ""),
    )


def _names(trust: TrustAnchors) -> frozenset[tuple[str, str]]:
    """The keys of organisations, by organisation and key id."""
    return frozenset((owner, kid) for owner, keys in trust.organisations.items() for kid in keys)


def _add(keys: dict[str, Any], more: Mapping[str, Any]) -> None:
    for kid, key in more.items():
        if keys.setdefault(kid, key) != key:
            raise SettingsError(f"two different keys have the id {kid}: give only the right one")


def _log_trust(keys: Sequence[VerificationKey]) -> tuple[Any, Any]:
    return tuple(dict.fromkeys(keys)), frozenset(key.name for key in keys)


def _keys_of(given: str) -> list[VerificationKey]:
    """The keys in a file of them, or the one that is given."""
    return _keys_in(Path(given)) if Path(given).is_file() else [_vkey(given)]


def _keys_in(file: Path) -> list[VerificationKey]:
    try:
        lines = read_file(file).decode("utf-8").split("\n")
    except UnicodeDecodeError:
        raise SettingsError(f"{file} is not a file of log keys") from None
    return [_vkey(line) for line in lines if line and not line.startswith("#")]


def _vkey(text: str) -> VerificationKey:
    with raising(SettingsError, f"'{text[:60]}' is neither a log's key nor a file"):
        return VerificationKey.parse(text)


def _named_file(given: str) -> tuple[str, Path]:
    slug, _, file = given.partition("=")
    if not SLUG.fullmatch(slug) or not file:
        raise SettingsError(f"'{given[:60]}' is not of the form ID=FILE")
    return slug, Path(file)
