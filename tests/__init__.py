"""Tests: they mirror the tree; journeys, races, faults and benchmarks stand apart."""
