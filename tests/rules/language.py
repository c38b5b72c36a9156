"""The language of the product, checked: words and names that plain English does not need.

``python -m tests.rules.language [--long] [PATH ...]`` prints every hit below the paths, with file
and line, and fails when there is one. The lists:

- A: nowhere, comments and docstrings included;
- B: not in what a user reads (pages, policies, help, messages);
- C: names of modules, classes and functions that mean several things, or nothing;
- D (only with ``--long``): long sentences. Printed and never counted.
"""

import ast
import bisect
import io
import itertools
import re
import sys
import tokenize
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
GLOSSARY = "docs/glossary.md"
"""The page that has to name words that are not used."""
FOLDERS = ("gateway", "docs", "policies", "certs", "deploy")

NOUNS = (
    "organisation object request word case file folder key backup certificate change setting value"
    " JSON JWK stream receipt event write field one member"
).replace(" ", "|")
OURS = "files?|form|kind|formats?|documents?|certificate|one|JSON|name|keys?|receipts|logs?"
HOLDERS = "steals|holds|has|calls|wants|signs|keeps|knows|only|looks|asks|owns"
MAY = "has|is|can|may|reads|gets|needs|acts|holds"

A = (
    r"\bof before\b",
    r"\b[Oo]n (a|another|no other) second way\b|\bfor a second way\b",
    r"\b(by|on) another way\b|\bon a way that\b|\bsecond channel\b",
    r"\bnought\b|\b[Pp]erhaps why\b|\bNone is none\b|\bfalls away\b|\bwhosever\b|\bwhose all\b",
    r"\bno such thing\b|\bsuch thing for you\b",
    r"\b(is|are|was|were|as) told\b|\btold (of|to|as|plainly|apart|by)\b",
    r"\b(is|are|was|be) said\b(?! to)",
    r"[.:|] (Was|Were|Has) (it|you|there)\b[^?\n]*[:,]|^Were you given\b",
    rf"\b[Ww]ho ({HOLDERS}) [^?\n]{{1,80}}? ({MAY})\b",
    rf"\b(is|are|was|were) no ({NOUNS})\b|\bhas not the form\b",
    r"\b[Ww]hat (came|became|comes|becomes) of\b|\b[Tt]ak(e|es|en|ing) on\b|\btook on\b",
    r"\b(in|into) the place of\b|\bstand(s|ing)? for (the|a|an|it|what|what's|by)\b",
    r"\b[Hh]and(s|ed)? in\b|\b[Ll]ook(s|ed)? (it |them )?over\b|\b(a|no|one) look\b",
    r"\b(on|by|of) the word of\b|\bwhose word\b|\bsigned words?\b|\b[Mm]end(s|ed|ing)?\b",
    r"\bcall(s|ed|ing)? (it |SUCCESSION )?off\b|\b(at|to) (its|their) end\b|\bat hand\b",
    r"\bbut for\b|\bfor ever\b|\bonce more\b|\b(to be|be) had\b|\bgood signature\b",
    rf"\b({OURS}) of ours\b|\bof theirs\b",
    r"\b(hold|holds) (no more|any more)\b|\bdoes not hold\b|\b[Ll]et(s)? (PERSON|SLUG|no)\b",
    r"\b[Nn]obody approves\b|\bEVIDENCE FALSE\b|\b[Ff]ounding story\b|\bPlay the\b",
    r"\bgive(s|n)? (it )?back\b|\bgiven? away\b|\bSee the port\.",
    r"\((contracts|model|evidence|access|architecture|living-case|federation)\.md",
    r"\bL(?:[1-9]|[12]\d|3[01])\b",
)
B = (
    r"\b\w+ alone\b|\banew\b|\bwhoever\b|\bby itself\b|\brests? on\b|\bmeanwhile\b",
    r"\bthe one before\b|\b[Ss]eats?\b|\b[Ss]tandings?\b|\b[Vv]erdicts?\b|\boffices?\b",
    r"\bslug\b|\bjunk\b|\bFROZEN\b|\benroll(s)?\b(?!ed)|\bretry key\b|cannot be moved by",
    r"\bthe mark\b",
    r"(organiz|(?<!oauth-)authoriz|recogniz|anonymiz)ation",
)
_A, _B = (re.compile("|".join(f"(?:{one})" for one in listed)) for listed in (A, B))
_NAMES = re.compile(
    r"""class\ (Errand|Turn|Desk|Work|Form|Kind|Part|Gate|Line|Spool|Sightings?|Letterhead|LogNotary
    |RememberingSigner|Continuity|Fate|Way|Stretch|Step|Place|Kept|Opened|Reading|Reply|Said|Word|Walk)
    |def\ (_?told|look|spend|again)
    |module\ (errand|desk|words|kinds|faults|shapes|records|barriers|telling|knock|junk|line|spool
    |sightings|checkpoint_signer|succeeding|opening|rounds|prepared|remembered|copies|facets|soundness|checkup
    |founding|stage|story)""",
    re.VERBOSE,
)
MOST_WORDS, MOST_SEMICOLONS = 25, 2


