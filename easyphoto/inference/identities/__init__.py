"""What makes networks paint a person: the engines, a module each, and the registry with a line for each."""
