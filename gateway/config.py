"""The operator's settings: one frozen `Config`, read once from a commented TOML file.

Each setting is declared once, as a field of `Config`, with its section, its documentation, its
check and its default; `load`, `render` and the documentation all read that declaration.
"""

import dataclasses
import json
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from gateway import setting_validators
from gateway.domain.audit_event import GDPR_YEARS, LED_YEARS, LONGEST_GDPR_YEARS, LogTerms
from gateway.domain.course import HandoffChecks
from gateway.domain.duty import CALL_WITHIN, DUE, FOLLOW_UP
from gateway.domain.measure import EMBARGO, EMBARGO_TOTAL
from gateway.domain.organisation import KINDS
from gateway.domain.outcome import ConsultationNotice
from gateway.domain.refusals import Correctable
from gateway.domain.retention import GRACE_DAYS
from gateway.domain.vocabulary import Urgency

CONFIG_FILE = "casegate.toml"
"""In the operator's folder."""

DATABASE_VARIABLE = "CASEGATE_DATABASE_URL"
"""The one setting that the environment may override: a container's database address."""

_REQUIRED: Any = object()


class ConfigError(Correctable):
    """The configuration cannot be used; the message names the setting and says what it expects."""


@dataclass(frozen=True)
class Setting:
    """One line of the operator's file: where it is, what it means, how it is checked. One without
    a key is a section that may be there several times."""

    field: str
    section: str
    key: str
    check: Callable[[Any], Any]
    about: str
    default: Any

    @property
    def name(self) -> str:
        """Return what messages call it."""
        return f"[{self.section}] {self.key}" if self.key else f"[[{self.section}]]"


def _witness_key(value: object) -> str:
    """Read the verifier key of a witness."""
    from gateway.ledger.note import COSIGNATURE, VerificationKey  # noqa: PLC0415 - the supervisor's memory

    key = VerificationKey.parse(setting_validators.text(value))
    if key.kind != COSIGNATURE:
        raise ValueError("must be a verifier key of the kind cosignature/v1")
    return str(key)


def _setting(
    name: str,
    check: Callable[[Any], Any],
    about: str,
    default: Any = _REQUIRED,
    *,
    shown: bool = True,
) -> Any:
    """Declare a field of `Config` by its ``section.key``; a secret one is not ``shown``."""
    section, _, key = name.partition(".")
    return dataclasses.field(
        repr=shown, metadata={"setting": (section, key, check, about, default)}
    )


_HOUR = timedelta(hours=1)


def _due(urgency: Urgency, further: str = "") -> Any:
    """Declare the time to answer an offer of one class of urgency."""
    return _setting(
        f"due.{urgency}",
        setting_validators.number(0.002, 24 * 31, "hours"),
        f"Hours in which the answer to an offer of the class {urgency} is due.{further}",
        DUE[urgency] // _HOUR,
    )


