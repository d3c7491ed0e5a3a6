"""Turns photos of a person into a dataset, with a verdict for every photo."""
