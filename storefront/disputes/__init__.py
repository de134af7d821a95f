"""Chargebacks: a card holder's bank takes the money back until the case is decided."""
