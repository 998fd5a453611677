"""An image in, the same in another style out."""
