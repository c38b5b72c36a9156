"""The word lists of a case, each in one place and with its source.

Lists marked ICCAM hold the values seen on the network's version 3 interface; INHOPE's own
documents, given to its members, prevail. TLP labels and onward rules, which have an order, are in
`marking`; the states of cases and handoffs and the outcome codes are beside their rules.
"""

import re
from collections.abc import Mapping
from enum import StrEnum

from gateway.domain.marking import TLP


class ReferenceScheme(StrEnum):
    """Whose number a reference to another file is."""

    ICCAM_REPORT = "iccam_report"
    ICCAM_CONTENT = "iccam_content"
    NCMEC = "ncmec"
    PHAROS = "pharos"
    SIENA = "siena"
    MISSION = "mission"
    COURT = "court"
    HOTLINE = "hotline"


class IntakeChannel(StrEnum):
    """How a report reached its originator."""

    WEB_FORM = "web_form"
    E_MAIL = "e_mail"
    PHONE = "phone"
    PARTNER = "partner"
    NETWORK = "network"
    PROACTIVE = "proactive"
    PROVIDER = "provider"


class Matter(StrEnum):
    """What a case is about: XARF's exploitation types and the CAC Ontology's, joined."""

    CSAM = "csam"
    GROOMING = "grooming"
    SOLICITATION = "solicitation"
    SEXTORTION = "sextortion"
    LIVE_STREAMING = "live_streaming"
    TRAFFICKING = "trafficking"
    BULLYING = "bullying"
    OTHER = "other"


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


class UrgencyReason(StrEnum):
    """Why a case is urgent, by its originator's word."""

    ABUSE_IN_PROGRESS = "abuse_in_progress"
    CHILD_LOCATED = "child_located"
    MEETING_PLANNED = "meeting_planned"
    SUICIDE_RISK = "suicide_risk"
    EXTORTION = "extortion"
    EVIDENCE_AT_RISK = "evidence_at_risk"
    OTHER = "other"


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


class SiteType(StrEnum):
    """ICCAM siteType."""

    WEBSITE = "website"
    FILE_HOST = "file-host"
    IMAGE_STORE = "image-store"
    IMAGE_BOARD = "image-board"
    FORUM = "forum"
    BANNER_SITE = "banner-site"
    LINK_SITE = "link-site"
    SOCIAL_NETWORKING = "social-networking"
    REDIRECTOR = "redirector"
    WEB_ARCHIVE = "web-archive"
    SEARCH_PROVIDER = "search-provider"
    IMAGE_HOST = "image-host"
    BLOG = "blog"
    NOT_APPLICABLE = "not-applicable"


