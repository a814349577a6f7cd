# SPDX-License-Identifier: BSD-3-Clause
#
# A results.json made by hand, for the tests of the report, and what every one
# must look like.
import os
import sys

sys.path.insert(0, os.path.abspath("bench"))

NUMBER = (int, float)
LATENCY = {name: NUMBER
           for name in ("p50", "p90", "p99", "p99.9", "p99.99", "max")}
LOAD = {
    "messages": int, "unanswered": int, "closed": int, "seconds": NUMBER,
    "per_second": NUMBER, "cpu_us_per_message": NUMBER,
    "switches_per_message": NUMBER, "client_busy": NUMBER,
    "latency_us": LATENCY,
}
MACHINE = {
    "date": str, "processor": str, "cores": int, "memory_mib": int,
    "kernel": str, "system": str, "compiler": str, "optimised": bool,
}
SETTINGS = {
    "rounds": int, "connections": [int], "seconds": NUMBER, "rate": NUMBER,
    "active": int, "message_bytes": int, "load_threads": int,
    "load_cores": int, "server_cores": int,
}
OPENED = {
    "asked": int, "served": int, "refused": int, "closed": int,
    "unanswered": int, "unconnected": int, "seconds": NUMBER, "errors": dict,
}
# A name that ends in "?" may be missing.
DOCUMENT = {
    "format": int,
    "machine": MACHINE,
    "settings": SETTINGS,
    "models": [{"name": str, "family": str, "note?": str}],
    "skipped": [{"model": str, "why": str}],
    "syscalls": [{"model": str, "connections": int, "served": int,
                  "messages": int, "calls": dict, "trouble?": str}],
    "measurements": [{
        "model": str, "connections": int, "round": int, "opened": OPENED,
        "processes": int, "threads": int, "memory_bytes?": int,
        "memory_before_bytes?": int, "kernel_bytes?": int,
        "kernel_before_bytes?": int, "few?": LOAD, "all?": LOAD,
        "open?": {**LOAD, "lateness_us?": LATENCY}, "trouble?": str,
    }],
}


def violations(value, schema, where="results.json"):
    """What in `value` is not as `schema` has it, in words."""
    if isinstance(schema, dict):
        if not isinstance(value, dict):
            return [f"{where} is no object"]
        found = []
        known = {name.rstrip("?"): (name.endswith("?"), part)
                 for name, part in schema.items()}
        for name, (optional, part) in known.items():
            if name in value:
                found += violations(value[name], part, f"{where}.{name}")
            elif not optional:
                found.append(f"{where} has no {name}")
        return found + [f"{where} has a {name}"
                        for name in value if name not in known]
    if isinstance(schema, list):
        if not isinstance(value, list):
            return [f"{where} is no array"]
        return [line for i, element in enumerate(value)
                for line in violations(element, schema[0], f"{where}[{i}]")]
    right = isinstance(value, schema) and (
        schema is bool or not isinstance(value, bool))
    return [] if right else [f"{where} is {value!r}"]


def load(per_second=1000.0, cpu=5.0, p99=100.0, unanswered=0):
    return {
        "messages": 1000, "unanswered": unanswered, "closed": 0,
        "seconds": 1.0, "per_second": per_second, "cpu_us_per_message": cpu,
        "switches_per_message": 1.0, "client_busy": 0.5,
        "latency_us": {"p50": 10.0, "p90": 50.0, "p99": p99, "p99.9": 200.0,
                       "p99.99": 300.0, "max": 400.0},
    }


def measurement(model, connections, round_, served=None):
    served = connections if served is None else served
    made = {
        "model": model, "connections": connections, "round": round_,
        "opened": {"asked": connections, "served": served, "refused": 0,
                   "closed": connections - served, "unanswered": 0,
                   "unconnected": 0, "seconds": 0.1,
                   "errors": {"ECONNRESET": 1} if served < connections else {}},
        "processes": 1, "threads": 1, "memory_before_bytes": 100 * 1024,
        "memory_bytes": (100 + 4 * served) * 1024,
        "kernel_before_bytes": 1000 * 1024,
        "kernel_bytes": (1000 + 8 * served) * 1024,
        "all": load(), "open": load(),
    }
    made["open"]["lateness_us"] = dict(made["open"]["latency_us"], p99=2.0)
    if served > 10:
        made["few"] = load(cpu=7.0)
    return made


def document(models, sizes, rounds=3):
    """`models`: (name, family)."""
    return {
        "format": 1,
        "machine": {"date": "2026-01-02", "processor": "Abacus", "cores": 2,
                    "memory_mib": 2048, "kernel": "Linux 6.1",
                    "system": "Debian", "compiler": "g++ 12",
                    "optimised": True},
        "settings": {"rounds": rounds, "connections": sizes, "seconds": 1,
                     "rate": 10000, "active": 10, "message_bytes": 64,
                     "load_threads": 1, "load_cores": 1, "server_cores": 1},
        "models": [{"name": name, "family": family} for name, family in models],
        "skipped": [],
        "syscalls": [
            {"model": name, "connections": size, "served": size,
             "messages": 1000, "calls": {"epoll_wait": 250, "recvfrom": 1000}}
            for name, _ in models for size in (1, 100)],
        "measurements": [
            measurement(name, size, round_)
            for round_ in range(rounds) for size in sizes for name, _ in models],
    }
