"""Marks in archives: which copy a leaked file comes from. Bytes in, bytes out; no database."""
