"""Where one segment ends and the next begins. PURE.

A segment ends at the first keyframe at or after its length, so that each begins with a picture that needs no other;
where no picture comes, sound rotates by itself, so that a dead camera cannot make one segment last for ever.
"""

from dataclasses import dataclass

PICTURE_LATE_NS = 2_000_000_000  # a GOP lasts one second at most: after two, no keyframe is on its way


@dataclass(frozen=True, slots=True)
class Rotation:
    """The rule of one recording. All times are boottime ns; ``length_ns`` is the nominal length of a segment."""

    length_ns: int

    def at_picture(self, began_ns: int, captured_ns: int, frame_ns: int, *, is_keyframe: bool) -> bool:
        """Whether this frame begins the next segment.

        Half a frame early is in time: a keyframe meant for the very end must not miss it by jitter and cost a GOP.
        """
        return is_keyframe and captured_ns + frame_ns // 2 >= began_ns + self.length_ns

    def at_sound(self, began_ns: int, sound_ns: int, picture_ns: int | None) -> bool:
        """Whether this sound begins the next segment; ``picture_ns``: when the last frame was captured, if any was."""
        if sound_ns < began_ns + self.length_ns:
            return False
        newest = began_ns if picture_ns is None else max(began_ns, picture_ns)
        return sound_ns - newest >= PICTURE_LATE_NS
