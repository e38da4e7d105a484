"""What a training loop computes and tells in each epoch."""
