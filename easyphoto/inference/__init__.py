"""Puts a person's face into a template, in two diffusion passes."""