class ContentType(StrEnum):
    """What is found at an item. ICCAM knows only media and website."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    TEXT = "text"
    LINK = "link"
    CONTAINER = "container"
    WEBSITE = "website"
    OTHER = "other"


class Commerciality(StrEnum):
    """ICCAM commerciality."""

    NOT_DETERMINED = "not-determined"
    COMMERCIAL = "commercial"
    NON_COMMERCIAL = "non-commercial"


class PaymentMethod(StrEnum):
    """ICCAM paymentMethods."""

    NOT_DETERMINED = "not-determined"
    AMEX = "amex"
    DINERS = "diners"
    MASTERCARD = "mastercard"
    PAYPAL = "paypal"
    VISA = "visa"
    WESTERN_UNION = "western-union"
    OTHER = "other"
    NONE = "none"
    SMS = "sms"
    EMAIL = "email"
    LIBERTY_RESERVE = "liberty-reserve"
    BITCOIN = "bitcoin"


class HashAlgorithm(StrEnum):
    """Hashes that an item may carry. TMK+PDQF is known in order to be refused (R1)."""

    MD5 = "md5"
    SHA1 = "sha1"
    SHA256 = "sha256"
    SHA512 = "sha512"
    PDQ = "pdq"
    PHOTODNA = "photodna"
    TMK_PDQF = "tmk_pdqf"


class OnlineStatus(StrEnum):
    """What a check of an item found."""

    ONLINE = "online"
    OFFLINE = "offline"
    MOVED = "moved"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"


class HostingMethod(StrEnum):
    """How the hosting of an item was found out (ours)."""

    WHOIS = "whois"
    RDAP = "rdap"
    DNS = "dns"
    GEOIP = "geoip"
    MANUAL = "manual"
    REPORTED = "reported"


class StatementKind(StrEnum):
    """Facts are kept apart from personal assessments (LED Art. 7)."""

    FACT = "fact"
    ASSESSMENT = "assessment"


class ContentWarning(StrEnum):
    """How hard a statement is to read: screens fold the strong ones."""

    NONE = "none"
    MILD = "mild"
    STRONG = "strong"


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


class StaffRole(StrEnum):
    """In which role a person acts; the person is a pseudonym elsewhere, never a name."""

    ANALYST = "analyst"
    APPROVER = "approver"
    LIAISON = "liaison"
    DPO = "dpo"
    AUDITOR = "auditor"
    WELFARE_LEAD = "welfare_lead"
    ADMIN = "admin"


class SubjectCategory(StrEnum):
    """Categories of persons, kept apart (LED Art. 6); ``unqualified`` until an officer decides."""

    SUSPECT = "suspect"
    CONVICTED = "convicted"
    VICTIM = "victim"
    OTHER_WITNESS = "other_witness"
    OTHER_INFORMANT = "other_informant"
    OTHER_CONTACT = "other_contact"
    UNQUALIFIED = "unqualified"


class YesNoUnknown(StrEnum):
    """Yes, no, or not known."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class IccamAge(StrEnum):
    """ICCAM ageCategorization."""

    NOT_CATEGORISED = "not-categorised"
    INFANT = "infant"
    PRE_PUBESCENT = "pre-pubescent"
    PUBESCENT = "pubescent"


class AgeBand(StrEnum):
    """Age bands in years, as the IWF publishes them."""

    FROM_0 = "0-2"
    FROM_3 = "3-6"
    FROM_7 = "7-10"
    FROM_11 = "11-13"
    FROM_14 = "14-15"
    FROM_16 = "16-17"


class IccamGender(StrEnum):
    """ICCAM genderCategorization."""

    NOT_DETERMINED = "not-determined"
    FEMALE = "female"
    MALE = "male"
    BOTH = "both"


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


class PermittedActions(StrEnum):
    """What a recipient may do with what it learns; after FIRST's IEP 2.0."""

    NONE = "none"
    ASK_FIRST = "ask_first"
    INTERNAL = "internal"
    PASSIVE_LOOKUP = "passive_lookup"
    CONTACT_HOST = "contact_host"


class Attribution(StrEnum):
    """Whether the source may be named (IEP 2.0)."""

    MAY = "may"
    MUST = "must"
    MUST_NOT = "must_not"


class EmbargoReason(StrEnum):
    """Why police come first."""

    PRESERVE = "preserve"
    OPERATION = "operation"
    JUDGE = "judge"


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
    r"iccam|ucs|interpol_baseline|fr_law|ncmec_ab|iwf|cac|vics_[a-z]{2,6}", re.ASCII
)
"""Classification schemes; ``vics_`` is followed by the country path that gives numbers meaning."""

CODES: Mapping[str, frozenset[str]] = {
    "iccam": frozenset({"baseline-csam", "national-csam", "ignore", "doubtful"}),
    "interpol_baseline": frozenset({"baseline"}),
    "ncmec_ab": frozenset({"A1", "A2", "B1", "B2"}),
    "iwf": frozenset({"A", "B", "C"}),
    "cac": frozenset({"confirmed", "false_positive", "uncertain", "legal_but_concerning", "other"}),
}
"""The codes of closed schemes. UCS, VICS and national law are opaque to the gateway."""

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
    """Whether only two persons may supersede a classification, and so contest it: a baseline that
    two persons stand for."""
    return (scheme, code) in _BASELINE and method == ClassificationMethod.HUMAN_X2


def needs_led_regime(category: str) -> bool:
    """Whether only an organisation under the led regime may put a person in ``category`` (R12)."""
    return category in _QUALIFYING
