"""The estimators: the autoencoder, its siblings and the outlier detector."""
