"""One protocol in the shop's own words per outside service, and the adapters that speak it.

Adapters refuse to be called inside a database transaction: waiting on a network must not hold
row locks.
"""
