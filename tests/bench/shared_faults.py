#!/usr/bin/env python3
"""Cached links while Redis, PostgreSQL and ClickHouse are stopped, hung (SIGSTOP) and slow in turn under load: how many
redirects fail, and the p99 from the due time against windows without a fault, in turn with them (medians); and how much
two windows without a fault, as far apart, differ. The service has one CPU and the generator another; where chrt is
allowed they run before all else, as they would with the stores on machines of their own."""
import argparse, contextlib, json, statistics, time
from field import machine
from service import *
from slow_proxy import SlowProxy
from stores import STORES, Stores


FIRST = ["chrt", "-r", "1"] if subprocess.run(["chrt", "-r", "1", "true"], capture_output=True).returncode == 0 else []


def window(service, options):
    """p99 in us, and how many requests were not redirected."""
    out = os.path.join(service.directory, "run")
    done = subprocess.run(FIRST + [QCK, "bench", "constant", "--rate", str(options.rate), "--duration", f"{options.seconds}s", "--target",
                           service.url(path="cached"), "--threads", "1", "--pin", "1", "--connections", "32", "--timeout", "2s", "--json", "--out", out],
                          capture_output=True, text=True)
    if not done.stdout.startswith("{"):
        raise SystemExit(f"qck bench: {done.stderr}")
    phase = json.loads(done.stdout)["phases"][0]
    return phase["latency_us"]["p99"], phase["accounting"]["scheduled"] - phase["status"].get("302", 0)


@contextlib.contextmanager
def fault(kind, store, proxy, delay):
    if kind == "stopped":
        store.stop()
    elif kind == "hung":
        store.hang()
    else:
        proxy.delay = delay
    try:
        yield
    finally:
        if kind == "stopped":
            store.start()
        elif kind == "hung":
            store.go_on()
        else:
            proxy.delay = 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--delay", type=float, default=0.2, help="seconds each way of a slow store")
    parser.add_argument("--stores", default=",".join(STORES))
    parser.add_argument("--faults", default="stopped,hung,slow")
    options = parser.parse_args()
    print(machine())
    with Stores(QCK) as stores, contextlib.ExitStack() as stack:
        proxies = {name: stack.enter_context(SlowProxy(store.port)) for name, store in stores.each.items()}
        slow = {name: store.url.replace(str(store.port), str(proxies[name].port)) for name, store in stores.each.items()}
        print(f"{options.rate:,} redirects/s of a cached link, windows of {options.seconds} s, median of {options.rounds}")
        for kind in options.faults.split(","):
            flags = stores.flags(slow if kind == "slow" else None)
            with Service(["--threads", "1"] + flags, FIRST + ["taskset", "-c", "0"]) as service:
                if kind == options.faults.split(",")[0]:
                    service.add_links(["cached"])
                window(service, options)
                for name in options.stores.split(","):
                    calm, disturbed, again = [], [], []
                    for _ in range(options.rounds):
                        calm.append(window(service, options))
                        with fault(kind, stores.each[name], proxies[name], options.delay):
                            disturbed.append(window(service, options))
                        time.sleep(0.5)  # the service finds it again
                        again.append(window(service, options))
                    p99 = [statistics.median(row[0] for row in rows) for rows in (calm, disturbed)]
                    ratio = statistics.median(2 * b[0] / (a[0] + c[0]) for a, b, c in zip(calm, disturbed, again))
                    alike = statistics.median(max(a[0], c[0]) / min(a[0], c[0]) for a, c in zip(calm, again))
                    failed = [sum(row[1] for row in rows) for rows in (calm, disturbed)]
                    print(f"  {name:10s} {kind:8s} p99 {p99[0]:8,.0f} -> {p99[1]:8,.0f} us ({ratio - 1:+.0%}; without a fault {alike - 1:.0%} apart)   "
                          f"not redirected {failed[0]} -> {failed[1]}", flush=True)


if __name__ == "__main__":
    main()
