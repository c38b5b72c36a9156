"""Pages for people: what each problem means, and the description of the interface."""

from html import escape

from flask import Response

from gateway.domain.refusals import NotFound
from gateway.web.context import AppContext
from gateway.web.endpoint import unauthenticated
from gateway.web.metadata import KEPT
from gateway.web.problems import all_problems

HTML = "text/html; charset=utf-8"

_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title></head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


def _page(title: str, body: str) -> Response:
    text = _PAGE.format(title=escape(title), body=body)
    return Response(text, headers=KEPT, content_type=HTML)


@unauthenticated("GET /problems", media="text/html")
def list_(gate: AppContext) -> Response:
    """Read the list of all problems that the gateway answers with."""
    lines = (
        f'<li><a href="/problems/{slug}">{escape(problem.title)}</a> ({problem.status})</li>'
        for slug, problem in sorted(all_problems().items())
    )
    return _page("Problems", "<ul>\n" + "\n".join(lines) + "\n</ul>")


@unauthenticated("GET /problems/<name>", media="text/html")
def show(gate: AppContext, name: str) -> Response:
    """Read what a problem means and what to do about it."""
    problem = all_problems().get(name)
    if problem is None:
        raise NotFound
    return _page(
        problem.title,
        f"<p>Status {problem.status}, <code>{problem.slug}</code></p>\n"
        f"<h2>What it means</h2>\n<p>{escape(problem.meaning)}</p>\n"
        f"<h2>What to do</h2>\n<p>{escape(problem.remedy)}</p>\n"
        '<p><a href="/problems">All problems</a></p>',
    )


ENDPOINTS = (list_, show)