@dataclass(frozen=True)
class Hit:
    """A word or a name that a list forbids, where it stands."""

    path: str
    line: int
    list: str
    text: str

    @property
    def package(self) -> str:
        """Where the hit is counted: its top folder, or the pages beside them."""
        parts = Path(self.path).parts
        return parts[0] if len(parts) > 1 else "pages"

    def __str__(self) -> str:
        """One line, as compilers print theirs."""
        return f"{self.path}:{self.line}: {self.list}: {self.text}"


@dataclass(frozen=True)
class Prose:
    """A passage with its line breaks joined, and the line of each of its pieces."""

    text: str
    starts: tuple[int, ...]
    lines: tuple[int, ...]
    seen: bool
    """Whether a user reads it."""

    @classmethod
    def join(cls, pieces: Iterable[tuple[int, str]], *, seen: bool) -> "Prose":
        """Join pieces, each with its line, by single spaces."""
        text, starts, lines = "", [], []
        for line, piece in pieces:
            text += " " if text else ""
            starts.append(len(text))
            lines.append(line)
            text += " ".join(piece.split())
        return cls(text, tuple(starts), tuple(lines), seen)

    def line_at(self, position: int) -> int:
        """The line of the file in which a position of the text stands."""
        return self.lines[bisect.bisect_right(self.starts, position) - 1]


# --- Passages of a file ---


def passages(path: Path) -> Iterator[Prose]:
    """What a file says to people: sentences, never code."""
    text = path.read_text(encoding="utf-8")
    match path.suffix:
        case ".py":
            yield from _python(text)
        case ".md":
            yield from _markdown(text)
        case ".cedar" | ".cedarschema":
            yield from _cedar(text)
        case ".toml":
            yield from _toml(text)


def _python(text: str) -> Iterator[Prose]:
    docstrings: dict[int, ast.AST] = {}
    described: set[int] = set()
    logged: set[int] = set()
    parts: set[int] = set()
    strings: list[ast.JoinedStr | ast.Constant] = []
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.JoinedStr():
                strings.append(node)
                parts.update(map(id, node.values))
            case ast.Constant(value=str()):
                strings.append(node)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="_LOG"))):
                logged.update(map(id, node.args))
            case ast.Expr(value=ast.Constant(value=str())):
                described.add(id(node.value))
            case ast.Module() | ast.ClassDef() | ast.FunctionDef() if node.body:
                if isinstance(node.body[0], ast.Expr):
                    docstrings[id(node.body[0].value)] = node
    for string in strings:
        if id(string) in parts:
            continue
        owner = docstrings.get(id(string))
        helps = isinstance(owner, ast.FunctionDef) and _is_command(owner)
        value = _text(string)
        seen = helps or (" " in value and id(string) not in logged | described)
        yield from _paragraphs(string.lineno, value, seen=seen)
    if re.search(r"(^|\s)#", text):
        yield from _comments(text)


def _text(string: ast.JoinedStr | ast.Constant) -> str:
    """A string, with braces where it is filled in."""
    if isinstance(string, ast.Constant):
        return str(string.value)
    return "".join(str(v.value) if isinstance(v, ast.Constant) else "{}" for v in string.values)


def _is_command(function: ast.FunctionDef) -> bool:
    """Whether a docstring is the help of a command."""
    decorators = " ".join(ast.unparse(decorator) for decorator in function.decorator_list)
    return bool(re.search(r"\b(command|group)\b", decorators))


def _paragraphs(line: int, text: str, *, seen: bool) -> Iterator[Prose]:
    pieces: list[tuple[int, str]] = []
    for number, piece in enumerate(text.split("\n"), start=line):
        if piece.strip():
            pieces.append((number, piece))
        elif pieces:
            yield Prose.join(pieces, seen=seen)
            pieces = []
    if pieces:
        yield Prose.join(pieces, seen=seen)


def _comments(text: str) -> Iterator[Prose]:
    found = [
        (token.start[0], token.string.lstrip("#"))
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT
    ]
    for _, block in itertools.groupby(enumerate(found), lambda pair: pair[1][0] - pair[0]):
        yield Prose.join((piece for _, piece in block), seen=False)


def _markdown(text: str) -> Iterator[Prose]:
    fenced = False
    pieces: list[tuple[int, str]] = []
    for number, written in enumerate([*text.split("\n"), ""], start=1):
        fence = written.lstrip().startswith("```")
        fenced ^= fence
        line = "" if fence else written
        starts = re.match(r"\s*([-*|#>]|\d+\.) ?", line)
        if (fenced or starts or not line.strip()) and pieces:
            yield Prose.join(pieces, seen=True)
            pieces = []
        if not fenced and line.strip():
            # What stands in backticks or is an address is code.
            pieces.append((number, re.sub(r"`[^`]*`|\]\([^)]*\)|<!--.*?-->", "`x`", line)))


