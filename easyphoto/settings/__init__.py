"""Every setting of EasyPhoto, declared once: the command line, the tabs, the API and docs/settings.md read it here."""
