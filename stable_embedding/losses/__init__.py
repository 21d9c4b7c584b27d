"""What a network makes of a batch in, terms of the loss out."""
