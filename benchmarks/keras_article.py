"""The article's MNIST experiment, corrected, in the article's own library: the peer we measure.

The two networks, the batch of 32, the 100 latents, Adam at 2e-4 and the one compiled step that
updates both players are the article's. Corrected are its data range ([-1, 1], for the tanh), its
undefined optimizers, its losses (binary cross-entropy, non-saturating for the generator), the
old argument `lr=` and the range of the pictures.

It runs in an environment of its own (see requirements-keras.txt) and imports nothing of elegan:

    python -m venv keras-env && keras-env/bin/pip install -r benchmarks/requirements-keras.txt
    keras-env/bin/python benchmarks/keras_article.py --data $ELEGAN_DATA/mnist --seconds 240 \
        --out keras.npz --json
    keras-env/bin/python benchmarks/keras_article.py --data $ELEGAN_DATA/mnist --seconds 30 --speed

`--corrected` gives it what preset `article` has beside the article's layers: the first weights of
the dense layer, no momentum, rates that rise and fall, the hinge loss, noise on what the
discriminator sees, and the players moving in turn.

`--weights` and `--reference` write starting weights and what the two networks answer with them,
so that another implementation can be held to the same numbers.
"""

import argparse
import gzip
import json
import math
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import tensorflow as tf
from keras import layers

LATENTS = 100
RATE = 2e-4
CORRECTED_RATE, WARMUP, HOLD, NOISE, NOISE_SHARE = 2e-3, 0.02, 0.3, 0.3, 0.5  # of `article`
WARM_UP_STEPS = 5
TRIAL_SECONDS = 6.0
FILES = ("train-images-idx3-ubyte.gz", "train-images-idx3-ubyte")

Step = Callable[[tf.Tensor, float], tuple[tf.Tensor, tf.Tensor]]


def build_generator(*, corrected: bool = False) -> keras.Model:
    """The article's generator: latents [N, 100] to images [N, 28, 28, 1] in [-1, 1]."""
    # Not Keras's he_normal, which cuts the tails off; preset article's are whole.
    whole = keras.initializers.RandomNormal(stddev=(2 / LATENTS) ** 0.5)
    begun = whole if corrected else "glorot_uniform"
    return keras.Sequential(
        [
            keras.Input((LATENTS,)),
            layers.Dense(7 * 7 * 256, activation="relu", kernel_initializer=begun),
            layers.Reshape((7, 7, 256)),
            layers.Conv2DTranspose(128, 5, strides=1, padding="same", activation="relu"),
            layers.BatchNormalization(),
            layers.Conv2DTranspose(64, 5, strides=2, padding="same", activation="relu"),
            layers.BatchNormalization(),
            layers.Conv2DTranspose(1, 5, strides=2, padding="same", activation="tanh"),
        ],
        name="generator",
    )


def build_discriminator() -> keras.Model:
    """The article's discriminator: images [N, 28, 28, 1] in [-1, 1] to logits [N, 1].

    The article's sigmoid is taken into the loss, which is the same function and cannot overflow.
    """
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(64, 5, strides=2, padding="same", activation="leaky_relu"),
            layers.Dropout(0.3),
            layers.Conv2D(128, 5, strides=2, padding="same", activation="leaky_relu"),
            layers.Dropout(0.3),
            layers.Flatten(),
            layers.Dense(1, dtype="float32"),
        ],
        name="discriminator",
    )


def rate_at(progress: float) -> float:
    """Returns the learning rate of preset `article` at a share of the run, 0 to 1."""
    factor = min(1.0, progress / WARMUP)
    if progress > HOLD:
        factor *= 0.5 * (1 + math.cos(math.pi * min(1.0, (progress - HOLD) / (1 - HOLD))))
    return CORRECTED_RATE * factor


