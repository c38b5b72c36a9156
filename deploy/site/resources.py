"""What a page would fetch from another host when it is opened: for this site nothing."""

import re

OUTSIDE = re.compile(
    r"""<(?!a\b)[^>]*?\s(?:src|srcset|href|data|action)\s*=\s*["']?\s*((?:https?:)?//[^\s"'>]+)
    |url\(\s*["']?((?:https?:)?//[^)"']+)
    |@import\s+["']((?:https?:)?//[^"']+)
    |\b(?:fetch|import|importScripts)\(\s*["'`]((?:https?:)?//[^"'`]+)""",
    re.IGNORECASE | re.VERBOSE,
)


def outside(text: str) -> list[str]:
    """The addresses on other hosts that a page, style sheet or script loads; not what it links."""
    return [next(filter(None, found.groups())) for found in OUTSIDE.finditer(text)]
