#!/usr/bin/env python3
"""With Redis, PostgreSQL and ClickHouse behind: what the stores are asked to do at many clicks a second against few, on the
same links (transactions of PostgreSQL from pg_stat_database, commands of Redis from INFO commandstats, those of scripts
apart), and how long a click takes to be seen in each store."""
import argparse, http.client, socket, statistics, threading, time
from field import machine
from service import *
from stores import Stores

# Redis counts what a script calls beside the script itself; these are called by no script.
SENT = {"evalsha", "eval", "publish", "ping", "subscribe", "script|load"}


def load(stores, rate, links, seconds):
    """Commands and transactions a second while `rate` is offered, and what was answered of it."""
    # All links stay in normal mode: elevated ones are spared PostgreSQL, and bursts ClickHouse, which would flatter.
    with Service(["--threads", "1", "--elevated", "10M", "--burst", "100M"] + stores.flags()) as service:
        service.add_links(f"tail{n}" for n in range(1, links + 1))
        scenario(service, service.directory, min(rate, 2000), 3, links)  # every link is cached now
        time.sleep(11)  # an idle session of PostgreSQL reports what it did within 10 s
        calls, commits, begin = stores.redis.calls(), stores.postgres.commits(), time.monotonic()
        report = scenario(service, service.directory, rate, seconds, links)
        time.sleep(11)
        elapsed = time.monotonic() - begin
        after, commits_after = stores.redis.calls(), stores.postgres.commits()
        done = {name: after[name] - calls.get(name, 0) for name in after}
        phase = report["phases"][0]
        return {"clicks": phase["achieved_rate"], "verdict": report["verdict"]["status"],
                "sent to redis": sum(count for name, count in done.items() if name in SENT) / elapsed,
                "all of redis": sum(done.values()) / elapsed, "transactions": (commits_after - commits) / elapsed}


def writes(options, links):
    rows = []
    for rate in (options.few, options.many):
        with Stores(QCK) as stores:
            rows.append(load(stores, rate, links, options.seconds))
    few, many = rows
    print(f"writes at {few['clicks']:,.0f} and at {many['clicks']:,.0f} clicks/s ({few['verdict']}, {many['verdict']}), "
          f"{links:,} links, {options.seconds} s each")
    for name, what in (("transactions", "PostgreSQL transactions/s"), ("sent to redis", "Redis commands/s sent"),
                       ("all of redis", "Redis operations/s with those of scripts")):
        print(f"  {what:42s} {few[name]:8.1f} {many[name]:8.1f}   {many[name] / few[name]:.2f} x")


class RedisEye:
    """What Redis shows, over a connection kept open."""

    def __init__(self, stores, ids):
        self.ids = list(ids)
        self.file = socket.create_connection(("127.0.0.1", stores.redis.port)).makefile("rwb")

    def links(self):
        self.file.write(("MGET " + " ".join(f"clicks:{{{each}}}" for each in self.ids) + "\r\n").encode())
        self.file.flush()
        self.file.readline()
        for each in self.ids:
            if self.file.readline() != b"$-1\r\n":
                self.file.readline()
                yield each


class PostgresEye:
    def __init__(self, stores, _):
        self.psql = subprocess.Popen(["psql", "-XAtq", stores.postgres.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def links(self):
        self.psql.stdin.write("SELECT id FROM links WHERE click_count > 0;\n\\echo end\n")
        self.psql.stdin.flush()
        for line in iter(self.psql.stdout.readline, "end\n"):
            yield int(line)


class ClickhouseEye:
    def __init__(self, stores, _):
        self.http = http.client.HTTPConnection("127.0.0.1", stores.clickhouse.port)

    def links(self):
        self.http.request("POST", "/", "SELECT DISTINCT link_id FROM qck_analytics.link_events")
        return map(int, self.http.getresponse().read().split())


EYES = {"redis": (RedisEye, 0.002), "clickhouse": (ClickhouseEye, 0.02), "postgres": (PostgresEye, 0.05)}


def watch(eye, pause, since, found, count, until):
    """Notes when the store first shows each link of which `since` has a click."""
    while len(found) < count and time.monotonic() < until:
        for link in eye.links():
            if link in since:
                found.setdefault(link, time.monotonic() - since[link])
        time.sleep(pause)


def visibility(options):
    with Stores(QCK) as stores, Service(["--threads", "1"] + stores.flags()) as service:
        service.add_links(f"probe{n}" for n in range(options.probes))
        links = [line.split("|") for line in stores.postgres.sql("SELECT short_code, id FROM links").splitlines()]
        since, found, until = {}, {name: {} for name in EYES}, time.monotonic() + 30 + options.probes
        watchers = [threading.Thread(target=watch, args=(eye(stores, [int(link) for _, link in links]), pause, since, found[name],
                                                         len(links), until)) for name, (eye, pause) in EYES.items()]
        for watcher in watchers:
            watcher.start()
        visitor = http.client.HTTPConnection(service.at["redirect"])
        for code, link in links:
            since[int(link)] = time.monotonic()
            visitor.request("GET", f"/{code}")
            visitor.getresponse().read()
            time.sleep(0.73)  # not in step with any period of the service
        for watcher in watchers:
            watcher.join()
    print(f"a click is seen, {options.probes} probes, ms from the request")
    for name, times in found.items():
        ordered = sorted(1000 * each for each in times.values())
        print(f"  {name:10s} p50 {statistics.median(ordered):8,.0f}   max {ordered[-1]:8,.0f}   ({len(ordered)} seen)")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--few", type=int, default=1_000)
    parser.add_argument("--many", type=int, default=100_000)
    parser.add_argument("--links", default="20,120", help="of the writes; each count in turn")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--probes", type=int, default=30)
    parser.add_argument("--only", choices=["writes", "visibility"])
    options = parser.parse_args()
    print(machine())
    if options.only != "visibility":
        for links in map(int, options.links.split(",")):
            writes(options, links)
    if options.only != "writes":
        visibility(options)


if __name__ == "__main__":
    main()
