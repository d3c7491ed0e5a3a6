"""A person's face goes into a template, in two passes."""
