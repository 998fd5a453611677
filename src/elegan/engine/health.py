"""One line in plain words about how the duel stands, and the alarms that the figures raise."""

from collections.abc import Mapping

# Each threshold is a statement about the figure's scale, given where it is computed:
# fooling_rate is a share (0.5 = the discriminator cannot tell); gaps are in standard deviations
# of the logits; duplicates is a share of pairs of samples (k equal pictures give 1/k), coverage one
# of real images; nearest is relative to held-out real images.
DISCRIMINATOR_WINS, GENERATOR_WINS = 0.03, 0.9
OVERFIT_GAP = 1.0
COLLAPSE_DUPLICATES, COLLAPSE_COVERAGE = 0.05, 0.3
COPIES_NEAREST, COPIES_COVERAGE = 0.3, 0.5


def health(signals: Mapping[str, float], progress: float) -> tuple[str, list[str]]:
    """Returns (a sentence, the alarms with their remedies).

    Alarms about variety wait until a tenth of the run is done: every generator begins with one
    blob.

    Args:
        signals: what the task measured; a missing signal is not judged.
        progress: share of the run done, 0..1.
    """
    fooling = signals.get("fooling_rate", 0.5)
    if fooling < DISCRIMINATOR_WINS:
        sentence = f"the discriminator is ahead: {1 - fooling:.0%} of fakes caught"
    elif fooling > GENERATOR_WINS:
        sentence = f"the generator is ahead: {fooling:.0%} of fakes pass for real"
    else:
        sentence = f"a fair duel: {fooling:.0%} of fakes pass for real"
    alarms = []
    if signals.get("held_out_gap", 0.0) > OVERFIT_GAP:
        alarms.append(
            "The discriminator scores training images far above unseen real ones: it memorises."
            " More images, a smaller --size or more r1 help."
        )
    if progress >= 0.1:
        if signals.get("duplicates", 0.0) > COLLAPSE_DUPLICATES:
            alarms.append(
                f"{signals['duplicates']:.0%} of all pairs of samples are alike: the generator"
                " collapses onto few images. A lower learning rate, r1 and r2, or the preset robust"
                " help."
            )
        if signals.get("coverage", 1.0) < COLLAPSE_COVERAGE:
            alarms.append(
                f"Samples lie near only {signals['coverage']:.0%} of the real images checked:"
                " much of the data is not generated (yet). Train longer; see remedies for collapse."
            )
        # Where only the simplest images are drawn, they are near training images without copying.
        varied = signals.get("coverage", 1.0) > COPIES_COVERAGE
        if varied and signals.get("nearest", 1.0) < COPIES_NEAREST:
            alarms.append(
                "Samples lie much closer to training images than unseen real images do: the"
                " generator copies. More images or a smaller --size help."
            )
    if signals.get("coverage") is not None and not alarms:
        sentence += f"; samples reach {signals['coverage']:.0%} of the real images checked"
    return sentence, alarms