def _cedar(text: str) -> Iterator[Prose]:
    pieces: list[tuple[int, str]] = []
    for number, line in enumerate([*text.split("\n"), ""], start=1):
        if comment := re.match(r"\s*//(.*)", line):
            pieces.append((number, re.sub(r"`[^`]*`", "`x`", comment[1])))
            continue
        if pieces:
            yield Prose.join(pieces, seen=True)
            pieces = []
        if reason := re.match(r'\s*@reason\("(.*)"\)', line):
            yield Prose.join([(number, reason[1])], seen=True)


def _toml(text: str) -> Iterator[Prose]:
    """Texts, and those of lists, a line each; French words are none of the lists."""
    for number, line in enumerate(text.split("\n"), start=1):
        for said in re.findall(r'"([^"]* [^"]*)"', line):
            yield Prose.join([(number, said)], seen=True)


# --- Hits ---


def forbidden_words(path: Path, name: str) -> Iterator[Hit]:
    """Hits of the lists A and B."""
    for prose in passages(path):
        lists = [("A", _A), ("B", _B)] if prose.seen else [("A", _A)]
        for listed, pattern in lists:
            for match in pattern.finditer(prose.text):
                around = prose.text[max(0, match.start() - 30) : match.end() + 30]
                yield Hit(
                    name, prose.line_at(match.start()), listed, f"{match[0]!r} in ...{around}..."
                )


def forbidden_names(paths: Iterable[Path], root: Path = ROOT) -> Iterator[Hit]:
    """Hits of list C: forbidden names, and class names that stand in several modules."""
    classes: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for path in paths:
        name = str(path.relative_to(root))
        if _NAMES.fullmatch(f"module {path.stem}"):
            yield Hit(name, 1, "C", f"module {path.stem}")
        text = path.read_text(encoding="utf-8")
        for match in re.finditer(r"^ *(class|def) (\w+)", text, re.MULTILINE):
            kind, named = match.groups()
            line = text.count("\n", 0, match.start()) + 1
            # Meta is the name that marshmallow looks for; views are written after other classes.
            if kind == "class" and named != "Meta" and name != "gateway/client/views.py":
                classes[named].append((name, line))
            if _NAMES.fullmatch(f"{kind} {named}"):
                yield Hit(name, line, "C", f"{kind} {named}")
    for known, places in classes.items():
        elsewhere = [place for place in places[1:] if place[0] != places[0][0]]
        for name, line in elsewhere:
            yield Hit(name, line, "C", f"class {known} is also in {places[0][0]}")


def long_sentences(path: Path, name: str) -> Iterator[Hit]:
    """Hits of list D in what a user reads."""
    for prose in passages(path):
        if not prose.seen:
            continue
        position = 0
        for sentence in re.split(r"(?<=[.!?:|]) ", prose.text):
            words = len(sentence.split())
            if words > MOST_WORDS or sentence.count(";") > MOST_SEMICOLONS:
                yield Hit(name, prose.line_at(position), "D", f"{words} words: {sentence[:60]}...")
            position += len(sentence) + 1


def files(below: Iterable[Path]) -> list[Path]:
    """The files that are checked below some paths, migrations left out."""
    found: set[Path] = set()
    for path in below:
        if path.is_file():
            found.add(path)
            continue
        own = path.glob("*.md") if path == ROOT else ()
        inner = [ROOT / folder for folder in FOLDERS] if path == ROOT else [path]
        found.update(own, *(folder.rglob("*") for folder in inner))
    kinds = {".py", ".md", ".cedar", ".cedarschema", ".toml"}
    return sorted(p for p in found if p.suffix in kinds and "migrations" not in p.parts)


def hits(paths: Iterable[Path] = (ROOT,), *, long: bool = False) -> list[Hit]:
    """Every hit below some paths; names (C) are compared over the whole of gateway/."""
    checked = files(path.resolve() for path in paths)
    found: list[Hit] = []
    for path in checked:
        name = str(path.relative_to(ROOT))
        found += forbidden_words(path, name) if name != GLOSSARY else ()
        found += long_sentences(path, name) if long else ()
    names = {str(path.relative_to(ROOT)) for path in checked}
    code = [path for path in files([ROOT / "gateway"]) if path.suffix == ".py"]
    found += [hit for hit in forbidden_names(code) if hit.path in names]
    return sorted(found, key=lambda hit: (hit.path, hit.line, hit.list))


def main(arguments: list[str]) -> int:
    """Print the hits; 1 when there is one, but for sentences that are only long."""
    paths = [Path(argument) for argument in arguments if not argument.startswith("--")]
    found = hits(paths or [ROOT], long="--long" in arguments)
    for hit in found:
        print(hit)
    return 1 if any(hit.list != "D" for hit in found) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
