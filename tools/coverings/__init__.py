"""Faces covered by drawn things: what the measures of `easyphoto.faces.covering_measures` are fitted on."""
