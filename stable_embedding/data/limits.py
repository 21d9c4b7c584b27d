"""Thresholds of size: how much is kept in memory, read or compared at once.

Other modules read them as attributes of this module, so that a test can change them.
"""

# Size of a dense chunk, which should stay in the cache: samples, and bytes in float64.
CHUNK_SAMPLES = 4_096
CHUNK_BYTES = 2**23

# Largest size of training data in memory, in bytes of float32, and size of the chunks
# in which larger dense data are read.
IN_MEMORY_BYTES = 2**29
READ_BYTES = 2**26

# Size of the subset that represents samples which are not in memory, or are sparse; its
# least number of samples; and its least number of samples for each component.
SUBSET_BYTES = 2**26
SPARSE_SUBSET_BYTES = 2**25
SUBSET_SAMPLES = 256
SUBSET_SAMPLES_PER_COMPONENT = 10

# Samples on which constants of the loss and variances are estimated.
ESTIMATION_SAMPLES = 1_000

# Samples whose pairs set thresholds of distances at the start.
THRESHOLD_SAMPLES = 256

# Samples by which the residuals of PCA are predicted, and residuals of neighbors that
# are held at once, in samples.
SHRINKAGE_SAMPLES = 5_000
RESIDUAL_SAMPLES = 128

# Samples up to which nearest neighbors are found by comparing all pairs.
EXACT_NEIGHBOR_SAMPLES = 20_000

# Rows of a matrix of distances that are held at once.
DISTANCE_ROWS = 256

# Samples whose pairs are compared where a measure needs all pairs, where a picture
# shows them, and where runs are compared with each other.
MEASURED_SAMPLES = 2_000
SHEPARD_SAMPLES = 1_000
CONSENSUS_SAMPLES = 1_000

# Samples that a report reconstructs; some inverses take long for each.
REPORTED_SAMPLES = 1_000

# Samples of a batch within which all pairs are compared; negatives of an anchor and
# triplets are those of such blocks too.
PAIR_BLOCK = 128
NEGATIVE_BLOCK = 512
TRIPLET_BLOCK = 64

# Values of kernels of all pairs of a batch that are computed at once, and should stay
# in the cache.
KERNEL_VALUES = 2**20

# Samples of which all pairs of distances are held, and those from which all others are
# placed where there are more.
ALL_PAIRS_SAMPLES = 5_000
LANDMARKS = 1_000

# Samples from which shortest paths are found between two steps of a progress bar.
PATH_SOURCES = 32

# Distances that are computed at once.
PAIRS_AT_ONCE = 2**22
