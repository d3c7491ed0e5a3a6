"""The catalogue of weight files, their sources, and the store that finds and downloads them."""
