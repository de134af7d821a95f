"""Receipts and statements: numbered papers about money that moved."""
