"""Identity engines make networks paint a person: one module for each, and a registry."""
