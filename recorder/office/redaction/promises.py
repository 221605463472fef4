"""What redaction cannot promise, in plain words. Said before it runs, and repeated in the log."""

WITH_DETECTOR = (
    "A detector misses faces: turned away, half hidden, in the dark, blurred by motion, or small. Watch the whole copy "
    "before it is handed on, and cover with --box what it missed.",
    "Whoever is found is covered, also the person whom the copy is for (--exclude uncovers a place).",
)
ALWAYS = (
    "It hides faces, not people: clothes, hair, hands, tattoos, a seat, a place and a time can tell who it is.",
    "Reflections, screens, papers, number plates and the street outside are covered only where a box by hand says so.",
)
WITH_SOUND = (
    "It finds no voices: sound is kept except in the ranges given, and names may be said anywhere.",
    "A masked voice keeps its words and rhythm, and software may still guess whose it is; only --mute takes it away.",
)


def promises(*, looks_for_faces: bool, has_sound: bool) -> tuple[str, ...]:
    """The sentences that concern this film."""
    return (*(WITH_DETECTOR if looks_for_faces else ()), *ALWAYS, *(WITH_SOUND if has_sound else ()))
