"""Measurements that print figures, never tests."""
