#!/usr/bin/env python3
"""What a page that watches costs a run: CPU time by thread of `qck bench`, with --ui and one reader of its events and
without, in turn, over six seconds of it. live_view.py [PAIRS]; 20,000 requests a second."""
import http.client
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
QCK = os.environ.get("QCK", str(ROOT / "build/qck"))
FROM_S, TO_S = 3, 9  # of a run that begins within a second and takes ten
OTHERS = {"qck": "main", "qck-live-view": "view", "qck-signals": "signals"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def read_events(port, end):
    """Reads as a browser does, from when the page is there until the run has ended; adds up the bytes."""
    while not end["ended"]:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("GET", "/events")
            answer = connection.getresponse()
            while piece := answer.read1(65536):
                end["bytes"] += len(piece)
            return
        except OSError:
            time.sleep(0.05)


def cpu_by_thread(pid):
    """Seconds on a CPU so far: of the threads that offer load (all that have no other name), and of each other one."""
    seconds = {"load": 0.0, "main": 0.0, "view": 0.0, "signals": 0.0}
    for task in Path(f"/proc/{pid}/task").iterdir():
        name = (task / "comm").read_text().strip()
        kind = "main" if task.name == str(pid) else OTHERS.get(name, "load")
        seconds[kind] += int((task / "schedstat").read_text().split()[0]) / 1e9
    return seconds


def run(watched):
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        words = [QCK, "bench", "constant", "--serve", "--rate", "20k", "--duration", "10s", "--threads", "1", "--quiet",
                 "--out", folder + "/run", *(["--ui", f"127.0.0.1:{port}"] if watched else [])]
        bench = subprocess.Popen(words, stderr=subprocess.DEVNULL)
        end = {"ended": False, "bytes": 0}
        reader = threading.Thread(target=read_events, args=(port, end))
        if watched:
            reader.start()
        # Between two looks while the load runs: neither starting nor reporting counts.
        began = time.monotonic()
        first = last = None
        while bench.poll() is None:
            try:
                now = cpu_by_thread(bench.pid)
            except OSError:
                continue  # a thread ended while it was looked at
            age = time.monotonic() - began
            if age >= FROM_S and first is None:
                first = now
            if age <= TO_S:
                last = now
            time.sleep(0.1)
        end["ended"] = True
        if watched:
            reader.join()
        return {kind: last[kind] - first[kind] for kind in last}, end["bytes"]


def main():
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    seen = {True: [], False: []}
    for _ in range(pairs):
        for watched in (False, True):
            seconds, told = run(watched)
            seen[watched].append(seconds)
            print(f"{'watched' if watched else 'alone  '}  load {seconds['load']:.3f} s  main {seconds['main']:.4f} s  "
                  f"view {seconds['view']:.4f} s  told {told} bytes", flush=True)
    median = {who: {kind: statistics.median(one[kind] for one in all_of) for kind in ("load", "main", "view")}
              for who, all_of in seen.items()}
    added = median[True]["view"] + median[True]["main"] - median[False]["main"]
    whole = sum(median[False].values())
    print(f"medians of {pairs}: threads of the load {median[False]['load']:.3f} s alone, {median[True]['load']:.3f} s watched; "
          f"the view adds {added:.4f} s to {whole:.3f} s ({100 * added / whole:.2f} %), on other threads")


if __name__ == "__main__":
    main()
