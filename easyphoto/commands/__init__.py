"""The commands, one module each: frozen values that are validated, recorded and run."""
