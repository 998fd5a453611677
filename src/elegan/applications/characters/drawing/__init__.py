"""A renderer of characters, which draws the data that the shipped model learnt from."""
