"""The families of base models that EasyPhoto supports, one module each."""
