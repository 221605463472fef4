"""What the recorder says in plain words, per language. PURE.

Rules: short, for people who hear it once in a noisy vehicle; no promise that the recorder cannot keep. The notice is
not here: its text is the staff's, in the configuration.
"""

from collections.abc import Iterable

from recorder.commands import Phrase

FALLBACK_LANGUAGE = "en"

_WORDS: dict[str, dict[Phrase, str]] = {
    "en": {
        Phrase.RECORDING: "Recording.",
        Phrase.RECORDING_SOUND: "Recording, with sound.",
        Phrase.STOPPED: "Recording has stopped.",
        Phrase.WITHDRAWN: "Agreement withdrawn. Nothing is being recorded.",
        Phrase.AGREED_AGAIN: "Thank you.",
        Phrase.HELD: "The recording will be kept.",
        Phrase.NOTHING_TO_HOLD: "There is nothing to keep.",
        Phrase.IMPAIRED: "Attention. Something is wrong with the picture or the sound.",
        Phrase.FAILED: "Attention. Nothing is being recorded. Please tell the office.",
        Phrase.ORDER_REFUSED: "An order on the stick was not followed. Please tell the office.",
        Phrase.EXPORT_DONE: "Copying is finished. You can remove the stick.",
        Phrase.NOTHING_TO_EXPORT: "Nothing was copied, for nothing is being kept. You can remove the stick.",
        Phrase.EXPORT_FAILED: "Copying has failed. Everything is still in the recorder.",
    },
    "cy": {
        Phrase.RECORDING: "Yn recordio.",
        Phrase.RECORDING_SOUND: "Yn recordio, gyda sain.",
        Phrase.STOPPED: "Mae'r recordio wedi dod i ben.",
        Phrase.WITHDRAWN: "Cytundeb wedi'i dynnu'n ôl. Nid oes dim yn cael ei recordio.",
        Phrase.AGREED_AGAIN: "Diolch.",
        Phrase.HELD: "Bydd y recordiad yn cael ei gadw.",
        Phrase.NOTHING_TO_HOLD: "Nid oes dim i'w gadw.",
        Phrase.IMPAIRED: "Sylw. Mae rhywbeth o'i le ar y llun neu'r sain.",
        Phrase.FAILED: "Sylw. Nid oes dim yn cael ei recordio. Rhowch wybod i'r swyddfa.",
        Phrase.ORDER_REFUSED: "Ni ddilynwyd gorchymyn ar y cofbin. Rhowch wybod i'r swyddfa.",
        Phrase.EXPORT_DONE: "Mae'r copïo wedi gorffen. Gallwch dynnu'r cofbin.",
        Phrase.NOTHING_TO_EXPORT: "Ni chopïwyd dim, gan nad oes dim yn cael ei gadw. Gallwch dynnu'r cofbin.",
        Phrase.EXPORT_FAILED: "Methodd y copïo. Mae popeth yn dal yn y recordydd.",
    },
}


def spoken(phrase: Phrase, languages: Iterable[str]) -> dict[str, str]:
    """Language to words, in the order of ``languages``; those without words are left out, English if all are.

    ``en-gb`` is spoken with the words of ``en``.
    """
    known = {language: _WORDS[base] for language in languages if (base := language.split("-")[0]) in _WORDS}
    chosen = known or {FALLBACK_LANGUAGE: _WORDS[FALLBACK_LANGUAGE]}
    return {language: words[phrase] for language, words in chosen.items()}