@dataclass(frozen=True)
class Config:
    """Everything that the operator decides. Made by `load`; nothing else reads the file."""

    folder: Path
    """The operator's folder, absolute: where the file is and all derived paths begin."""

    name: str = _setting(
        "gateway.name",
        setting_validators.slug,
        "The gateway's short name, in every client certificate\n"
        "(urn:casegate:<name>:<organisation>:<system>): never change it.",
    )
    issuer: str = _setting(
        "gateway.issuer",
        setting_validators.origin,
        "The public address, and the issuer of tokens and documents: never change it.",
    )
    log_origin: str = _setting(
        "gateway.log_origin",
        setting_validators.log_origin,
        "The name of the transparency log, without scheme: never change it.",
    )
    civil_time_zone: ZoneInfo = _setting(  # noqa: RUF009 - a declaration, as for the others
        "gateway.civil_time_zone",
        setting_validators.time_zone,
        "The time zone in which memberships and mandates begin and end: never change it.",
        "Europe/Paris",
    )
    contact: str | None = _setting(
        "contact.address",
        setting_validators.contact,
        "Where anybody writes to you of a weakness or an outage, mailto:name@host or a page:\n"
        "published in /.well-known/security.txt, on the first page and with the interface.",
        None,
    )
    public_bind: str = _setting(
        "public.bind",
        setting_validators.address,
        "Where the public listener listens (no client certificate). Behind a proxy that ends\n"
        "TLS: unix:/path of a socket.",
        "127.0.0.1:8443",
    )
    partners_bind: str = _setting(
        "partners.bind",
        setting_validators.address,
        "Where the partners' listener listens (client certificate required). Behind a proxy\n"
        "that ends TLS: unix:/path of a socket. Only then is the header Client-Cert believed.",
        "127.0.0.1:8444",
    )
    partners_url: str = _setting(
        "partners.url",
        setting_validators.origin,
        "The address that partners' systems call; published in mtls_endpoint_aliases.",
    )
    console_url: str | None = _setting(
        "console.url",
        setting_validators.console,
        "The address of the console, where people work in a browser: a host name of its own,\n"
        "which the public and the partners' listener do not have. Never change it: passkeys are\n"
        "bound to it. Left out, there is no console.",
        None,
    )
    console_bind: str = _setting(
        "console.bind",
        setting_validators.address,
        "Where the console listens. Behind a proxy that ends TLS: unix:/path of a socket.",
        "127.0.0.1:8445",
    )
    console_certificate_path: str | None = _setting(
        "console.certificate",
        setting_validators.text,
        "The file of the console's certificate with its chain (PEM), of an authority that\n"
        "browsers believe: they do not know the gateway's own. Not with a unix socket.",
        None,
    )
    console_key_path: str | None = _setting(
        "console.key",
        setting_validators.text,
        "The file of that certificate's private key (PEM, without a passphrase).",
        None,
    )
    workers: int = _setting(
        "listeners.workers",
        setting_validators.integer(1, 64),
        "Worker processes of each listener.",
        2,
    )
    threads: int = _setting(
        "listeners.threads", setting_validators.integer(1, 256), "Threads of each worker.", 16
    )
    request_deadline: float = _setting(
        "listeners.request_deadline",
        setting_validators.number(0.5, 120, "seconds"),
        "Seconds that a client has to send a request, again to take the answer, and half\n"
        "as many to shake hands; after that the connection is cut.",
        10,
    )
    waiters: int = _setting(
        "listeners.max_queued_writes",
        setting_validators.integer(1, 1024),
        "Requests of one worker that may wait for the write lock; the next gets 503.",
        32,
    )
    database_url: str = _setting(
        "database.url",
        setting_validators.database,
        f"{setting_validators.SQLITE}<file> or "
        f"{setting_validators.POSTGRESQL}<user>@<host>/<name>.\n"
        f"The environment variable {DATABASE_VARIABLE} overrides it.",
        f"{setting_validators.SQLITE}casegate.db",
        shown=False,
    )
    mark_url: str = _setting(
        "high_water_mark.url",
        setting_validators.mark,
        f"Where the log's high-water mark is kept: {setting_validators.FILE}<file>, "
        "best on another disk, and\n"
        "NEVER in the backup of the database: it tells an older copy from the newest.\n"
        "Several nodes share one in PostgreSQL, in a database of its own.",
        f"{setting_validators.FILE}high-water-mark",
        shown=False,
    )
    keys_url: str = _setting(
        "case_keys.url",
        setting_validators.database,
        "Where the keys of cases are kept, wrapped: a database of its own, NEVER in the\n"
        "backup of the first, and itself backed up for days only: what is erased lives as\n"
        "long as a copy of its key. Several nodes share one in PostgreSQL.",
        f"{setting_validators.SQLITE}keys.db",
        shown=False,
    )
    metrics_bind: str | None = _setting(
        "metrics.bind",
        setting_validators.local,
        "Where `GET /metrics` answers, for Prometheus: a loopback address, or unix:/path of a\n"
        "socket. Left out, nothing is counted.",
        None,
    )
    metrics_path: str = _setting(
        "metrics.folder",
        setting_validators.text,
        "The folder that the processes share for it, best in memory (/run, /dev/shm).",
        "metrics",
    )
    token_seconds: int = _setting(
        "limits.access_token_seconds",
        setting_validators.integer(30, 300),
        "Seconds that an access token lives: 300 at most, for none is revoked before.",
        300,
    )
    body_bytes: int = _setting(
        "limits.max_body_bytes",
        setting_validators.integer(1024, 16 * 1024 * 1024),
        "Largest request body in bytes.",
        262_144,
    )
    denials_per_minute: int = _setting(
        "limits.denials_per_minute",
        setting_validators.integer(1, 100_000),
        "Denials a minute that one organisation may have recorded as events; beyond: 429.",
        60,
    )
    embargo_hours: int = _setting(
        "embargo.hours",
        setting_validators.integer(1, 168),
        "Hours that an embargo holds at most when one person sets it.",
        EMBARGO.longest // _HOUR,
    )
    embargo_renewal_days: int = _setting(
        "embargo.renewal_days",
        setting_validators.integer(1, 31),
        "Days that each renewal of an embargo by two persons adds at most.",
        EMBARGO.renewal.days,
    )
    embargo_longest_days: int = _setting(
        "embargo.longest_days",
        setting_validators.integer(1, 366),
        "Days that an embargo holds at most in all, with its renewals.",
        EMBARGO_TOTAL.days,
    )
    police_first_hours: int = _setting(
        "embargo.police_first_hours",
        setting_validators.integer(0, 72),
        "Hours that an originator's removals wait for the police: from the submission of a case\n"
        "on, where there are any for its matters, and from its offer to them on.\n"
        "0, the default: removals do not wait unless a convention says so.",
        0,
    )
    emergency_numbers: tuple[str, ...] = _setting(
        "emergency.numbers",
        setting_validators.telephone_numbers,
        "What to call where an offer about an imminent danger is refused: the answer names them.\n"
        "By default those of France: police, European emergency number.",
        ("17", "112"),
    )
    child_numbers: tuple[str, ...] = _setting(
        "emergency.child_numbers",
        setting_validators.telephone_numbers,
        "What to call besides where the case concerns a child. By default that of France.",
        ("119",),
    )
    receivers_ca_path: str | None = _setting(
        "notifications.ca_file",
        setting_validators.text,
        "The file of the certificate authorities that receivers of notifications are believed\n"
        "by (PEM). Left out, those of the system.",
        None,
    )
    private_receivers: bool = _setting(
        "notifications.private_addresses",
        setting_validators.boolean,
        "Whether notifications may be sent to addresses of this host and of private networks.\n"
        "Otherwise they may not, so that no receiver's address can reach into your network.",
        False,
    )
    mail_command: tuple[str, ...] | None = _setting(
        "notifications.mail_command",
        setting_validators.command,
        "A program of yours, without a shell, that tells members of what is urgent or overdue:\n"
        'as in ["/usr/local/bin/notify"]. It gets one line of JSON, and nothing of a case.',
        None,
    )
    due_imminent_danger: float = _due(Urgency.IMMINENT_DANGER, "\nConventions of this gateway.")
    due_urgent: float = _due(Urgency.URGENT)
    due_priority: float = _due(Urgency.PRIORITY)
    due_normal: float = _due(Urgency.NORMAL)
    due_of_kinds: Mapping[tuple[Urgency, str], timedelta] = _setting(
        "due.of_kinds",
        setting_validators.terms(Urgency, KINDS),
        "Other terms for some kinds of organisations, in hours: by default none; longer ones for\n"
        "who does not work every day, as in\n"
        '["priority judicial 120", "normal provider 336"].',
        [],
    )
    due_call: int = _setting(
        "due.call_minutes",
        setting_validators.integer(1, 60),
        "Minutes in which the originator telephones after the offer of an imminent danger: an\n"
        "offer is not an emergency call. After that both duty contacts are notified.",
        CALL_WITHIN // timedelta(minutes=1),
    )
    due_second_person: int = _setting(
        "due.second_person",
        setting_validators.integer(1, 72),
        "Hours in which a second person follows, where one person acted in imminent danger.",
        FOLLOW_UP // _HOUR,
    )
    log_years_led: int = _setting(
        "retention.log_years_led",
        setting_validators.integer(1, 10),
        "Years for which the log names persons and reasons of who acts under the Directive\n"
        "(EU) 2016/680 (regime led); then these details are erased, and the log verifies on.",
        LED_YEARS,
    )
    log_years_gdpr: int = _setting(
        "retention.log_years_gdpr",
        setting_validators.integer(1, LONGEST_GDPR_YEARS),
        "Likewise of who acts under the GDPR only, and of the operator's own people.",
        GDPR_YEARS,
    )
    log_years_reason: str | None = _setting(
        "retention.log_years_reason",
        setting_validators.text,
        "Why one of these terms is longer than its default: required for a longer term, and\n"
        "recorded in each event that erases such details.",
        None,
    )
    retention_grace_days: int = _setting(
        "retention.grace_days",
        setting_validators.integer(1, 90),
        "Days in which a holder under led that stated no retention may still do so, after a case\n"
        "was erased. Then its copy is destroyed.",
        GRACE_DAYS,
    )
    require_signed: bool = _setting(
        "policy.require_signed",
        setting_validators.boolean,
        "Whether cases, offers and answers count only when their author signed them: adds the\n"
        "policies of policies/optional/signed. Every member then needs a document key.",
        False,
    )
    consultations: ConsultationNotice = _setting(  # noqa: RUF009 - likewise
        "policy.consultations",
        setting_validators.word(ConsultationNotice),
        "Which consultations by law enforcement a private originator hears of: none, the first\n"
        "of each handoff, or each; none during an embargo.",
        ConsultationNotice.FIRST,
    )
    handoff_checks: HandoffChecks = _setting(  # noqa: RUF009 - likewise
        "checks.handoffs",
        setting_validators.word(HandoffChecks),
        "What to do about a case or handoff that is not what its documents and the log say: alarm\n"
        "tells the operator, refuse also lets nobody act on it. A new gateway refuses.",
        HandoffChecks.ALARM,
    )
    simulated_reference_date: date | None = _setting(  # noqa: RUF009 - likewise
        "demo.simulated_reference_date",
        setting_validators.day,
        "For demonstrations only: the day on which memberships, mandates and agreements are\n"
        "judged, as in 2023-10-31. Every event then says so. Leave it out in operation.",
        None,
    )
    time_stamp_authorities: tuple[Mapping[str, str], ...] = _setting(
        "time_stamp_authority",
        setting_validators.tables(
            2, url=setting_validators.web_address, ca_file=setting_validators.text
        ),
        "Who stamps the log's checkpoints each hour that it grew (RFC 3161), one or two of them:\n"
        "the url of the authority, and in ca_file the root certificates to believe it by (PEM).",
        [],
    )
    witnesses: tuple[Mapping[str, str], ...] = _setting(
        "witness",
        setting_validators.tables(8, url=setting_validators.web_address, key=_witness_key),
        "Who cosigns the log's checkpoints as it grows (C2SP tlog-witness), up to eight: the url\n"
        "of the witness, to which /add-checkpoint is added, and the verifier key to believe it by.",
        [],
    )

    @property
    def due(self) -> Mapping[Urgency, timedelta]:
        """The time to answer an offer, by urgency."""
        return {one: timedelta(hours=getattr(self, f"due_{one}")) for one in Urgency}

    @property
    def log_terms(self) -> LogTerms:
        """How long the log names persons. ValueError for a longer term without a reason."""
        return LogTerms(self.log_years_led, self.log_years_gdpr, self.log_years_reason)

    @property
    def offline(self) -> Path:
        """The root authority; keep it off this machine between ceremonies."""
        return self.folder / "offline"

    @property
    def issuing(self) -> Path:
        """The issuing authorities; only `maintain` opens their keys."""
        return self.folder / "issuing"

    @property
    def server(self) -> Path:
        """The listeners' certificates with their keys, and OpenSSL's settings."""
        return self.folder / "server"

    @property
    def keys(self) -> Path:
        """Signing keys, one folder for each purpose; key-encryption keys, `kek-<id>`."""
        return self.folder / "keys"

    @property
    def people(self) -> Path:
        """Personal signing keys of named people, until they hold them elsewhere."""
        return self.folder / "people"

    @property
    def published(self) -> Path:
        """Return what the public listener serves: authorities' certificates and revocation
        lists."""
        return self.folder / "published"

    @property
    def metrics_folder(self) -> Path:
        """The folder in which the processes count together, absolute."""
        return self.folder / self.metrics_path

    @property
    def receivers_ca(self) -> Path | None:
        """The file of the authorities that receivers are believed by, absolute."""
        return None if self.receivers_ca_path is None else self.folder / self.receivers_ca_path

    @property
    def database_file(self) -> Path | None:
        """The SQLite file, absolute; None with PostgreSQL."""
        return _sqlite_file(self.database_url)

    @property
    def mark_file(self) -> Path | None:
        """The file of the high-water mark, absolute; None with PostgreSQL."""
        return _path_in(self.mark_url, setting_validators.FILE)

    @property
    def keys_file(self) -> Path | None:
        """The SQLite file of the keys of cases, absolute; None with PostgreSQL."""
        return _sqlite_file(self.keys_url)

    @property
    def database_lock(self) -> Path | None:
        """`<db>.lock`, locked before each writing transaction; None with PostgreSQL."""
        file = self.database_file
        return None if file is None else file.with_name(file.name + ".lock")

    @property
    def console_folder(self) -> Path:
        """Return what the console keeps for itself: its sessions; never in a backup."""
        return self.folder / "console"

    @property
    def console_tls(self) -> tuple[Path, Path] | None:
        """The console's certificate and its key, absolute; None where it does not end TLS."""
        if self.console_certificate_path is None or self.console_key_path is None:
            return None
        return self.folder / self.console_certificate_path, self.folder / self.console_key_path

    @property
    def public_names(self) -> tuple[str, ...]:
        """The host names and addresses for which the public listener has a certificate."""
        return _names(self.issuer, self.public_bind)

    @property
    def partners_names(self) -> tuple[str, ...]:
        """The host names and addresses for which the partners' listener has a certificate."""
        return _names(self.partners_url, self.partners_bind)


