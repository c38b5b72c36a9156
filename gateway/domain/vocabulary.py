"""The word lists of a case, each in one place and with its source.

Lists marked ICCAM hold the values seen on the network's version 3 interface; INHOPE's own
documents, given to its members, prevail. The states of cases and handoffs and the outcome codes are
beside their rules.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

# --- Handling markings of a case and its elements, and the strictest of several ---
#
# Order of strictness: TLP CLEAR < GREEN < AMBER < AMBER+STRICT < RED; onward listed_only <
# ask_originator < forbidden. The police handling codes H0-H3 add up; they do not rank.


TLP = ("CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED")
ONWARD = ("listed_only", "ask_originator", "forbidden")


def tlp_rank(tlp: str) -> int:
    """The place of a TLP label in the order of strictness, for engines without order on text."""
    return TLP.index(tlp)


def onward_rank(onward: str) -> int:
    """The place of an onward rule in the order of strictness."""
    return ONWARD.index(onward)


@dataclass(frozen=True)
class Marking:
    """The effective handling of one element."""

    tlp: str
    handling: frozenset[str]

    @property
    def rank(self) -> int:
        """The TLP label as a number."""
        return tlp_rank(self.tlp)


def marking_of(value: Mapping[str, Any]) -> Marking:
    """Read the ``tlp`` and ``handling`` fields of a marking object."""
    return Marking(value["tlp"], frozenset(value.get("handling", ())))


def strictest(markings: Sequence[Marking]) -> Marking:
    """The marking that satisfies every one of ``markings`` (at least one)."""
    return Marking(
        tlp=max((m.tlp for m in markings), key=tlp_rank),
        handling=frozenset().union(*(m.handling for m in markings)),
    )


# --- The word lists of a case, each in one place and with its source ---


Fault = Callable[[Any], str | None]
"""Says what is wrong with a value, as a sentence that does not repeat it; None if nothing is."""


def among(words: Iterable[str]) -> Fault:
    """One of the words of a list."""
    known = tuple(map(str, words))
    sentence = "must be one of: " + ", ".join(known)
    return lambda value: None if value in known else sentence


REFERENCE_SCHEMES = (
    "iccam_report",
    "iccam_content",
    "ncmec",
    "pharos",
    "siena",
    "mission",
    "court",
    "hotline",
    "removal_order",
)
"""Whose number a reference to another file is."""

INTAKE_CHANNELS = ("web_form", "e_mail", "phone", "partner", "network", "proactive", "provider")
"""How a report reached its originator."""


class Matter(StrEnum):
    """What a case is about; policies/matters.toml says what follows from each.

    The first eight are XARF's exploitation types and the CAC Ontology's, joined.
    """

    CSAM = "csam"
    GROOMING = "grooming"
    SOLICITATION = "solicitation"
    SEXTORTION = "sextortion"
    LIVE_STREAMING = "live_streaming"
    TRAFFICKING = "trafficking"
    BULLYING = "bullying"
    OTHER = "other"
    INTIMATE_IMAGES = "intimate_images"
    HARASSMENT = "harassment"
    HATE_SPEECH = "hate_speech"
    TERRORIST_CONTENT = "terrorist_content"


class Urgency(StrEnum):
    """How soon an answer is due, the most urgent first; the terms are the operator's."""

    IMMINENT_DANGER = "imminent_danger"
    URGENT = "urgent"
    PRIORITY = "priority"
    NORMAL = "normal"

    @property
    def rank(self) -> int:
        """Its place in a list: 0 is the most urgent."""
        return RANKS.index(self)


RANKS = tuple(Urgency)
"""The classes of urgency, by their place in a list."""


URGENCY_REASONS = (
    "abuse_in_progress",
    "child_located",
    "meeting_planned",
    "suicide_risk",
    "extortion",
    "evidence_at_risk",
    "threat_to_life",
    "attack_in_progress",
    "other",
)
"""Why a case is urgent, by its originator's word."""


class ItemKind(StrEnum):
    """What the value of an item is; its form by kind is in `item_value`."""

    URL = "url"
    HASH = "hash"
    HOST = "host"
    IP_EVENT = "ip_event"
    ACCOUNT = "account"
    PAYMENT = "payment"
    ONION = "onion"
    P2P = "p2p"
    REPORT_REF = "report_ref"


