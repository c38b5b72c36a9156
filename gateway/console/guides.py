"""The guides that come with the gateway, by sections: a page shows one where it names it."""

import re
from importlib import resources
from pathlib import Path


def section(place: str) -> str:
    """Return a section of a guide as it is written, in English, without those below it; the whole
    guide where ``place``, as `docs/PAGE.md#SECTION`, names none. KeyError where there is none."""
    page, _, wanted = place.removeprefix("docs/").partition("#")
    found, in_code = list[str](), False
    for line in _read(page).splitlines():
        in_code ^= line.lstrip().startswith("```")
        heading = "" if in_code or not line.startswith("#") else line.lstrip("# ")
        if found and heading and wanted:
            break
        if found or not wanted or _anchor(heading) == wanted or f'id="{wanted}"' in line:
            found.append(re.sub(r'<a id="[^"]*"></a>', "", line))
    if not found:
        raise KeyError(place)
    return "\n".join(found).strip()


def _anchor(heading: str) -> str:
    """Return by what a link names a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _read(page: str) -> str:
    package = Path(str(resources.files("gateway")))
    shipped = package / "_guides" / page
    return (shipped if shipped.exists() else package.parent / "docs" / page).read_text("utf-8")
