"""Generated images as training data: made from few labels, filtered, and judged before use.

    found = elegan.augment_data("birds/", per_class=200, out="more-birds")
    print(found.verdict["sentence"])

`protocol` is the experiment, `mixing` brings the images into a person's own training code.
"""

from elegan.applications.synthetic.augmented import Augmented, augment_data
from elegan.applications.synthetic.mixing import MixedImages, MixedSampler

__all__ = ["Augmented", "MixedImages", "MixedSampler", "augment_data"]
