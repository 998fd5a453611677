"""Files -> checked uint8 images: sources, ingest, cache, inspection, data order and pictures."""

from elegan.data.dataset import FITS, MAX_RESOLUTION, MIN_RESOLUTION, ImageData, PhotoSet, Verdict
from elegan.data.known import KNOWN
from elegan.data.opening import batch_indices, limited_indices, open_data, open_photos
from elegan.data.pairs import PairSet, has_test_pairs, open_pairs
from elegan.data.sources import has_test_split

__all__ = ["FITS", "KNOWN", "MAX_RESOLUTION", "MIN_RESOLUTION", "ImageData", "PairSet", "PhotoSet"]
__all__ += ["Verdict", "batch_indices", "has_test_pairs", "has_test_split", "limited_indices"]
__all__ += ["open_data", "open_pairs", "open_photos"]
