"""The changes of the registry, one function each: values in, the organisation's entry changed.

They run in the transaction of administration.administer, after approvals and policy.
"""

from collections.abc import Mapping

from gateway.actions.registry import (
    admins,
    agreements,
    audits,
    competences,
    contacts,
    interests,
    invitations,
    keys,
    memberships,
    organisations,
    own_keys,
    standings,
    successions,
    systems,
)
from gateway.actions.registry.desk import Kind

CHANGES: Mapping[str, Kind] = {
    **memberships.CHANGES,
    **organisations.CHANGES,
    **contacts.CHANGES,
    **interests.CHANGES,
    **agreements.CHANGES,
    **admins.CHANGES,
    **standings.CHANGES,
    **competences.CHANGES,
    **successions.CHANGES,
    **systems.CHANGES,
    **keys.CHANGES,
    **audits.CHANGES,
    **invitations.CHANGES,
}
"""Every change that administrators make, by its action."""

STEPS = own_keys.STEPS
"""What is recorded of the gateway's own keys, on its own host alone."""

ON_GATEWAY = frozenset({*admins.CHANGES, *STEPS})
"""Those whose organisation is the gateway itself."""
