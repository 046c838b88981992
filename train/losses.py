"""Every loss of every recipe, one function a term. Images are RGB ``[NCHW]`` in 0..1; each returns a scalar.

Notation: x a real image, y a generated one, D a discriminator's raw output (a logit for each place it judges),
s(a) = log(1 + exp(a)), E the mean over everything.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


def l1(image: Tensor, truth: Tensor) -> Tensor:
    """Mean absolute error: ``mean |x - y|``."""
    return F.l1_loss(image, truth)


def mse(image: Tensor, truth: Tensor) -> Tensor:
    """Mean squared error: ``mean (x - y)^2``, what PSNR measures."""
    return F.mse_loss(image, truth)


def luma(image: Tensor) -> Tensor:
    """BT.601 luma ``(n, 1, h, w)``: 0.299 R + 0.587 G + 0.114 B."""
    weights = torch.tensor([0.299, 0.587, 0.114], device=image.device, dtype=image.dtype)
    return (image * weights.view(1, 3, 1, 1)).sum(1, keepdim=True)


# Adversarial losses: each takes D(x) and D(y) of the same shape, whether or not its formula uses both.


def nonsaturating_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """``E s(-D(x)) + E s(D(y))``: cross-entropy (Goodfellow et al., https://arxiv.org/abs/1406.2661)."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def nonsaturating_generator(real: Tensor, fake: Tensor) -> Tensor:
    """``E s(-D(y))``, whose slope does not vanish where D wins (the same paper, section 3)."""
    return F.softplus(-fake).mean()


def hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """``E max(0, 1 - D(x)) + E max(0, 1 + D(y))`` (Lim and Ye, https://arxiv.org/abs/1705.02894)."""
    return F.relu(1.0 - real).mean() + F.relu(1.0 + fake).mean()


def hinge_generator(real: Tensor, fake: Tensor) -> Tensor:
    """``-E D(y)`` (the same paper)."""
    return -fake.mean()


def relativistic_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """``(E s(-(D(x) - E D(y))) + E s(D(y) - E D(x))) / 2``.

    Is x more real than fakes are on average (relativistic average; Jolicoeur-Martineau,
    https://arxiv.org/abs/1807.00734; ESRGAN, https://arxiv.org/abs/1809.00219).
    """
    return 0.5 * (F.softplus(fake.mean() - real).mean() + F.softplus(fake - real.mean()).mean())


def relativistic_generator(real: Tensor, fake: Tensor) -> Tensor:
    """``(E s(-(D(y) - E D(x))) + E s(D(x) - E D(y))) / 2``: the discriminator's with x and y exchanged."""
    return relativistic_discriminator(fake, real)


def paired_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """``E s(-(D(x) - D(y)))``: is this x more real than its own y.

    Relativistic pairing; the first paper above, section 4; R3GAN, https://arxiv.org/abs/2501.05417. In super-resolution
    x and y show the same place.
    """
    return F.softplus(fake - real).mean()


def paired_generator(real: Tensor, fake: Tensor) -> Tensor:
    """``E s(-(D(y) - D(x)))``: the discriminator's with x and y exchanged."""
    return paired_discriminator(fake, real)


def minimax_generator(real: Tensor, fake: Tensor) -> Tensor:
    """``-E s(D(y))``: exactly what the discriminator loses, whose slope vanishes where D wins.

    Goodfellow et al., equation 1.
    """
    return -F.softplus(fake).mean()


def least_squares_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """``(E (D(x) - 1)^2 + E D(y)^2) / 2`` (Mao et al., https://arxiv.org/abs/1611.04076)."""
    return 0.5 * ((real - 1.0).square().mean() + fake.square().mean())


def least_squares_generator(real: Tensor, fake: Tensor) -> Tensor:
    """``E (D(y) - 1)^2 / 2`` (the same paper)."""
    return 0.5 * (fake - 1.0).square().mean()


def wasserstein_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """``E D(y) - E D(x)`` for a D of slope 1, which `gradient_penalty` keeps (https://arxiv.org/abs/1701.07875)."""
    return fake.mean() - real.mean()


class Adversarial(NamedTuple):
    """The two sides of one adversarial loss: functions of ``(D(x), D(y))``.

    `relative` tells whether the generator's side uses D(x), too: without it that has no slope.
    """

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor, Tensor], Tensor]
    relative: bool = False


