"""More of a key somebody has: more time by its tier's terms, or another tier for the difference."""
