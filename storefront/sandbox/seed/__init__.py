"""The demo shop: its catalogue, its cover art, its files."""
