"""What of a text spells nothing, and how many bytes a file could have in it (R1).

Left over are numbers, words that no language has, escapes, pairs of hexadecimal digits, symbols and
runs of blanks. Of the rest the signs are counted: where all are as frequent, no language was
written, but a code. What is left over is compressed; so it weighs what it can carry, in any form,
and what only repeats weighs nothing.
"""

import re
import zlib
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TypeVar
from unicodedata import category
from urllib.parse import unquote

Pieces = TypeVar("Pieces", str, list[str])

_LONGEST_WORD = 25

_ALNUM = re.compile(r"[A-Za-z0-9]+")
_SPELT = re.compile(
    r"[A-Z]?[a-z]+(?:[A-Z][a-z]{2,})*[0-9]{0,6}|[A-Z]+[0-9]{0,6}|[0-9]{1,13}[a-z]{0,4}"
)
_NUMBER = re.compile(r"\d+")
_ESCAPED = re.compile(
    r"(?:[%=]|\\(?:[xuU'](?:00)*)?|&#x?|0x)[0-9A-Fa-f]{2,4}"
    r"|(?<![A-Za-z0-9])(?:[0-9A-Fa-f]{2}[^A-Za-z0-9]{1,2}){8,}"
    r"|[\ufffd\0-\x08\x0e-\x1f\x7f-\x9f\udc80-\udcff]+|\s{3,}|[\u1680\u2000-\u200a]+"
)
_TWO_ALPHABETS = re.compile("[A-Za-z][\u0370-\u058f]|[\u0370-\u058f][A-Za-z]")
_BLOCKS = "\u2e80-\u2fff\u3041-\u31ff\u3400-\ua4cf\uac00-\ud7af\U00020000-\U000323af"
_IDEOGRAPHS = re.compile(f"[{_BLOCKS}]")  # with kana and Hangul
_COMMON = re.compile(
    "[\u3041-\u30ff的一是不了在人有我他这這个個们們中来來上大为為和国國地到以说說时時要就出会會可也你对對生能而子那得于於"
    "着著下自之年过過发發后後作里裡用道行所然家种種事成方多经經么麼去法学學如都同现現当當没沒动動面起看定天分还還进進好"
    "小部其些主样樣理心她本前开開但因只从從想实實"
    "이다는의에을가를고은기하지로한서도사해나어리시대그인일수있아들자보부것게정장과라전제니면으스했만안었적]"
)
_FEWEST_COMMON = 0.2
"""The share of kana and common signs: in running text it is two fifths and more."""
_NO_LETTERS = re.compile(f"[{_BLOCKS}\\0-@\\[-`{{-\xbf\u2010-\u2060\u3000-\u303f\uff00-\uffef]+")
_SYMBOLS = frozenset({"So", "Sm", "Sk", "No", "Nl", "Cf", "Co", "Cn", "Cs"})
_MOST_SIGNS = 0.5
"""The share of punctuation, once numbers are left out: in sentences it is a tenth."""
_EVEN = 1.3
"""What `_evenness` is below in a code. In 500 letters of each of ninety languages it was 1.32 and
more."""


def strange_words(text: str) -> list[str]:
    """The words of ASCII letters and digits that no language and no count would have, in order."""
    return [
        word
        for part in text.split()
        if not (part.isalpha() and part.islower())
        for word in _ALNUM.findall(part)
        if is_strange(word)
    ]


def is_strange(word: str) -> bool:
    """Tell whether letters and digits are neither a word nor a count, nor a word with a number."""
    return len(word) > _LONGEST_WORD or not _SPELT.fullmatch(word)


class Residue:
    """What texts leave over: ``left`` are the pieces that spell nothing, ``spelt`` is the rest."""

    def __init__(self, text: str) -> None:
        """Take a text apart; percent signs that make text are read."""
        if "%" in text:
            text = unquote(text, errors="surrogateescape")
        self.left: list[str] = []
        self.spelt: list[str] = []
        text = _ESCAPED.sub(self._leave, text)
        if not text.isascii():
            symbols = {
                ord(sign): "" if kind == "Cf" else " "  # what is invisible parts no word
                for sign in set(text)
                if sign > "\x7f" and (kind := category(sign)) in _SYMBOLS
            }
            if symbols:
                self.left.append("".join(sign for sign in text if ord(sign) in symbols))
                text = text.translate(symbols)
        for part in text.split():
            if part.isascii() and part.isalpha() and part.islower():
                self.spelt.append(part)
            elif not part.isascii() and _TWO_ALPHABETS.search(part):
                self.left.append(part)
            else:
                word = _ALNUM.sub(
                    lambda found: self._leave(found) if is_strange(found[0]) else found[0], part
                )
                self.spelt.append(_NUMBER.sub(self._leave, word))

    def _leave(self, found: re.Match[str]) -> str:
        self.left.append(found[0])
        return " "

    @property
    def bytes_left(self) -> float:
        """About how many bytes the pieces that spell nothing can carry: 3 bits a digit."""
        signs = "".join(self.left)
        digits = sum(map(len, _NUMBER.findall(signs)))
        return (3 * len(signs) - 1.3 * digits) / 4


