"""The catalogue as CSV: one row per licence tier, out and in again.

`reading` turns bytes into rows, `drafting` rows into products, `planning` compares them with what
is there, `service` keeps a checked file and imports it, `export` writes one. What is wrong is
always said by line and column (`Finding`), everything at once.
"""
