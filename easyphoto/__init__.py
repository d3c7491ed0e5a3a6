"""EasyPhoto: a few photos of a person become a face LoRA, and that face goes into template pictures."""

__version__ = "0.13.0"
