"""Capture: light and sound in, encrypted-ready fragments out. The rules are in this room's README."""
