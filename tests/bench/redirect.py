#!/usr/bin/env python3
"""Redirects of one core beside nginx (`return 302`) and the floor (limit_server.c), in turn.

The servers take turns on CPU 0, wrk runs on CPU 1; qck has 100,000 links stored and its journal on; `sleeping` is qck
with --busy-poll 0s. Prints rates, how much of CPU 0 was left idle, for at depth 1 wrk may be what has no more to give,
ratios pair by pair, and instructions a request: of hardware counters where the machine has them, else user space alone
by callgrind, as the slope between a short and a long run, so that the start does not count.
"""
import argparse, shutil, statistics, tempfile
from field import *

URL = "http://127.0.0.1:18070/abc123"
SLEEPING_URL = "http://127.0.0.1:18170/abc123"


def serve(directory, port=18070, *flags):
    listeners = zip(("--listen", "--api", "--ingest", "--admin"), range(port, port + 4))
    return [QCK, "serve", "--quiet", "--data-dir", directory, "--threads", "1", *flags] + [
        word for flag, each in listeners for word in (flag, f"127.0.0.1:{each}")]


def store_links(directory, count):
    """Stores `count` links, abc123 among them, through the API."""
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        file.write("code,url\nabc123,https://example.com/target/page\n")
        file.writelines(f"bench{i},https://example.com/target/{i}\n" for i in range(count - 1))
        file.flush()
        with Running(serve(directory), 0):
            wait_for(URL)
            subprocess.run([QCK, "links", "import", file.name, "--api", "http://127.0.0.1:18071"], check=True,
                           stdout=subprocess.DEVNULL)


def idle_seconds(cpu):
    """Of proc(5): since the machine started."""
    with open("/proc/stat") as file:
        fields = next(line for line in file if line.startswith(f"cpu{cpu} ")).split()
    return int(fields[4]) / os.sysconf("SC_CLK_TCK")


def turn(server, url, options, depth, counted):
    with_counters = {}
    idle = idle_seconds(0)
    if counted:
        load = subprocess.Popen(["taskset", "-c", "1", "wrk", "-t1", f"-c{options.connections}",
                                 f"-d{options.seconds}s"] + (["-s", os.path.join(HERE, "pipeline.lua")] if depth > 1 else [])
                                + [url], stdout=subprocess.PIPE, text=True, env=dict(os.environ, DEPTH=str(depth)))
        time.sleep(0.5)
        every, user = perf_instructions(server.family(), options.seconds - 1)
        requests = int(re.search(r"(\d+) requests in", load.communicate()[0]).group(1))
        share = (options.seconds - 1) / options.seconds
        with_counters = {"instructions": every / (requests * share), "user": user / (requests * share)}
    else:
        requests = wrk(url, options.connections, options.seconds, depth)
    idle = (idle_seconds(0) - idle) / options.seconds
    return {"rate": requests / options.seconds, "idle": idle, **with_counters}


def user_instructions(directory, options, depth):
    def load_for(seconds):
        def act(_):
            wait_for(URL)
            return wrk(URL, options.connections, seconds, depth)
        return callgrind_total(serve(directory), act)
    short, long = load_for(2), load_for(6)
    return (long[0] - short[0]) / (long[1] - short[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--depths", default="1,64")
    parser.add_argument("--links", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    options = parser.parse_args()
    counted = counters_work()
    with tempfile.TemporaryDirectory() as work:
        directory = os.path.join(work, "data")
        store_links(directory, options.links)
        sleeping_directory = shutil.copytree(directory, os.path.join(work, "sleeping"))
        urls = {"floor": FLOOR_URL, "nginx": NGINX_URL, "qck": URL, "sleeping": SLEEPING_URL}
        with Running(floor_server(work), 0) as floor, Running(nginx_server(work), 0) as nginx, \
                Running(serve(directory), 0) as target, \
                Running(serve(sleeping_directory, 18170, "--busy-poll", "0s"), 0) as sleeping:
            servers = {"floor": floor, "nginx": nginx, "qck": target, "sleeping": sleeping}
            for url in urls.values():
                wait_for(url)
            for depth in map(int, options.depths.split(",")):
                rows = {name: [] for name in servers}
                for _ in range(options.rounds):
                    for name, server in servers.items():
                        rows[name].append(turn(server, urls[name], options, depth, counted))
                print(f"redirect, pipelining depth {depth}, {options.connections} connections, "
                      f"{options.links:,} links, median of {options.rounds}")
                for name, turns in rows.items():
                    median = lambda key: statistics.median(row[key] for row in turns)
                    text = f"  {name:8s} {median('rate'):12,.0f} req/s  {median('idle'):4.0%} idle"
                    if counted:
                        text += f" {median('instructions'):9,.0f} instr/req {median('user'):8,.0f} of them in user space"
                    print(text)
                pair = lambda one, other: statistics.median(a["rate"] / b["rate"] for a, b in zip(rows[one], rows[other]))
                print("  " + "   ".join(f"{one}/{other} {pair(one, other):.2f}" for one in ("qck", "sleeping")
                                        for other in ("nginx", "floor")))
        if not counted:
            for depth in map(int, options.depths.split(",")):
                print(f"redirect, depth {depth}: {user_instructions(directory, options, depth):,.0f} instructions a request"
                      " in user space (callgrind; this machine has no hardware counters)")


if __name__ == "__main__":
    main()
