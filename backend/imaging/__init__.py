"""Pixels, grids and label maps: arrays and bytes in, arrays and bytes out.

This room knows no database, no web, no clock and no environment, and imports nothing else of ours. It raises its own
`Refusal`; the rule or job that called it translates. It imports nothing here on purpose: the import child
(`backend.imaging.parse`) must start in tens of milliseconds, so callers name the module they need.

Axes: image arrays are `[z, y, x]` (or `[c, z, y, x]`), affines take `(x, y, z)`; only `geometry` crosses between them.
"""
