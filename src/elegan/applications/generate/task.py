"""The task `generate`: noise in, images out, of the classes that are asked for."""

from elegan.metrics.scores import format_scores
from elegan.models import Model
from elegan.settings import TrainSettings
from elegan.tasks.checks import refuse_classifying
from elegan.tasks.noise import FROM_NOISE, NoiseTask
from elegan.tasks.sample_scores import score, score_run
from elegan.tasks.square_images import check, open_square_images, stream_square_images
from elegan.training.task import TaskSpec


class Generate(NoiseTask):
    """A generator and a discriminator of one registered pair, unconditional or conditional."""

    name = "generate"
    takes_loss_flags = True


def _check(settings: TrainSettings) -> None:
    check(settings)
    refuse_classifying(settings)


GENERATE = TaskSpec(
    about="noise in, images out",
    check=_check,
    open_data=open_square_images,
    stream=stream_square_images,
    build=Generate,
    load=lambda path, device, precision: Model.load(path, device=device, precision=precision),
    score=score,
    format_scores=format_scores,
    score_run=score_run,
    usage="elegan generate {run} -n 100 --out samples.png",
    commands=FROM_NOISE,
    enough=lambda data: 20_000 if data.channels == 1 else 50_000,
)
