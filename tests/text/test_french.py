"""French is set as the glossary's French style says, in every text of every table."""

import re
from collections.abc import Iterator
from string import Formatter

from gateway.text import catalogue

ENGLISH_ALONE = {"en"}
"""Keys of what has no French beside it: the English months."""

WRONG = {
    "a space before a mark that may break": r"[^\S\u00a0\u202f][:;?!»]|«[^\S\u00a0\u202f]",
    "no space before a mark": r"[^\s\u00a0\u202f][:;?!](?=\s|$)",
    "no space within the marks of a quotation": r"«(?![\u00a0\u202f])|(?<![\u00a0\u202f])»",
    "a straight apostrophe or quotation mark": r"['\"\u201c\u201d]",
    "three dots, or two spaces": r"\.\.\.|\w\w  ",
    "a capital without its accent": r"\b(A|Etat|Echeance|Evaluer|Emetteur|Element|Evenement) ",
    "a word of another usage": r"(?i)\b(veuillez|digital\w*|implément\w*|supprim\w*|logg\w+|email|"
    r"mail|organisation|handoff|case|passerelles? pairs?)\b",
}

NOT_FRENCH = r"`[^`]*`|\{[^}]*\}|\b\w*_\w+|casegate [a-z -]+|\([A-Z, ']{8,}\)|--\w+"


def french() -> Iterator[tuple[str, str, str]]:
    """Each French text as it is shown, with its table and key."""
    for file in catalogue._FILES:
        for table, texts in catalogue._read(file).items():
            for key, told in texts.items():
                said = [told] if isinstance(told, str) else told[1:2]
                said = told if table == "months" else said
                for text in [] if key in ENGLISH_ALONE else said:
                    yield table, key, catalogue._typeset(text.replace("{nb}", "\u00a0"), "fr")


def test_both_languages_of_every_text_have_the_same_values() -> None:
    pairs = [
        pair
        for file in catalogue._FILES
        for table, texts in catalogue._read(file).items()
        for pair in texts.values()
        if isinstance(pair, list) and table != "months"
    ]
    assert len(pairs) > 2_000
    assert [one for one in pairs if places(one[0]) != places(one[1]) - {"nb"}] == []


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_every_french_text_is_set_as_the_glossary_says() -> None:
    wrong = [
        (what, table, key, text)
        for table, key, text in french()
        for what, form in WRONG.items()
        if re.search(form, shown(text))
    ]
    assert wrong == []


def shown(text: str) -> str:
    """A text without what is no French: commands, fields and files, in backquotes or by their
    form, and the English word of a result."""
    return re.sub(
        r"`[^`]*`|\{[^}]*\}|\b\w*_\w+|casegate [a-z -]+|\([A-Z, ']{8,}\)|--\w+", "x", text
    )
