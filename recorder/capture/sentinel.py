r"""Is what is recorded worth recording? PURE: looks at the picture and levels of sound in, findings out.

What is usual is learned while nothing is wrong, slowly, and each look is compared with it in two ways: are the edges
still there, and is the layout of light and dark still the same?

    layout \ edges | there   | gone
    --------------+---------+---------
    the same      | fine    | blurred
    another       | moved   | covered

Rules: nothing counts that does not last; what has counted is over only when the contrary has lasted; darkness is no
fault, and in it nothing is judged, except that light which goes out at once, and leaves nothing at all to be seen, has
not gone out but is shut out. Times are those of the looks, never a clock.
"""

import math
from dataclasses import dataclass

COLUMNS, ROWS = 20, 15
TILES = COLUMNS * ROWS

COVERED, BLURRED, MOVED, FROZEN = "camera-covered", "camera-blurred", "camera-moved", "camera-frozen"
SILENT = "microphone-silent"

DARK = 32.0  # grey levels, mean of the picture; black is 16 (ITU-R BT.601)
DEAD_STEPS = 4  # of 16 bits, from trough to peak in half a second: less than the noise of any microphone that hears
LONGEST_STEP_S = 2.0  # two looks that are further apart count as if they were not
_EDGE = 0.002  # less is no edge: about a twentieth of the light from dot to dot
_GRAINY = 0.03  # noise, in the middle tile: more, and it is too dark to tell what is sharp
_ABOVE_NOISE = 3.0  # edges count where they are stronger than what noise makes
_FEW = 12  # of the tiles: a picture with fewer that have edges shows nothing; to compare with, there must be more
_STEADY = 19.0  # tiles that look alike for long, at least; else there is no layout that could be another
_WAVER = 0.02  # a relief that wavers no more than this is steady
_GONE_BELOW, _THERE_ABOVE = 0.4, 0.6  # of the strength of edges
_OTHER_BELOW, _SAME_ABOVE = 0.35, 0.55  # of the layout
_FORGET_S = 120.0  # what is usual follows what is seen so slowly
_SUDDEN_S = 2.0


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the picture, at ``at_s``; tiles are row by row, ``ROWS`` of ``COLUMNS``.

    ``brightness``: mean, in grey levels. ``edges`` and ``noise``: mean square of the Laplacian of the logarithm of
    light, what noise explains taken out, and what it explains. ``relief``: lighter (to 1) or darker (to -1) than the
    tiles around. ``digest``: equal for equal pictures.
    """

    at_s: float
    brightness: float
    edges: tuple[float, ...]
    noise: tuple[float, ...]
    relief: tuple[float, ...]
    digest: int


@dataclass(frozen=True, slots=True)
class Patience:
    """For how long (seconds) something must be so before it counts. ``learn_s``: how long it takes to know the usual.

    ``clear_s``: for how long it must not be so before it is over. ``accept_s``: a camera that has been seen to be moved
    is taken to be meant to look where it does after so long.
    """

    covered_s: float = 5.0
    blurred_s: float = 10.0
    moved_s: float = 20.0
    frozen_s: float = 5.0
    silent_s: float = 120.0
    clear_s: float = 3.0
    learn_s: float = 20.0
    accept_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Finding:
    """``kind`` has begun to be so, or is over; ``reason`` is one sentence."""

    kind: str
    begins: bool
    reason: str


class Suspicion:
    """Something that may be so: it counts when the signs for it have lasted, and is over when those against it have."""

    def __init__(self, kind: str, reason: str, hold_s: float, clear_s: float) -> None:
        self._kind, self._reason = kind, reason
        self._hold_s, self._clear_s = hold_s, clear_s
        self._level = 0.0  # from 0, surely not, to 1, surely
        self.stands = False

    @property
    def is_open(self) -> bool:
        """Whether it is not known to be wrong."""
        return self._level > 0.0

    def weigh(self, sign: bool | None, step_s: float) -> tuple[Finding, ...]:
        """Signs for it (True), against it (False) or neither, for ``step_s``. Neither lets it stand, or fade."""
        if sign is None:
            change = 0.0 if self.stands else -step_s / self._hold_s
        else:
            change = step_s / self._hold_s if sign else -step_s / self._clear_s
        self._level = min(1.0, max(0.0, round(self._level + change, 9)))  # ten tenths are one
        if self._level != (0.0 if self.stands else 1.0):
            return ()
        self.stands = not self.stands
        return (Finding(self._kind, self.stands, self._reason),)

    def drop(self) -> tuple[Finding, ...]:
        """It is over."""
        return self.weigh(False, self._clear_s)


@dataclass(frozen=True, slots=True)
class Likeness:
    """What of the usual is in a look, from 0, nothing, to 1 and more; None where that cannot be said."""

    edges: float | None
    layout: float | None

    @property
    def covered(self) -> bool | None:
        """Neither is there."""
        if self.edges is None or self.layout is None:
            return None
        if self.edges < _GONE_BELOW and self.layout < _OTHER_BELOW:
            return True
        return False if self.edges > _THERE_ABOVE or self.layout > _SAME_ABOVE else None

    @property
    def blurred(self) -> bool | None:
        """The layout is, and the edges are not."""
        if self.edges is None or self.layout is None:
            return None
        if self.edges < _GONE_BELOW and self.layout > _SAME_ABOVE:
            return True
        return False if self.edges > _THERE_ABOVE else None

    @property
    def moved(self) -> bool | None:
        """The edges are, and the layout is not."""
        if self.edges is None or self.layout is None:
            return None
        if self.edges > _GONE_BELOW and self.layout < _OTHER_BELOW:
            return True
        return False if self.layout > _SAME_ABOVE else None


NOTHING_KNOWN = Likeness(None, None)


class Usual:
    """What the picture usually shows: the mean of its edges, and of its relief with how much that wavers."""

    def __init__(self, learn_s: float) -> None:
        self._learn_s = learn_s
        self._learned_s = 0.0
        self._edges = [0.0] * TILES
        self._relief = [0.0] * TILES
        self._spread = [0.0] * TILES  # mean square of what it wavers

    @property
    def known(self) -> bool:
        """Whether enough was seen."""
        return self._learned_s >= self._learn_s

    def learn(self, look: Look, step_s: float) -> None:
        """Take a look for usual."""
        self._learned_s += step_s
        part = step_s / min(self._learned_s, _FORGET_S) if step_s else 0.0
        for tile, (edges, relief) in enumerate(zip(look.edges, look.relief, strict=True)):
            off = relief - self._relief[tile]
            self._edges[tile] += part * (edges - self._edges[tile])
            self._relief[tile] += part * off
            self._spread[tile] += part * ((1 - part) * off * off - self._spread[tile])

    def compare(self, look: Look) -> Likeness:
        """How like the usual it is."""
        return Likeness(self._edges_left(look), self._layout_left(look)) if self.known else NOTHING_KNOWN

    def _edges_left(self, look: Look) -> float | None:
        """The strength of edges, against the usual one of those tiles where noise would not hide them now."""
        usual = [edges for edges, noise in zip(self._edges, look.noise, strict=True) if _is_edge(edges, noise)]
        seen = [edges for edges, noise in zip(look.edges, look.noise, strict=True) if _is_edge(edges, noise)]
        return sum(map(math.sqrt, seen)) / sum(map(math.sqrt, usual)) if len(usual) >= _FEW else None

    def _layout_left(self, look: Look) -> float | None:
        """How much of the usual relief there is, tiles that waver counting less."""
        found = whole = steady = 0.0
        for usual, spread, relief in zip(self._relief, self._spread, look.relief, strict=True):
            weight = usual * usual / (usual * usual + spread + _WAVER * _WAVER)
            steady += weight
            found += weight * usual * relief
            whole += weight * usual * usual
        return found / whole if steady >= _STEADY else None


class Sentinel:
    """Watches one camera and one microphone."""

    def __init__(self, patience: Patience) -> None:
        def suspicion(kind: str, reason: str, hold_s: float) -> Suspicion:
            return Suspicion(kind, reason, hold_s, patience.clear_s)

        self._patience = patience
        self._covered = suspicion(COVERED, "Something is on the camera's lens, or close to it.", patience.covered_s)
        self._blurred = suspicion(BLURRED, "The camera's picture has lost its sharpness.", patience.blurred_s)
        self._moved = suspicion(MOVED, "The camera looks elsewhere than before.", patience.moved_s)
        self._frozen = suspicion(FROZEN, "The camera gives the same picture again and again.", patience.frozen_s)
        self._silent = suspicion(SILENT, "The microphone hears nothing at all.", patience.silent_s)
        self._usual = Usual(patience.learn_s)
        self._last: Look | None = None
        self._seen_s = -math.inf  # when something was last seen, in light enough
        self._black = self._shut_out = False  # nothing is seen in the dark; and the light had gone at once
        self._moved_s = 0.0  # for so long it has stood
        self._heard_s: float | None = None

    def look(self, look: Look) -> tuple[Finding, ...]:
        """Take a look, newer than the last one."""
        last, self._last = self._last, look
        if last is None:
            return ()
        step_s = min(look.at_s - last.at_s, LONGEST_STEP_S)
        bare = sum(map(_is_edge, look.edges, look.noise)) < _FEW
        same = look.digest == last.digest
        repeated = same and not bare  # black without noise repeats itself
        findings = self._frozen.weigh(repeated, step_s)
        return findings if repeated else findings + self._judge(look, step_s, dark=look.brightness < DARK, bare=bare)

    def listen(self, at_s: float, span_steps: int) -> tuple[Finding, ...]:
        """Sound up to ``at_s`` went from trough to peak by so many steps of 16 bits, in half a second or so."""
        last_s, self._heard_s = self._heard_s, at_s
        step_s = 0.0 if last_s is None else min(at_s - last_s, LONGEST_STEP_S)
        return self._silent.weigh(span_steps <= DEAD_STEPS, step_s)

    def _judge(self, look: Look, step_s: float, *, dark: bool, bare: bool) -> tuple[Finding, ...]:
        likeness = self._usual.compare(look)
        dim = dark or sorted(look.noise)[TILES // 2] > _GRAINY
        clear = not dim and not bare
        self._notice_shutting(look.at_s, black=dark and bare, clear=clear)
        findings = self._covered.weigh(self._sign_of_cover(likeness, dark=dark, dim=dim, bare=bare), step_s)
        findings += self._blurred.weigh(None if dim else likeness.blurred, step_s)
        findings += self._moved.weigh(None if dim else likeness.moved, step_s)
        if clear and not (self._covered.is_open or self._blurred.is_open or self._moved.is_open):
            self._usual.learn(look, step_s)
        return findings + self._accept(step_s)

    def _notice_shutting(self, at_s: float, *, black: bool, clear: bool) -> None:
        if clear:
            self._seen_s = at_s
        if not black:
            self._shut_out = False
        elif not self._black:
            self._shut_out = at_s - self._seen_s <= _SUDDEN_S or self._covered.is_open
        self._black = black

    def _sign_of_cover(self, likeness: Likeness, *, dark: bool, dim: bool, bare: bool) -> bool | None:
        if dark and bare:
            return self._shut_out
        known = self._usual.known
        sign = likeness.covered if known else bare
        return None if sign and (dark or (dim and not known)) else sign

    def _accept(self, step_s: float) -> tuple[Finding, ...]:
        """What a moved camera has shown for long enough is what it is meant to show."""
        self._moved_s = self._moved_s + step_s if self._moved.stands else 0.0
        if self._moved_s < self._patience.accept_s:
            return ()
        self._usual = Usual(self._patience.learn_s)
        return self._moved.drop()


def _is_edge(edges: float, noise: float) -> bool:
    return edges > _EDGE and edges > _ABOVE_NOISE * noise
