"""Model versions, styles, and which of them is live."""
