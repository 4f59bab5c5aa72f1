#!/usr/bin/env python3
"""What a creation of a link (POST /v1/links) costs `qck serve`, beside a redirect.

One thread for redirects, one connection after another of links_bench with one creation in flight on each. Prints creations
a second, CPU time of each thread of the service and its writes to files, a creation, and instructions in user space by
callgrind, as the slope between a short and a long load, so that the start does not count.
"""
import argparse, statistics
from field import *
from service import Service

BENCH = os.path.join(ROOT, "build", "tests", "bench", "links_bench")
ONE_LANE = ["--threads", "1"]


def create(service, connections, seconds):
    """Creations, as links_bench tells of them."""
    text = subprocess.run([BENCH, str(connections), str(seconds), service.at["api"]], capture_output=True, text=True).stdout
    return float(re.search(r"created\s+(\d+)/s", text).group(1)) * seconds


def cpu_ns(pid):
    """By name of the thread; schedstat tells of nanoseconds on a CPU."""
    used = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/comm") as name, open(f"/proc/{pid}/task/{thread}/schedstat") as spent:
            key = name.read().strip()
            used[key] = used.get(key, 0) + int(spent.read().split()[0])
    return used


def file_writes(pid):
    with open(f"/proc/{pid}/io") as io:
        return int(re.search(r"syscw: (\d+)", io.read()).group(1))


def turn(connections, seconds):
    with Service(ONE_LANE) as service:
        pid = service.process.pid
        create(service, connections, 1)
        cpu, writes = cpu_ns(pid), file_writes(pid)
        count = create(service, connections, seconds)
        used = {name: (ns - cpu.get(name, 0)) / count / 1000 for name, ns in cpu_ns(pid).items()}
        return {"rate": count / seconds, "us": used, "writes": (file_writes(pid) - writes) / count}


def user_instructions(connections):
    def load_for(seconds):
        with tempfile.TemporaryDirectory() as work:
            out = os.path.join(work, "callgrind.out")
            with Service(ONE_LANE, ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"]) as service:
                count = create(service, connections, seconds)
                service.end()
            with open(out) as file:
                return int(re.search(r"^(?:summary|totals): (\d+)", file.read(), re.M).group(1)), count
    short, long = load_for(3), load_for(12)
    return (long[0] - short[0]) / (long[1] - short[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", default="64,1000")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    options = parser.parse_args()
    for connections in map(int, options.connections.split(",")):
        turns = [turn(connections, options.seconds) for _ in range(options.rounds)]
        median = lambda pick: statistics.median(pick(one) for one in turns)
        print(f"creations, {connections} connections, median of {options.rounds}: {median(lambda one: one['rate']):,.0f}/s, "
              f"{median(lambda one: sum(one['us'].values())):.1f} us of CPU, {median(lambda one: one['writes']):.2f} writes")
        for name in sorted(turns[0]["us"]):
            us = median(lambda one: one["us"].get(name, 0))
            if us >= 0.1:
                print(f"  {name:16} {us:6.1f} us")
    print(f"instructions a creation in user space, 64 connections: {user_instructions(64):,.0f} (callgrind)")


if __name__ == "__main__":
    main()
