"""Drawn people: a seeded renderer of faces whose identity, scene and labels are all known."""
