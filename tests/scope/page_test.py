#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The page in a browser: what it shows agrees with what the program did.

With --screenshots DIR the page is also drawn into DIR, for docs/scope/.
"""

import os
import re
import socket
import sys
import tempfile
import unittest

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from known_program import Example, Program, until  # noqa: E402

PROGRAM = "tests/scope/program"
SCREENSHOTS = None
# As the page writes an hour of which some minutes are over, or none.
HOUR = r"(1\.0 h|(60\.0|5\d\.\d) min)"


def open_browser(home):
    options = webdriver.ChromeOptions()
    # No sandbox within the sandbox; no GPU, no shared memory of the machine's.
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu",
                     "--disable-dev-shm-usage", "--window-size=1180,1500",
                     "--user-data-dir=" + os.path.join(home, "profile")):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL",
                                                 "performance": "ALL"})
    return webdriver.Chrome(service=Service("/usr/bin/chromedriver"),
                            options=options)


class PageTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        # What a browser keeps in the home directory goes to the test's own.
        cls.home = tempfile.TemporaryDirectory(
            dir=os.environ.get("TEST_TMPDIR"), ignore_cleanup_errors=True)
        cls.addClassCleanup(cls.home.cleanup)
        os.environ["HOME"] = cls.home.name
        cls.browser = open_browser(cls.home.name)

    @classmethod
    def tearDownClass(cls):
        cls.browser.quit()

    def tearDown(self):
        # A page that is left open goes on asking, and the next program may have
        # its port.
        self.browser.get("about:blank")
        # A program that ends, perhaps in the middle of an answer, is no error.
        gone = re.compile(r"net::ERR_(ABORTED|CONNECTION_|EMPTY_RESPONSE|SOCKET_|"
                          r"CONTENT_LENGTH_MISMATCH|INCOMPLETE)")
        errors = [entry for entry in self.browser.get_log("browser")
                  if entry["level"] == "SEVERE" and
                  not gone.search(entry["message"]) and
                  "favicon" not in entry["message"]]
        self.assertEqual(errors, [])

    def open(self, program):
        self.browser.get(program.url)
        until(lambda: self.text("#status").startswith("live"), "the first answer")
        # Before that a browser may ignore clicks.
        until(lambda: self.script("performance.getEntriesByType('paint').length"),
              "the first look of the page")

    def script(self, words):
        return self.browser.execute_script("return " + words)

    def text(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector).text

    def cells(self, table):
        """The rows of a table, as lists of texts."""
        return self.script(
            f"[...document.querySelectorAll('#{table} tr')]"
            ".map(row => [...row.cells].map(cell => cell.innerText))")

    def press(self, button):
        self.browser.find_element(By.ID, button).click()

    def back_until(self, condition, what):
        """Steps back to the last turn for which it holds."""
        while not condition():
            at = self.turn()
            self.press("back")
            self.assertLess(self.turn(), at, f"no turn before with {what}")

    def choose(self, base):
        Select(self.browser.find_element(By.ID, "base")).select_by_value(str(base))

    def filter_by(self, text):
        field = self.browser.find_element(By.ID, "filter")
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(Keys.DELETE, text)

    def turn(self):
        """The number of the one that is shown; -1 without any."""
        return int(self.text("#turn") or -1)

    def behind(self):
        """How many turns there were since the one that is held, if one is."""
        found = re.match(r"held, (\d+) turns behind", self.text("#status"))
        return int(found.group(1)) if found else -1

    def queues(self):
        return self.script(
            "[...document.querySelectorAll('.queue')].map(q => +q.dataset.count)")

    def facts(self):
        names = self.script("[...document.querySelectorAll('#facts dt')]"
                            ".map(term => term.innerText)")
        values = self.script("[...document.querySelectorAll('#facts dd')]"
                             ".map(value => value.innerText)")
        return dict(zip(names, values))

    def level(self, fd, column):
        """What a buffer's cell says in its data: held, low, high."""
        found = self.script(
            f"(cell => cell && {{...cell.dataset}})(document.querySelector("
            f"'#fds tr[data-fd=\"{fd}\"] td:nth-child({column}) div'))")
        return found and {name: int(value) for name, value in found.items()}

    def shoot(self, name):
        if SCREENSHOTS:
            self.browser.save_screenshot(os.path.join(SCREENSHOTS, name))

    def test_descriptors_buffers_timers(self):
        with Program(PROGRAM) as program:
            self.open(program)
            known = program.report()
            fds = {row[0]: row for row in self.cells("fds")}
            self.assertEqual(fds["0"][1], "READ|PERSIST (priority 1)")
            self.assertEqual(fds[str(known["paused"])][1],
                             "READ|PERSIST (priority 1)")
            self.assertEqual(self.level(known["paused"], 3),
                             {"held": 0, "low": 0, "high": 100})
            self.assertEqual(self.text("#fd_count"), str(len(fds)))
            self.assertEqual(self.text("#signals"), "Signals: 15 (on_signal "
                             + re.search(r"\(program.*", self.text("#signals"))[0])
            program.tell("fill")
            until(lambda: self.level(known["paused"], 3) ==
                  {"held": 100, "low": 0, "high": 100}, "a full input")
            self.assertIn("nothing now", [row[1] for row in self.cells("fds")
                                          if row[0] == str(known["paused"])])
            program.tell("write")
            # Until the kernel takes no more.
            until(lambda: "WRITE" in " ".join(
                row[1] for row in self.cells("fds")), "a full socket")
            known = program.report()
            until(lambda: (self.level(known["stuck"], 4) or {}).get("held") ==
                  known["output"], "the output")
            # One timer, an hour away, at its place on the line.
            self.assertEqual(self.text("#timer_count"), "1")
            titles = self.script("[...document.querySelectorAll('#timers title')]"
                                 ".map(title => title.textContent)")
            self.assertRegex(titles[0], r"^on_hourly \(program\+0x[0-9a-f]+\), "
                             rf"in {HOUR} of {HOUR}$")
            self.shoot("buffers.png")

    def test_turns(self):
        with Program(PROGRAM) as program:
            self.open(program)

            def slow():
                return [row for row in self.cells("slowest") if "on_slow" in row[0]]

            def of_queued():
                return [turn["n"] for turn in program.state(since=since)["turns"]
                        if any("on_queued" in call["name"]
                               for call in turn["calls"])]
            program.tell("slow")
            slowest, = until(slow, "the slow callback")
            self.assertEqual(slowest[5], "1")
            since = program.state()["next"]
            program.tell("queues")
            numbers = until(lambda: len(of_queued()) == 3 and of_queued(),
                            "a turn for each queue")
            until(lambda: self.turn() >= numbers[2], "the last turn")
            self.press("pause")
            until(lambda: self.behind() >= 0, "the hold")
            for number, queues in zip(reversed(numbers),
                                      ([0, 0, 3], [0, 2, 3], [1, 2, 3])):
                self.back_until(lambda: self.turn() <= number, "that number")
                self.assertEqual(self.turn(), number)
                self.assertEqual(self.queues(), queues)
            calls = self.cells("calls")
            self.assertEqual(len(calls), 1)
            self.assertIn("on_queued", calls[0][0])
            self.assertEqual(calls[0][1], "event")
            # The view is held, the program is not.
            behind = until(lambda: max(0, self.behind()), "the hold")
            self.assertGreaterEqual(behind, 2)
            program.tell("queues")
            until(lambda: self.behind() >= behind + 4, "more turns")
            self.assertEqual(self.turn(), numbers[0])
            self.press("forth")
            self.assertGreater(self.turn(), numbers[0])
            # Back to where the slow callback was: by the keyboard.
            body = self.browser.find_element(By.TAG_NAME, "body")
            self.script("document.activeElement.blur()")
            while not any("on_slow" in call[0] for call in self.cells("calls")):
                at = self.turn()
                body.send_keys(Keys.ARROW_LEFT)
                self.assertLess(self.turn(), at, "no turn before with on_slow")
            self.assertEqual(str(self.turn()), slowest[3])
            self.shoot("held.png")
            # 30 ms at least.
            self.assertRegex(self.facts()["after the wait"],
                             r"^([3-9]\d|\d{3,4})\.\d ms$|^\d+\.\d\d s$")
            self.press("pause")
            until(lambda: self.text("#status").startswith("live"), "going on")
            self.assertGreater(self.turn(), numbers[2])

    def test_filter(self):
        with Program(PROGRAM) as program:
            self.open(program)
            known = program.report()
            for _ in range(3):
                program.tell("queues")
            program.tell("fill")
            until(lambda: (self.level(known["paused"], 3) or {}).get("held") == 100,
                  "the bytes")
            self.filter_by(str(known["paused"]))
            self.assertEqual([row[0] for row in self.cells("fds")],
                             [str(known["paused"])])
            self.assertEqual(self.text("#timer_count"), "0")
            # Stepping back goes to turns with that descriptor.
            self.press("back")
            calls = self.cells("calls")
            self.assertTrue(calls)
            self.assertEqual({call[3] for call in calls}, {str(known["paused"])})
            self.filter_by("99999")
            self.assertEqual(self.cells("fds"), [])
            before = self.turn()
            self.press("back")
            self.assertEqual(self.turn(), before)
            self.filter_by("")
            self.assertGreater(len(self.cells("fds")), 2)

    def test_wheel(self):
        with Program(PROGRAM) as program:
            self.open(program)
            program.tell("queues")
            until(lambda: self.facts().get("callbacks"), "a turn")
            steps = self.script("[...document.querySelectorAll('.step')]"
                                ".map(step => step.textContent)")
            self.assertEqual(steps, [
                "1anything to do?", "2send", "3how long?", "4ask the kernel",
                "5one time", "6timers due", "7callbacks", "8another turn?"])
            # It turns with the loop: each turn moves the marker away.
            places = set()

            def moved():
                program.tell("queues")
                places.add(self.script(
                    "document.querySelector('.marker').getAttribute('cx')"))
                return len(places) >= 4
            until(moved, "the marker to move")
            # Held, it stands still at the kernel's step.
            self.press("pause")
            self.assertEqual(self.script(
                "document.querySelector('.step.at').textContent"), "4ask the kernel")
            self.assertGreater(self.script(
                "document.querySelectorAll('.share').length"), 0)

    def test_several_loops(self):
        with Program(PROGRAM) as program:
            self.open(program)

            def options():
                return self.script(
                    "[...document.querySelectorAll('#base option')]"
                    ".map(option => option.textContent)")

            def fds():
                return [row[0] for row in self.cells("fds")]

            def timers():
                return self.script(
                    "[...document.querySelectorAll('#timers title')]"
                    ".map(title => title.textContent.split(' ')[0])")

            def functions(table):
                return [row[0].split()[0] for row in self.cells(table)]
            self.assertEqual(options(), ["0 (epoll)"])
            program.tell("other")
            other = str(program.report()["other"])
            until(lambda: options() == ["0 (epoll)", "1 (epoll)"], "two loops")
            until(lambda: "on_line" in functions("slowest"), "a callback")
            self.assertEqual(timers(), ["on_hourly"])
            self.assertIn("0", fds())
            self.assertNotIn(other, fds())
            # The other one: what it waits for, and what it did.
            self.choose(1)
            until(lambda: fds() == [other], "the other loop")
            self.assertEqual(timers(), ["on_daily"])
            self.assertEqual(self.text("#signals"), "")
            program.tell("poke")
            until(lambda: functions("slowest") == ["on_poke"], "a callback of it")
            self.press("pause")
            self.back_until(lambda: functions("calls"), "a callback")
            self.assertEqual(functions("calls"), ["on_poke"])
            self.assertEqual(self.cells("calls")[0][3], other)
            # And back, from its beginning on.
            self.choose(0)
            until(lambda: "0" in fds(), "the first loop")
            self.assertEqual(timers(), ["on_hourly"])
            self.assertNotIn(other, fds())
            self.assertNotIn("on_poke", functions("slowest"))
            until(lambda: self.text("#status").startswith("live"), "going on")
            self.back_until(lambda: "on_line" in functions("calls"), "on_line")

    def test_a_loop_chosen_again(self):
        """An answer of before is not taken for one to what was asked since."""
        with Program(PROGRAM) as program:
            self.open(program)
            program.tell("other")
            program.tell("queues")

            def bars():
                return self.script("document.querySelectorAll('#turns i').length")
            turns = until(lambda: (turns := program.state()["turns"]) and
                          3 in [turn["callbacks"] for turn in turns] and
                          len(turns), "the turns")
            until(lambda: bars() >= turns and self.script(
                "document.querySelectorAll('#base option').length") == 2,
                  "the turns, and two loops")
            # An answer is held back, while other loops are chosen.
            self.browser.execute_script("""
                const fetched = window.fetch;
                const held = new Promise(done => { window.go_on = done; });
                window.asked = false;
                window.fetch = async (...request) => {
                  window.fetch = fetched;
                  const answer = await fetched(...request);
                  const body = await answer.json();
                  window.asked = true;
                  await held;
                  return {ok: answer.ok, json: () => body};
                };""")
            until(lambda: self.script("window.asked"), "a request")
            self.choose(1)
            self.choose(0)
            self.browser.execute_script("window.go_on()")
            until(lambda: bars() >= turns, "all the turns again")

    def test_nothing_comes_from_elsewhere(self):
        with Program(PROGRAM) as program:
            self.browser.get_log("performance")
            self.open(program)
            asked = re.findall(r'"url":"(https?:[^"]*)"', " ".join(
                entry["message"].replace("\\", "")
                for entry in self.browser.get_log("performance")
                if "Network.requestWillBeSent" in entry["message"]))
            self.assertTrue(asked)
            host = program.url.split("/?")[0] + "/"
            self.assertEqual([url for url in asked if not url.startswith(host)], [])

    def test_without_the_token(self):
        with Program(PROGRAM) as program:
            self.browser.get(program.url.split("?")[0])
            self.assertEqual(self.text("body"), "403")
            # It is an error, which the browser may log only later.
            until(lambda: any(
                " 403 " in entry["message"] and program.url.split("?")[0] + " "
                in entry["message"] for entry in self.browser.get_log("browser")),
                  "the error in the log")

    def test_the_end_of_the_program_shows(self):
        with Program(PROGRAM) as program:
            self.open(program)
        until(lambda: self.text("#status") == "the loop does not answer", "the end")

    def test_an_echo_server(self):
        """Clients of one of the examples, each of which sends another amount."""
        with Example("examples/echo_server", "--port", "0",
                     "--verbose") as program:
            clients = [socket.create_connection(("127.0.0.1", program.port))
                       for _ in range(6)]
            for number, client in enumerate(clients):
                client.settimeout(60)
                for _ in range(40):
                    client.sendall(b"x" * (number + 1) * 100)
                    left = (number + 1) * 100
                    while left > 0:
                        left -= len(client.recv(left))
            self.open(program)
            until(lambda: len([row for row in self.cells("fds") if row[5] != "0 B"
                               and row[2]]) == 6, "six clients")
            rows = [row for row in self.cells("fds") if row[2]]
            self.assertEqual(sorted((row[4], row[5]) for row in rows),
                             sorted((words, words) for words in (
                                 "3.9 KiB", "7.8 KiB", "11.7 KiB", "15.6 KiB",
                                 "19.5 KiB", "23.4 KiB")))
            self.assertIn("on_read (echo_server+0x",
                          " ".join(row[0] for row in self.cells("slowest")))
            # The library's own functions read as they are written.
            self.assertIn("evoke::ReadReady (",
                          " ".join(row[0] for row in self.cells("slowest")))
            for _ in range(30):
                for client in clients:
                    client.sendall(b"more")
                    client.recv(4)
            until(lambda: self.facts().get("callbacks", "0") != "0", "a turn")
            self.shoot("live.png")
            for client in clients:
                client.close()


if __name__ == "__main__":
    if "--screenshots" in sys.argv:
        at = sys.argv.index("--screenshots")
        SCREENSHOTS = sys.argv[at + 1]
        del sys.argv[at:at + 2]
    unittest.main(verbosity=2)
