"""The program EasyPhoto runs in, and the resources it lends."""
