#!/usr/bin/env python3
"""What one answered request costs the load generator, beside wrk and h2load, all against the floor.

The floor (limit_server.c) is on CPU 0, the generators take turns on CPU 1. Then the same in an open loop at 70 % of the
rate of `max`, achieved/target at half of it, and the latency that 20,000/s on 64 connections shows.
"""
import argparse, statistics, tempfile
from field import *


def run(command, answered):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    counted = ["perf", "stat", "-x,", "-e", "instructions,instructions:u"] if COUNTED else []
    done = subprocess.run(counted + ["taskset", "-c", "1"] + command, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    requests = answered(done.stdout)
    row = {"per_cpu_second": requests / (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)}
    for line in done.stderr.splitlines() if COUNTED else []:
        if line[:1].isdigit():
            row[line.split(",")[2]] = int(line.split(",")[0]) / requests
    return row


def qck(work, mode, seconds, *more):
    return [QCK, "bench", mode, "--target", FLOOR_URL, "--connections", "64", "--threads", "1", "--quiet",
            "--duration", f"{seconds}s", "--out", os.path.join(work, "run"), *more]


def report(work):
    with open(os.path.join(work, "run", "report.json")) as file:
        return json.load(file)


def user_instructions(work, mode, *more):
    def total(seconds):
        count, _ = callgrind_total(qck(work, mode, seconds, *more), lambda process: process.wait(120))
        return count, report(work)["accounting"]["answered"]
    short, long = total(2), total(6)
    return (long[0] - short[0]) / (long[1] - short[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    options = parser.parse_args()
    first = lambda pattern: lambda text: int(re.search(pattern, text).group(1))
    with tempfile.TemporaryDirectory() as work, Running(floor_server(work), 0):
        wait_for(FLOOR_URL)
        answered = lambda _: report(work)["accounting"]["answered"]
        subprocess.run(["taskset", "-c", "1"] + qck(work, "max", 1), capture_output=True, check=True)
        generators = {
            "wrk": (["wrk", "-t1", "-c64", f"-d{options.seconds}s", FLOOR_URL], first(r"(\d+) requests in")),
            "h2load": (["h2load", "--h1", "-t1", "-c64", "-n", str(100_000 * options.seconds), FLOOR_URL],
                       first(r"(\d+) succeeded")),
            "qck max": (qck(work, "max", options.seconds), answered),
            "qck 70 %": (None, answered),
        }
        rows = {name: [] for name in generators}
        for _ in range(options.rounds):
            for name, (command, count) in generators.items():
                if command is None:
                    command = qck(work, "constant", options.seconds, "--rate", f"{0.7 * last_rate:.0f}")
                rows[name].append(run(command, count))
                if name == "qck max":
                    last_rate = report(work)["phases"][0]["achieved_rate"]
        print(f"generator, 64 connections, median of {options.rounds}")
        for name, turns in rows.items():
            text = f"  {name:9s} {statistics.median(row['per_cpu_second'] for row in turns):10,.0f} req per CPU-second"
            if COUNTED:
                text += "".join(f" {statistics.median(row[key] for row in turns):9,.0f} {key}/req"
                                for key in ("instructions", "instructions:u"))
            print(text)
        pair = lambda a, b: statistics.median(x["per_cpu_second"] / y["per_cpu_second"] for x, y in zip(rows[a], rows[b]))
        print(f"  qck max/wrk {pair('qck max', 'wrk'):.2f}   CPU a request, qck 70 %/qck max {pair('qck max', 'qck 70 %'):.2f}")

        ratios = []
        for _ in range(options.rounds):
            subprocess.run(["taskset", "-c", "1"] + qck(work, "constant", options.seconds, "--rate", f"{0.5 * last_rate:.0f}"),
                           capture_output=True)
            phase = report(work)["phases"][0]
            ratios.append(phase["achieved_rate"] / phase["target_rate"])
        print(f"  achieved/target at half of capacity: {statistics.median(ratios):.5f} (worst {min(ratios):.5f})")

        latencies = []
        for _ in range(options.rounds):
            subprocess.run(["taskset", "-c", "1"] + qck(work, "constant", options.seconds, "--rate", "20k"), capture_output=True)
            phase = report(work)["phases"][0]
            latencies.append((phase["latency_us"]["p50"], phase["latency_us"]["p99"], phase["send_lag_us"]["p99"]))
        p50, p99, lag = (statistics.median(column) for column in zip(*latencies))
        print(f"  20,000/s open loop: latency p50 {p50:.0f} us, p99 {p99:.0f} us from the intended time; send lag p99 {lag:.0f} us")
        if not COUNTED:
            print(f"  qck max: {user_instructions(work, 'max'):,.0f} instructions a request in user space (callgrind)")
            print(f"  qck constant 2k/s: {user_instructions(work, 'constant', '--rate', '2k'):,.0f} (callgrind, mostly waiting)")


if __name__ == "__main__":
    COUNTED = counters_work()
    main()
