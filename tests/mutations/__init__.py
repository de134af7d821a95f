"""Seeded bugs: do the tests bite? See `__main__`."""
