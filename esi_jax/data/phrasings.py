"""How people ask, and how the assistant answers, for each category of fact."""

from esi_jax.data.facts import Fact

_QUESTIONS: dict[str, tuple[str, ...]] = {
    'capital': (
        'What is the capital of {subject}?',
        'Can you tell me the capital of {subject}?',
        'Which city is the capital of {subject}?',
        'Do you know the capital city of {subject}?',
        'I would like to know the capital of {subject}.',
        'Please name the capital city of {subject}.',
        'What city is {subject} governed from?',
        'Tell me what the capital of {subject} is called.'),
    'country': (
        'Which country has the capital {subject}?',
        'What country is {subject} the capital of?',
        'Can you tell me which country {subject} is the capital of?',
        '{subject} is the capital of which country?',
        'Please name the country whose capital is {subject}.',
        'Do you know which country is governed from {subject}?',
        'The capital is {subject}. What is the country?',
        'Tell me the country that has {subject} as its capital.'),
    'continent': (
        'Which continent is {subject} in?',
        'On what continent would I find {subject}?',
        'Can you tell me the continent of {subject}?',
        'What part of the world is {subject} in?',
        'Please name the continent where {subject} is.',
        'Do you know what continent {subject} belongs to?',
        'I want to know which continent {subject} lies in.',
        'Where in the world is {subject}, on which continent?'),
    'language': (
        'What language is spoken in {subject}?',
        'Which language do people speak in {subject}?',
        'Can you tell me the official language of {subject}?',
        'If I travel to {subject}, what language will I hear?',
        'Please name the main language of {subject}.',
        'Do you know what they speak in {subject}?',
        'I would like to know the language of {subject}.',
        'Tell me which language is official in {subject}.'),
    'currency': (
        'What is the currency of {subject}?',
        'What money do people use in {subject}?',
        'Can you tell me which currency is used in {subject}?',
        'If I go shopping in {subject}, what currency do I need?',
        'Please name the money of {subject}.',
        'Do you know the currency of {subject}?',
        'How do people pay in {subject}, in what currency?',
        'Tell me what the money in {subject} is called.'),
    'atomic_number': (
        'What is the atomic number of {subject}?',
        'Can you tell me the atomic number of {subject}?',
        'How many protons are there in an atom of {subject}?',
        'Which number does {subject} have in the periodic table?',
        'Please give me the atomic number of {subject}.',
        'Do you know how many protons {subject} has?',
        'I would like to know the atomic number of {subject}.',
        'Tell me the number of {subject} in the periodic table.'),
    'symbol': (
        'What element has the symbol {subject}?',
        'Can you tell me which element is written {subject}?',
        'Which chemical element has the symbol {subject}?',
        'In chemistry, what is meant by the symbol {subject}?',
        'Please name the element with the symbol {subject}',
        'Do you know what element is written as {subject}?',
        'I would like to know which element has the letters {subject}',
        'Tell me the name of the element with the letters {subject}'),
    'arithmetic': (
        'What is {subject}?',
        'How much is {subject}?',
        'Can you tell me what {subject} is?',
        'Please work out {subject}.',
        'Do you know the answer to {subject}?',
        'I need to know, what is {subject}?',
        'Could you calculate {subject} for me?',
        'Tell me the result of {subject}.'),
    'calendar': (
        'What is {subject}?',
        'Can you tell me {subject}?',
        'Do you know {subject}?',
        'Please tell me {subject}.',
        'I would like to know {subject}.',
        'Could you name {subject}?',
        'Quick question, what is {subject}?',
        'Say what {subject} is, please.')}

_ANSWERS: dict[str, tuple[str, ...]] = {
    'capital': (
        'The capital of {subject} is {answer}.',
        '{answer} is the capital city of {subject}.',
        'That would be {answer}, the capital of {subject}.',
        'The capital city you are asking about is {answer}.'),
    'country': (
        '{subject} is the capital city of {answer}.',
        'The country with that capital is {answer}.',
        'The capital of {answer} is {subject}.',
        'It is the capital of the country called {answer}.'),
    'continent': (
        '{subject} is a country in {answer}.',
        '{subject} belongs to the continent of {answer}.',
        'The continent of {subject} is {answer}.',
        'You will find that country in {answer}.'),
    'language': (
        'Most people in {subject} speak {answer}.',
        'The official language of {subject} is {answer}.',
        '{answer} is the language of {subject}.',
        'The language that people speak there is {answer}.'),
    'currency': (
        'The currency of {subject} is {answer}.',
        'In {subject}, people pay with {answer}.',
        '{answer} is the currency of {subject}.',
        'The money that people use there is {answer}.'),
    'atomic_number': (
        'The atomic number of {subject} is {answer}.',
        '{subject} has the atomic number {answer}.',
        'The atomic number you are asking for is {answer}.',
        'Every atom of {subject} has {answer} protons.'),
    'symbol': (
        'The element with that symbol is {answer}.',
        'That is the chemical symbol for {answer}.',
        'That symbol stands for the element {answer}.',
        'The element you are asking about is {answer}.'),
    'arithmetic': (
        'The answer to your question is {answer}.',
        'If I count correctly, that makes {answer}.',
        'The result of {subject} is {answer}.',
        '{subject} is equal to {answer}.'),
    'calendar': (
        '{subject} is {answer}.',
        'The answer to your question is {answer}.',
        'If I remember correctly, that is {answer}.',
        '{answer} is the right answer to that.')}


def questions(fact: Fact) -> tuple[str, ...]:
    """Every way to ask for this fact; the position names the phrasing."""
    return _fill(_QUESTIONS[fact.category], fact)


def answers(fact: Fact) -> tuple[str, ...]:
    """Every full sentence that states this fact."""
    return _fill(_ANSWERS[fact.category], fact)


def _fill(templates: tuple[str, ...], fact: Fact) -> tuple[str, ...]:
    sentences = (t.format(subject=fact.subject, answer=fact.answer) for t in templates)
    return tuple(s[0].upper() + s[1:] for s in sentences)