ADVERSARIAL = {
    "nonsaturating": Adversarial(nonsaturating_discriminator, nonsaturating_generator),
    "minimax": Adversarial(nonsaturating_discriminator, minimax_generator),
    "least_squares": Adversarial(least_squares_discriminator, least_squares_generator),
    "wasserstein": Adversarial(wasserstein_discriminator, hinge_generator),
    "hinge": Adversarial(hinge_discriminator, hinge_generator),
    "relativistic": Adversarial(relativistic_discriminator, relativistic_generator, relative=True),
    "paired": Adversarial(paired_discriminator, paired_generator, relative=True),
}


def adversarial_loss(name: str, recipe: str) -> Adversarial:
    """Look up the two sides of `name`. Raises ``ValueError``, which lists what there is."""
    if name not in ADVERSARIAL:
        known = ", ".join(sorted(ADVERSARIAL))
        raise ValueError(f"recipe {recipe!r}: discriminator loss {name!r} must be one of {known}")
    return ADVERSARIAL[name]


def mislabelled(loss: Adversarial, real: Tensor, fake: Tensor) -> Tensor:
    """What the discriminator would lose more, but for a constant, if real pictures were called generated.

    So times e it is smoothing: they are called real with probability 1 - e (Salimans et al.,
    https://arxiv.org/abs/1606.03498, section 3.4). Of a relative loss it is pairs whose labels are exchanged.
    """
    other = fake if loss.relative else torch.zeros_like(real)
    return loss.discriminator(other, real) - loss.discriminator(real, other)


def r1(real: Tensor, images: Tensor) -> Tensor:
    """``E |dD(x) / dx|^2`` summed over a picture, averaged over pictures; D(x) is the sum of all its logits in `real`.

    The gradient penalty on real data (Mescheder et al., https://arxiv.org/abs/1801.04406), before its gamma / 2.
    `images` is what `real` was computed from and requires gradients. So it grows with how many places a discriminator
    judges, and has a say in those heads alone whose logits are given.
    """
    (slope,) = torch.autograd.grad(real.sum(), images, create_graph=True)
    return slope.float().square().sum(dim=(1, 2, 3)).mean()


