"""What an organisation is called: its id, and the gateway that knows it where that is another one.

An id alone names an organisation of this gateway, ``id@peer`` one of the gateway that is called
``peer`` here.
"""

from functools import lru_cache

from gateway.domain.organisation import SLUG


class OrganisationName(str):
    """The name of an organisation; text wherever text is needed.

    Raises ValueError for what is not a name, and for a name at another gateway: no peer is known
    here yet, so nothing may act or be recorded in its name.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> "OrganisationName":
        """Read a name."""
        return _read(text)

    @property
    def id(self) -> str:
        """The id under which its own gateway knows the organisation."""
        return self.partition("@")[0]

    @property
    def peer(self) -> str | None:
        """What the organisation's gateway is called here; None for this gateway."""
        return self.partition("@")[2] or None


@lru_cache(maxsize=4096)
def _read(text: str) -> OrganisationName:
    identifier, at, peer = text.partition("@")
    if not SLUG.fullmatch(identifier) or (at and not SLUG.fullmatch(peer)):
        raise ValueError("an organisation's name is its id, or id@peer")
    if at:
        raise ValueError("no organisation of another gateway is known here")
    return str.__new__(OrganisationName, text)
