"""The guides that come with the gateway, by sections: a page shows one where it names it."""

import re
from importlib import resources
from pathlib import Path


def section(place: str) -> str:
    """Return a section of a guide as it is written, in English, without those below it; the whole
    guide where ``place``, as `docs/PAGE.md#SECTION`, names none. KeyError where there is none."""
    page, _, wanted = place.removeprefix("docs/").partition("#")
    package = Path(str(resources.files("gateway")))
    shipped = package / "_guides" / page
    file = shipped if shipped.exists() else package.parent / "docs" / page
    found, in_code = list[str](), False
    for line in file.read_text("utf-8").splitlines():
        in_code ^= line.lstrip().startswith("```")
        heading = "" if in_code or not line.startswith("#") else line.lstrip("# ")
        if found and heading and wanted:
            break
        # A link names a heading in lower case, without punctuation, its spaces as hyphens.
        anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        if found or wanted in ("", anchor) or f'id="{wanted}"' in line:
            found.append(re.sub(r'<a id="[^"]*"></a>', "", line))
    if not found:
        raise KeyError(place)
    return "\n".join(found).strip()
