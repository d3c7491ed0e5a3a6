"""Installs, imports, exports, renames and deletes the persons of a workspace."""
