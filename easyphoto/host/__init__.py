"""Where EasyPhoto runs, and what the program around it lends."""
