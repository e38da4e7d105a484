"""How callbacks are driven by hand: which of them have their model, and where a training starts."""