def _sqlite_file(url: str) -> Path | None:
    return _path_in(url, setting_validators.SQLITE)


def _path_in(url: str, prefix: str) -> Path | None:
    return Path(url.removeprefix(prefix)) if url.startswith(prefix) else None


def _names(url: str, bind: str) -> tuple[str, ...]:
    """The host of the URL, and the address bound when it is a particular one."""
    names = [str(urlsplit(url).hostname)]
    if not bind.startswith("unix:"):
        host, _ = setting_validators.host_and_port(bind)
        if host not in ("0.0.0.0", "::") and host not in names:  # noqa: S104 - refused, not bound
            names.append(host)
    return tuple(names)


SETTINGS: tuple[Setting, ...] = tuple(
    Setting(declared.name, *declared.metadata["setting"])
    for declared in dataclasses.fields(Config)
    if declared.metadata
)
"""Every setting in the order of the file."""


def load(path: Path, environ: Mapping[str, str] = os.environ) -> Config:
    """Read the operator's file; ConfigError names the first setting that is unknown or wrong."""
    sections = _parse(path)
    _refuse_unknown(sections)
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        within = sections.get(setting.section, {}) if setting.key else sections
        value = within.get(setting.key or setting.section, setting.default)
        if value is _REQUIRED:
            raise ConfigError(f"{setting.name} is missing")
        values[setting.field] = (
            None if value is None else _checked(setting.check, value, setting.name)
        )
    folder = path.absolute().parent
    if DATABASE_VARIABLE in environ:
        given = environ[DATABASE_VARIABLE]
        values["database_url"] = _checked(setting_validators.database, given, DATABASE_VARIABLE)
    for name in ("database_url", "mark_url", "keys_url"):
        prefix = setting_validators.FILE if name == "mark_url" else setting_validators.SQLITE
        file = _path_in(values[name], prefix)
        if file is not None:
            values[name] = f"{prefix}{folder / file}"
    if values["mark_url"] == values["database_url"]:
        raise ConfigError("[high_water_mark] url and [database] url must name different databases")
    if values["keys_url"] in (values["database_url"], values["mark_url"]):
        raise ConfigError("[case_keys] url must name a database of its own")
    config = Config(folder=folder, **values)
    _check_console(config)
    try:
        _ = config.log_terms
    except ValueError as error:
        raise ConfigError(f"[retention] log_years_reason is missing: {error}") from None
    return config


