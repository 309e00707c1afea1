"""One spelling for what sounds the same, so that scores count words and not orthography."""

import functools
import re
from collections.abc import Iterable

from whisper_normalizer.english import EnglishTextNormalizer

_IS = frozenset(('it', 'he', 'she', 'that', 'what', 'there', 'here', 'who', 'where', 'how', 'let'))


def normalise(text: str) -> str:
    """Whisper's English normaliser (Radford et al. 2022, appendix C) and three repairs.

    Numbers become digits ('twenty one' -> '21'), punctuation, accents and case go. Repairs:
    letters spelt out are one word ('N. A.' and 'NA' -> 'na'), possessives and elisions lose their
    apostrophe ("John's" -> 'johns', "d'Ivoire" -> 'divoire'), and the result is a fixed point.
    """
    while (again := _pass(text)) != text:
        text = again
    return text


def contains(text: str, aliases: Iterable[str]) -> bool:
    """Whether any alias stands in `text` as whole words, both normalised."""
    said = f' {normalise(text)} '
    return any(f' {alias} ' in said for alias in map(normalise, aliases) if alias)


def _pass(text: str) -> str:
    text = text.replace('’', "'")
    text = re.sub(r"\b(\w+)'s\b", _possessive, text)
    text = re.sub(r"(?<![\w'])([a-hj-zA-HJ-Z])'(?=\w)", r'\1', text)
    text = re.sub(r"(?<![\w'])([A-Za-z])[.\s-]+(?=[A-Za-z](?![\w']))", r'\1', text)
    return _whisper()(text)


def _possessive(match: re.Match[str]) -> str:
    return match[0] if match[1].lower() in _IS else f'{match[1]}s'


@functools.cache
def _whisper() -> EnglishTextNormalizer:
    return EnglishTextNormalizer()
