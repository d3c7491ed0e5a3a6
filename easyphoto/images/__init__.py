"""Decodes, converts and writes pictures."""
