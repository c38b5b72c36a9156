"""Who receives what, asked of the policies: all questions of `case.disclose` and what they answer.

``python -m tests.policies.matrix`` writes the tables of policies/README.md anew; `make check` holds
them to the policies.
"""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby

from gateway.cedar import policy_folder
from gateway.cedar.policy import CedarPolicy
from gateway.domain.case import PROPERTIES, Element
from gateway.domain.consultation import REASON_CODES
from gateway.domain.decision import (
    PolicyEntity,
    PolicyQuestion,
    case_entity,
    disclosure_entity,
    handoff_entity,
    organisation_entity,
)
from gateway.domain.handoff import Addressee, HandoffState
from gateway.domain.mandate import Mandate, Period
from gateway.domain.organisation import KINDS, Membership, MembershipClass, Organisation, Status
from gateway.domain.vocabulary import (
    CODES,
    ONWARD,
    REFERENCE_SCHEMES,
    TLP,
    Handling,
    ItemKind,
    Marking,
    Matter,
    Purpose,
    StatementKind,
    SubjectCategory,
)
from tests.store import samples

POLICY = CedarPolicy.load(policy_folder())
README = policy_folder() / "README.md"
BEGIN = "<!-- made by: python -m tests.policies.matrix -->\n"
END = "<!-- end of what is made -->\n"

TODAY = samples.NOON.date()
SINCE = Period(TODAY)
COMPETENCE = "receive/csam/FR"
PUBLIC_KINDS = (
    "police_office",
    "police_platform",
    "judicial",
    "regulator",
    "child_protection_service",
)

ELEMENTS: Mapping[str, Sequence[str]] = {
    **{
        group: [name for name, its in PROPERTIES.items() if its == group]
        for group in ("routing", "basis", "marking", "intake")
    },
    "items": [str(kind) for kind in ItemKind],
    "statements": [*map(str, StatementKind)],
    "subjects": [*map(str, SubjectCategory)],
    "classifications": [*CODES, "ucs", "fr_law", "vics_fr"],
    "references": REFERENCE_SCHEMES,
}
"""What stands in each group of a case, as the domain's word lists say."""


@dataclass(frozen=True)
class Recipient:
    """A kind of organisation under a regime, reached by its membership or through a mandate."""

    kind: str
    led: bool = False
    mandate: bool = False

    @property
    def entity(self) -> PolicyEntity:
        return party("recipient", self.kind, led=self.led)

    @property
    def competence(self) -> str:
        return COMPETENCE if self.mandate else ""


RECIPIENTS = [
    Recipient(kind, led, mandate)
    for led in (True, False)
    for kind in KINDS
    for mandate in (False, True)
    if not led or kind in PUBLIC_KINDS
]


@dataclass(frozen=True)
class Part:
    """An element as policy sees it, and whether the police sent it."""

    group: str
    category: str
    police: bool = False
    tlp: str = "AMBER"
    handling: frozenset[str] = frozenset()
    perceptual: bool = False
    matter: str = "csam"


@cache
def party(slug: str, kind: str, *, led: bool) -> PolicyEntity:
    """An active full member that holds a mandate."""
    regimes = frozenset({"gdpr", "led"} if led else {"gdpr"})
    held = Mandate(samples.FIRST, slug, "receive", "csam", "FR", "an act", SINCE, samples.FIRST)
    member = Membership(MembershipClass.FULL, SINCE, "a decision")
    made = Organisation(
        slug,
        slug,
        kind,
        kind in PUBLIC_KINDS,
        regimes,
        "FR",
        Status.ACTIVE,
        memberships=(member,),
        mandates=(held,),
    )
    return organisation_entity(made, TODAY)


def gives(recipient: Recipient, part: Part, purposes: Iterable[str]) -> bool:
    """Whether the recipient receives the part for the purposes."""
    return _gives(recipient, part, frozenset(purposes))


@cache
def _gives(recipient: Recipient, part: Part, purposes: frozenset[str]) -> bool:
    sender = party("sender", "police_office" if part.police else "hotline", led=part.police)
    element = Element(
        part.group,
        part.group,
        part.category,
        Marking(part.tlp, part.handling),
        perceptual=part.perceptual,
        matter=frozenset({part.matter}),
    )
    facts = {
        "purpose": purposes,
        "competence": recipient.competence,
        "read_access": False,
        "confirmed": True,
    }
    resource = disclosure_entity(element, sender, "recipient")
    return POLICY.decide(PolicyQuestion(recipient.entity, "case.disclose", resource, facts)).allowed


def offers(
    recipient: Recipient, purpose: str, *, tlp: str = "AMBER", handling: Iterable[str] = ()
) -> bool:
    """Whether a hotline may offer the recipient a case for the purpose."""
    return POLICY.decide(offer(recipient, purpose, tlp=tlp, handling=handling)).allowed


