"""Characters: feature maps, key points, outlines, the finished picture."""
