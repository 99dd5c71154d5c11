"""Network namespaces of a test's own."""
import subprocess


def run(*words, stdin=None):
    done = subprocess.run(words, input=stdin, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"


def inside(space):
    """What enters it, before a command. `ip netns exec` would hide the cgroups."""
    return ["nsenter", f"--net=/run/netns/{space}"]