def _check_console(config: Config) -> None:
    """Refuse settings of the console that do not go together; ConfigError."""
    url, files = config.console_url, (config.console_certificate_path, config.console_key_path)
    unix = config.console_bind.startswith("unix:")
    if url is None:
        if files != (None, None):
            raise ConfigError("[console] url is missing")
    elif url.startswith("http:"):
        if config.simulated_reference_date is None:
            raise ConfigError("[console] url must be https://host: http is for demonstrations only")
        if unix or files != (None, None) or not setting_validators.is_loopback(config.console_bind):
            raise ConfigError("[console] bind must be a loopback address for http://localhost")
    elif unix != (files == (None, None)) or (None in files and files != (None, None)):
        raise ConfigError(
            "[console] certificate and key are both needed with a bind of host:port, and neither "
            "with unix:/path, where a proxy ends TLS"
        )
    elif urlsplit(url).hostname in {
        urlsplit(one).hostname for one in (config.issuer, config.partners_url)
    }:
        raise ConfigError(
            "[console] url must have a host name of its own: cookies and passkeys know no port"
        )


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path} does not exist: name the operator's folder with --home or in CASEGATE_HOME; "
            "`casegate init` makes a new one"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", "it is not UTF-8")
        raise ConfigError(f"{path} cannot be read: {why}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error


def _refuse_unknown(sections: dict[str, Any]) -> None:
    known: dict[str, set[str]] = {}
    for setting in SETTINGS:
        known.setdefault(setting.section, set()).add(setting.key)
    for section, keys in sections.items():
        several = known.get(section) == {""}
        if section not in known or not isinstance(keys, list if several else dict):
            raise ConfigError(f"[{section}] is not a section of the configuration")
        for key in () if several else keys:
            if key not in known[section]:
                raise ConfigError(f"[{section}] {key} is not a setting")


def _checked(check: Callable[[Any], Any], value: Any, where: str) -> Any:
    try:
        return check(value)
    except ValueError as error:
        raise ConfigError(f"{where} {error}") from None  # the value may hold a password


def render(**values: Any) -> str:
    """Write the commented file that `casegate init` puts into the operator's folder.

    `values` are fields of `Config` by name; `log_origin` follows from `issuer` unless given. A
    setting left at its default is written as a comment, but that a new gateway refuses what its
    checks find. ConfigError as `load` raises it.
    """
    values.setdefault("handoff_checks", HandoffChecks.REFUSE)
    if "issuer" in values:
        issuer = _checked(setting_validators.origin, values["issuer"], "[gateway] issuer")
        values.setdefault("log_origin", f"{urlsplit(issuer).netloc}/log")
    unknown = values.keys() - {setting.field for setting in SETTINGS}
    if unknown:
        raise ConfigError(f"{min(unknown)} is not a setting")
    lines = ["# Settings of one Casegate gateway. Relative paths are relative to this folder."]
    section = ""
    for setting in SETTINGS:
        if setting.section != section:
            section = setting.section
            lines += ["", f"[{section}]" if setting.key else f"# {setting.name}"]
        lines += [f"# {line}" for line in setting.about.split("\n")]
        value = values.get(setting.field)
        if not setting.key:
            continue
        if value is not None:
            _checked(setting.check, value, setting.name)
            lines.append(f"{setting.key} = {_toml(value)}")
        elif setting.default is _REQUIRED:
            raise ConfigError(f"{setting.name} is missing")
        else:
            shown = "" if setting.default is None else _toml(setting.default)
            lines.append(f"# {setting.key} = {shown}".rstrip())
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    """A TOML value: of printable text and of numbers JSON's spelling is TOML's too."""
    return value.isoformat() if isinstance(value, date) else json.dumps(value, ensure_ascii=False)
