"""Studies: patients under pseudonyms, their studies and series, and the images made from them."""
