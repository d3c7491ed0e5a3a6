"""Benchmarks: they print figures and never fail as tests do."""
