"""Texts that users read, kept beside the tests: ACCEPT=1 in the environment rewrites them; review the diff."""
import os


def check(path, text):
    if os.environ.get("ACCEPT"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert path.exists(), f"{path} is missing; ACCEPT=1 writes it"
    assert text == path.read_text(), f"differs from {path}; ACCEPT=1 rewrites it"
