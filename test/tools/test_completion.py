"""Shell completion in real shells, and manual pages that other programs read."""
import os
import pathlib
import pty
import re
import select
import subprocess
import time

import pytest

from support import golden
from support.croft import BINARY, TALK, WAIT

GOLDEN = pathlib.Path(__file__).parent / "golden"


@pytest.fixture
def shell_environment(tool, tmp_path):
    """`croft` on the PATH, and an empty home folder."""
    binaries = tmp_path / "bin"
    binaries.mkdir()
    (binaries / "croft").symlink_to(BINARY)
    return {**tool.env, "PATH": f"{binaries}:/usr/bin:/bin", "HOME": str(tmp_path), "TERM": "xterm", "PS1": "> ", "PROMPT": "> "}


class Typist:
    """A shell on a terminal, typed at by a test."""

    def __init__(self, command, env, cwd):
        self.process, self.out = None, ""
        pid, self.fd = pty.fork()
        if pid == 0:
            os.chdir(cwd)
            os.execvpe(command[0], command, env)
        self.pid = pid

    def type(self, text):
        os.write(self.fd, text.encode())

    def wait(self, pattern):
        """Reads until the pattern shows, and returns its match."""
        end = time.monotonic() + WAIT
        while not (found := re.search(pattern, self.out)):
            assert time.monotonic() < end, f"no {pattern!r} in {self.out!r}"
            if select.select([self.fd], [], [], 1)[0]:
                self.out += os.read(self.fd, 65536).decode(errors="replace")
                # What zsh writes to move and colour stands between the letters.
                self.out = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.out)
        self.out = self.out[found.end():]
        return found

    def close(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)


@pytest.fixture(params=["bash", "zsh"])
def typist(request, shell_environment, tmp_path):
    (tmp_path / "desc.sf").write_text("sfConfig extends {}\n")
    (tmp_path / "other.txt").write_text("")
    if request.param == "bash":
        one = Typist(["bash", "--norc", "--noprofile", "-i"], shell_environment, tmp_path)
        one.type("bind 'set bell-style none'; source <(croft completion bash)\n")
    else:
        one = Typist(["zsh", "-f", "-i"], shell_environment, tmp_path)
        one.type("unsetopt zle_bracketed_paste; autoload -U compinit && compinit -u -D; source <(croft completion zsh)\n")
    one.type("echo rea''dy\n")
    one.wait("ready")
    yield one
    one.type("\x03exit\n")
    one.close()


def test_keys_complete(typist):
    def completes(typed, to):
        typist.type(f"{typed}\t")
        typist.wait(to)
        typist.type("\x15")  # Ctrl-U: an empty line again

    completes("croft resol", r"croft resolve ")
    completes("croft check --stri", r"croft check --strict")
    completes("croft resolve --phase sfC", r"croft resolve --phase sfConfig")
    completes("croft check d", r"croft check desc\.sf")
    completes("croft doc TransientS3B", r"croft doc TransientS3Bucket")
    completes("croft farm account a", r"croft farm account add")
    completes("croft completion f", r"croft completion fish")


def test_fish_completes(shell_environment, tmp_path):
    (tmp_path / "desc.sf").write_text("sfConfig extends {}\n")

    def complete(line):
        out = subprocess.run(["fish", "--no-config", "-c", f"croft completion fish | source; complete -C '{line}'"],
                             env=shell_environment, cwd=tmp_path, capture_output=True, text=True, timeout=WAIT, check=True).stdout
        return [one.split("\t")[0] for one in out.splitlines()]

    assert complete("croft resol") == ["resolve"]
    assert "--strict" in complete("croft check --s")
    assert {"add", "list"} <= set(complete("croft farm account "))
    assert complete("croft resolve --phase sfC") == ["sfConfig"]
    assert "TransientS3Bucket" in complete("croft doc Transient")
    assert "desc.sf" in complete("croft check d")


def test_names_of_applications(croft):
    croft.ok("up", TALK, "--name", "shop-one", "-q")
    try:
        words = [one["word"] for one in croft.ok("complete", "--json", "--", "status", "").json["candidates"]]
        assert words == ["shop-one"]
    finally:
        croft.ok("down", "shop-one", "--kept", "-q")


def test_complete_knows_the_table(tool):
    def words(*line):
        return [one["word"] for one in tool.ok("complete", "--json", "--", *line).json["candidates"]]

    verbs = words("")
    assert {"up", "down", "farm", "doc", "graph", "fmt", "lsp", "completion", "man"} <= set(verbs)
    assert "complete" not in verbs and len(verbs) == len(set(verbs))
    farm = words("farm", "")
    assert {"serve", "account", "doctor", "destroy"} <= set(farm) and "add" not in farm and len(farm) == len(set(farm))
    assert words("up", "x.sf", "--fa") == ["--farm"]
    assert words("up", "--farm", "") == ["embedded", "aws"]
    assert words("up", "--farm=e") == ["--farm=embedded"]
    assert "--json" not in words("up", "--json", "--")
    assert words("no-such-verb", "") == []
    assert tool.ok("complete", "--json", "--", "check", "").json["files"] == ":descriptions"
    assert tool.ok("complete", "--json", "--", "up", "--home", "").json["files"] == ":folders"
    assert words("status", "") == []  # nothing runs under this home


def test_completion_of_an_unknown_shell(tool):
    outcome = tool.run("completion", "csh")
    assert outcome.code == 64 and "bash, fish and zsh" in outcome.err


def test_manual_pages_are_clean(tool, tmp_path):
    tool.ok("man", "--write", tmp_path / "man1")
    pages = sorted((tmp_path / "man1").glob("*.1"))
    assert len(pages) > 15 and "croft-farm-account-add.1" in [page.name for page in pages]
    out = subprocess.run(["mandoc", "-Tlint", "-Wwarning", *map(str, pages)], capture_output=True, text=True, timeout=60).stdout
    # The pages have no date, so that the same version gives the same bytes.
    assert [line for line in out.splitlines() if "missing date" not in line] == []
    text = subprocess.run(["mandoc", "-Tutf8", str(tmp_path / "man1" / "croft.1")], capture_output=True, text=True, timeout=60, check=True).stdout
    for verb in ("up", "doc", "graph", "lsp"):
        # Bold letters are struck over.
        assert re.search(rf"^ +{verb}\b", re.sub(r".\x08", "", text), re.M), verb


def test_manual_page(tool):
    golden.check(GOLDEN / "man-fmt.1", tool.ok("man", "fmt").out)
    assert tool.ok("man", "farm", "serve").out.startswith('.TH "CROFT-FARM-SERVE" 1')
    outcome = tool.run("man", "fnt")
    assert outcome.code == 1 and "did you mean 'fmt'?" in outcome.err


def test_every_command_has_help_with_an_example(tool):
    text = subprocess.run([BINARY, "man"], capture_output=True, text=True, check=True, timeout=30).stdout
    pages = re.findall(r"^\.BR croft\\-(\S+) \(1\)$", text, re.M)
    assert len(pages) > 15
    for verb in tool.ok("complete", "--json", "--", "").json["candidates"]:
        words = [verb["word"]]
        more = [one["word"] for one in tool.ok("complete", "--json", "--", *words, "").json["candidates"]]
        if not verb["help"]:  # a group
            words.append(more[0])
            if words[1] == "account":
                words.append("add")
        out = tool.ok(*words, "--help").out
        assert "Example:\n" in out and "--json" in out, words
