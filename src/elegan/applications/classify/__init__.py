"""A discriminator that learns classes from few labels and many images."""
