"""Figures of speed: `python -m tests.bench`. It measures, it does not judge."""