def build_step(
    generator: keras.Model,
    discriminator: keras.Model,
    images: tf.Tensor,
    *,
    xla: bool,
    corrected: bool = False,
) -> Step:
    """Returns the compiled step: indices [N] into `images` (uint8) to the two losses.

    It is also told its share of the run, which the corrected rates follow.
    """
    entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    deviation = tf.Variable(0.0)

    def judge(shown: tf.Tensor) -> tf.Tensor:
        noise = deviation * tf.random.normal(tf.shape(shown))
        return discriminator(shown + noise, training=True)

    momentum, first = (0.0, rate_at(0)) if corrected else (0.9, RATE)
    generator_optimizer = keras.optimizers.Adam(learning_rate=first, beta_1=momentum)
    discriminator_optimizer = keras.optimizers.Adam(learning_rate=first, beta_1=momentum)
    generator_optimizer.build(generator.trainable_variables)
    discriminator_optimizer.build(discriminator.trainable_variables)

    def simultaneous(real: tf.Tensor, noise: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as generator_tape, tf.GradientTape() as discriminator_tape:
            generated = generator(noise, training=True)
            real_score = discriminator(real, training=True)
            fake_score = discriminator(generated, training=True)
            ones, zeros = tf.ones_like(fake_score), tf.zeros_like(fake_score)
            generator_loss = entropy(ones, fake_score)
            discriminator_loss = entropy(ones, real_score) + entropy(zeros, fake_score)
        generator_gradients = generator_tape.gradient(generator_loss, generator.trainable_variables)
        discriminator_gradients = discriminator_tape.gradient(
            discriminator_loss, discriminator.trainable_variables
        )
        generator_optimizer.apply(generator_gradients, generator.trainable_variables)
        discriminator_optimizer.apply(discriminator_gradients, discriminator.trainable_variables)
        return discriminator_loss, generator_loss

    def in_turn(real: tf.Tensor, noise: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as generator_tape:
            generated = generator(noise, training=True)
            with tf.GradientTape() as discriminator_tape:
                real_score, fake_score = judge(real), judge(tf.stop_gradient(generated))
                discriminator_loss = hinge(real_score) + hinge(-fake_score)
            discriminator_gradients = discriminator_tape.gradient(
                discriminator_loss, discriminator.trainable_variables
            )
            discriminator_optimizer.apply(
                discriminator_gradients, discriminator.trainable_variables
            )
            generator_loss = -tf.reduce_mean(judge(generated))
        generator_gradients = generator_tape.gradient(generator_loss, generator.trainable_variables)
        generator_optimizer.apply(generator_gradients, generator.trainable_variables)
        return discriminator_loss, generator_loss

    def hinge(score: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean(tf.nn.relu(1.0 - score))

    move = in_turn if corrected else simultaneous

    @tf.function(jit_compile=xla)
    def compiled(indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        real = tf.cast(tf.gather(images, indices), tf.float32) / 127.5 - 1.0
        return move(real, tf.random.normal([indices.shape[0], LATENTS]))

    def step(indices: tf.Tensor, progress: float) -> tuple[tf.Tensor, tf.Tensor]:
        if corrected:
            rate = rate_at(progress)
            deviation.assign(NOISE * max(0.0, 1 - progress / NOISE_SHARE))
            generator_optimizer.learning_rate.assign(rate)
            discriminator_optimizer.learning_rate.assign(rate)
        return compiled(indices)

    return step


class Batches:
    """Endless batches of indices: every epoch a new order, an incomplete last batch left out."""

    def __init__(self, count: int, batch: int, seed: int) -> None:
        if batch > count:
            sys.exit(
                f"A batch of {batch} does not fit in {count} images; choose a smaller --batch."
            )
        self.count, self.batch = count, batch
        self.random = np.random.default_rng(seed)
        self.order, self.at = self.random.permutation(count), 0

    def __call__(self) -> tf.Tensor:
        if self.at + self.batch > self.count:
            self.order, self.at = self.random.permutation(self.count), 0
        indices = self.order[self.at : self.at + self.batch]
        self.at += self.batch
        return tf.constant(indices, tf.int32)


def run_for(step: Step, batches: Batches, seconds: float) -> tuple[int, float, float, float]:
    """Trains for `seconds` after warm-up.

    Returns:
        Steps taken in that time, the time itself, and the last losses of D and of G. The warm-up
        steps (tracing and compiling) train too, and are in neither figure.
    """
    for _ in range(WARM_UP_STEPS):
        losses = step(batches(), 0.0)
    _ = [float(loss) for loss in losses]
    steps = 0
    started = time.perf_counter()
    while (passed := time.perf_counter() - started) < seconds:
        losses = step(batches(), passed / seconds)
        steps += 1
    discriminator_loss, generator_loss = (float(loss) for loss in losses)
    return steps, passed, discriminator_loss, generator_loss


def faster_with_xla(images: tf.Tensor, options: argparse.Namespace) -> dict[str, float]:
    """Returns images a second without and with XLA, each on networks thrown away afterwards."""
    found = {}
    for name, xla in (("plain", False), ("xla", True)):
        networks = build_generator(corrected=options.corrected), build_discriminator()
        step = build_step(*networks, images, xla=xla, corrected=options.corrected)
        batches = Batches(len(images), options.batch, options.seed)
        steps, passed, _, _ = run_for(step, batches, TRIAL_SECONDS)
        found[name] = steps * options.batch / passed
    return found


def sample(generator: keras.Model, count: int, seed: int) -> np.ndarray:
    """Draws `count` images in inference mode; uint8 [count, 28, 28, 1]."""
    noise = np.random.default_rng(seed).standard_normal((count, LATENTS), dtype=np.float32)
    predict = tf.function(lambda latents: generator(latents, training=False))
    parts = [predict(tf.constant(noise[at : at + 500])).numpy() for at in range(0, count, 500)]
    pixels = np.concatenate(parts).astype(np.float32) * 127.5 + 127.5
    return pixels.round().clip(0, 255).astype(np.uint8)


def read_images(folder: Path) -> np.ndarray:
    """Reads MNIST's training images, gz or not; uint8 [60000, 28, 28, 1]."""
    path = next((folder / name for name in FILES if (folder / name).is_file()), None)
    if path is None:
        sys.exit(f"No {FILES[0]} in {folder}; give the folder of the IDX files with --data.")
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    magic, count, height, width = np.frombuffer(content, ">i4", 4)
    if magic != 2051:
        sys.exit(f"{path} is not an IDX file of images.")
    return np.frombuffer(content, np.uint8, offset=16).reshape(count, height, width, 1)


def write_reference(options: argparse.Namespace) -> dict[str, Any]:
    """Writes weights and what both networks answer with them.

    Every bias, scale and statistic is moved from its start, where a forgotten one would not show.
    Weights are named NETWORK/LAYER/VARIABLE in Keras's layouts: Dense [in, out], convolution
    [height, width, in, out], transposed convolution [height, width, out, in]; Flatten and Reshape
    count channels last.
    """
    generator, discriminator = build_generator(), build_discriminator()
    random = np.random.default_rng(options.seed)
    weights = {}
    for network in (generator, discriminator):
        for index, layer in enumerate(network.layers):
            for variable in layer.variables:
                # Dropout's counter for its random numbers is no weight.
                if "float" not in str(variable.dtype):
                    continue
                value = np.asarray(variable)
                if value.ndim == 1:
                    value = value + random.uniform(0.05, 0.3, value.shape).astype(np.float32)
                    variable.assign(value)
                weights[f"{network.name}/{index}/{variable.name}"] = value
    latents = random.standard_normal((8, LATENTS), dtype=np.float32)
    images = random.uniform(-1, 1, (8, 28, 28, 1)).astype(np.float32)
    logits = discriminator(images, training=False)
    outputs = {
        "latents": latents,
        "generated": np.asarray(generator(latents, training=False)),
        "images": images,
        "logits": np.asarray(logits),
        "probabilities": np.asarray(tf.sigmoid(logits)),
        # Last: this call moves the batch normalization's statistics, which are already written.
        "generated_in_training": np.asarray(generator(latents, training=True)),
    }
    if options.weights:
        np.savez(options.weights, **weights)
    if options.reference:
        np.savez(options.reference, **outputs)
    return {"weights": sorted(weights), "outputs": sorted(outputs)}


def train(options: argparse.Namespace) -> dict[str, Any]:
    """Trains, or with `--speed` only measures; returns the figures."""
    images = tf.constant(read_images(options.data))
    trial = faster_with_xla(images, options) if options.xla == "auto" else {}
    xla = trial["xla"] > trial["plain"] if trial else options.xla == "on"
    generator = build_generator(corrected=options.corrected)
    step = build_step(
        generator, build_discriminator(), images, xla=xla, corrected=options.corrected
    )
    batches = Batches(len(images), options.batch, options.seed)
    steps, seconds, discriminator_loss, generator_loss = run_for(step, batches, options.seconds)
    if options.out:
        np.savez(options.out, images=sample(generator, options.count, options.seed))
    return {
        "library": "keras, corrected" if options.corrected else "keras",
        "precision": options.precision,
        "xla": xla,
        "xla_trial_images_per_second": {name: round(rate, 1) for name, rate in trial.items()},
        "threads": options.threads,
        "seed": options.seed,
        "batch": options.batch,
        "steps": steps,
        "images": (steps + WARM_UP_STEPS) * options.batch,
        "seconds": round(seconds, 3),
        "images_per_second": round(steps * options.batch / seconds, 1),
        "losses": {"discriminator": discriminator_loss, "generator": generator_loss},
        "out": str(options.out) if options.out else None,
    }


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of MNIST's IDX files")
    parser.add_argument("--seconds", type=float, default=240.0, help="training time")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument(
        "--xla", choices=("auto", "on", "off"), default="auto", help="auto: the faster one"
    )
    parser.add_argument(
        "--corrected", action="store_true", help="begun and trained as preset article is"
    )
    parser.add_argument("--speed", action="store_true", help="measure only; write no samples")
    parser.add_argument("--out", type=Path, help="samples as .npz: images uint8 [N, 28, 28, 1]")
    parser.add_argument("--count", type=int, default=10_000, help="samples for --out")
    parser.add_argument("--weights", type=Path, help="write starting weights as .npz")
    parser.add_argument("--reference", type=Path, help="write the networks' answers as .npz")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    options = parser.parse_args(arguments)
    exporting = options.weights or options.reference
    if not exporting and options.data is None:
        parser.error("--data is needed: the folder of MNIST's IDX files")
    if options.speed and options.out:
        parser.error("--speed writes no samples: leave out --out")
    if not exporting and not options.speed and options.out is None:
        parser.error("choose --out FILE.npz, --speed, or --weights with --reference")
    return options


def main() -> None:
    """Runs what the command line asks for."""
    options = parse()
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    keras.utils.set_random_seed(options.seed)
    if options.precision == "bfloat16":
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
    figures = write_reference(options) if options.weights or options.reference else train(options)
    figures["versions"] = {"tensorflow": tf.__version__, "keras": keras.__version__}
    if options.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name}: {value}")


if __name__ == "__main__":
    main()
