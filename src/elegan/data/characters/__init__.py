"""Characters: a parametric renderer, folders of drawn ones, outlines, and files of points."""
