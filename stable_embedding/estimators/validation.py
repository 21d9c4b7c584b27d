"""Validate what an autoencoder is given: samples, labels, distances and codes."""

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import validate_data

from ..data.chunks import iterate_chunks
from ..data.columns import check_finite, columns_named
from ..data.containers import canonical, check_samples, readable, readable_samples
from ..data.images import flat_images
from ..data.labels import UNLABELED, encode_targets, read_labels
from ..data.lazy_samples import exceeds_memory
from ..data.metrics import check_metric
from ..data.named_columns import check_column_order
from ..data.sample_distances import SampleDistances, check_distances
from ..data.sample_ids import check_same_pairs, check_same_samples
from ..data.sample_weights import check_weights
from ..data.training_data import GivenData
from ..losses.similarity import check_similarity, distance
from .distance_source import distance_source
from .reference import check_reference

_DTYPES = (np.float64, np.float32)

# Parameters of metrics that are estimated from the samples, unless one is given.
_ESTIMATED = {"seuclidean": {"V"}, "mahalanobis": {"V", "VI"}}


class ValidationMixin:
    """Validation of what an autoencoder is given."""

    def _validate_given(
        self, X, y, sample_weight, reference, distances, plan, resume, n_seen
    ):
        """Validate all that a fit is given."""
        check_same_samples(X, reference, "reference")
        if isinstance(distances, SampleDistances):
            distances.check_ids(X)
        else:
            check_same_pairs(X, distances, "distances")
        keeps_features = resume or n_seen > 0
        X, labels = self._validate_training_data(X, y, plan, keeps_features, resume)
        weights = check_weights(sample_weight, X.shape[0])
        labels = self._labels_that_count(labels, y, X, weights, resume)
        reference = self._check_reference(reference, X, plan, weights)
        distances = self._check_distances(distances, X, plan, resume, weights)
        if resume:
            self._check_distance_source(distance_source(plan, distances))
        return GivenData(X, labels, weights, reference, distances)

    def _validate_training_data(self, X, y, plan, keeps_features, resume):
        """Validate samples and their labels."""
        encoder = getattr(self, "encoder", None)
        X, shape = flat_images(readable(X), getattr(encoder, "image_shape", None))
        X = self._validate_features(X, not keeps_features, ensure_min_samples=2)
        self.sample_shape_ = shape or (X.shape[1],)
        if callable(self.similarity) and plan.similarity_weight:
            check_similarity(self.similarity, self.n_features_in_)
        labels = self._encode_labels(y, X, resume)
        chunks = [X.data] if issparse(X) else (chunk for _, chunk in iterate_chunks(X))
        for chunk in chunks:
            self._check_values(chunk, fitted=False)
        check_metric(plan.metric, plan.metric_params, X)
        return X, labels

    def _labels_that_count(self, labels, y, X, weights, resume):
        """Encode labels as if samples of weight 0 had none."""
        if labels is None or weights is None or weights.all():
            return labels
        kept = np.flatnonzero(weights)
        counted = self._encode_labels(read_labels(y)[kept], kept, resume)
        labels = np.zeros_like(labels, dtype=counted.dtype)
        if exceeds_memory(X):  # such samples are not left out
            labels[:] = np.nan if counted.dtype.kind == "f" else UNLABELED
        labels[kept] = counted
        return labels

    def _check_distances(self, distances, X, plan, resume, weights):
        """Validate distances of the user's own."""
        if distances is None:
            is_other = resume and self.code_scale_ != self.scale_
            if is_other and not (plan.has_own_metric or plan.follows_cosines):
                raise ValueError(
                    "the fitted map follows other distances than the Euclidean ones of"
                    " its samples, and training cannot resume without them: pass"
                    " distances to fit or set metric, as before, or use fit with"
                    " warm_start=False"
                )
            return None
        if plan.has_own_metric:
            raise ValueError(
                f"distances must be None where metric={plan.metric!r}: each says what"
                " distances codes should follow; leave metric at 'euclidean'"
            )
        if plan.similarity_weight and plan.similarity is not distance:
            raise ValueError(
                "distances must be None where similarity is"
                f" {self.similarity!r}: only similarity='distance' follows them"
            )
        return check_distances(distances, X.shape[0], weights)

    def _check_distance_source(self, source):
        """Raise if the fitted codes follow something else, and have its unit."""
        own = _ESTIMATED.get(self.metric) if isinstance(self.metric, str) else None
        if own is not None and not own & (self.metric_params or {}).keys():
            raise ValueError(
                f"training cannot resume with metric={self.metric!r}, which is"
                f" estimated from the samples: fix it by {max(own)!r} in metric_params,"
                " and fit with warm_start=False"
            )
        fitted = self.distance_source_
        # What an earlier version trained does not say what its codes follow.
        if fitted is not None and source != fitted:
            raise ValueError(
                f"training cannot resume with {source}: the fitted map follows"
                f" {fitted}, which decides on the unit of its codes; use the same, or"
                " fit with warm_start=False"
            )

    def _check_reference(self, reference, X, plan, weights):
        """Validate where samples should lie; hook for codes of another kind."""
        if reference is None:
            return None
        self._check_code_order(reference, plan.n_components, "reference")
        return check_reference(reference, X.shape[0], plan, weights)

    def _encode_labels(self, y, X, resume):
        """Return the labels that the training uses; hook.

        Where a training resumes, they may tell nothing: others came before.
        """
        if not self.label_weight:
            return None
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is"
                f" None: label_weight={self.label_weight!r} needs the label of each"
                " sample, with -1, None or nan where there is none"
            )
        labels = encode_targets(y, self.target_type, may_agree=resume)
        check_consistent_length(X, labels)
        return labels

    def _validate_all_but_values(self, X, ensure_min_samples=1):
        """Validate samples of the fitted map; values are checked in chunks."""
        X, _ = flat_images(readable(X), self._run.image_shape)
        return self._validate_features(X, False, ensure_min_samples)

    def _validate_features(self, X, reset, ensure_min_samples):
        """Validate rows of features; the values of dense ones are checked in chunks.

        A check of all at once would read all of a file into memory.
        """
        X = readable_samples(X)
        with columns_named(X):
            X = validate_data(
                self,
                X,
                accept_sparse="csr",
                dtype=None if exceeds_memory(X) else _DTYPES,
                reset=reset,
                ensure_all_finite=False,
                ensure_min_samples=ensure_min_samples,
            )
        if issparse(X):
            X = canonical(X)
            self._check_finite(X)
        return X

    def _check_values(self, chunk, fitted=True):
        """Raise if the map, the fitted or the next, forbids a value; hook."""
        self._check_finite(chunk)

    def _check_finite(self, X):
        names = getattr(self, "feature_names_in_", None)
        check_finite(X, names=names, estimator_name=type(self).__name__)

    def _check_code_order(self, codes, n_columns, name):
        """Raise if columns are named as codes of this estimator, in another order."""
        kind = type(self).__name__
        check_column_order(
            codes,
            lambda: [f"{kind.lower()}{i}" for i in range(n_columns)],
            name,
            f"this {kind}",
        )

    def _check_codes(self, codes, name):
        self._check_code_order(codes, self._n_features_out, name)
        codes = check_samples(codes, name, dtype=_DTYPES)
        if codes.shape[1] != self._n_features_out:
            raise ValueError(
                f"{name} has shape {codes.shape}, but codes of {type(self).__name__}"
                f" have {self._n_features_out} columns"
            )
        return codes
