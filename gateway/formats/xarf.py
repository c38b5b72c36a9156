"""Read an XARF v4 report of the content/csam or content/csem type into a case.

XARF (xarf.org, specification 4.2) is a notice to a host that may carry files. R1 comes
first: the whole file is refused if one part, declared or recognised, is a picture, a film, a
sound, an archive or a document. What remains is mapped, or dropped and named: every
dropped field is reported.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from ipaddress import ip_address
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

from gateway.domain import item_value, vocabulary
from gateway.domain.json_values import parse_timestamp
from gateway.formats import report_file
from gateway.formats.case_draft import CaseDraft, Imported, checked

MAX_PARTS = 50  # of evidence, as in XARF's own schema


def import_xarf(
    data: bytes, profile: report_file.ImportProfile, new_id: Callable[[], UUID], now: datetime
) -> Imported:
    """Make a case, version 1, from the bytes of one report.

    ``now`` carries its offset; ``new_id`` gives fresh ids. Raises ImportRefused.
    """
    report = report_file.read_report(data)
    _refuse_evidence(report)
    if not re.fullmatch(r"4\.[0-9]+\.[0-9]+", str(report.get("xarf_version")), re.ASCII):
        raise report_file.ImportRefused("/xarf_version: only version 4 is imported")
    for name, known in (("category", ("content",)), ("type", ("csam", "csem"))):
        if report.get(name) not in known:
            raise report_file.ImportRefused(
                f"/{name}: only content/csam and content/csem are imported"
            )
    made = XarfImporter(report, profile, lambda: str(new_id()), now.astimezone(UTC))
    case = made.case()
    made.drop_rest()
    return made.imported(case)


def _refuse_evidence(report: Mapping[str, Any]) -> None:
    """Refuse the file for any evidence part that is not plainly text, and for any hidden file."""
    parts = report.get("evidence", [])
    if not isinstance(parts, list) or len(parts) > MAX_PARTS:
        raise report_file.ImportRefused(f"/evidence: is no list of at most {MAX_PARTS} parts")
    for index, part in enumerate(parts):
        members = part if isinstance(part, Mapping) else {}
        report_file.refuse_part(
            f"/evidence/{index}", members.get("content_type"), members.get("payload")
        )
    report_file.refuse_files(
        report, judged=frozenset(f"/evidence/{i}/payload" for i in range(len(parts)))
    )


_T = TypeVar("_T")
_NAMES: Mapping[type, str] = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    list: "a list",
    dict: "an object",
}


_DROPPED: Mapping[str, str] = {
    name: reason
    for reason, names in {
        "it describes the file, not the case": "xarf_version legacy_version",
        "XARF says that it is never to leave the sender": "_internal",
        "who complained, and how to reach them, stay out of the case": "reporter",
        "it is empty": "evidence hash_values file_hash perpetrator_indicators tags",
        "the way to a picture is never taken (R1)": "screenshot_url",
        "it may name persons": "whois",
        "there is no classification that it could belong to": "confidence",
        "a port without an IP address says nothing": "source_port",
        "it is technical detail that the case has no field for": "nameservers dns_records "
        "dns_response ssl_certificate",
        "it does not apply to this kind of content": "attack_vector target_brand",
    }.items()
    for name in names.split()
}

# Fields that are retold, word by word, in the statement about the report.
_TOLD: Mapping[str, str] = {
    "detection_method": "Detected by",
    "verification_method": "Verified by",
    "verified_at": "Verified at",
    "evidence_source": "Source of the evidence",
    "exploitation_type": "Kind of exploitation",
    "victim_age_range": "Age range of the victim",
    "platform": "Platform",
    "evidence_type": "Evidence that the sender holds",
    "reporting_obligations": "Also to be reported to",
    "account_suspended": "Account suspended",
    "hosting_provider": "Hosting provider",
    "asn": "Autonomous system",
    "registrar": "Registrar",
}

_HOSTING = frozenset({"hosting_provider", "asn", "registrar"})

_METHODS: Mapping[str, vocabulary.ClassificationMethod] = {
    "hash_match": vocabulary.ClassificationMethod.HASH_MATCH,
    "ai_detection": vocabulary.ClassificationMethod.CLASSIFIER,
    "automated_scan": vocabulary.ClassificationMethod.CLASSIFIER,
    "behavioral_analysis": vocabulary.ClassificationMethod.CLASSIFIER,
    "keyword_detection": vocabulary.ClassificationMethod.CLASSIFIER,
    "manual_review": vocabulary.ClassificationMethod.HUMAN,
    "law_enforcement_referral": vocabulary.ClassificationMethod.HUMAN,
}
"""Whose finding a detection is. A user's report is nobody's finding and is not listed."""

_OWN_MATTERS = frozenset({"grooming", "solicitation", "sextortion", "trafficking"})
_MATERIAL = frozenset({"distribution", "production", "possession"})
_MEDIA_TYPES = {word: word for word in vocabulary.CONTENT_TYPES} | {"mixed": "other"}
_EMPTY = {name: hashlib.new(name, b"").hexdigest() for name in ("md5", "sha1", "sha256", "sha512")}


# --- making the case ---


class XarfImporter(CaseDraft):
    """One import of a report."""

    def __init__(
        self,
        report: Mapping[str, Any],
        profile: report_file.ImportProfile,
        new_id: Callable[[], str],
        now: datetime,
    ) -> None:
        super().__init__(profile, new_id, now)
        self.report = report
        self.sent_at = _moment("/timestamp", self.need("timestamp"))
        verified = self.get("verified_at", str)
        self.seen_at = _moment("/verified_at", verified) if verified else self.sent_at
        self.tlp = self._strictest_tlp()

    def case(self) -> dict[str, Any]:
        """Put the parts together."""
        self._add_url()
        self._add_source()
        self._add_domain()
        classifications = self._classifications()
        self._add_summary()
        text = self.get("description", str)
        if text is not None:
            self.add_text("fact", "/description", text)
        self._add_perpetrator()
        self._drop_evidence()
        references = self._references()
        reference, matter = self._report_id(), self._matter()
        return self.case_json(
            reference, matter, references=references, classifications=classifications
        )

    # The fields of the report

    def get(self, name: str, kind: type[_T]) -> _T | None:
        """A field of the report, None if absent; ImportRefused if it is not of ``kind``."""
        value = self.report.get(name)
        if value is not None and type(value) is not kind:
            raise report_file.ImportRefused(f"/{name}: must be {_NAMES[kind]}")
        return value

    def need(self, name: str) -> str:
        """A text that XARF requires."""
        value = self.get(name, str)
        if not value:
            raise report_file.ImportRefused(f"/{name}: is required")
        return value

    def drop_rest(self) -> None:
        """Record every field that nothing was done with."""
        for name in self.report:
            if name not in self.used:
                self.drop(
                    f"/{report_file.shown_name(name)}",
                    _DROPPED.get(name, "the importer does not know it"),
                )

    # Identity and marking

    def _report_id(self) -> str:
        value = self.need("report_id")
        try:
            known = str(UUID(value)) == value.lower()
        except ValueError:
            known = False
        if not known:
            raise report_file.ImportRefused("/report_id: must be a UUID")
        self.map("/report_id", "/originator_ref")
        return value

    def _references(self) -> list[dict[str, Any]]:
        value = self.get("ncmec_report_id", str)
        if value is None:
            return []
        if fault := item_value.reference_fault(value):
            self.drop("/ncmec_report_id", f"it {fault}")
            return []
        self.map("/ncmec_report_id", "/references/0/value")
        return [{"id": self.new_id(), "scheme": "ncmec", "value": value}]

    def _matter(self) -> list[str]:
        kind = self.get("exploitation_type", str)
        matter = vocabulary.Matter.CSAM.value
        if self.report["type"] == "csem" and kind not in _MATERIAL:
            matter = kind if kind in _OWN_MATTERS else vocabulary.Matter.OTHER.value
        for name in ("category", "type"):
            self.map(f"/{name}", "/matter/0")
        return [matter]

    def _strictest_tlp(self) -> str:
        """The profile's label, or a stricter one that the sender tagged the report with."""
        tlp = str(self.profile.marking["tlp"])
        for index, tag in enumerate(self.get("tags", list) or []):
            pointer = f"/tags/{index}"
            space, _, label = str(tag).lower().partition(":")
            if space != "tlp":
                self.drop(pointer, "it is a label of the sender's own")
                continue
            label = label.replace("-", "+").replace("_", "+").upper()
            if label not in (*vocabulary.TLP, "WHITE"):
                raise report_file.ImportRefused(
                    f"{pointer}: is no TLP label, so the sender's wish is unknown"
                )
            self.map(pointer, "/marking/tlp")
            if label in vocabulary.CASE_TLP and vocabulary.tlp_rank(label) > vocabulary.tlp_rank(
                tlp
            ):
                self.note(pointer, "is stricter than the profile, and holds")
                tlp = label
        return tlp

    # Items

    def _add_url(self) -> None:
        item = self.add_address("/url", self.need("url"))
        item["is_source"] = True
        value = self.get("media_type", str)
        if value in _MEDIA_TYPES:
            item["content_type"] = _MEDIA_TYPES[value]
            self.map("/media_type", "/items/0/content_type")
        elif value is not None:
            self.drop("/media_type", "it is not in XARF's list")
        self._set_hosting(item)
        # ``file_hash`` is not in XARF's schema and is in its own csem sample.
        hashes = [h for name in ("hash_values", "file_hash") for h in self._hashes(name)]
        if hashes:
            item["hash"] = [dict(pair) for pair in dict.fromkeys(tuple(h.items()) for h in hashes)]
            self.mark_perceptual("/hash_values", item)
        removed = self.get("content_removed", bool)
        if removed is not None:
            status = "offline" if removed else "online"
            item["online"] = [{"status": status, "checked_at": self.seen_at, "checks": 0}]
            self.map("/content_removed", "/items/0/online/0/status")

    def _set_hosting(self, item: dict[str, Any]) -> None:
        """Hosting needs a country; without one its parts are retold in the statement."""
        country = self.get("country_code", str)
        if country is None:
            return
        if not re.fullmatch("[A-Z]{2}", country, re.ASCII):
            raise report_file.ImportRefused("/country_code: must be two capitals")
        hosting: dict[str, Any] = {"country": country}
        self.map("/country_code", "/items/0/hosting/0/country")
        for name, target in (("hosting_provider", "org"), ("registrar", "registrar")):
            value = self.get(name, str)
            if value is not None:
                hosting[target] = checked(f"/{name}", value)
                self.map(f"/{name}", f"/items/0/hosting/0/{target}")
        number = self.get("asn", int)
        if number is not None:
            hosting["as_number"] = _within("/asn", number, 2**32 - 1)
            self.map("/asn", "/items/0/hosting/0/as_number")
        item["hosting"] = [{**hosting, "observed_at": self.seen_at, "method": "reported"}]

    def _hashes(self, name: str) -> Iterator[dict[str, str]]:
        values = self.get(name, dict) or {}
        for algorithm, value in values.items():
            pointer = f"/{name}/{report_file.shown_name(algorithm)}"
            if algorithm not in tuple(vocabulary.HashAlgorithm) or not isinstance(value, str):
                self.drop(pointer, "it is no hash that the case has a name for")
                continue
            digits = value.lower() if algorithm != vocabulary.HashAlgorithm.PHOTODNA else value
            if fault := item_value.hash_fault(algorithm, digits):
                self.drop(pointer, f"it {fault}")
                continue
            if digits == _EMPTY.get(algorithm):
                self.note(pointer, "is the hash of an empty file: it stands for no content at all")
            self.map(pointer, "/items/0/hash")
            yield {"alg": algorithm, "value": digits}

    def _add_source(self) -> None:
        """The source of the abuse: an address at a moment, a host, or something else."""
        source = self.need("source_identifier")
        port = self.get("source_port", int)
        address = _ip(source)
        if address:
            port = None if port is None else _within("/source_port", port, 65535)
            self.add_item("ip_event", item_value.ip_event(address, port, self.sent_at))
            self.map("/timestamp", self.last_item())
            if port is not None:
                self.map("/source_port", self.last_item())
        elif not item_value.host_fault(source.lower()):
            self.add_item("host", source.lower())
        else:
            self._add_account("/source_identifier", source)
            self.note("/source_identifier", "is no IP address and no host: put as an account")
            return
        self.map("/source_identifier", self.last_item())

    def _add_account(self, pointer: str, name: str) -> None:
        if fault := item_value.FAULTS["account"](name):
            raise report_file.ImportRefused(f"{pointer}: {fault}")
        self.add_item("account", name)
        self.map(pointer, self.last_item())

    def _add_domain(self) -> None:
        domain = self.get("domain", str)
        if domain is None:
            return
        if domain.lower() == urlsplit(self.items[0]["value"]).hostname:
            self.map("/domain", "/items/0/value")
        elif item_value.host_fault(domain.lower()):
            self.drop("/domain", "it is no domain name")
        else:
            self.add_item("host", domain.lower())
            self.map("/domain", self.last_item())
            self.note("/domain", "is not the host of /url")

    # Classification

    def _classifications(self) -> list[dict[str, Any]]:
        code = self.get("classification", str)
        if code is None:
            return []
        scheme = next(
            (s for s in ("interpol_baseline", "ncmec_ab") if code in vocabulary.CODES[s]), None
        )
        detection = self.need("detection_method")
        method = _METHODS.get(detection)
        by_hand = self.get("verification_method", str) == "manual"
        if detection == "user_report" and by_hand:  # counts only once somebody verified it
            self.note("/detection_method", "a user reported it, the sender verified it")
            method = vocabulary.ClassificationMethod.HUMAN
        if scheme is None or method is None:
            why = "its code is of no known scheme" if method else "nobody is said to have made it"
            self.drop("/classification", f"{why}: a person must classify")
            return []
        self.map("/classification", "/classifications/0/code")
        self.map("/detection_method", "/classifications/0/method")
        if method != vocabulary.ClassificationMethod.HUMAN:
            self.note(
                "/detection_method", "a match is not a finding: a person must confirm it (R18)"
            )
        made = {"id": self.new_id(), "about": self.items[0]["id"], "scheme": scheme, "code": code}
        made |= {"assessor_role": self.profile.role, "assessed_at": self.seen_at}
        return [{**made, "method": method.value, **self._confidence()}]

    def _confidence(self) -> dict[str, int]:
        value = self.report.get("confidence")
        if value is None:
            return {}
        if type(value) not in (int, Decimal) or not 0 <= value <= 1:
            raise report_file.ImportRefused("/confidence: must be a number from 0 to 1")
        percent = int(value * 100)
        self.map("/confidence", "/classifications/0/confidence")
        if percent != value * 100:
            self.note("/confidence", f"is written as {percent} percent, rounded down")
        return {"confidence": percent}

    # Statements

    def _add_summary(self) -> None:
        """One fact in plain words: who sent the report, and what else it says in fixed words."""
        sender = self.get("sender", dict) or {}
        who = [checked(f"/sender/{name}", sender.get(name)) for name in ("org", "domain")]
        told = [f"XARF report, sent by {who[0]} ({who[1]}), dated {self.sent_at}."]
        target = "/statements/0/text"
        for pointer in ("/sender/org", "/sender/domain", "/timestamp"):
            self.map(pointer, target)
        for name in (name for name in sender if name not in ("org", "domain")):
            self.drop(
                f"/sender/{report_file.shown_name(name)}",
                "how to reach a person stays out of the case",
            )
        for name, label in _TOLD.items():
            words = self._retold(name)
            if words is not None:
                told.append(f"{label}: {words}.")
                self.map(f"/{name}", target)
        self.add_statement("fact", " ".join(told), language="en", content_warning="none")

    def _retold(self, name: str) -> str | None:
        """A value in words; None if it is absent, or already where hosting has a field for it."""
        value = self.report.get(name)
        if value is None or (name in _HOSTING and name in self.used):
            return None
        if isinstance(value, bool):
            return "yes" if value else "no"
        parts = value if isinstance(value, list) else [value]
        if not all(isinstance(part, (str, int)) for part in parts):
            raise report_file.ImportRefused(
                f"/{name}: must be a word, a number, or a list of words"
            )
        return checked(f"/{name}", ", ".join(str(part) for part in parts))

    def _add_perpetrator(self) -> None:
        """Indicators about a person: addresses and accounts, and one assessment by the sender."""
        told = self.get("perpetrator_indicators", dict) or {}
        for name, value in told.items():
            pointer = f"/perpetrator_indicators/{report_file.shown_name(name)}"
            if name == "account_id" and isinstance(value, str):
                self._add_account(pointer, value)
            elif name == "ip_addresses" and isinstance(value, list):
                for index, address in enumerate(value):
                    ip = _ip(address) if isinstance(address, str) else None
                    if ip is None:
                        raise report_file.ImportRefused(f"{pointer}/{index}: must be an IP address")
                    self.add_item("ip_event", ip)
                    self.map(f"{pointer}/{index}", self.last_item())
            elif name == "pattern_of_behavior" and isinstance(value, str):
                self.add_text(
                    "assessment",
                    pointer,
                    value,
                    source_reliability=self.profile.source_reliability,
                    information_accuracy=self.profile.information_accuracy,
                )
            else:
                self.drop(pointer, "the importer does not know it")

    # Evidence

    def _drop_evidence(self) -> None:
        for index, part in enumerate(self.get("evidence", list) or []):
            pointer = f"/evidence/{index}"
            self.drop(pointer, "parts are never carried, text neither (R1)")
            name, _, digits = str(part.get("hash", "")).partition(":")
            if name in _EMPTY:
                payload = report_file.decode_payload(part["payload"])
                if hashlib.new(name, payload).hexdigest() != digits.lower():
                    self.note(f"{pointer}/hash", "is not the hash of the part's payload")


# --- small readings ---


def _moment(pointer: str, text: str) -> str:
    try:
        parse_timestamp(text)
    except ValueError:
        raise report_file.ImportRefused(f"{pointer}: must be a time with its offset") from None
    return text


def _within(pointer: str, number: int, highest: int) -> int:
    if not 1 <= number <= highest:
        raise report_file.ImportRefused(f"{pointer}: must be a number from 1 to {highest}")
    return number


def _ip(text: str) -> str | None:
    try:
        return None if "%" in text else str(ip_address(text))
    except ValueError:
        return None
