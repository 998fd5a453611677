"""One module per use. A task names networks, losses, a preview and a score; it never loops."""

from elegan.tasks import characters
from elegan.tasks.classify import Classify
from elegan.tasks.generate import Generate
from elegan.tasks.restore import RESTORE
from elegan.tasks.square_images import check, open_square_images, stream_square_images
from elegan.tasks.stylize import STYLIZE
from elegan.tasks.upscale import UPSCALE
from elegan.tasks.use import Use

_SQUARE = {"check": check, "open_data": open_square_images, "stream": stream_square_images}

TASKS: dict[str, Use] = {
    "generate": Use(about="noise in, images out", build=Generate, **_SQUARE),
    "classify": Use(
        about="a discriminator that learns classes from few labels and many images",
        build=Classify,
        **_SQUARE,
    ),
    "upscale": UPSCALE,
    "restore": RESTORE,
    "stylize": STYLIZE,
    **characters.USES,
}
"""Every task by name; `elegan list tasks` prints it."""

__all__ = ["TASKS", "Classify", "Generate", "Use"]
