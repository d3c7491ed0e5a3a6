"""A seeded renderer of drawn people with known identity, scene and labels."""
