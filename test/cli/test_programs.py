"""Programs that components run: ssh, scp and java, by stand-ins that keep what they were told."""
import os
import pathlib
import socket

from support.croft import alive, wait_until

SSH = ('#include "/org/smartfrog/sfcore/workflow/components.sf"\n'
       '#include "/org/smartfrog/services/ssh/components.sf"\n')
JAVA = ('#include "/org/smartfrog/sfcore/workflow/components.sf"\n'
        '#include "/org/smartfrog/services/os/java/components.sf"\n')

# Keeps its arguments and the secret that it asked for; runs its input here.
FAKE_SSH = """#!/bin/sh
echo "$@" >> "$HOME/ssh.args"
if [ -n "$SSH_ASKPASS" ]; then
  "$SSH_ASKPASS" "Password: " >> "$HOME/asked"
  stat -c %a "$CROFT_SSH_SECRET" >> "$HOME/modes"
fi
cd "$HOME" && exec /bin/sh -s
"""
# Copies between the last two operands; what follows a host is below $HOME/there.
FAKE_SCP = """#!/bin/sh
echo "$@" >> "$HOME/scp.args"
for last; do before="$from"; from="$last"; done
mkdir -p "$HOME/there/tmp"
here() { case "$1" in *@*:*) echo "$HOME/there/${1#*:}" ;; *) echo "$1" ;; esac; }
exec cp "$(here "$before")" "$(here "$last")"
"""


def program(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    path.chmod(0o755)
    return path


def work(croft):
    folder = pathlib.Path(croft.home, "work", "app")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def up(croft, tmp_path, text, *options):
    file = tmp_path / "app.sf"
    file.write_text(text)
    return croft.run("up", file, "--name", "app", "--allow-shell", *options)


def ended(croft):
    wait_until(lambda: croft.ok("status", "app", "--json").json["state"] == "terminated", "the application has ended")
    return croft.run("events", "app").out


def login(tmp_path, more=""):
    ssh, scp = program(tmp_path, "ssh", FAKE_SSH), program(tmp_path, "scp", FAKE_SCP)
    return f'host "h.example"; username "me"; port 2222; sshProgram "{ssh}"; scpProgram "{scp}"; {more}'


def test_commands_run_in_order_and_secrets_are_on_no_command_line(croft, tmp_path):
    folder = work(croft)
    more = 'passwordProvider extends InlinePassword { password "correct horse"; } ' \
           'commands ["echo one >> log", "echo two >> log; echo hidden-word > /dev/null"];'
    outcome = up(croft, tmp_path, SSH + f"sfConfig extends Sequence {{ s extends SSHExec {{ {login(tmp_path, more)} }} }}")
    assert outcome.code == 0, outcome
    events = ended(croft)
    assert (folder / "log").read_text() == "one\ntwo\n", events
    arguments = (folder / "ssh.args").read_text()
    assert len(arguments.splitlines()) == 2
    for line in arguments.splitlines():
        assert "-p 2222" in line and line.endswith("-- me@h.example /bin/sh -s"), line
        assert "StrictHostKeyChecking=accept-new" in line and "BatchMode" not in line
    assert "correct horse" not in arguments and "hidden-word" not in arguments
    assert (folder / "asked").read_text() == "correct horse\n" * 2
    assert (folder / "modes").read_text() == "600\n" * 2
    assert [path.name for path in folder.iterdir() if path.name.startswith(".ssh")] == []
    assert "correct horse" not in events


def test_a_command_that_fails_ends_it(croft, tmp_path):
    folder = work(croft)
    more = 'commands ["echo one >> log", "exit 3", "echo never >> log"];'
    outcome = up(croft, tmp_path, SSH + f"sfConfig extends Sequence {{ s extends SSHExec {{ {login(tmp_path, more)} }} }}")
    text = outcome.out + outcome.err + ended(croft)
    assert "command 2 of 3 ended with exit code 3 at h.example" in text, text
    assert (folder / "log").read_text() == "one\n"
    assert "BatchMode=yes" in (folder / "ssh.args").read_text()


def test_a_key_that_others_may_read_is_refused_and_one_in_the_description_is_not(croft, tmp_path):
    folder = work(croft)
    (folder / "key").write_text("a key\n")
    (folder / "key").chmod(0o644)
    text = SSH + "sfConfig extends Sequence {{ s extends SSHExec {{ {} }} }}"
    more = 'commands ["true"]; keyFile "key";'
    outcome = up(croft, tmp_path, text.format(login(tmp_path, more)))
    said = outcome.out + outcome.err + ended(croft)
    assert "others may read the key" in said, said
    (folder / "key").chmod(0o600)
    assert up(croft, tmp_path, text.format(login(tmp_path, more))).code == 0
    ended(croft)
    assert f"-i {folder / 'key'}" in (folder / "ssh.args").read_text()
    given = 'commands ["stat -c %a .ssh-app_s/key >> keymode"]; key "the key itself";'
    assert up(croft, tmp_path, text.format(login(tmp_path, given))).code == 0
    ended(croft)
    assert (folder / "keymode").read_text() == "600\n"
    assert not (folder / ".ssh-app_s").exists()


def test_what_hangs_is_ended_in_time(croft, tmp_path):
    folder = work(croft)
    more = 'timeout 300; commands ["echo $$ > pid; exec sleep 1000"];'
    outcome = up(croft, tmp_path, SSH + f"sfConfig extends Sequence {{ s extends SSHExec {{ {login(tmp_path, more)} }} }}")
    text = outcome.out + outcome.err + ended(croft)
    assert "ssh to h.example" in text, text
    pid = int((folder / "pid").read_text())
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), "the program is gone")


