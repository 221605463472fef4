"""The office: keys, checking, opening. See README.md."""
