"""Of what image to image is made: what can be set of it, and faces that are drawn from nearer."""
