"""Korean names in Latin letters, for the fields of a QR code that take only ASCII.

Letter by letter after the Revised Romanization of Korean (국어의 로마자 표기법, 2000), without the
sound changes between syllables: good enough to recognise a shop by, never a legal spelling. A
merchant's own romanised name, when it has one, is better.
"""

from __future__ import annotations

import unicodedata
from typing import Final


def _letters(row: str) -> tuple[str, ...]:
    return tuple(row.split())


# In the order of Unicode; "-" is silent (an initial ieung, no final).
_INITIALS: Final = _letters("g kk n d tt r m b pp s ss - j jj ch k t p h")
_VOWELS: Final = _letters("a ae ya yae eo e yeo ye o wa wae oe yo u wo we wi yu eu ui i")
_FINALS: Final = _letters("- k k k n n n t l k m l l l p l m p p t t ng t t k t p t")
_FIRST_SYLLABLE: Final = 0xAC00
_LAST_SYLLABLE: Final = 0xD7A3


def romanise(text: str, most_characters: int) -> str:
    """`text` in printable ASCII, words capitalised, cut to `most_characters`; never empty.

    Hangul is transliterated, accents are dropped, and what is left over disappears.
    """
    words: list[str] = []
    for word in unicodedata.normalize("NFKC", text).split():
        latin = "".join(_latin(character) for character in word)
        if latin:
            words.append(latin[:1].upper() + latin[1:])
    return " ".join(words)[:most_characters].strip() or "-"


def _latin(character: str) -> str:
    code = ord(character)
    if _FIRST_SYLLABLE <= code <= _LAST_SYLLABLE:
        rest, final = divmod(code - _FIRST_SYLLABLE, len(_FINALS))
        initial, vowel = divmod(rest, len(_VOWELS))
        return (_INITIALS[initial] + _VOWELS[vowel] + _FINALS[final]).replace("-", "")
    plain = unicodedata.normalize("NFKD", character)
    return "".join(c for c in plain if " " < c <= "~")
