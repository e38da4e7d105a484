"""What Keras classes take, keep and give back, so that they can be saved and made again."""
