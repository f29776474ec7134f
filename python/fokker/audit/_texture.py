"""The Gaussian texture of an image."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _fokker
from .._checked import checked
from ._arguments import Vector


class Texture:
    """The Gaussian law of textures that have the mean and the second moments of an image (ADSN).

    For an image u ``[M, N, C]``, or ``[M, N]`` in grey, and one white noise W ``[M, N]`` for all
    channels, with periodic convolution ⋆::

        X_c = m_c + h_c ⋆ W,        h_c = (u_c − m_c) / √(MN),      m_c the mean of channel c

    The covariance of X is diagonal in the Fourier basis, so that the audit is exact and quick:
    ``fokker.audit.errors(texture.eigenvalues)``. Pixels of uint8 become x/127.5 − 1, in [−1, 1], as on
    the command line; others are taken as they are. O(C MN log MN). [Galerne, Gousseau, Morel 2011].

    >>> import fokker
    >>> texture = fokker.audit.Texture([[0.0, 1.0]])  # the eigenvalues sum to MN Var u
    >>> texture.eigenvalues
    array([0. , 0.5])
    >>> texture.sample(3).sum(axis=(1, 2)).round(12)  # the frequency 0 does not vary
    array([1., 1., 1.])
    """

    def __init__(self, image: ArrayLike) -> None:
        pixels = _fokker.as_image(image, "image")
        self._grey = pixels.ndim == 2
        channels = 1 if self._grey else pixels.shape[2]
        # The extension takes tables: channels side by side.
        table = pixels if self._grey else pixels.reshape(len(pixels), pixels.shape[1] * channels)
        self._texture = _fokker.Texture.from_image(table, channels)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the image, and of every sample."""
        extents = self._texture.shape
        return extents[:2] if self._grey else extents

    @property
    def eigenvalues(self) -> Vector:
        """Of the covariance, ``[C MN]``: ``Σ_c |ĥ_c(ξ)|²`` for the MN frequencies, then (C − 1) MN zeros."""
        return self._texture.eigenvalues

    @checked
    def sample(self, n: int = 1, *, seed: int = 0) -> NDArray[np.float64]:
        """Textures ``[n, M, N, C]``, or ``[n, M, N]`` in grey; more begin with the same ones."""
        if n < 1:
            raise ValueError(f"n must be at least 1, found {n}")
        drawn = np.stack([self._texture.sample(index, seed) for index in range(n)])
        return drawn[..., 0] if self._grey else drawn
