"""Faces covered by drawn things: the material that the measures of `easyphoto.faces.covering` are fitted on."""
