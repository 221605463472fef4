"""What the tests on hardware found beside pass and fail: one line each, printed at the end, to be sent back."""

from dataclasses import dataclass, field


@dataclass
class Findings:
    """Lines in the order in which they were found."""

    lines: list[str] = field(default_factory=list)

    def note(self, what: str, value: object) -> None:
        """``what`` was found to be ``value``."""
        self.lines.append(f"{what}: {value}")
