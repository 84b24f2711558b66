"""Interop: other tools' files and protocols, translated onto the domains' rules."""
