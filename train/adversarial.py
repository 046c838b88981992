"""What a recipe may say under ``[discriminator]`` beside the options of the network, whatever the task.

    loss              one of `losses.ADVERSARIAL`.
    r1, lazy          weight of `losses.r1`, the discriminator's squared slope at real pictures. Of unconditional
                      training it is the papers' gamma: ``r1 / 2`` times that of the first head is added, which of
                      projected is the discriminator of pixels (its other heads pay nothing), in one of `lazy`
                      iterations, times as much (https://arxiv.org/abs/1912.04958, section 3.1). Of super-resolution
                      and inpainting it is half the papers' gamma: ``r1`` times that of the logits of all heads and
                      all places is added in each iteration, also of places that `loss` leaves out.
    gradient_penalty  weight of that penalty between real and generated pictures; 10 for the Wasserstein loss.
    smoothing         one-sided: real pictures are called real with probability 1 - smoothing (Salimans et al.,
                      https://arxiv.org/abs/1606.03498, section 3.4); of a relative loss, pairs are the right way round.
    flips             share of pairs whose labels are exchanged for the discriminator (Chintala's "how to train a GAN").
    noise             deviation of Gaussian noise on what the discriminator sees, falling to 0 in the course of the run
                      (https://arxiv.org/abs/1701.04862).
    augment           names of `train.augment`, for real and generated pictures alike.
    augment_p         the probability that a picture meets an augmentation; well under 1, or the generator learns to
                      make augmented pictures (https://arxiv.org/abs/2006.06676, section 2.2).
    adapt             target for the mean sign of the discriminator's answer to real pictures: `augment_p` begins at 0
                      and moves so as to keep it there (the same paper, section 3.2). 0: `augment_p` stays as it is.
    mixing            share of samples whose styles come from two latents (https://arxiv.org/abs/1812.04948, 3.1).

A task has those that its dataclass here names, each off unless it is named in the recipe.
"""

from dataclasses import dataclass

from train.options import Count, Share


@dataclass(frozen=True)
class Translation:
    """Of translation from pairs and of styles."""

    loss: str = "hinge"


@dataclass(frozen=True)
class Faithful:
    """Of super-resolution and inpainting, which know what should be there."""

    loss: str = "relativistic"
    r1: float = 0.0


@dataclass(frozen=True)
class Unpaired:
    """Of CycleGAN."""

    loss: str = "least_squares"
    augment: tuple[str, ...] = ()
    augment_p: Share = 1.0


@dataclass(frozen=True)
class Unconditional:
    """Of unconditional training, which has most that can fail."""

    loss: str = "nonsaturating"
    r1: float = 0.0
    lazy: Count = 1
    gradient_penalty: float = 0.0
    smoothing: Share = 0.0
    flips: Share = 0.0
    noise: float = 0.0
    augment: tuple[str, ...] = ()
    augment_p: Share = 1.0
    adapt: Share = 0.0
    mixing: Share = 0.0
