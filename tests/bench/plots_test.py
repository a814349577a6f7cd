#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
#
# The plots of the comparison: every model is in them, in the colour of its
# family, named, and the same results give the same files.
import os
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

import document
import models_report

import models_plots

MODELS = [
    ("process_per_client", "processes"), ("prefork_accept", "processes"),
    ("thread_per_client", "threads"), ("thread_pool", "threads"),
    ("select_loop", "multiplexing"), ("pselect_loop", "multiplexing"),
    ("poll_loop", "multiplexing"), ("epoll_level", "multiplexing"),
    ("epoll_edge", "multiplexing"), ("kqueue_loop", "multiplexing"),
    ("io_uring_loop", "multiplexing"), ("iocp_echo", "multiplexing"),
    ("epoll_two_threads", "multiplexing and threads"),
    ("epoll_workers", "multiplexing and threads"),
    ("prefork_shared_listener", "multiplexing processes"),
    ("prefork_reuseport", "multiplexing processes"),
    ("nanomsg_reqrep", "messaging"), ("zeromq_reqrep", "messaging"),
    ("on_evoke", "libraries"), ("on_libevent", "libraries"),
    ("on_libev", "libraries"), ("on_libuv", "libraries"),
    ("on_ace", "libraries"), ("on_asio", "libraries"), ("mine", "your own"),
]
SIZES = [1, 10, 100, 1000, 10000]


def draw(made):
    """{file: its bytes}"""
    with tempfile.TemporaryDirectory() as out:
        plots = models_plots.draw_all(models_report.Results(made), out)
        files = {}
        for name, title, caption in plots:
            assert title and caption
            with open(os.path.join(out, name), "rb") as file:
                files[name] = file.read()
        assert sorted(os.listdir(out)) == sorted(files)
        return files


def ids(svg):
    return {element.get("id") for element in ElementTree.fromstring(svg).iter()}


def texts(svg):
    return ["".join(element.itertext()).strip()
            for element in ElementTree.fromstring(svg).iter()
            if element.tag.endswith("}text")]


class PlotsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.files = draw(document.document(MODELS, SIZES))

    def test_there_is_one_for_each_question(self):
        self.assertEqual(
            list(self.files),
            ["served.svg", "throughput.svg", "p99.svg", "percentiles.svg",
             "cpu.svg", "cpu_idle.svg", "memory.svg", "kernel.svg",
             "switches.svg", "syscalls.svg"])

    def test_every_model_is_in_every_plot(self):
        for name, svg in self.files.items():
            if name == "syscalls.svg":
                continue
            found = ids(svg)
            for model, _ in MODELS:
                self.assertIn(f"series-{model}", found, name)

    def test_every_model_and_family_is_named(self):
        for name, svg in self.files.items():
            found = texts(svg)
            for model, family in MODELS:
                self.assertIn(model, found, name)
                self.assertIn(models_plots.FAMILIES[family][0], found, name)

    def test_sizes_are_labels(self):
        found = texts(self.files["throughput.svg"])
        for label in ("1", "10", "100", "1,000", "10,000", "connections",
                      "messages a second"):
            self.assertIn(label, found)

    def test_families_keep_their_colours(self):
        for name, svg in self.files.items():
            for _, color in models_plots.FAMILIES.values():
                self.assertIn(color.lower().encode(), svg.lower(), name)

    def test_no_two_models_of_a_family_look_the_same(self):
        for family in models_plots.FAMILIES:
            shades = models_plots.shades(family, 8)
            self.assertEqual(len(set(shades)), 8)
            # They differ in lightness, too, which everybody sees.
            lightness = [sum(shade) for shade in shades]
            self.assertEqual(lightness, sorted(lightness))
        self.assertGreaterEqual(len(set(models_plots.MARKERS)), 8)

    def test_where_not_all_are_served_the_marker_is_hollow(self):
        made = document.document([("select_loop", "multiplexing")], [1, 2000])
        full = draw(made)["throughput.svg"]
        for m in made["measurements"]:
            if m["connections"] == 2000:
                m["opened"]["served"] = 1020
        part = draw(made)["throughput.svg"]
        hollow = b"fill: #ffffff; stroke: #0072b2"
        self.assertNotIn(hollow, full)
        self.assertIn(hollow, part)

    def test_memory_that_does_not_grow_is_drawn(self):
        made = document.document(MODELS[:1], SIZES)
        for m in made["measurements"]:
            m["memory_bytes"] = m["memory_before_bytes"]
        self.assertIn("series-process_per_client", ids(draw(made)["memory.svg"]))

    def test_what_was_not_measured_is_left_out(self):
        made = document.document(MODELS[:2], SIZES)
        for m in made["measurements"]:
            if m["model"] == "prefork_accept":
                m.pop("all")
        found = ids(draw(made)["throughput.svg"])
        self.assertIn("series-process_per_client", found)
        self.assertNotIn("series-prefork_accept", found)

    def test_what_runs_elsewhere_does_not_dwarf_the_others(self):
        made = document.document([("select_loop", "multiplexing"),
                                  ("iocp_echo", "multiplexing")], [1])
        for counted in made["syscalls"]:
            if counted["model"] == "iocp_echo":
                counted["calls"] = {"read": 80000}
        self.assertIn("80.00 at 1", texts(draw(made)["syscalls.svg"]))
        made["models"][1]["note"] = "runs under wine"
        found = texts(draw(made)["syscalls.svg"])
        self.assertIn("80.00 at 1, cut off", found)
        self.assertIn("1.25 at 1", found)
        self.assertNotIn("1.25 at 1, cut off", found)

    def test_a_single_small_run_can_be_drawn(self):
        made = document.document(MODELS[:1], [1], rounds=1)
        made["syscalls"] = []
        self.assertNotIn("syscalls.svg", draw(made))

    def test_the_same_results_give_the_same_files(self):
        made = document.document(MODELS[:5], [1, 10])
        self.assertEqual(draw(made), draw(made))


if __name__ == "__main__":
    unittest.main()
