"""The cabin recorder: consent first, encrypted always, deleted within 24 hours unless held."""

__version__ = "0.1.0"
