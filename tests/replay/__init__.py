"""The replay command: runs, results, reports, verification."""
