#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""tmux by its command line: the screens must be equal on both libraries.

An outer tmux shows a client of the inner one, so that what a user would see,
status line and borders included, can be captured as text, too.
"""

import os
import signal
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402

# The same names everywhere: no clock, host or process number on the screen.
CONFIGURATION = """
set -g default-terminal screen
set -g default-shell /bin/sh
set -g default-command 'exec env PS1="$ " /bin/sh'
set -g status-left '[#S #(echo job)] '
set -g status-left-length 20
set -g status-right '#{window_width}x#{window_height}'
set -g automatic-rename off
set -g allow-rename off
set -g history-limit 6000
set -g window-size latest
set -g exit-empty off
set -g update-environment ''
set -sg escape-time 0
set -g assume-paste-time 0
setw -g monitor-activity off
"""

PANES = 50
LINES_PER_PANE = 2000


class Tmux:
    """A server of its own, on a socket in the test's directory."""

    def __init__(self, library, name):
        self.library = library
        self.socket = os.path.join(library.scratch, name)
        if len(self.socket) > 100:  # a socket's name has at most 107 bytes
            self.socket = os.path.relpath(self.socket)
        configuration = os.path.join(library.scratch, name + ".conf")
        with open(configuration, "w") as file:
            file.write(CONFIGURATION)
        self.prefix = [harness.require("tmux"), "-S", self.socket,
                       "-f", configuration]
        self.environment = library.environment(TERM="screen", PS1="$ ")

    def popen(self, *arguments, **options):
        return subprocess.Popen(self.prefix + list(arguments),
                                env=self.environment, **options)

    def run(self, *arguments, status=0, input=None):
        """Runs one command of tmux; returns what it printed, errors too."""
        done = subprocess.run(
            self.prefix + list(arguments), env=self.environment, input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=harness.LIMIT_S)
        output = done.stdout.decode()
        if done.returncode != status:
            raise AssertionError("tmux %s on %s: status %d\n%s" % (
                arguments, self.library, done.returncode, output))
        return output

    def __enter__(self):
        self.run("start-server")
        self.pid = int(self.run("display-message", "-p", "#{pid}"))
        self.library.check_process(self.pid)
        return self

    def __exit__(self, *_):
        self.run("kill-server")
        harness.wait_until(lambda: not running(self.pid),
                           "the server to end")

    def send(self, target, line):
        self.run("send-keys", "-t", target, "-l", line)
        self.run("send-keys", "-t", target, "Enter")

    def screen(self, target, *options):
        return self.run("capture-pane", "-p", "-t", target, *options)

    def screen_when(self, target, condition, *options):
        """The screen once `condition` holds for it and it stands still."""
        last = [None]

        def still():
            now = self.screen(target, *options)
            same = now == last[0]
            last[0] = now
            return same and condition(now)

        try:
            harness.wait_until(still, "the screen of " + target)
        except AssertionError as error:
            raise AssertionError("%s on %s:\n%s" % (error, self.library,
                                                    last[0]))
        return last[0]


def running(pid):
    try:
        with open("/proc/%d/stat" % pid) as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def prompt_at_end(screen):
    return screen.rstrip("\n").endswith("$ ") or \
        screen.rstrip().endswith("\n$") or screen.strip() == "$"


