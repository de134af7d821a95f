"""The outside world on one machine, for the demo and the tests; never for production."""
