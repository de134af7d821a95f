"""Real servers for the demo and the tests, started from wheels: nothing needs to be installed."""
