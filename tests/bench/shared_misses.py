#!/usr/bin/env python3
"""Requests that miss L1 and are served from Redis, per core, beside the GETs that a redis-server serves to redis-benchmark
from one: of as many connections, in turn. Each server is alone on CPU 0 and what asks it on CPU 1; qck's Redis is on CPU 1
too. Requests per second of CPU time are compared, so that what runs beside does not count."""
import argparse, re, statistics
from field import ROOT, cpu_seconds, machine
from service import *
from stores import Redis, text_of

SCRIPT = """
local n = 0
request = function()
    n = n % %d + 1
    return wrk.format("GET", "/miss" .. n)
end
"""


def wrk_over(service, options, script):
    done = subprocess.run(["taskset", "-c", "1", "wrk", "-t1", f"-c{options.connections}", f"-d{options.seconds}s", "-s", script,
                           service.url()[:-1]], capture_output=True, text=True, check=True)
    if "Non-2xx" in done.stdout:
        raise SystemExit(f"wrk: {done.stdout}")
    return int(re.search(r"(\d+) requests in", done.stdout).group(1))


def misses(service, redis, options, script):
    before, misses_before = cpu_seconds([service.process.pid]), service.metric("qck_shared_cache_hits_total")
    requests = wrk_over(service, options, script)
    cpu = cpu_seconds([service.process.pid]) - before
    share = (service.metric("qck_shared_cache_hits_total") - misses_before) / requests
    return requests / cpu, requests / options.seconds, share


def gets(redis, options):
    before = cpu_seconds(redis.pids())
    text = subprocess.run(["taskset", "-c", "1", "redis-benchmark", "-p", str(redis.port), "-t", "get", "-n", str(options.gets), "-c",
                           str(options.connections), "-d", "120", "--csv"], capture_output=True, text=True, check=True).stdout
    rate = float(re.search(r'"GET","([\d.]+)"', text).group(1))
    return options.gets / (cpu_seconds(redis.pids()) - before), rate


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--links", type=int, default=50_000)
    parser.add_argument("--gets", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    options = parser.parse_args()
    print(machine())
    compared = Redis()  # alone on its CPU
    with Redis() as redis, Service(["--threads", "1", "--cache", "1MB", "--breaker-failures", "0",
                                    "--redis", redis.url], ["taskset", "-c", "0"]) as service:
        compared.start(cpu=0)
        subprocess.run(["taskset", "-acp", "1", str(redis.process.pid)], check=True, stdout=subprocess.DEVNULL)
        service.add_links(f"miss{n}" for n in range(1, options.links + 1))
        script = os.path.join(service.directory, "misses.lua")
        with open(script, "w") as out:
            out.write(SCRIPT.replace("%d", str(options.links)))
        while int(redis.cli("DBSIZE")) < options.links:
            wrk_over(service, options, script)  # fills Redis from SQLite
        ours, theirs = [], []
        for _ in range(options.rounds):
            ours.append(misses(service, redis, options, script))
            theirs.append(gets(compared, options))
        client = text_of("taskset", "-c", "1", os.path.join(ROOT, "build/tests/bench/redis_client_bench"), compared.url)
        compared.__exit__()
    print(f"L1 misses served from Redis, {options.connections} connections, {options.links:,} links, median of {options.rounds}")
    median = lambda rows, n: statistics.median(row[n] for row in rows)
    print(f"  qck          {median(ours, 0):9,.0f} requests/CPU-second   {median(ours, 1):9,.0f} requests/s   {median(ours, 2):.3f} of them from Redis")
    print(f"  redis-server {median(theirs, 0):9,.0f} GET/CPU-second        {median(theirs, 1):9,.0f} GET/s")
    print(f"  ratio {statistics.median(a[0] / b[0] for a, b in zip(ours, theirs)):.2f} by CPU time, "
          f"{statistics.median(a[1] / b[1] for a, b in zip(ours, theirs)):.2f} by the clock")
    print(f"the client alone, on a reactor\n{client}", end="")


if __name__ == "__main__":
    main()
