"""Our engine beside the two viewers of the field, on one volume with one script of gestures."""
