"""Redaction: a copy of a film that hides the people whom it is not about. See README.md beside it."""
