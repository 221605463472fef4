"""Held footage onto a stick. See README.md."""
