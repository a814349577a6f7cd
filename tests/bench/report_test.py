#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
#
# results.md says what results.json has.
import unittest

import document
import models_report

MODELS = [("epoll_level", "multiplexing"), ("select_loop", "multiplexing")]


def report(made, plots=()):
    return models_report.table(models_report.Results(made), list(plots))


def row(text, heading, model):
    """The cells of a model's row in the table under a heading."""
    section = text.split(f"### {heading}\n")[1].split("\n### ")[0]
    for line in section.splitlines():
        if line.startswith(f"| `{model}`"):
            return [cell.strip() for cell in line.strip("|").split("|")]
    raise AssertionError(f"no {model} under {heading}")


class ReportTest(unittest.TestCase):
    def test_the_document_of_the_tests_is_as_real_ones_are(self):
        made = document.document(MODELS, [1, 100])
        self.assertEqual(document.violations(made, document.DOCUMENT), [])

    def test_the_check_of_documents_finds_what_is_wrong(self):
        made = document.document(MODELS, [1])
        made["settings"]["rounds"] = True
        made["measurements"][0]["opened"]["served"] = "1"
        del made["machine"]["date"]
        made["more"] = 1
        self.assertEqual(
            sorted(document.violations(made, document.DOCUMENT)),
            ["results.json has a more",
             "results.json.machine has no date",
             "results.json.measurements[0].opened.served is '1'",
             "results.json.settings.rounds is True"])

    def test_a_row_has_medians_and_their_spread(self):
        made = document.document(MODELS, [1, 100])
        throughputs = iter([12000.0, 50000.0, 13000.0])
        for m in made["measurements"]:
            if m["model"] == "epoll_level" and m["connections"] == 100:
                m["all"]["per_second"] = next(throughputs)
        cells = row(report(made), "100 connections", "epoll_level")
        self.assertEqual(cells, [
            "`epoll_level`", "100", "13,000 (12,000-50,000)", "10.0",
            "100", "200", "5.00", "7.00", "4.00", "-", "1.00"])

    def test_the_kernel_is_asked_where_hundreds_are_served(self):
        made = document.document(MODELS, [100, 1000])
        self.assertEqual(
            row(report(made), "1,000 connections", "epoll_level")[9], "8.00")
        self.assertEqual(
            row(report(made), "100 connections", "epoll_level")[9], "-")

    def test_what_was_not_measured_is_a_dash(self):
        made = document.document(MODELS, [1])
        for m in made["measurements"]:
            for load in ("all", "open"):
                if m["model"] == "select_loop":
                    del m[load]
        cells = row(report(made), "1 connection", "select_loop")
        self.assertEqual(cells[2:8], ["-"] * 6)
        # With one connection none is idle beside it.
        self.assertEqual(row(report(made), "1 connection", "epoll_level")[7],
                         "-")

    def test_a_busy_generator_is_told(self):
        made = document.document(MODELS, [1])
        self.assertNotIn("busy all the time", report(made))
        for m in made["measurements"]:
            m["all"]["client_busy"] = 0.99
        self.assertIn("busy all the time", report(made))
        self.assertTrue(
            row(report(made), "1 connection", "epoll_level")[2].endswith("*"))

    def test_how_a_model_breaks_is_told(self):
        made = document.document(MODELS, [10, 2000])
        self.assertIn("Nowhere in this run", report(made))
        for m in made["measurements"]:
            if m["model"] == "select_loop" and m["connections"] == 2000:
                m.update(document.measurement("select_loop", 2000, m["round"],
                                              served=1020))
                m["open"]["unanswered"] = 17
                m["trouble"] = "ended with status 1: too many"
        self.assertIn(
            "- `select_loop` at 2,000: serves 1,020 of 2,000, 980 closed, by "
            "ECONNRESET, 17 messages without an answer (open loop), ended with "
            "status 1: too many (3 of 3 rounds)", report(made))
        self.assertEqual(
            row(report(made), "2,000 connections", "select_loop")[1], "1,020")

    def test_system_calls_are_told_by_name(self):
        made = document.document(MODELS, [1])
        made["syscalls"][-1].update(messages=0, calls={}, trouble="no strace")
        cells = row(report(made), "System calls for each message",
                    "epoll_level")
        self.assertEqual(cells[1:3],
                         ["1.25", "recvfrom 1.00, epoll_wait 0.250"])
        cells = row(report(made), "System calls for each message",
                    "select_loop")
        self.assertEqual(cells[3:5], ["-", "-"])

    def test_what_was_left_out_is_named(self):
        made = document.document(MODELS, [1])
        made["skipped"] = [{"model": "on_ace", "why": "it is not built"}]
        self.assertIn("- `on_ace`: it is not built", report(made))

    def test_what_a_reader_must_know_of_a_model_is_told(self):
        made = document.document(MODELS, [1])
        self.assertNotIn("- `", report(made).split("## All figures")[1])
        made["models"][1]["note"] = "runs on a stand-in"
        self.assertEqual(document.violations(made, document.DOCUMENT), [])
        self.assertIn("## All figures\n\n- `select_loop` runs on a stand-in.\n\n",
                      report(made))

    def test_the_machine_and_the_settings_are_told(self):
        text = report(document.document(MODELS, [1]))
        for words in ("2 cores of Abacus, 2 GiB, Linux 6.1, Debian, g++ 12.",
                      "Messages of 64 bytes; 3 rounds",
                      "10,000 messages a second",
                      "left at most 2.00 us after they were due"):
            self.assertIn(words, text)

    def test_plots_are_shown_with_their_captions(self):
        text = report(document.document(MODELS, [1]),
                      [("a.svg", "A title", "What it shows.")])
        self.assertIn("## A title\n\nWhat it shows.\n\n![A title](a.svg)", text)

    def test_another_format_is_refused(self):
        made = document.document(MODELS, [1])
        made["format"] = 2
        with self.assertRaises(ValueError):
            models_report.Results(made)

    def test_numbers_have_three_digits(self):
        self.assertEqual([models_report.number(value) for value in
                          (None, 0, 0.01234, 0.5, 1.234, 12.34, 99.99, 123.4,
                           1234.5, 98765.4, 1234567.8)],
                         ["-", "0", "0.012", "0.500", "1.23", "12.3", "100.",
                          "123", "1,230", "98,800", "1,230,000"])


if __name__ == "__main__":
    unittest.main()
