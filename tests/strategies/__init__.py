"""The strategy SDK's linter and loader, and every example strategy by its decisions."""
