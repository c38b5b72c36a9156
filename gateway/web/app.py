"""The two apps, each for its listener: partners with a certificate, and anybody."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

from flask import Flask, Request, Response, g, request
from werkzeug.routing import MapAdapter, Rule

from gateway.domain.refusals import NotFound
from gateway.web import listeners, openapi, responses
from gateway.web.caller import Tokens
from gateway.web.context import AppContext
from gateway.web.endpoint import register, register_unauthenticated
from gateway.web.inputs import UnsupportedMediaType, current_request
from gateway.web.oauth import TokenServer
from gateway.web.responses import ALWAYS


def create_partner_app(gate: AppContext) -> Flask:
    """The app of the listener that demands a client certificate: token endpoint and API."""
    app = _create(gate)
    tokens = Tokens(gate)
    register(app, listeners.PARTNERS, gate, tokens)
    register_unauthenticated(app, listeners.PARTNERS_OPEN, gate)
    register_unauthenticated(app, listeners.TOKEN, TokenServer(gate, tokens))
    return app


def create_public_app(gate: AppContext) -> Flask:
    """The app of the listener without client certificates: an invitation alone changes anything,
    and how far the logs of peers were cosigned."""
    app = _create(gate)
    register_unauthenticated(app, (*listeners.PUBLIC, *openapi.ENDPOINTS), gate)
    return app


_ALWAYS = frozenset(name.lower() for name in ALWAYS)


class _Rule(Rule):
    """A rule of the methods that its endpoint declares: no HEAD comes along with GET."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.methods is not None:
            self.methods.discard("HEAD")


class _Flask(Flask):
    url_rule_class = _Rule

    def wsgi_app(self, environ: Any, start_response: Any) -> Any:
        """Every answer has the security headers, and is not to be stored unless it says how long
        it keeps."""

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            kept, stored = list[tuple[str, str]](), False
            for name, value in headers:
                lower = name.lower()
                stored = stored or lower == "cache-control"
                if lower not in _ALWAYS:
                    kept.append((name, value))
            if not stored:
                kept.append(("Cache-Control", "no-store"))
            return start_response(status, [*kept, *ALWAYS.items()], exc_info)

        return super().wsgi_app(environ, start)

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """By path and method alone: no address here depends on a host's name, and none is built."""
        if request is None:
            return None
        return self.url_map.bind("", path_info=request.path, default_method=request.method)


def _create(gate: AppContext) -> Flask:
    app = _Flask(__name__, static_folder=None, template_folder=None)
    # Of the class itself: from its settings Flask would read it anew at each look.
    app.request_class = type("Request", (Request,), {"max_content_length": gate.body_bytes})
    app.url_map.merge_slashes = False  # one address, one spelling; nothing is redirected
    app.before_request(_begin(gate))
    if gate.answered is not None:
        app.after_request(_count(gate.answered))
    responses.install(app, gate)
    return app


def _begin(gate: AppContext) -> Callable[[], None]:
    """Give each request an id, for the security log and for whoever asks about an answer.

    An address has one spelling: the framework reads `//whoami` and `/%77hoami` as `/whoami`; a
    proxy's rules for an address would not.
    """

    def begin() -> None:
        g.request_id = str(gate.ports.new_id())
        g.began = perf_counter()
        environ = current_request().environ
        path = environ["PATH_INFO"]
        if path.startswith("//") or str(environ.get("RAW_URI", path)).partition("?")[0] != path:
            raise NotFound
        if "HTTP_CONTENT_ENCODING" in environ:
            raise UnsupportedMediaType("send the body as it is, without a Content-Encoding")

    return begin


def _count(answered: Callable[[str, str, int, float], None]) -> Callable[[Response], Response]:
    """Tell of each answer; what matches no route has none to name, whatever its path says."""

    def count(response: Response) -> Response:
        rule = request.url_rule
        route, method = (rule.rule, request.method) if rule is not None else ("none", "any")
        answered(route, method, response.status_code, perf_counter() - g.began)
        return response

    return count
