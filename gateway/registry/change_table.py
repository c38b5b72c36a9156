"""Every change that administrators make to the registry: what it takes, and what it does.

One entry is all that there is to say of a change. Its reader, its JSON Schema, its command and its
row in the documentation come from here; whether it is made is decided by policy, and how its event
is called stands in `gateway.domain.audit_event`.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from gateway.domain import lifecycle, organisation, peer, read_only
from gateway.domain.audit import CoverageKind
from gateway.domain.mandate import FUNCTIONS
from gateway.domain.notification import push_address_fault
from gateway.domain.retention import LONGEST_BASIS
from gateway.domain.staff import ALL_ROLES
from gateway.domain.vocabulary import TLP, Matter, Purpose, Regime
from gateway.evidence.base64url import DIGEST
from gateway.kernel import fields
from gateway.kernel.authentication import read_keys
from gateway.kernel.changes import ChangeType
from gateway.registry import keys, mandates, members, peers, staff, systems, witnessing

_REASON = fields.prose("reason", "Why; it stands in the event.")
_UNTIL = fields.date("until", "First day without it.")
_SYSTEM = fields.organisation_id("system", "Which system.", option="SYSTEM")
_NEW_SYSTEM = replace(
    _SYSTEM, refuse=lambda name: _SYSTEM.refuse(name) or organisation.system_name_fault(name)
)
_DECISION = fields.free_text("decision_ref", "Reference of the decision.")
_RESOLUTION = (
    _DECISION,
    fields.date("decided_on", "Day of the decision.", passed=True),
    fields.digest(
        "document_sha256",
        "The decision; only its digest is stored.",
        given=fields.Given.DIGEST_OF_FILE,
        option="--decision-document",
    ),
)
_ENTRY = (
    fields.free_text("name", "Its name."),
    fields.one_of("kind", "What it is.", organisation.KINDS),
    fields.boolean("public_authority", "It is an authority under public law."),
    fields.subset_of(
        "regimes",
        "Data protection regime; led for competent authorities only.",
        Regime,
        option="--regime",
        default=["gdpr"],
    ),
    fields.country("country", "ISO 3166-1 alpha-2, as in FR."),
)
_AMENDED = tuple(
    replace(fields.optional(one), default=None) for one in _ENTRY if one.name != "public_authority"
)
_PEER = fields.organisation_id("peer", "Which peer.", option="PEER")
_REMOTE_MEMBER = fields.organisation_id("member", "Its id at its own gateway.", option="MEMBER")
_PERSON = fields.organisation_id("person", "Which administrator.", option="PERSON")
_MEMBER_KEY = fields.public_key("jwk", "The public key, a JWK.", keys.read_member_key)
_PROOF = fields.signed_document("proof", "Proof of possession.")

_CONTACTS = fields.Field(
    "contacts",
    "Whom to reach, one for each role.",
    members.read_contacts,
    {"type": "array", "minItems": 1, "items": fields.schema_of(members.CONTACT)},
    fields.Given.JSON_FILE,
    error="must have a contact or more, each with name, address and its role: "
    + ", ".join(organisation.CONTACT_ROLES),
)
_CLIENT_KEYS = fields.Field(
    "keys",
    "All its public keys (JWK); without one its certificate is enough.",
    read_keys,
    {"type": "array", "items": fields.JWK},
    fields.Given.JSON_FILE,
    several=True,
)
_COMPETENCE = replace(
    fields.any_text("competence", "The mandate, as in receive/csam/FR."), read=mandates.read_key
)
_SUCCESSION = (
    fields.organisation_id("successor", "Which organisation gets it.", option="SUCCESSOR"),
    _COMPETENCE,
    fields.date("effective_on", "First day of the successor's mandate."),
    fields.date("read_until", "First day on which the predecessor opens none of it any more."),
)
_TOKEN = replace(
    fields.digest("token_sha256", "SHA-256 of the token, which the inviting person keeps."),
    read=systems.read_token_digest,
)

_FIRST_STAFF = fields.Field(
    "entries",
    "The roles of one person, as head,liaison; once for each person.",
    staff.read_roles,
    {"type": "array", "minItems": 2, "items": {"type": "string", "pattern": "^[a-z,]+$"}},
    several=True,
    option="--entry",
    error="must have two persons or more, two of them with the role approver or head; roles are "
    + ", ".join(sorted(ALL_ROLES)),
)

_INVITATIONS = fields.Field(
    "invitations",
    "SHA-256 of the token of one person's invitation to register a passkey, in their order.",
    staff.read_tokens,
    {"type": "array", "items": {"type": "string", "pattern": DIGEST.pattern}},
    several=True,
    required=False,
    option="--invitation",
    error="must have SHA-256 digests in base64url, each another one",
)

CHANGES: Mapping[str, ChangeType] = {
    "organisation.apply": ChangeType(
        "Record an application.",
        1,
        (
            *_ENTRY,
            fields.one_of(
                "membership",
                "What it applies for.",
                organisation.MembershipClass,
                organisation.MembershipClass,
            ),
            fields.subset_of("purposes", "What it takes part for.", Purpose),
            fields.prose("description", "What it does."),
            fields.date("received_on", "Day of the application.", passed=True),
            _CONTACTS,
        ),
        members.apply,
    ),
    "organisation.approve": ChangeType(
        "Record that an application was approved.",
        2,
        _RESOLUTION,
        partial(members.decide, lifecycle.StatusChange.APPROVE),
    ),
    "organisation.reject": ChangeType(
        "Record that an application was declined: this is final.",
        2,
        _RESOLUTION,
        partial(members.decide, lifecycle.StatusChange.REJECT),
        loses="The application is over, and its id is never used again.",
    ),
    "organisation.admit": ChangeType(
        "Admit an organisation at once, without application.",
        2,
        _ENTRY,
        members.admit,
        about="It is active at once. Its id is never used again.",
    ),
    "organisation.amend": ChangeType(
        "Correct an organisation's name, kind, country or regimes.",
        2,
        (*_AMENDED, _REASON),
        members.amend,
        about="What is left out stays. That it is a public authority is decided by its admission.",
    ),
    "organisation.activate": ChangeType(
        "Let an enrolled organisation take part.",
        1,
        (_REASON,),
        members.activate,
        about="One of its systems has passed a conformance run before.",
    ),
    "organisation.suspend": ChangeType(
        "Stop an organisation at once.",
        1,
        (_REASON,),
        partial(members.change_status, lifecycle.StatusChange.SUSPEND),
        about="Its next request is refused, in every worker.",
    ),
    "organisation.reinstate": ChangeType(
        "Let a suspended organisation work again.",
        1,
        (_REASON,),
        partial(members.change_status, lifecycle.StatusChange.REINSTATE),
    ),
    "organisation.leave": ChangeType(
        "Record that an organisation leaves, for good.",
        2,
        (_REASON,),
        members.leave,
        about="Its membership and its mandates end today; what it did stays readable.",
        loses="It never takes part again: its membership, its mandates and its systems end, its "
        "contacts are erased, and its id is never used again.",
    ),
    "organisation.require_signed": ChangeType(
        "Take only what an organisation signs itself.",
        1,
        (
            fields.signed_document(
                "declaration", "What it signed, from `casegate key require-signed`."
            ),
        ),
        partial(keys.set_signed_only, signed_only=True),
    ),
    "organisation.allow_attested": ChangeType(
        "Attest for an organisation again.",
        2,
        (
            fields.signed_document(
                "declaration", "What it signed, from `casegate key allow-attested`."
            ),
        ),
        partial(keys.set_signed_only, signed_only=False),
    ),
    "peer.resume": ChangeType(
        "Go on with a peer gateway whose log had two histories.",
        2,
        (_REASON,),
        witnessing.resume,
        about="It takes part again, with the history that was cosigned here, or where that is lost "
        "with its next checkpoint. If its other history counts, its log has ended.",
    ),
    "organisation.show_to_peer": ChangeType(
        "Let the members of a peer gateway know of an organisation.",
        1,
        (
            _PEER,
            fields.signed_document("declaration", "What it signed, from `casegate key show`."),
        ),
        peers.show,
        about="By a declaration of its own; without it nobody there knows of it.",
    ),
    "organisation.hide_from_peer": ChangeType(
        "Show an organisation to a peer gateway no more.",
        1,
        (_PEER, _REASON),
        peers.hide,
        about="There it counts as suspended: it answers for what it holds.",
    ),
    "staff.establish": ChangeType(
        "Enter the first persons of an organisation's staff register.",
        2,
        (_FIRST_STAFF, _INVITATIONS),
        staff.establish,
        about="Two of them as approver or head, who then enter the others. The pseudonyms that are "
        "drawn go to the organisation; only it notes whose they are. Each invitation lets the "
        "person at its place register a passkey, within 72 hours.",
    ),
    "contact.set": ChangeType(
        "Replace the contact in a role.", 1, members.CONTACT, members.set_contact
    ),
    "contact.consult": ChangeType(
        "Consult whom to reach at an organisation.",
        1,
        (replace(_REASON, about="Why; the organisation reads it."),),
        members.consult_contacts,
        about="It changes nothing: that you read them, and why, stands in the event.",
        after=members.read_consulted,
    ),
    "membership.grant": ChangeType(
        "Grant a membership for a time.",
        2,
        (
            fields.one_of(
                "membership",
                "Which class of membership.",
                organisation.MembershipClass,
                organisation.MembershipClass,
            ),
            *fields.period(),
            _DECISION,
        ),
        members.grant_membership,
    ),
    "membership.end": ChangeType(
        "End the membership that an organisation holds.", 2, (_UNTIL,), members.end_membership
    ),
    "mandate.grant": ChangeType(
        "Record that an organisation is competent for a matter in a territory.",
        2,
        (
            fields.one_of(
                "function",
                "What the mandate is for.",
                FUNCTIONS,
                default="receive",
                former=read_only.FUNCTIONS,
            ),
            fields.one_of("matter", "The matter that it is competent for.", Matter, Matter),
            fields.country("territory", "ISO 3166-1 alpha-2, as in FR."),
            fields.free_text("legal_act", "The act that gives the mandate."),
            *fields.period(),
        ),
        mandates.grant,
    ),
    "mandate.end": ChangeType(
        "End a mandate.",
        2,
        (fields.any_text("competence", "As in receive/csam/FR."), _UNTIL),
        mandates.end_mandate,
    ),
    "succession.preview": ChangeType(
        "Show what a succession would do.",
        1,
        _SUCCESSION,
        mandates.preview_succession,
        about="It changes nothing: that you looked stands in the event.",
    ),
    "succession.plan": ChangeType(
        "End a mandate here and give it there, in one change.",
        2,
        (
            *_SUCCESSION,
            fields.free_text("legal_act", "The act that moves the mandate.", 200),
            fields.boolean(
                "permissions",
                "The act says that permissions hold for the successor.",
                option="--permissions-carry-over",
            ),
        ),
        mandates.plan_succession,
        about="Open handoffs move from that day on, once both organisations approved (casegate "
        "succession approve).",
    ),
    "succession.cancel": ChangeType(
        "Cancel a planned succession before anything has moved.",
        2,
        (fields.identifier("succession", "Which succession.", option="SUCCESSION"), _REASON),
        mandates.cancel_succession,
        about="The predecessor holds the mandate again; after its day has passed, from today on.",
    ),
    "interest.declare": ChangeType(
        "Record that an organisation declares an interest.",
        1,
        (
            fields.one_of("scope", "In what.", organisation.INTEREST_SCOPES),
            fields.any_text(
                "subject",
                "provider.example, AS64500, 192.0.2.0/24, name:COMPANY or account:ACCOUNT; or "
                "ORIGINATOR/CASE.",
            ),
            fields.one_of("kind", "Which kind of interest.", organisation.INTEREST_KINDS),
            *fields.period(),
        ),
        members.declare_interest,
    ),
    "interest.end": ChangeType(
        "End a declared interest.",
        2,
        (fields.identifier("interest", "The event that declared it.", option="EVENT"), _UNTIL),
        partial(members.end_named, "interest", "interests"),
    ),
    "agreement.record": ChangeType(
        "Record an agreement.",
        2,
        (
            fields.one_of("kind", "Of which kind.", organisation.AGREEMENT_KINDS),
            fields.prose("description", "What was agreed."),
            fields.free_text("reference", "Legal reference, as in: Art. 46(2)(c) GDPR."),
            *fields.period(),
        ),
        members.record_agreement,
    ),
    "agreement.end": ChangeType(
        "End an agreement.",
        2,
        (fields.identifier("agreement", "The event that recorded it.", option="EVENT"), _UNTIL),
        partial(members.end_named, "agreement", "agreements"),
    ),
    "retention.record": ChangeType(
        "Record how long a member under led keeps cases for a purpose.",
        2,
        (
            fields.one_of("purpose", "For which purpose.", Purpose),
            fields.free_text(
                "legal_act", "The act that says so, as in: art. 230-8 CPP.", LONGEST_BASIS
            ),
            fields.optional(
                fields.one_of(
                    "years",
                    "Years from its acceptance; left out, without an end.",
                    members.YEARS,
                    int,
                )
            ),
            fields.one_of(
                "review_years",
                "Years until its review.",
                members.REVIEW_YEARS,
                int,
                default="3",
            ),
            *fields.period(),
        ),
        members.record_retention,
        about="Each acceptance applies it (R14), so that nobody has to answer for each case.",
    ),
    "retention.end": ChangeType(
        "End a recorded retention; what it was applied to stays retained.",
        2,
        (fields.identifier("retention", "The event that recorded it.", option="EVENT"), _UNTIL),
        partial(members.end_named, "retention", "retentions"),
    ),
    "peer.trust": ChangeType(
        "Record the keys of a peer gateway that two persons compared.",
        2,
        (
            replace(
                fields.any_text("issuer", "Its address, an https URL without a path."),
                read=peers.read_address,
            ),
            replace(
                fields.any_text("api_url", "The address of its partners' interface."),
                read=peers.read_address,
            ),
            fields.fingerprint("root_sha256", "SHA-256 of its root certificate, in hex."),
            fields.Field(
                "log_keys",
                "The verifier key of its log; two while it changes.",
                peers.read_log_keys,
                {"type": "array", "minItems": 1, "items": {"type": "string"}},
                several=True,
                option="--log-key",
                error="must be verifier keys of one log",
            ),
            fields.Field(
                "attestation_keys",
                "Its attestation keys, a JWK set.",
                peers.read_attestation_keys,
                {"type": "object", "required": ["keys"]},
                fields.Given.JSON_FILE,
                error="must be a JWK set with a key or more",
            ),
            replace(
                fields.any_text("witness_key", "The verifier key by which it cosigns."),
                read=peers.read_witness_key,
            ),
        ),
        peers.trust,
        about="Both compare them with its operator by another channel. For an organisation of kind "
        "gateway; made again when one of its keys changes.",
    ),
    "peer.agree": ChangeType(
        "Record what may go between this gateway and a peer.",
        2,
        (
            fields.subset_of(
                "directions",
                "Whose offers: in, of its members; out, of the members here.",
                peer.DIRECTIONS,
                option="--direction",
                default=sorted(peer.DIRECTIONS),
            ),
            fields.subset_of("matters", "In which matters.", Matter, option="--matter"),
            fields.countries(
                "territories",
                "For which countries its members' mandates count here.",
                option="--territory",
            ),
            fields.subset_of("purposes", "For which purposes.", Purpose, option="--purpose"),
            fields.subset_of(
                "kinds",
                "Which kinds of its members take part.",
                [one for one in organisation.KINDS if one != peer.GATEWAY_KIND],
                option="--kind",
            ),
            fields.one_of(
                "membership", "As what its members count here.", organisation.MembershipClass
            ),
            fields.one_of("tlp", "The strictest marking that crosses.", TLP),
            fields.one_of(
                "assurance",
                "What counts as its members' word: what they sign, or what it attests as well.",
                peer.ASSURANCES,
                default="signed",
            ),
            fields.optional(
                fields.free_text(
                    "transfer_tool",
                    "What allows a transfer to a third country, where it or a member is in one.",
                )
            ),
            fields.number("offers_a_day", "How many offers its members make here in a day."),
            *fields.period(),
        ),
        peers.agree,
    ),
    "peer.recognise": ChangeType(
        "Recognise a peer's member as a public authority.",
        2,
        (
            _REMOTE_MEMBER,
            fields.boolean("led", "It acts under the led regime, too."),
            fields.free_text("legal_act", "The act by which it is one."),
        ),
        peers.recognise,
        about="Until then it counts as private here, whatever its own gateway says.",
    ),
    "peer.vouch": ChangeType(
        "Vouch for a key of a peer's member that lost its earlier ones.",
        2,
        (
            _REMOTE_MEMBER,
            fields.any_text("kid", "The new key's id.", option="KEY_ID"),
        ),
        peers.vouch,
        about="Both compare the id with the member itself, by another channel: its gateway "
        "could name any key. It counts once its gateway's log tells of it.",
    ),
    "peer.end": ChangeType(
        "End an agreement with a peer, or a recognition.",
        2,
        (
            fields.identifier("event", "The event that recorded it.", option="EVENT"),
            fields.optional(fields.date("until", "First day without the agreement; else today.")),
        ),
        peers.end_named,
        about="Without an agreement nothing is offered either way; recalls are heard and answered.",
    ),
    "system.register": ChangeType(
        "Register a system and its scopes.",
        1,
        (
            _NEW_SYSTEM,
            fields.subset_of(
                "scopes",
                "What it may ask tokens for; by default all but staff, audit.search, log.cosign.",
                (*organisation.SCOPES, organisation.STAFF_SCOPE, organisation.RELAY_SCOPE),
                option="--scope",
                default=sorted(
                    {*organisation.SCOPES} - {organisation.AUDIT_SCOPE, organisation.COSIGN_SCOPE}
                ),
            ),
        ),
        systems.register_system,
    ),
    "system.set_keys": ChangeType(
        "Replace the keys with which a system authenticates.",
        2,
        (_SYSTEM, _CLIENT_KEYS),
        systems.set_system_keys,
    ),
    "system.disable": ChangeType(
        "Stop a system at its next request.",
        1,
        (_SYSTEM, _REASON),
        partial(systems.switch_system, on=False),
        about="On open connections too; its tokens end.",
    ),
    "system.enable": ChangeType(
        "Let a system work again, with new tokens.",
        1,
        (_SYSTEM, _REASON),
        partial(systems.switch_system, on=True),
    ),
    "system.set_admin_scopes": ChangeType(
        "Let a system of the operator's bring changes.",
        2,
        (
            _SYSTEM,
            fields.subset_of(
                "scopes",
                "All the operator's scopes that it gets; none: take them away.",
                organisation.ADMIN_SCOPES,
                least=0,
                option="--scope",
                default=[],
                emptied="this takes away all scopes of the operator's that the system has",
            ),
        ),
        systems.entrust,
    ),
    "certificate.revoke": ChangeType(
        "Revoke a certificate at once.",
        1,
        (
            fields.optional(fields.any_text("thumbprint", "Its x5t#S256.", option="THUMBPRINT")),
            fields.optional(
                fields.organisation_id("system", "Instead of one certificate: all of this system.")
            ),
            _REASON,
        ),
        systems.revoke_certificate,
        about="Its next request is refused, on open connections too. Whoever had a stolen key may "
        "have renewed by it: then take --system.",
    ),
    "key.register": ChangeType(
        "Register a member's document or encryption key.",
        2,
        (
            _MEMBER_KEY,
            _PROOF,
            fields.optional(
                fields.signed_document("countersignature", "By a document key, if there is one.")
            ),
        ),
        keys.register_key,
        about="Made by `casegate key create`.",
    ),
    "key.revoke": ChangeType(
        "Revoke a member's document or encryption key.",
        1,
        (fields.any_text("kid", "The key's id.", option="KEY_ID"), _REASON),
        keys.revoke_key,
        about="Nothing new that it signs, or that is sealed to it, is taken.",
    ),
    "invitation.create": ChangeType(
        "Invite a system to enrol itself.", 2, (_SYSTEM, _TOKEN), systems.invite
    ),
    "invitation.withdraw": ChangeType(
        "Withdraw an invitation.",
        1,
        (fields.identifier("invitation", "Which invitation.", option="INVITATION"), _REASON),
        systems.withdraw_invitation,
        about="Its token is refused from then on, and so is a request that came by it, until its "
        "certificate is made.",
    ),
    "audit_access.grant": ChangeType(
        "Let an organisation read events of the log for a time.",
        2,
        (
            replace(
                fields.one_of(
                    "coverage",
                    "The whole log, one member's events, or one case.",
                    CoverageKind,
                    CoverageKind,
                ),
                option="--coverage",
            ),
            fields.optional(
                fields.organisation_id("member", "Whose events; for a case, its originator.")
            ),
            fields.optional(fields.identifier("case", "Which case.")),
            fields.optional(
                fields.free_text("person", "The one person who may; else anybody there.")
            ),
            *fields.period(ends=True),
            _DECISION,
        ),
        members.grant_audit,
    ),
    "audit_access.end": ChangeType(
        "End an audit access at once.",
        2,
        (fields.identifier("audit_access", "The event that gave it.", option="EVENT"), _REASON),
        members.end_audit,
    ),
    "log_hold.set": ChangeType(
        "Keep details of persons in the log beyond their term.",
        2,
        (
            fields.free_text(
                "reference", "Of the proceedings or the inquiry, as a file number.", 200
            ),
            fields.date("review_on", "Day by which it is looked at again, within a year."),
            fields.optional(
                fields.organisation_id(
                    "member", "Only what this member did; for a case, its originator."
                )
            ),
            fields.optional(fields.identifier("case", "Only what anybody did with this case.")),
        ),
        members.set_hold,
        about="Without a member it holds for all. Only log-hold end ends it: casegate doctor warns "
        "of a review that was missed.",
        at_gateway=True,
    ),
    "log_hold.end": ChangeType(
        "End a log hold.",
        2,
        (fields.identifier("log_hold", "The event that set it.", option="EVENT"), _REASON),
        members.end_hold,
        about="What it kept beyond its term is erased within a day.",
        at_gateway=True,
    ),
    "notification.set_push": ChangeType(
        "Send a member's notifications to an address of its own.",
        2,
        (
            replace(
                fields.any_text("address", "The receiver's address, an https URL."),
                refuse=push_address_fault,
            ),
        ),
        members.set_push,
        about="They are sent there from the first event of its stream that is not acknowledged.",
    ),
    "notification.end_push": ChangeType(
        "Send a member's notifications nowhere; it can collect them.",
        1,
        (_REASON,),
        members.end_push,
    ),
    "admin.add": ChangeType(
        "Let a person approve changes: an id that is never used again.",
        2,
        (
            _PERSON,
            fields.free_text("name", "Their name."),
            fields.public_key("jwk", "Their public key, `key.jwk`.", keys.read_approval_key),
            fields.signed_document("proof", "That they have it, `key.proof`."),
        ),
        keys.add_administrator,
        at_gateway=True,
    ),
    "admin.add_passkey": ChangeType(
        "Let a person approve changes by a passkey in their browser, too.",
        2,
        (
            _PERSON,
            fields.public_key("jwk", "The passkey, with its origin.", keys.read_passkey),
            fields.signed_document("proof", "What it signed about itself."),
        ),
        keys.add_passkey,
        at_gateway=True,
    ),
    "admin.revoke_passkey": ChangeType(
        "Void all approvals by a passkey, whenever they were signed.",
        1,
        (_PERSON, fields.any_text("kid", "The passkey's id.", option="KEY_ID"), _REASON),
        keys.revoke_passkey,
        at_gateway=True,
        about="The person's other keys count as before.",
    ),
    "admin.disable": ChangeType(
        "Void all approvals of a person, whenever they were signed.",
        2,
        (_PERSON, _REASON),
        keys.disable_administrator,
        at_gateway=True,
        about="The system that the person used still reads what administrators read: end that by "
        "`system disable`, or by `system set-admin-scopes` without a scope.",
    ),
}
"""Every change that administrators make, by its action."""

STEPS: Mapping[str, ChangeType] = {
    "gateway_key.rotate": ChangeType(
        "Take the next step to a new key of the gateway's own.",
        1,
        (
            fields.any_text("purpose", "Which."),
            fields.any_text("step", "Which."),
            fields.any_text("key", "Which."),
        ),
        keys.record_step,
        at_gateway=True,
    ),
    "ca.rotate": ChangeType(
        "Take the next step to a new issuing authority.",
        2,
        (
            fields.any_text("step", "Which."),
            fields.any_text("authority", "Which."),
            fields.any_text("waited", "Whether its time was waited for."),
        ),
        keys.record_step,
        at_gateway=True,
    ),
    "log.adopt_mark": ChangeType(
        "Vouch for the database after the high-water mark was lost.",
        2,
        (
            fields.any_text("size", "How many entries the database has."),
            fields.any_text("root", "The root of its log, in hex."),
            fields.any_text("largest_size", "The largest size that anybody holds."),
        ),
        keys.adopt_mark,
        at_gateway=True,
    ),
}
"""Steps of the gateway's own keys and mark: recorded on its own host, where they are taken."""