def test_files_go_there_and_come_back(croft, tmp_path):
    folder = work(croft)
    (folder / "a").write_text("A")
    (folder / "d").mkdir()
    for name in ("x.txt", "y.txt", "z.bin"):
        (folder / "d" / name).write_text(name)
    text = SSH + f"""
sfConfig extends Sequence {{
  put extends ScpOperation {{ {login(tmp_path)} transferType "PUT"; localFiles ["a"]; remoteFiles ["b"]; }}
  get extends ScpOperation {{ {login(tmp_path)} localFiles ["back/a"]; remoteFiles ["b"]; }}
  all extends ScpBulkUpload {{ {login(tmp_path)} dir "d"; pattern ".*txt"; remoteDir "."; fileCount 2; }}
}}"""
    outcome = up(croft, tmp_path, text)
    assert outcome.code == 0, outcome
    events = ended(croft)
    assert (folder / "back" / "a").read_text() == "A", events
    assert sorted(path.name for path in (folder / "there").iterdir() if path.is_file()) == ["b", "x.txt", "y.txt"], events
    assert all("-P 2222" in line for line in (folder / "scp.args").read_text().splitlines())


def test_copies_that_cannot_be(croft, tmp_path):
    work(croft)
    for attributes, said in (('localFiles ["a"]; remoteFiles [];', "1 localFiles and 0 remoteFiles"),
                             ('transferType "MOVE";', "\"GET\" or \"PUT\" is expected"),
                             ('localFiles ["/etc/passwd"]; remoteFiles ["x"];', "outside the work folder"),
                             ('transferType "PUT"; localFiles ["none"]; remoteFiles ["x"];', "none")):
        outcome = up(croft, tmp_path, SSH + f"sfConfig extends Sequence {{ s extends ScpOperation {{ "
                     f"{login(tmp_path, attributes)} }} }}")
        text = outcome.out + outcome.err + ended(croft)
        assert said in text, text


def test_a_host_that_is_an_option_is_refused(croft, tmp_path):
    work(croft)
    outcome = up(croft, tmp_path, SSH + 'sfConfig extends Sequence { s extends SSHExec { host "-oProxyCommand=x"; } }')
    assert "cannot be a host" in outcome.out + outcome.err + ended(croft), outcome


def test_nobody_listens(croft, tmp_path):
    work(croft)
    text = SSH + 'sfConfig extends Sequence { s extends SSHExec { host "127.0.0.1"; username "me"; port 1; commands ["true"]; } }'
    outcome = up(croft, tmp_path, text)
    assert "ssh cannot log in at me@127.0.0.1:1" in outcome.out + outcome.err + ended(croft), outcome


def test_commands_go_on_where_a_killed_controller_stopped(croft, tmp_path):
    folder = work(croft)
    more = 'commands ["echo one >> log", "while [ ! -e go ]; do sleep 0.05; done", "echo three >> log"];'
    text = SSH + f"sfConfig extends Sequence {{ s extends SSHExec {{ {login(tmp_path, more)} }} }}"
    assert up(croft, tmp_path, text).code == 0
    wait_until(lambda: (folder / "ssh.args").exists() and len((folder / "ssh.args").read_text().splitlines()) == 2,
               "the second command has begun")
    croft.kill("controller")
    assert up(croft, tmp_path, text).code == 0
    (folder / "go").write_text("")
    ended(croft)
    assert (folder / "log").read_text() == "one\nthree\n"
    assert [path.name for path in folder.iterdir() if path.name.startswith(".ssh")] == []


FARM = """
#include "/org/smartfrog/services/cloudfarmer/components.sf"
sfConfig extends Compound {{
  farm extends ManualClusterFarmer {{
    hosts extends Compound {{ one extends ManualHost {{ hostname "127.0.0.1"; }} }}
    roles extends Compound {{ worker extends ClusterRole; }}
    deploymentFactory extends NodeDeploymentOverSSHFactory {{
      username "me"; program "{program}"; startupSleepTime 10; startupLocateAttempts 2; portConnectTimeout 2000; {login}
    }}
  }}
  customer extends FarmCustomer {{
    farmer LAZY PARENT:farm; role "worker"; toDeployName "app"; dependsOn [LAZY PARENT:farm];
    toDeploy extends Compound {{ answer 42; }}
  }}
}}
"""