def offer(
    recipient: Recipient,
    purpose: str,
    *,
    tlp: str = "AMBER",
    handling: Iterable[str] = (),
    state: str = "cleared",
) -> PolicyQuestion:
    """May a hotline offer the recipient a case for the purpose?"""
    sender = party("sender", "hotline", led=False)
    claims = {
        "tlp": tlp,
        "handling": handling,
        "onward": ONWARD[0],
        "purpose": tuple(map(str, Purpose)),
        "matter": ("csam",),
    }
    case = case_entity(sender, "a-case", claims, assurance="signed", state=state)
    facts = {
        "recipient": recipient.entity,
        "competence": recipient.competence,
        "purpose": frozenset({purpose}),
        "basis": frozenset({"gdpr"}),
        "released": True,
        "addressable": True,
        "country": "here",
        "assurance": "signed",
        "conflict": False,
        "third_country": False,
    }
    return PolicyQuestion(sender, "handoff.offer", case, facts)


def handed(recipient: Recipient, purpose: str, state: HandoffState) -> PolicyEntity:
    """A handoff to the recipient for the purpose."""
    sender = party("sender", "hotline", led=False)
    made, _ = samples.handoff(
        samples.case()[0],
        address=Addressee("recipient", recipient.competence or None),
        purpose=(purpose,),
        state=state,
    )
    return handoff_entity(made, sender, recipient.entity)


def accepts(recipient: Recipient, purpose: str) -> bool:
    """Whether the recipient may accept what was offered to it for the purpose."""
    facts = {"conditions_accepted": True, "conflict": False, "third_country": False}
    resource = handed(recipient, purpose, HandoffState.OFFERED)
    return POLICY.decide(
        PolicyQuestion(recipient.entity, "handoff.accept", resource, facts)
    ).allowed


def opens(recipient: Recipient, purpose: str, reason: str) -> bool:
    """Whether the reason opens what the recipient accepted for the purpose."""
    facts = {
        "reason": reason,
        "suspended": False,
        "copy": False,
        "conflict": False,
        "third_country": False,
    }
    resource = handed(recipient, purpose, HandoffState.ACCEPTED)
    return POLICY.decide(PolicyQuestion(recipient.entity, "case.consult", resource, facts)).allowed


# --- the tables ---

LETTERS = {
    "remove": "R",
    "identify_victim": "V",
    "protect_child": "C",
    "investigate": "I",
    "prosecute": "P",
    "prevent": "N",
    "quality": "Q",
    "statistics": "S",
}
NOTHING = "–"


def _given(recipient: Recipient, part: Part) -> str:
    wanted = offered(recipient)  # nothing is given for any other, as a test shows
    if not gives(recipient, part, wanted):  # then for none of them, as a property test shows
        return NOTHING
    return " ".join(LETTERS[name] for name in wanted if gives(recipient, part, [name]))


@cache
def offered(recipient: Recipient) -> tuple[str, ...]:
    """The purposes for which a hotline may offer the recipient a case."""
    return tuple(name for name in LETTERS if offers(recipient, name))


PARTS = [
    Part(group, category, police)
    for police in (False, True)
    for group, categories in ELEMENTS.items()
    for category in [*categories, *(["police_statement"] if group == "statements" else [])]
    if (category in ("suspect", "convicted", "other_witness", "other_informant")) <= police
    and (group != "statements" or (category == "police_statement") == police)
]
"""What a hotline can send, and what the police can."""


@cache
def columns() -> Mapping[tuple[str, ...], Sequence[Recipient]]:
    """Recipients that receive the same for the same, with what they receive of each part."""
    found: dict[tuple[str, ...], list[Recipient]] = {}
    for one in RECIPIENTS:
        found.setdefault(tuple(_given(one, part) for part in PARTS), []).append(one)
    return found


def _heading(recipients: Sequence[Recipient]) -> str:
    led = [one for one in recipients if one.led]
    if led:
        return "public authority under led"
    names = []
    for kind, ways in groupby(recipients, key=lambda one: one.kind):
        how = {one.mandate for one in ways}
        one_way = " through its mandate" if True in how else " without a mandate"
        names.append(kind if len(how) == 2 else kind + one_way)
    return ", ".join(names)


def _shown() -> Sequence[tuple[tuple[str, ...], Sequence[Recipient]]]:
    """Those that receive something: the others stand in one line below."""
    return [(cells, who) for cells, who in columns().items() if set(cells) != {NOTHING}]


def _table(rows: Iterable[Sequence[str]]) -> str:
    first, *others = rows
    lines = [first, ["---"] * len(first), *others]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _elements(police: bool) -> str:
    shown = _shown()
    rows = []
    at = [n for n, part in enumerate(PARTS) if part.police == police]

    def cells(n: int) -> tuple[str, tuple[str, ...]]:
        return PARTS[n].group, tuple(given[n] for given, _ in shown)

    for (group, given), run in groupby(sorted(at, key=lambda n: (_order(n), cells(n)[1])), cells):
        names = [PARTS[n].category for n in run]
        rows.append([f"{group}: {', '.join(names)}", *given])
    heads = [f"from {'the police' if police else 'others'}", *(_heading(who) for _, who in shown)]
    return _table([heads, *rows])


