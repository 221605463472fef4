"""``python -m recorder`` is the same as ``cabin-recorder``."""

from recorder.cli import main

main()
