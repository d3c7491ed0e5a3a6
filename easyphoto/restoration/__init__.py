"""Restoring the faces of finished pictures, and enlarging the pictures."""
