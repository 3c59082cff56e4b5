"""Clustering one group by somebody else's k-means: to compare with, or because it is there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lineage.config.retrieval_models import Clustering
from lineage.errors import UserError
from lineage.retrieval.clustering.distinct import Floats, Ints

_NO_SUBSAMPLING = 10**9

Backend = Callable[[Floats, Floats, int, Clustering, int], tuple[Floats, Ints]]
"""(points [point, d], weights [point], k, settings, seed) -> (centers [k, d], labels [point])."""


def scikit_learn(points: Floats, weights: Floats, k: int, settings: Clustering, seed: int) -> tuple[Floats, Ints]:
    """`sklearn.cluster.KMeans` with Lloyd's algorithm.

    Raises:
        UserError: scikit-learn is not installed.
    """
    try:
        from sklearn.cluster import KMeans
    except ImportError as error:
        raise UserError(
            "clustering.backend is 'sklearn', but scikit-learn is not installed: pip install scikit-learn"
        ) from error
    means = KMeans(
        k,
        n_init=settings.n_init,  # pyright: ignore[reportArgumentType]
        max_iter=settings.max_iter,
        tol=settings.tol,
        random_state=seed,
        algorithm="lloyd",
    ).fit(points, sample_weight=weights)
    assert means.labels_ is not None
    return means.cluster_centers_, means.labels_


def faiss(points: Floats, weights: Floats, k: int, settings: Clustering, seed: int) -> tuple[Floats, Ints]:
    """`faiss.Kmeans`, k-means++ seeded, on every point: by default faiss would draw 256 points a center.

    Raises:
        UserError: faiss is not installed.
    """
    try:
        import faiss as library
    except ImportError as error:
        raise UserError("clustering.backend is 'faiss', but it is not installed: pip install faiss-cpu") from error
    means = library.Kmeans(
        points.shape[1],
        k,
        niter=settings.max_iter,
        nredo=settings.n_init,
        seed=seed,
        max_points_per_centroid=_NO_SUBSAMPLING,
        min_points_per_centroid=1,
        init_method=library.ClusteringInitMethod_KMEANS_PLUS_PLUS,
    )
    contiguous = np.ascontiguousarray(points, np.float32)
    means.train(contiguous, weights=np.ascontiguousarray(weights, np.float32))
    _, labels = means.index.search(contiguous, 1)
    assert means.centroids is not None
    return means.centroids, labels[:, 0]


BACKENDS: dict[str, Backend] = {"sklearn": scikit_learn, "faiss": faiss}
