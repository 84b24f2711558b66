"""The only door between the domains and learning: rows and blobs on one side, arrays and weights on the other.

`connection` opens the database and the blobs, `queue` carries jobs, `images` reads voxels and label maps, `training` and
`predictions` load what a job needs and publish what it made. Every function opens its own short transactions and holds
none while a device computes. What learning calls an expert is the expert's id as text; names stay on this side.
"""

from worker.gateway.connection import Gateway, open_gateway

__all__ = ["Gateway", "open_gateway"]
