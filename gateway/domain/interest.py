"""Interests of a member in a provider or a case, and whether one of them meets a case (R9)."""

import re
from typing import Any

from gateway.domain.organisation import SLUG

# A name of the domain name system in its ASCII form, two labels at least.
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})+", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


def read_subject(scope: str, value: Any) -> str:
    """A provider's domain name, or ``<originator>/<case id>``; ValueError for what is neither."""
    if scope == "provider" and _NAME.fullmatch(value):
        return str(value)
    originator, _, case = value.partition("/")
    if scope == "case" and SLUG.fullmatch(originator) and _UUID.fullmatch(case):
        return str(value)
    raise ValueError("not a domain name in lower case, or an originator and its case's id")
