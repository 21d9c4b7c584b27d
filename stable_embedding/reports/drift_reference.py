"""Numbers with which new samples are compared, without samples."""

from dataclasses import dataclass

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..data.containers import dense
from ..stability.pipelines import (
    embedding_steps,
    has_bits,
    inputs_of_last,
    last_step,
    names_of_inputs,
)


@dataclass(frozen=True, repr=False, eq=False)  # arrays have no truth value
class DriftReference:
    """Distributions of the errors, codes and residuals of some samples.

    Save it with the estimator: :func:`drift_report` then works without the samples.
    Each column of numbers is sorted separately, so it contains no samples. It does
    contain extreme values, from which an unusual sample may be guessed.

    Attributes
    ----------
    values : dict of ndarray of shape (n_samples, n_columns)
        Reconstruction errors ("error"), codes ("code") and residuals of the features
        ("feature"). Each column is sorted.

    names : dict of list of str
        Names of the columns.

    landmarks : ndarray of shape (n_components + 1, n_features)
        Samples to which the estimator decodes the origin and, for each component, a
        code at the distance of `code_scale_`. They identify its embedding.

    See Also
    --------
    drift_report : Compares new samples with a reference.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import train_test_split
    >>> from stable_embedding import DriftReference, StableAutoencoder, drift_report
    >>> X, _ = load_iris(return_X_y=True)
    >>> X_train, X_other = train_test_split(X, test_size=0.6, random_state=0)
    >>> model = StableAutoencoder(n_init=1, random_state=0).fit(X_train)
    >>> reference = DriftReference.from_estimator(model, X_other[45:])
    >>> reference
    DriftReference of 45 samples, 2 components and 4 features
    >>> drift_report(model, X_other[:45], reference).drifted
    False
    """

    values: dict[str, np.ndarray]
    names: dict[str, list[str]]
    landmarks: np.ndarray

    @classmethod
    def from_estimator(cls, estimator, X):
        """Measure samples with an estimator.

        Parameters
        ----------
        estimator : estimator
            A fitted autoencoder of this package, or a fitted pipeline with one as the
            last step that embeds.

        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples that the estimator was not trained on, in a form that it accepts.

        Returns
        -------
        DriftReference

        Raises
        ------
        TypeError, ValueError
            If the estimator has no `score_samples` or `inverse_transform`, or X is not
            as described.
        """
        steps = embedding_steps(estimator)
        last = last_step(steps)
        for name in ("score_samples", "inverse_transform"):
            if not hasattr(last, name):
                raise TypeError(
                    f"estimator={estimator!r} has no {name}, as a fitted"
                    " StableAutoencoder has"
                )
        check_is_fitted(last)
        values = measured(last, inputs_of_last(steps, X))
        n_components, n_features = (values[k].shape[1] for k in ("code", "feature"))
        features = names_of_inputs(steps)
        if features is None:
            features = [f"x{i}" for i in range(n_features)]
        names = {
            "error": ["error"],
            "code": [f"component {i + 1}" for i in range(n_components)],
            "feature": list(features),
        }
        values = {kind: np.sort(found, axis=0) for kind, found in values.items()}
        return cls(values, names, _landmarks(last, n_components))

    def __len__(self):
        return len(self.values["error"])

    def __repr__(self):
        n_components, n_features = (
            len(self.names[kind]) for kind in ("code", "feature")
        )
        return (
            f"DriftReference of {len(self)} samples, {n_components} components and"
            f" {n_features} features"
        )


def _landmarks(autoencoder, n_components):
    unit_codes = _code_unit(autoencoder) * np.eye(n_components)
    codes = np.vstack([np.zeros(n_components), unit_codes])
    decoded = autoencoder.inverse_transform(codes)
    return np.asarray(dense(decoded), dtype=np.float64).reshape(len(codes), -1)


def _code_unit(autoencoder):
    """Return a code that moves what is decoded about as far as samples are apart."""
    if has_bits(autoencoder):
        return 1
    return getattr(autoencoder, "code_scale_", 1)


def is_same_map(landmarks, others):
    """Tell whether landmarks of two estimators are those of one map.

    Parameters
    ----------
    landmarks, others : ndarray of shape (n_components + 1, n_features)

    Returns
    -------
    bool
        Whether they agree to a part in 10,000 of the spread of `others`: processors
        round networks by less, and two trainings differ by more.
    """
    spread = np.abs(others - others[0]).max()
    return np.allclose(landmarks, others, rtol=0, atol=1e-4 * spread)


def measured(autoencoder, X):
    """Return the error, the codes and the residuals of samples, a row for each."""
    errors = -autoencoder.score_samples(X)
    codes = np.asarray(dense(autoencoder.transform(X)))
    restored = autoencoder.inverse_transform(codes).reshape(len(codes), -1)
    X = np.asarray(dense(X), dtype=np.float64).reshape(len(codes), -1)
    return {"error": errors[:, None], "code": codes, "feature": X - restored}