def gradient_penalty(discriminator: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Tensor:
    """``E (|dD(u) / du| - 1)^2``, u at a random place between a real and a generated picture.

    WGAN-GP, Gulrajani et al., https://arxiv.org/abs/1704.00028. Before its weight of 10.
    """
    place = torch.rand(len(real), 1, 1, 1, device=real.device)
    between = torch.lerp(real, fake, place).detach().requires_grad_(True)
    (slope,) = torch.autograd.grad(discriminator(between).sum(), between, create_graph=True)
    excess: Tensor = slope.float().flatten(1).norm(dim=1) - 1.0
    return excess.square().mean()


def feature_matching(real: Sequence[Tensor], fake: Sequence[Tensor], *, where: Tensor | None = None) -> Tensor:
    """``mean over layers of E |D_l(x) - D_l(y)| / E |D_l(x)|``.

    The discriminator's inner activations agree (pix2pixHD, https://arxiv.org/abs/1711.11585); divided by a layer's size
    so that each counts alike. `where` as in `perceptual`.
    """
    return perceptual(real, fake, where=where)


def perceptual(real: Sequence[Tensor], fake: Sequence[Tensor], *, where: Tensor | None = None) -> Tensor:
    """``mean over layers of E |f_l(x) - f_l(y)| / E |f_l(x)|`` on a classifier's activations.

    Johnson et al., https://arxiv.org/abs/1603.08155, with absolute differences as ESRGAN has them.

    `where` ``(n, 1, h, w)`` in 0..1, of the pictures' size, weighs the places: E is then the mean inside it, of each
    picture by itself.
    """
    return torch.stack([_relative(a.detach(), b, where) for a, b in zip(real, fake, strict=True)]).mean()


def perceptual_distance(real: Sequence[Tensor], fake: Sequence[Tensor], *, where: Tensor | None = None) -> Tensor:
    """``mean over layers of the mean over places of sum_c (u_c(x) - u_c(y))^2``.

    Here u are the activations at a place scaled to unit length over channels: LPIPS without its learned weights (Zhang
    et al., https://arxiv.org/abs/1801.03924).

    Zero for equal pictures, at most 4. `where` weighs the places as in `perceptual`. Returns a value for each picture,
    ``(n,)``.
    """
    return torch.stack([_turned(a, b, where) for a, b in zip(real, fake, strict=True)]).mean(0)


def gram(features: Tensor) -> Tensor:
    """``(n, c, h, w)`` -> ``(n, c, c)``: which features come together, wherever that is.

    ``F F^T / (c h w)`` (Gatys et al., https://arxiv.org/abs/1508.06576).
    """
    flat = features.float().flatten(2)
    return flat @ flat.transpose(1, 2) / (flat.shape[1] * flat.shape[2])


def relative_square(x: Tensor, truth: Tensor) -> Tensor:
    """``mean (x - t)^2 / mean t^2``: 1 where x is nothing at all, whatever the layer's size."""
    x, truth = x.float(), truth.float()
    return (x - truth).square().mean() / (truth.square().mean() + 1e-12)


def apart(x: Tensor, truth: Tensor, weights: Tensor, width: float) -> Tensor:
    """``mean w d^2 / (d^2 + width^2)``, d the length of a pixel's difference; `weights` ``(n, h, w)``.

    Far beyond `width` no error is worse than another (Geman and McClure 1985): where truths differ it is least amid
    those of which there are most, and not, as that of squares is, at the mean of all.
    """
    square = (x.float() - truth.float()).square().sum(1)
    return (weights * square / (square + width**2)).mean()


def total_variation(image: Tensor) -> Tensor:
    """``mean |x_i+1 - x_i|`` down and to the right (Rudin et al. 1992, anisotropic)."""
    return (image[:, :, 1:] - image[:, :, :-1]).abs().mean() + (image[:, :, :, 1:] - image[:, :, :, :-1]).abs().mean()


def lattice(image: Tensor, truth: Tensor, scale: int, *, side: int = 0) -> Tensor:
    """``mean over pictures and places of a block of |E_b (y - x)_p - E_b,p (y - x)|``, p a place of block b.

    What y has at one of the ``scale ** 2`` places of every block and x has not: the mesh that a pixel shuffle can draw.
    Zero where y errs alike at all places. E_b is over all blocks, or, with `side`, over windows of so many blocks a
    side, on average over these: a mesh that is light here and dark there counts, too.
    """
    apart = F.pixel_unshuffle((image - truth).float(), scale)
    rows, columns = apart.shape[2:]
    apart = F.avg_pool2d(apart, (min(side or rows, rows), min(side or columns, columns)))
    apart = apart.reshape(len(image), -1, scale**2, *apart.shape[2:])
    return (apart - apart.mean(2, keepdim=True)).abs().mean()


def _relative(truth: Tensor, other: Tensor, where: Tensor | None) -> Tensor:
    truth, other = truth.float(), other.float()
    if where is None:
        return (truth - other).abs().mean() / (truth.abs().mean() + 1e-6)
    weights = _weights(where, truth)
    wrong, size = (((x.abs().mean(1) * weights).sum((1, 2))) for x in (truth - other, truth))
    return (wrong / (size + 1e-6)).mean()


def _turned(a: Tensor, b: Tensor, where: Tensor | None) -> Tensor:  # [NCHW] -> [N]
    a, b = (F.normalize(x.float(), dim=1, eps=1e-6) for x in (a, b))
    apart = (a - b).square().sum(1)
    return apart.mean((1, 2)) if where is None else (apart * _weights(where, a)).sum((1, 2))


def _weights(where: Tensor, activations: Tensor) -> Tensor:
    """The share of `where` in each place of smaller maps, ``(n, h, w)`` of sum 1 for each picture."""
    shares = F.adaptive_avg_pool2d(where.float(), (activations.shape[2], activations.shape[3]))[:, 0]
    return shares / (shares.sum((1, 2), keepdim=True) + 1e-12)
