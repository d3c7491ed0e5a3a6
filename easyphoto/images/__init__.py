"""Pictures: decoding, colour, and writing."""
