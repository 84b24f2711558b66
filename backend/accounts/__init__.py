"""Accounts: who may come in (users, sign-ins, tokens, links), who draws (experts), and the one rule of who may do what."""
