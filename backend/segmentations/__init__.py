"""Segmentations: what experts and models drew, edit by edit and revision by revision, and who may see it."""
