"""The shop: every business capability, one package each."""
