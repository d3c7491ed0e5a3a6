"""Files on disk: written whole, locked, recorded, and put in order after a crash."""
