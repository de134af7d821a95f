"""Giving money back: for lines of an order, or for what a payment put into a wallet."""
