"""Numbers with their nouns."""


def pluralise(number: int, noun: str) -> str:
    """A number and its noun, in the plural unless it is 1."""
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun.removesuffix('y')}ies" if noun.endswith("y") else f"{number} {noun}s"