def bytes_of_texts(texts: Iterable[str]) -> int:
    """How many bytes that spell nothing these texts have together."""
    left, spelt = [], []
    for one in map(Residue, texts):
        left += one.left
        spelt += one.spelt
    return weigh(left, [spelt])


def weigh(left: Iterable[str], spelt: Iterable[list[str]]) -> int:
    """How many bytes it takes to write down what spells nothing, and, of the words of each array,
    what is a code."""
    found, listed = [*left], 0
    for words in spelt:
        found += _codes(words)
        listed += sum(map(_bytes_of_list, _pieces(words, 3000)))
    return listed + _bytes_of(found)


def _bytes_of(pieces: Iterable[str]) -> int:
    return len(zlib.compress(" ".join(pieces).encode("utf-8", "surrogatepass"))) - _EMPTY


def _bytes_of_list(words: list[str]) -> int:
    """Return what the order of words says where they are of a short list: all but the list."""
    if len(words) < _FEWEST_WORDS or not _is_list(words, 0.2):
        return 0
    return max(0, _bytes_of(words) - _bytes_of(dict.fromkeys(words)))


_EMPTY = len(zlib.compress(b""))
_FEWEST_SIGNS = 200
_FEWEST_PAIRS = 500
_CHANCE = 1.3
_FEWEST_WORDS = 1000


def _codes(words: list[str]) -> Iterator[str]:
    """The pieces of a text in which the signs, or the words, are not as any language has them."""
    text = " ".join(words)
    spelt = _NO_LETTERS.split(text)
    # Each word once as well, so that what is repeated around a code does not hide it.
    for letters in ("".join(spelt), "".join(dict.fromkeys(spelt))):
        for piece in _pieces(letters, 500):
            if len(piece) >= _FEWEST_SIGNS and _evenness(piece) < _EVEN:
                yield piece
    for spelling in _pieces([*dict.fromkeys(word.lower() for word in spelt)], 300):
        if _is_chance(spelling):
            yield " ".join(spelling)
    for piece in _pieces("".join(word for word in words if not _IDEOGRAPHS.search(word)), 500):
        signs = len(piece) - len(_NO_LETTERS.sub("", piece))
        if len(piece) >= _FEWEST_SIGNS and signs > _MOST_SIGNS * len(piece):
            yield piece
    for piece in _pieces("".join(_IDEOGRAPHS.findall(text)), 2000):
        if len(piece) >= _FEWEST_SIGNS and (
            len(_COMMON.findall(piece)) < _FEWEST_COMMON * len(piece)
            or (len(piece) >= 1500 and _is_list(piece, 0.1))
        ):
            yield piece


def _pieces(signs: Pieces, size: int) -> list[Pieces]:
    """Pieces of a size; the last one has up to as much more."""
    starts = range(0, max(1, len(signs) - size + 1), size)
    return [signs[at : at + size] if at + 2 * size <= len(signs) else signs[at:] for at in starts]


def _evenness(signs: str) -> float:
    """How evenly signs are used: the chance that two are the same, times the number of different
    ones. About 1 in a code, 1.25 in random syllables, 1.7 and more in the letters of a language."""
    return _alike(signs) * len(set(signs))


def _is_chance(words: list[str]) -> bool:
    """Tell whether letters follow each other as if by chance, however frequent each is: pairs are
    alike 1.0 times as often then as their letters make likely, and 1.5 times and more in a
    language."""
    pairs = [pair for word in words for pair in pairwise(word)]
    if len(pairs) < _FEWEST_PAIRS:
        return False
    first, second = (_alike([pair[n] for pair in pairs]) for n in (0, 1))
    return _alike(pairs) < _CHANCE * first * second


def _alike(signs: Sequence[Hashable]) -> float:
    """The chance that two of them are the same."""
    same = sum(count * (count - 1) for count in Counter(signs).values())
    return same / (len(signs) * (len(signs) - 1))


def _is_list(signs: Sequence[str], fewest: float) -> bool:
    """Tell whether hardly any sign, or word, stands only once: a short list of them is a code. Of
    those of a language about half do, however long the text."""
    counts = Counter(signs)
    return sum(count == 1 for count in counts.values()) < fewest * len(counts)
