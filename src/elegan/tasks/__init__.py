"""What uses share: from noise to images, and from images to images."""