def _order(n: int) -> int:
    return list(ELEMENTS).index(PARTS[n].group)


def _purposes() -> str:
    rows = []
    for _, who in _shown():
        rows.append([_heading(who), *(_said(offers(who[0], name)) for name in LETTERS)])
    return _table([["offered to", *(f"{name} ({L})" for name, L in LETTERS.items())], *rows])


def _said(yes: bool) -> str:
    return "yes" if yes else NOTHING


def _markings() -> str:
    codes: list[tuple[str, Callable[[Recipient, Part, str], bool]]] = []
    for label in TLP:
        codes.append(
            (
                f"TLP:{label}",
                lambda one, part, name, t=label: gives(one, _with(part, tlp=t), [name]),
            )
        )
    for code in Handling:
        codes.append(
            (
                code,
                lambda one, part, name, c=code: gives(
                    one, _with(part, handling=frozenset({c})), [name]
                ),
            )
        )
    codes.append(
        (
            "perceptual hash",
            lambda one, part, name: gives(one, _with(part, perceptual=True), [name]),
        )
    )
    rows = [
        [_heading(who), *(_said(_everywhere(who[0], asked)) for _, asked in codes)]
        for _, who in _shown()
    ]
    return _table([["given to", *(name for name, _ in codes)], *rows])


def _with(part: Part, **changes: object) -> Part:
    return Part(**{**vars(part), **changes})  # type: ignore[arg-type]


def _everywhere(one: Recipient, asked: Callable[[Recipient, Part, str], bool]) -> bool:
    """One answer for all that the recipient receives otherwise; ValueError when there are two."""
    first = {
        part: next((name for name in LETTERS if gives(one, part, [name])), None) for part in PARTS
    }
    found = {asked(one, part, name) for part, name in first.items() if name}
    if len(found) != 1:
        raise ValueError(f"a marking is decided by more than the recipient: {one}")
    return found.pop()


def _reasons() -> str:
    police = Recipient("police_office", led=True)
    rows = [
        [code, *(_said(opens(police, name, code)) for name in LETTERS)] for code in REASON_CODES
    ]
    return _table([["reason", *LETTERS], *rows])


def _speech() -> str:
    """What a case about what somebody published gives otherwise, for its purposes."""
    allowed = POLICY.matters[Matter.HATE_SPEECH].purposes
    wanted = {name: letter for name, letter in LETTERS.items() if name in allowed}

    def given(recipient: Recipient, part: Part) -> str:
        found = [letter for name, letter in wanted.items() if gives(recipient, part, [name])]
        return " ".join(found) or NOTHING

    parts, shown = [part for part in PARTS if not part.police], _shown()
    rows: dict[tuple[str, ...], list[str]] = {}
    for part in parts:
        cells = tuple(given(who[0], _with(part, matter="hate_speech")) for _, who in shown)
        if cells != tuple(given(who[0], part) for _, who in shown):
            rows.setdefault((part.group, *cells), []).append(part.category)
    heads = ["from others", *(_heading(who) for _, who in shown)]
    lines = [[f"{group}: {', '.join(names)}", *cells] for (group, *cells), names in rows.items()]
    return _table([heads, *lines])


def _nothing() -> str:
    empty = [who for cells, who in columns().items() if set(cells) == {NOTHING}]
    return ", ".join(_heading(who) for who in empty)


def made() -> str:
    """The tables, as policies/README.md has them."""
    return "\n".join(
        (
            "For which purposes a case is offered and accepted, and their letters below.\n",
            _purposes(),
            f"Nothing goes to: {_nothing()}.\n",
            "What is given of a case of an originator that is not under led, marked AMBER, and for"
            " which purposes.\n",
            _elements(police=False),
            "What is given of a case of the police: of an originator under led.\n",
            _elements(police=True),
            "What differs where somebody published it (hate_speech, terrorist_content).\n",
            _speech(),
            "Of this, what is so marked.\n",
            _markings(),
            "Which reason for a consultation serves what the case was offered for.\n",
            _reasons(),
        )
    )


def written() -> str:
    """What README.md has between the two marks."""
    return README.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]


def main(arguments: Sequence[str]) -> int:
    """Write the tables anew, or with ``--check`` say whether they are as the policies answer."""
    if arguments == ["--check"]:
        stale = written() != made()
        if stale:
            print("policies/README.md is out of date: run python -m tests.policies.matrix")
        return int(stale)
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    README.write_text(f"{before}{BEGIN}{made()}{END}{after}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
