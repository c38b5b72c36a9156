"""The interface by its own description (OpenAPI): its endpoints, their addresses and bodies."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from gateway.domain import fields


class Interface:
    """What a description has of each endpoint, by its name."""

    def __init__(self, description: Mapping[str, Any]) -> None:
        """``description`` is an OpenAPI document."""
        self._schemas = description["components"]["schemas"]
        self._operations = {
            one["operationId"]: (path, one)
            for path, item in description["paths"].items()
            for one in item.values()
        }
        self._acting = {
            (one.get("x-policy-action"), frozenset(re.findall(r"{(\w+)}", path))): name
            for name, (path, one) in reversed(self._operations.items())  # previews come after
            if "requestBody" in one
        }
        self._whole = dict[str, Mapping[str, Any]]()

    def acting(self, action: str, ids: Collection[str]) -> str | None:
        """The endpoint that does an action about what ids of these names are given for."""
        return self._acting.get((action, frozenset(ids)))

    def action(self, endpoint: str) -> str:
        """The policy's action of an endpoint."""
        return str(self._operations[endpoint][1].get("x-policy-action"))

    def address(
        self, endpoint: str, ids: Mapping[str, Any], query: Mapping[str, Any] | None = None
    ) -> str:
        """The path of an endpoint, with what it is about, and a query."""
        spelled = {name: quote(str(one), safe="") for name, one in ids.items()}
        path: str = self._operations[endpoint][0]
        return path.format_map(spelled) + (f"?{urlencode(query)}" if query else "")

    def schema(self, endpoint: str) -> Mapping[str, Any]:
        """The JSON Schema of the body of an endpoint, whole; it says what the endpoint does."""
        if endpoint not in self._whole:
            operation = self._operations[endpoint][1]
            body = operation["requestBody"]["content"]["application/json"]["schema"]
            about = filter(None, (operation["summary"], operation.get("description")))
            self._whole[endpoint] = {**self._resolved(body), "description": "\n\n".join(about)}
        return self._whole[endpoint]

    def query(self, endpoint: str) -> Mapping[str, Any]:
        """The JSON Schema of the query of an endpoint, as an object."""
        asked = self._operations[endpoint][1]["parameters"]
        named = {one["name"]: one["schema"] for one in asked if one["in"] == "query"}
        return {"type": "object", "properties": self._resolved(named)}

    def _resolved(self, described: Any) -> Any:
        """A schema with those that it refers to in their places."""
        if isinstance(described, list):
            return [self._resolved(one) for one in described]
        if not isinstance(described, dict):
            return described
        named = dict(described)
        if isinstance(place := named.pop("$ref", None), str):
            named = {**self._schemas[place.rpartition("/")[2]], **named}
            return self._resolved(named)
        return {key: self._resolved(one) for key, one in named.items()}


def faults(schema: Mapping[str, Any], value: Any, pointer: str = "") -> Iterator[tuple[str, str]]:
    """Return what a value breaks of its schema, each as JSON Pointer and sentence, as the gateway
    would say it. What an object has beside its properties is not judged."""
    match schema.get("type"), value:
        case "object", dict():
            named = schema.get("properties", {})
            for name in schema.get("required", ()):
                if name not in value:
                    yield f"{pointer}/{name}", "is required"
            for name in value.keys() & named.keys():
                yield from faults(named[name], value[name], f"{pointer}/{name}")
        case "array", list():
            for number, one in enumerate(value):
                yield from faults(schema.get("items", {}), one, f"{pointer}/{number}")
        case "integer", _ if type(value) is not int:
            yield pointer, _DESCRIBED.format(schema.get("description", "a whole number"))
        case "string", _ if (fault := _of_text(schema).judge(value)) is not None:
            yield pointer, fault


_DESCRIBED = "must be as described: {}"


def _of_text(schema: Mapping[str, Any]) -> fields.Validator:
    """Return how a text is judged that a schema describes."""
    match schema:
        case {"enum": words}:
            return fields.among(words)
        case {"format": "date"}:
            return fields.DAY
        case {"format": "date-time"}:
            return fields.MOMENT
        case {"pattern": pattern}:
            told = _DESCRIBED.format(schema.get("description", pattern))
            known = (fields.ORGANISATION, fields.NAMED, fields.RELEASED)
            same = (one for one in known if one.described["pattern"] == pattern)
            return next(same, fields.like(pattern[1:-1], told))
        case {"maxLength": longest}:
            return fields.free(longest)
    return fields.Validator(lambda _: None)
