"""`dpersona` against its published form and a probabilistic U-Net on real experts: `python -m benchmarks.dpersona --small`."""
