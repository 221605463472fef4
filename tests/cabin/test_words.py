"""Plain words for every phrase in every language that has any."""

import pytest

from recorder.cabin.words import spoken
from recorder.commands import Phrase


@pytest.mark.parametrize("phrase", Phrase)
@pytest.mark.parametrize("language", ["en", "cy"])
def test_every_phrase_has_words(phrase, language):
    """No phrase is silent in a language the recorder knows."""
    assert spoken(phrase, [language])[language].endswith(".")


@pytest.mark.parametrize(
    ("languages", "heard"),
    [
        (["en"], ["en"]),
        (["cy", "en"], ["cy", "en"]),
        (["pl", "cy"], ["cy"]),
        (["pl"], ["en"]),
        ([], ["en"]),
        (["en-gb"], ["en-gb"]),
    ],
)
def test_languages(languages, heard):
    """Spoken in the order of the notice; English where no language has words."""
    assert list(spoken(Phrase.HELD, languages)) == heard


def test_phrases_say_different_things():
    """No two phrases share their words."""
    assert len({spoken(phrase, ["cy"])["cy"] for phrase in Phrase}) == len(Phrase)