SITE_TYPES = (
    "website",
    "file-host",
    "image-store",
    "image-board",
    "forum",
    "banner-site",
    "link-site",
    "social-networking",
    "redirector",
    "web-archive",
    "search-provider",
    "image-host",
    "blog",
    "not-applicable",
)
"""ICCAM siteType."""

CONTENT_TYPES = ("image", "video", "audio", "text", "link", "container", "website", "other")
"""What is found at an item. ICCAM knows only media and website."""

COMMERCIALITY = ("not-determined", "commercial", "non-commercial")
"""ICCAM commerciality."""

PAYMENT_METHODS = (
    "not-determined",
    "amex",
    "diners",
    "mastercard",
    "paypal",
    "visa",
    "western-union",
    "other",
    "none",
    "sms",
    "email",
    "liberty-reserve",
    "bitcoin",
)
"""ICCAM paymentMethods."""


class HashAlgorithm(StrEnum):
    """Hashes that an item may carry. TMK+PDQF is known in order to be refused (R1)."""

    MD5 = "md5"
    SHA1 = "sha1"
    SHA256 = "sha256"
    SHA512 = "sha512"
    PDQ = "pdq"
    PHOTODNA = "photodna"
    TMK_PDQF = "tmk_pdqf"


ONLINE_STATUSES = ("online", "offline", "moved", "blocked", "unknown")
"""What a check of an item found."""

HOSTING_METHODS = ("whois", "rdap", "dns", "geoip", "manual", "reported")
"""How the hosting of an item was found out (ours)."""


class StatementKind(StrEnum):
    """Facts are kept apart from personal assessments (LED Art. 7)."""

    FACT = "fact"
    ASSESSMENT = "assessment"


CONTENT_WARNINGS = ("none", "mild", "strong")
"""How hard a statement is to read: screens fold the strong ones."""


class SourceEvaluation(StrEnum):
    """Reliability of a source, Regulation (EU) 2016/794 Art. 29: not the Admiralty scale."""

    ALWAYS = "A"
    MOSTLY = "B"
    MOSTLY_NOT = "C"
    UNKNOWN = "X"


class InformationEvaluation(StrEnum):
    """Accuracy of information, Regulation (EU) 2016/794 Art. 29."""

    CERTAIN = "1"
    KNOWN_TO_SOURCE = "2"
    CORROBORATED = "3"
    NOT_CORROBORATED = "4"


STAFF_ROLES = ("analyst", "approver", "liaison", "dpo", "auditor", "welfare_lead", "admin")
"""In which role a person acts; the person is a pseudonym elsewhere, never a name."""


class SubjectCategory(StrEnum):
    """Categories of persons, kept apart (LED Art. 6); ``unqualified`` until an officer decides."""

    SUSPECT = "suspect"
    CONVICTED = "convicted"
    VICTIM = "victim"
    OTHER_WITNESS = "other_witness"
    OTHER_INFORMANT = "other_informant"
    OTHER_CONTACT = "other_contact"
    UNQUALIFIED = "unqualified"


YES_NO_UNKNOWN = ("yes", "no", "unknown")
"""Yes, no, or not known."""

ICCAM_AGES = ("not-categorised", "infant", "pre-pubescent", "pubescent")
"""ICCAM ageCategorization."""

AGE_BANDS = ("0-2", "3-6", "7-10", "11-13", "14-15", "16-17")
"""Age bands in years, as the IWF publishes them."""

ICCAM_GENDERS = ("not-determined", "female", "male", "both")
"""ICCAM genderCategorization."""


class ClassificationMethod(StrEnum):
    """What a classification rests on; a machine's match is not a finding (R18)."""

    HUMAN = "human"
    HUMAN_X2 = "human_x2"
    HASH_MATCH = "hash_match"
    CLASSIFIER = "classifier"


class Handling(StrEnum):
    """Europol handling codes; they add up and do not rank."""

    H0 = "H0"
    H1 = "H1"
    H2 = "H2"
    H3 = "H3"


class NationalMarking(StrEnum):
    """National protection marks, here those of France."""

    NON_PROTEGE = "non_protege"
    DIFFUSION_RESTREINTE = "diffusion_restreinte"


PERMITTED_ACTIONS = ("none", "ask_first", "internal", "passive_lookup", "contact_host")
"""What a recipient may do with what it learns; after FIRST's IEP 2.0."""

