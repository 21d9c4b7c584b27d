"""Networks and samples in, trained networks out."""
