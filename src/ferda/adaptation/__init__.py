"""A trained model adapted to a folder of faces on the spot, and kept only if nothing speaks against it."""
