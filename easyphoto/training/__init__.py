"""Training a LoRA from a dataset, in a process of its own."""
