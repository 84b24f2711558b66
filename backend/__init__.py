"""The service: domains from left to right, the floor below them, the application on top. Never imports torch."""
