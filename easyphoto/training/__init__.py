"""A dataset becomes a LoRA, in a process of its own."""
