"""A journey to watch, and the reader of what it recorded."""