def test_descriptions_go_onto_machines_over_ssh(croft, tmp_path):
    folder = work(croft)
    there = program(tmp_path, "there", '#!/bin/sh\necho "$@" >> "$HOME/program.args"\n'
                    '[ "$1" = up ] && cat "there/$2" >> "$HOME/description" || true\n')
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        login_here = f'port {port}; sshProgram "{program(tmp_path, "ssh", FAKE_SSH)}"; ' \
                     f'scpProgram "{program(tmp_path, "scp", FAKE_SCP)}";'
        outcome = up(croft, tmp_path, FARM.format(program=there, login=login_here))
        assert outcome.code == 0, outcome
        there_now = folder / "description"
        wait_until(lambda: there_now.exists() and "answer 42;" in there_now.read_text(), "the description is there")
        croft.ok("down", "app", "--json")
    lines = (folder / "program.args").read_text().splitlines()
    assert lines == ["up /tmp/sf_over_ssh_app-127.0.0.1.sf --name app-127.0.0.1", "down app-127.0.0.1"]


def test_a_machine_without_the_program_and_one_that_does_not_answer(croft, tmp_path):
    work(croft)
    tools = f'sshProgram "{program(tmp_path, "ssh", FAKE_SSH)}"; scpProgram "{program(tmp_path, "scp", FAKE_SCP)}";'
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        outcome = up(croft, tmp_path, FARM.format(program="no-such-program", login=f"port {port}; {tools}"))
        text = outcome.out + outcome.err + ended(croft)
        assert "127.0.0.1 has no program 'no-such-program'" in text, text
    outcome = up(croft, tmp_path, FARM.format(program="x", login=f"port 1; {tools}"))
    text = outcome.out + outcome.err + ended(croft)
    assert "127.0.0.1:1 does not answer" in text, text


def test_java_is_told_what_it_needs(croft, tmp_path):
    folder = work(croft)
    java = program(tmp_path, "java", '#!/bin/sh\nfor each; do echo "$each"; done > "$HOME/java.args"\n')
    text = JAVA + f"""
sfConfig extends Sequence {{
  j extends Java {{
    jvm "{java}"; classname "a.B"; classpath ["x.jar", "classes"]; jvmargs ["-server"]; arguments ["one", 2];
    sysProperties [["k", "v w"]]; maxMemory 64; assertions true; shouldTerminate true;
  }}
}}"""
    outcome = up(croft, tmp_path, text)
    assert outcome.code == 0, outcome
    ended(croft)
    assert (folder / "java.args").read_text().splitlines() == [
        "-Xmx64m", "-ea", "-server", "-Dk=v w", "-cp", f"{folder}/x.jar:{folder}/classes", "a.B", "one", "2"]


def test_java_that_cannot_run(croft, tmp_path):
    work(croft)
    for attributes, said in (('jvm "no-such-java"; classname "A";', "there is no program 'no-such-java'"),
                             ("", "neither classname nor jar says what runs"),
                             ('classname "A"; jar "a.jar";', "classname and jar are both there")):
        outcome = up(croft, tmp_path, JAVA + f"sfConfig extends Compound {{ j extends Java {{ {attributes} }} }}")
        text = outcome.out + outcome.err
        assert outcome.code != 0 and said in text, text
    refused = tmp_path / "refused.sf"
    refused.write_text(JAVA + 'sfConfig extends Compound { j extends Java { classname "A"; } }')
    outcome = croft.run("up", refused, "--name", "refused")
    assert "--allow-shell" in outcome.out + outcome.err, outcome


LONG = ('#include "/org/smartfrog/sfcore/workflow/components.sf"\n'
        '#include "/org/smartfrog/services/os/runshell/components.sf"\n')


def pids_with(folder, name):
    path = pathlib.Path(folder, name)
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def test_a_program_of_a_dead_controller_is_ended_before_it_runs_again(croft, tmp_path):
    # What it starts has a session of its own: neither its parent nor its session leads to it.
    script = program(tmp_path, "server", '#!/bin/sh\necho $$ >> "$HOME/pids"\n'
                                         'setsid sleep 1000 & echo $! >> "$HOME/children"\nwait\n')
    folder = work(croft)
    up(croft, tmp_path, LONG + f'sfConfig extends ExecuteProgram {{ shellCmd "{script}"; shouldTerminate false; }}')
    wait_until(lambda: len(pids_with(folder, "children")) == 1, "the program runs")
    croft.kill("controller")
    first = pids_with(folder, "pids") + pids_with(folder, "children")
    assert all(alive(pid) for pid in first), "programs outlive a controller that dies"
    croft.run("up", tmp_path / "app.sf", "--name", "app", "--allow-shell")
    wait_until(lambda: len(pids_with(folder, "children")) == 2, "it runs again")
    assert not any(alive(pid) for pid in first), "the first one is gone before"
    second = [pids_with(folder, name)[-1] for name in ("pids", "children")]
    assert all(alive(pid) for pid in second)
    croft.kill("controller")
    croft.ok("down", "app")
    assert not any(alive(pid) for pid in second), "nothing is left, as down says"
