"""The families of base models that EasyPhoto knows, each in a module of its own."""