ATTRIBUTIONS = ("may", "must", "must_not")
"""Whether the source may be named (IEP 2.0)."""

EMBARGO_REASONS = ("preserve", "operation")
"""Why police come first."""


class Purpose(StrEnum):
    """What the content may be used for."""

    REMOVE = "remove"
    IDENTIFY_VICTIM = "identify_victim"
    PROTECT_CHILD = "protect_child"
    INVESTIGATE = "investigate"
    PROSECUTE = "prosecute"
    PREVENT = "prevent"
    QUALITY = "quality"
    STATISTICS = "statistics"


class Regime(StrEnum):
    """Regulation (EU) 2016/679, or the law enforcement directive (EU) 2016/680."""

    GDPR = "gdpr"
    LED = "led"


CASE_TLP = TLP[TLP.index("AMBER") :]
"""The TLP 2.0 labels that a case may bear, in order of strictness: never CLEAR, never GREEN."""

PERCEPTUAL_TLP = "AMBER+STRICT"
"""The least strict label under which a perceptual hash may travel."""

SCHEME = re.compile(
    r"iccam|ucs|interpol_baseline|fr_law|eu_law|dsa|ncmec_ab|iwf|cac|vics_[a-z]{2,6}", re.ASCII
)
"""Classification schemes; ``vics_`` is followed by the country path that gives numbers meaning."""

CODES: Mapping[str, frozenset[str]] = {
    "iccam": frozenset({"baseline-csam", "national-csam", "ignore", "doubtful"}),
    "interpol_baseline": frozenset({"baseline"}),
    "ncmec_ab": frozenset({"A1", "A2", "B1", "B2"}),
    "iwf": frozenset({"A", "B", "C"}),
    "cac": frozenset({"confirmed", "false_positive", "uncertain", "legal_but_concerning", "other"}),
    "dsa": frozenset(
        {
            "CHILD_SEXUAL_ABUSE_MATERIAL",
            "GROOMING_SEXUAL_ENTICEMENT_MINORS",
            "HUMAN_TRAFFICKING",
            "CYBER_BULLYING_INTIMIDATION",
            "NON_CONSENSUAL_IMAGE_SHARING",
            "NON_CONSENSUAL_MATERIAL_DEEPFAKE",
            "CYBER_HARASSMENT",
            "CYBER_STALKING",
            "HATE_SPEECH",
            "CYBER_INCITEMENT",
            "TERRORIST_CONTENT",
        }
    ),
    "eu_law": frozenset(
        {
            *(f"fd_1_{letter}" for letter in "acd"),
            *(f"vaw_{article}" for article in "5678"),
            *(f"tco_{letter}" for letter in "abcde"),
        }
    ),
}
"""The codes of closed schemes. ``dsa``: keywords of the DSA's transparency database; ``eu_law``:
Framework Decision 2008/913/JHA, Directive (EU) 2024/1385, Regulation (EU) 2021/784 Art. 2(7).
UCS, VICS and national law are opaque to the gateway."""

VERSIONED_SCHEMES = frozenset({"ucs"})
"""Schemes whose codes mean nothing without ``scheme_version``: their lists are kept elsewhere."""

_BASELINE = frozenset({("iccam", "baseline-csam"), ("interpol_baseline", "baseline")})
_QUALIFYING = frozenset(
    {
        SubjectCategory.SUSPECT,
        SubjectCategory.CONVICTED,
        SubjectCategory.OTHER_WITNESS,
        SubjectCategory.OTHER_INFORMANT,
    }
)


def is_final(scheme: str, code: str, method: str) -> bool:
    """Tell whether only two persons may supersede a classification, and so contest it: a baseline
    that two persons stand for."""
    return (scheme, code) in _BASELINE and method == ClassificationMethod.HUMAN_X2


def needs_led_regime(category: str) -> bool:
    """Tell whether only an organisation under the led regime may put a person in ``category``
    (R12)."""
    return category in _QUALIFYING


# --- The countries of ISO 3166-1 (alpha-2): where organisations are, and where items are hosted ---
#
# Codes that the standard only reserves are no countries: EU, UK, and what users may assign.


_CODES = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT
BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH
ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT
HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS
LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI
NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG
SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG
UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
"""

COUNTRIES = frozenset(_CODES.split())
