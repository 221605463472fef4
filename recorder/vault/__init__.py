"""The vault: what lies on the card. See README.md in this directory."""
