"""Features, distances, classes, copies and image quality, each beside what real images score."""
