"""Finding products by words, in Thai and English.

The worker cuts the texts of a product into words (`segment`, the only module that loads the big
Thai dictionary), weighs them (`documents`) and writes them into the index (`indexing`). A search
phrase is read against the vocabulary of that index (`reading`) and becomes a condition and a rank
in SQL (`matching`). `text` holds the rules of writing that both sides share.
"""
