"""Buying with an e-mail address alone, and moving all of it to an account later."""