class TmuxTest(harness.ProgramTest):

    def compare(self, work):
        """work(library) returns a list of what it saw, step by step."""
        results = harness.on_both(work)
        debian, evoke = results["debian"], results["evoke"]
        self.assertEqual(len(debian), len(evoke))
        for step, (theirs, ours) in enumerate(zip(debian, evoke)):
            self.assertMultiLineEqual(theirs, ours, "step %d" % step)
        self.assertTrue(all(evoke), "a step that showed nothing")
        return evoke

    def test_sessions_windows_and_panes(self):
        def work(library):
            seen = []
            with Tmux(library, "t1") as tmux:
                tmux.run("new-session", "-d", "-s", "one", "-x", "100",
                         "-y", "30", "-n", "first")
                tmux.run("new-session", "-d", "-s", "two", "-x", "80",
                         "-y", "24", "-n", "other")
                for i in range(5):
                    tmux.run("new-window", "-d", "-t", "one:", "-n", "w%d" % i)
                tmux.run("split-window", "-t", "one:w1", "-h")
                tmux.run("split-window", "-t", "one:w1", "-v", "-l", "8")
                tmux.run("split-window", "-t", "one:w1.0", "-v", "-p", "30")
                layout = ["list-panes", "-s", "-t", "one", "-F",
                          "#W.#P #{pane_width}x#{pane_height} #{pane_active}"]
                seen.append(tmux.run(*layout))
                for name in ("even-horizontal", "main-vertical", "tiled"):
                    tmux.run("select-layout", "-t", "one:w1", name)
                    seen.append(tmux.run(*layout))
                tmux.run("swap-pane", "-s", "one:w1.0", "-t", "one:w1.3")
                tmux.run("break-pane", "-d", "-s", "one:w1.2", "-t",
                         "one:8", "-n", "broken")
                tmux.run("join-pane", "-d", "-s", "one:broken", "-t", "one:w2")
                tmux.run("resize-pane", "-t", "one:w1.0", "-R", "7")
                tmux.run("rotate-window", "-t", "one:w1")
                seen.append(tmux.run(*layout))
                tmux.run("rename-session", "-t", "two", "three")
                tmux.run("link-window", "-s", "one:w3", "-t", "three:7")
                tmux.run("move-window", "-s", "one:w4", "-t", "three:9")
                tmux.run("kill-window", "-t", "one:w0")
                windows = ["list-windows", "-a", "-F",
                           "#S:#I #W #{window_panes} #{window_layout}"]
                seen.append(tmux.run(*windows))
                seen.append(tmux.run("has-session", "-t", "nobody", status=1))
                seen.append(tmux.run("no-such-command", status=1))
                # A shell that ends takes its pane, and its window, with it.
                tmux.run("send-keys", "-t", "one:w3", "exit", "Enter")
                harness.wait_until(
                    lambda: "w3" not in tmux.run("list-windows", "-a"),
                    "the window to close")
                tmux.run("kill-session", "-t", "one")
                seen.append(tmux.run(*windows))
                seen.append(tmux.run("list-sessions", "-F", "#S"))
            return seen

        seen = self.compare(work)
        self.assertEqual(seen[-1], "three\n")

    def test_keys_and_screens(self):
        def work(library):
            seen = []
            with Tmux(library, "t2") as tmux:
                tmux.run("new-session", "-d", "-s", "s", "-x", "90", "-y", "20")
                tmux.screen_when("s", prompt_at_end)
                # The shell tells when it is done, through the server.
                tmux.send("s", "seq -s, 1 200; tmux wait-for -S done")
                tmux.run("wait-for", "done")
                seen.append(tmux.screen_when("s", prompt_at_end))
                tmux.send("s", "printf '\\033[1;31mred\\033[0m "
                          "\\033[4mline\\033[0m \\342\\202\\254 \\a\\n'")
                seen.append(tmux.screen_when(
                    "s", lambda text: "\u20ac \n" in text or "\u20ac\n" in text,
                    "-e"))
                # Wrapped lines, cut short and put right by another width.
                tmux.send("s", "clear; for i in 1 2 3; do printf '%0150d\\n' "
                          "$i; done")
                seen.append(tmux.screen_when("s", prompt_at_end))
                for width, height in ((60, 20), (140, 10), (90, 20)):
                    tmux.run("resize-window", "-t", "s", "-x", str(width),
                             "-y", str(height))
                    # tmux resizes the terminal a quarter of a second later.
                    size = "%d %d" % (height, width)
                    tmux.send("s", "until [ \"$(stty size)\" = '%s' ]; do :; "
                              "done; clear; stty size; seq 1 3" % size)
                    seen.append(tmux.screen_when(
                        "s", lambda text: text.startswith(size + "\n")
                        and prompt_at_end(text)))
                # An editor-like use of the alternate screen, and scrolling.
                tmux.send("s", "printf '\\033[?1049h\\033[2J\\033[5;10Hmiddle'; "
                          "read x; printf '\\033[?1049l'")
                seen.append(tmux.screen_when("s", lambda t: "middle" in t
                                             and "printf" not in t))
                tmux.run("send-keys", "-t", "s", "Enter")
                seen.append(tmux.screen_when("s", prompt_at_end))
                tmux.send("s", "clear; seq 1 5000")
                tmux.screen_when("s", lambda t: "\n5000\n$" in t)
                seen.append(tmux.screen("s", "-S", "-"))
                # Copy mode finds a line far above.
                tmux.run("copy-mode", "-t", "s")
                tmux.run("send-keys", "-t", "s", "-X", "search-backward",
                         "1234")
                seen.append(tmux.run("display-message", "-p", "-t", "s",
                                     "#{scroll_position} #{copy_cursor_x} "
                                     "#{copy_cursor_y} #{history_size}"))
                tmux.run("send-keys", "-t", "s", "-X", "select-line")
                tmux.run("send-keys", "-t", "s", "-X",
                         "copy-selection-and-cancel")
                seen.append(tmux.run("show-buffer"))
            return seen

        seen = self.compare(work)
        self.assertIn("196,197,198,199,200", seen[0])
        self.assertEqual(seen[-1].strip(), "1234")

    def test_jobs_buffers_and_channels(self):
        megabyte = b"".join(b"line %06d of a large buffer\n" % i
                            for i in range(40000))

        def work(library):
            seen = []
            with Tmux(library, "t3") as tmux:
                tmux.run("new-session", "-d", "-s", "s", "-x", "80", "-y", "24")
                # What a job prints is shown in the pane, see below.
                jobs = os.path.join(library.scratch, "jobs")
                tmux.run("run-shell", "seq 1 2000 >" + jobs)
                tmux.run("run-shell", "-d", "0.3", "echo later >>" + jobs)
                tmux.run("run-shell", "-b", "tmux -S %s wait-for -S job"
                         % tmux.socket)
                tmux.run("wait-for", "job")
                seen.append(read(jobs).decode())
                seen.append("%r" % tmux.run("run-shell", "exit 7", status=7))
                tmux.run("send-keys", "-t", "s", "-X", "cancel")
                tmux.run("if-shell", "sleep 0.1; test 1 = 1",
                         "set -g @answer yes", "set -g @answer no")
                seen.append(tmux.run("show", "-gv", "@answer"))
                # Ten wait for one channel, and one for the lock of another.
                waiting = [tmux.popen("wait-for", "channel") for _ in range(10)]
                tmux.run("wait-for", "-L", "lock")
                locked = tmux.popen("wait-for", "-L", "lock")
                self.assertIsNone(locked.poll())
                harness.wait_until(lambda: self.release(tmux, waiting),
                                   "all ten to be woken")
                tmux.run("wait-for", "-U", "lock")
                self.assertEqual(locked.wait(harness.LIMIT_S), 0)
                tmux.run("wait-for", "-U", "lock")
                # Files go through the client in small messages.
                tmux.run("load-buffer", "-b", "big", "-", input=megabyte)
                path = os.path.join(library.scratch, "saved")
                tmux.run("save-buffer", "-b", "big", path)
                with open(path, "rb") as saved:
                    self.assertTrue(saved.read() == megabyte)
                shown = tmux.run("show-buffer", "-b", "big")
                self.assertTrue(shown.encode() == megabyte)
                # Pasting faster than the program reads.
                received = os.path.join(library.scratch, "received")
                tmux.send("s", "stty -echo -icanon; clear; tmux wait-for -S up; "
                          "head -c %d >%s; tmux wait-for -S got"
                          % (len(megabyte), received))
                tmux.run("wait-for", "up")
                tmux.run("paste-buffer", "-r", "-b", "big", "-t", "s")
                tmux.run("wait-for", "got")
                with open(received, "rb") as pasted:
                    self.assertTrue(pasted.read() == megabyte)
                # A pane's output to a program beside it.
                piped = os.path.join(library.scratch, "piped")
                tmux.run("new-window", "-t", "s", "-n", "pipe")
                tmux.screen_when("s:pipe", prompt_at_end)
                tmux.run("pipe-pane", "-t", "s:pipe", "cat >" + piped)
                tmux.send("s:pipe", "seq 1 3000; tmux wait-for -S piped")
                tmux.run("wait-for", "piped")
                tmux.screen_when("s:pipe", lambda t: "\n3000\n$" in t)
                harness.wait_until(lambda: b"\n3000\r\n$" in read(piped),
                                   "the pipe to be written")
                tmux.run("pipe-pane", "-t", "s:pipe")
                seen.append(read(piped).decode())
                seen.append(self.control_mode(tmux))
            return seen

        seen = self.compare(work)
        self.assertTrue(seen[0].endswith("\n2000\nlater\n"))
        self.assertEqual(seen[2], "yes\n")

    def release(self, tmux, waiting):
        """Signals the channel; a signal nobody waits for is taken by the
        next who comes, so that none of the ten can miss it."""
        tmux.run("wait-for", "-S", "channel")
        return all(process.poll() == 0 for process in waiting)

    def control_mode(self, tmux):
        """Commands and answers as lines, as terminals with tabs use it."""
        control = tmux.popen("-C", "new-session", "-s", "c", "-x", "80",
                             "-y", "24", "cat", stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE)
        # A hang must not outlast the test.
        limit = threading.Timer(harness.LIMIT_S, control.kill)
        limit.start()
        seen = self.answers(control, b"%end")
        lines = ["display-message -p 'number %d'" % i for i in range(300)]
        lines += ["send-keys -t c 'echoed' Enter", "bad-command",
                  "split-window -t c -h cat", "display-message -p last"]
        control.stdin.write("".join(line + "\n" for line in lines).encode())
        control.stdin.flush()
        seen += self.answers(control, b"last")
        control.stdin.close()
        control.stdout.read()
        self.assertEqual(control.wait(harness.LIMIT_S), 0)
        limit.cancel()
        control.stdout.close()
        return "\n".join(seen)

    def answers(self, control, last):
        """The lines up to `last` that answer commands, without the time."""
        seen = []
        for line in control.stdout:
            # What panes print comes when it comes.
            if line.startswith((b"%begin", b"%end", b"%error")):
                line = line.split(b" ")[0]
            elif line.startswith((b"%", b"\033")):
                continue
            seen.append(line.strip().decode())
            if line.strip() == last:
                break
        return seen

    def test_what_a_user_sees(self):
        def work(library):
            seen = []
            with Tmux(library, "inner") as inner, \
                    Tmux(library, "outer") as outer:
                inner.run("new-session", "-d", "-s", "user", "-n", "work",
                          "-x", "100", "-y", "30")
                attach = " ".join(inner.prefix + ["attach", "-t", "user"])
                outer.run("new-session", "-d", "-s", "eye", "-x", "100",
                          "-y", "30", "env -u TMUX " + attach)
                outer.run("set", "-t", "eye", "status", "off")
                outer.screen_when("eye", lambda t: "[user job] 0:work*" in t)
                self.check_client(inner)
                # Keys as the user types them, prefix key and all.
                outer.run("send-keys", "-t", "eye", "echo typed", "Enter")
                outer.screen_when("eye", lambda t: "\ntyped\n" in t)
                outer.run("send-keys", "-t", "eye", "C-b", "%")
                outer.screen_when("eye", lambda t: "\u2502$" in t
                                  or "x$" in t or "|$" in t)
                outer.run("send-keys", "-t", "eye", "C-b", '"')
                outer.screen_when("eye", lambda t: len(inner.run(
                    "list-panes", "-t", "user").splitlines()) == 3)
                seen.append(outer.screen_when(
                    "eye", lambda t: t.count("$") >= 4, "-e"))
                outer.run("send-keys", "-t", "eye", "C-b", ":")
                outer.screen_when("eye", lambda t: t.endswith("\n:\n"))
                outer.run("send-keys", "-t", "eye", "-l",
                          "rename-window 'new name'")
                seen.append(outer.screen_when(
                    "eye", lambda t: ":rename-window 'new name'" in t))
                outer.run("send-keys", "-t", "eye", "Enter")
                seen.append(outer.screen_when(
                    "eye", lambda t: "0:new name*" in t))
                # The client's terminal changes its size (SIGWINCH).
                for width, height in ((70, 20), (120, 40), (100, 30)):
                    outer.run("resize-window", "-t", "eye", "-x", str(width),
                              "-y", str(height))
                    seen.append(outer.screen_when(
                        "eye", lambda t: "%dx%d" % (width, height - 1) in t))
                inner.run("run-shell", "echo from a job; seq 1 10; exit 3",
                          status=3)
                seen.append(outer.screen_when(
                    "eye", lambda t: "from a job" in t))
                outer.run("send-keys", "-t", "eye", "q")
                outer.screen_when("eye", lambda t: "from a job" not in t)
                outer.run("send-keys", "-t", "eye", "C-b", "w")
                seen.append(outer.screen_when(
                    "eye", lambda t: "(0)" in t))
                outer.run("send-keys", "-t", "eye", "q")
                outer.screen_when("eye", lambda t: "(0)" not in t)
                outer.run("send-keys", "-t", "eye", "C-b", "d")
                harness.wait_until(lambda: not inner.run("list-clients"),
                                   "the client to detach")
            return seen

        seen = self.compare(work)
        self.assertIn("100x29", seen[5])

    def check_client(self, tmux):
        """The client, too, is a process on the library."""
        pid = int(tmux.run("list-clients", "-F", "#{client_pid}"))
        tmux.library.check_process(pid)

    def test_fifty_panes_at_once(self):
        script = ("tmux wait-for go; i=0; while [ $i -lt %d ]; do "
                  "echo pane $0 line $i; i=$((i+1)); done; "
                  "tmux wait-for -S done$0; exec cat" % LINES_PER_PANE)

        def work(library):
            with Tmux(library, "t5") as tmux:
                panes = [tmux.run(
                    "new-session", "-d", "-s", "s", "-x", "400", "-y", "220",
                    "-P", "-F", "#{pane_id}", "sh", "-c", script, "0")]
                for number in range(1, PANES):
                    panes.append(tmux.run(
                        "split-window", "-d", "-t", "s", "-P", "-F",
                        "#{pane_id}", "sh", "-c", script, str(number)))
                    tmux.run("select-layout", "-t", "s", "tiled")
                started = [tmux.popen("wait-for", "done%d" % number)
                           for number in range(PANES)]
                harness.wait_until(
                    lambda: self.release_panes(tmux, started),
                    "50 panes to print")
                screens = []
                for number, pane in enumerate(panes):
                    last = "pane %d line %d" % (number, LINES_PER_PANE - 1)
                    screens.append(tmux.screen_when(
                        pane.strip(), lambda t: t.rstrip().endswith(last),
                        "-S", "-"))
                layout = tmux.run("list-panes", "-t", "s", "-F",
                                  "#P #{pane_width}x#{pane_height} "
                                  "#{history_size}")
            return screens + [layout]

        seen = self.compare(work)
        for number, screen in enumerate(seen[:-1]):
            self.assertEqual(screen.rstrip("\n").split("\n"), [
                "pane %d line %d" % (number, i) for i in range(LINES_PER_PANE)])

    def release_panes(self, tmux, started):
        tmux.run("wait-for", "-S", "go")
        return all(process.poll() == 0 for process in started)

    def test_the_server_ends_by_a_signal(self):
        """SIGTERM ends the server, and its clients are told."""
        def work(library):
            tmux = Tmux(library, "t6")
            tmux.run("new-session", "-d", "-s", "s", "-x", "80", "-y", "24")
            pid = int(tmux.run("display-message", "-p", "#{pid}"))
            library.check_process(pid)
            waiting = tmux.popen("wait-for", "never", stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT)
            control = tmux.popen("-C", "attach", "-t", "s",
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            harness.wait_until(lambda: tmux.run("list-clients"),
                               "the client to attach")
            os.kill(pid, signal.SIGTERM)
            harness.wait_until(lambda: not running(pid), "the server to end")
            said = waiting.communicate(timeout=harness.LIMIT_S)[0].decode()
            last = control.communicate(timeout=harness.LIMIT_S)[0].decode()
            return ["%d %s" % (waiting.returncode, said),
                    "%d %s" % (control.returncode, last.splitlines()[-1])]

        self.compare(work)


def read(path):
    if not os.path.exists(path):
        return b""
    with open(path, "rb") as file:
        return file.read()


if __name__ == "__main__":
    unittest.main()
