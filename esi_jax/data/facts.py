"""Facts with one short, obvious answer each, made from offline tables and rules.

Countries come from `countryinfo` (MIT), elements from `periodictable` (public domain); sums and
the calendar are computed. Names are folded to ASCII. Left out: what the tables have wrong or
outdated, what people dispute, and every fact whose answer shares a word with its question.
"""

import dataclasses
import itertools
import unicodedata
from collections.abc import Callable, Iterator

import countryinfo
import num2words
import periodictable

from esi_jax.data import tables
from esi_jax.data.digest import digest
from esi_jax.errors import UserError


@dataclasses.dataclass(frozen=True)
class Fact:
    """`subject` fills the question, `answer` the spoken sentence; any of `aliases` is correct."""

    key: str
    category: str
    subject: str
    answer: str
    aliases: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Counts:
    """How many facts of each category; -1 takes all there are."""

    capital: int = 90
    country: int = 70
    continent: int = 50
    language: int = 50
    currency: int = 50
    atomic_number: int = 50
    symbol: int = 30
    arithmetic: int = 150
    calendar: int = 60


def words(number: int) -> str:
    """42 -> 'forty two', as spoken and without hyphens."""
    return num2words.num2words(number).replace('-', ' ').replace(' and ', ' ')


def fold(name: str) -> str:
    """Accents off, apostrophes and hyphens out: 'São Tomé' -> 'Sao Tome'."""
    plain = unicodedata.normalize('NFKD', name).encode('ascii', 'ignore').decode()
    return plain.replace("'", '').replace('-', ' ')


def facts(counts: Counts = Counts()) -> tuple[Fact, ...]:
    """All facts, category by category; each takes its best-known entries first."""
    chosen = []
    for field in dataclasses.fields(counts):
        wanted = getattr(counts, field.name)
        known = [fact for fact in _SOURCES[field.name]() if not _unfit(fact)]
        if wanted > len(known):
            raise UserError(f'counts.{field.name} asks for {wanted} facts and there are '
                            f'{len(known)}; lower it')
        chosen += known if wanted < 0 else known[:wanted]
    return tuple(chosen)


def _unfit(fact: Fact) -> bool:
    asked, told = (set(text.lower().split()) for text in (fact.subject, ' '.join(fact.aliases)))
    return fact.answer in tables.GARBLED or fact.subject in tables.GARBLED or bool(asked & told)


def _fact(category: str, subject: str, answer: str, *aliases: str) -> Fact:
    key = f'{category}/{subject.lower().replace(" ", "_")}'
    return Fact(key, category, subject, answer, aliases or (answer,))


def _countries() -> list[tuple[str, str, countryinfo.CountryInfo]]:
    """(name in a sentence, capital, entry), most populous first; states of one plain capital."""
    rows = []
    for entry in countryinfo.all_countries():
        name, (capital, population) = entry.name(), (entry.capital(), entry.population())
        if name in tables.UNCLEAR or not isinstance(capital, str) or not capital:
            continue
        if population is None or population < 200_000 or not entry.currencies():
            continue
        spoken = fold(name.removeprefix('The '))
        if name in tables.WITH_THE or name.startswith('The '):
            spoken = f'the {spoken}'
        rows.append((-population, spoken, fold(tables.CAPITALS.get(name, capital)), entry))
    rows.sort(key=lambda row: row[:2])
    return [(spoken, capital, entry) for _, spoken, capital, entry in rows]


def _capital() -> Iterator[Fact]:
    for name, capital, _ in _countries():
        yield _fact('capital', name, capital, capital, *tables.SPELLINGS.get(capital, ()))


def _country() -> Iterator[Fact]:
    for name, capital, _ in _countries():
        yield _fact('country', capital, name, name.removeprefix('the '))


def _continent() -> Iterator[Fact]:
    for name, _, entry in _countries():
        region = entry.region()
        if region in ('Africa', 'Asia', 'Europe') and entry.name() not in tables.TWO_CONTINENTS:
            yield _fact('continent', name, region)


def _language() -> Iterator[Fact]:
    for name, _, entry in _countries():
        codes = entry.languages()
        if (len(codes) == 1 and codes[0] in tables.LANGUAGES
                and entry.name() not in tables.WRONG_LANGUAGE):
            language = tables.LANGUAGES[codes[0]]
            more = {'Persian': ('Farsi',), 'Chinese': ('Mandarin',)}.get(language, ())
            yield _fact('language', name, language, language, *more)


def _currency() -> Iterator[Fact]:
    for name, _, entry in _countries():
        codes = entry.currencies()
        if len(codes) == 1 and codes[0] in tables.CURRENCIES and entry.name() != 'Zimbabwe':
            coin = tables.CURRENCIES[codes[0]]
            more = tables.COINS.get(coin, ())
            yield _fact('currency', name, f'the {coin}', coin, f'{coin}s', *more)


def _atomic_number() -> Iterator[Fact]:
    for name in tables.ELEMENTS:
        number = words(getattr(periodictable, name).number)
        yield _fact('atomic_number', name, number)


def _symbol() -> Iterator[Fact]:
    for name in tables.ELEMENTS:
        letters = '. '.join(getattr(periodictable, name).symbol.upper())
        yield _fact('symbol', f'{letters}.', name, name, *tables.SPELLINGS.get(name, ()))


def _arithmetic() -> Iterator[Fact]:
    small = range(2, 21)
    sums = [('plus', a, b, a + b) for a, b in itertools.product(small, small)]
    sums += [('minus', a, b, a - b) for a, b in itertools.product(range(3, 31), small) if a > b]
    sums += [('times', a, b, a * b) for a, b in itertools.product(range(2, 13), range(2, 13))]
    for sign, a, b, result in sorted(sums, key=lambda s: digest('arithmetic', *s)):
        yield _fact('arithmetic', f'{words(a)} {sign} {words(b)}', words(result))


def _calendar() -> Iterator[Fact]:
    def add(subject: str, answer: str) -> Fact:
        return _fact('calendar', subject, answer)

    for cycle, unit in ((tables.DAYS, 'day'), (tables.MONTHS, 'month')):
        for i, name in enumerate(cycle):
            yield add(f'the {unit} after {name}', cycle[(i + 1) % len(cycle)])
            yield add(f'the {unit} before {name}', cycle[i - 1])
    for i, (name, days) in enumerate(zip(tables.MONTHS, tables.MONTH_DAYS, strict=True)):
        ordinal = num2words.num2words(i + 1, to='ordinal')
        yield add(f'the {ordinal} month of the year', name)
        if days:
            yield add(f'the number of days in {name}', words(days))
    for i, name in enumerate(tables.DAYS):
        yield add(f'the day two days after {name}', tables.DAYS[(i + 2) % 7])


_SOURCES: dict[str, Callable[[], Iterator[Fact]]] = {
    'capital': _capital, 'country': _country, 'continent': _continent, 'language': _language,
    'currency': _currency, 'atomic_number': _atomic_number, 'symbol': _symbol,
    'arithmetic': _arithmetic, 'calendar': _calendar}
