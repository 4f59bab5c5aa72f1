#!/usr/bin/env python3
"""What a redirect of a hot link costs with Redis, PostgreSQL and ClickHouse behind, against the embedded default:
instructions a request in user space, of the thread that redirects and of the whole process, by callgrind, as the slope
between a short and a long run, so that the start does not count."""
import argparse, glob, itertools, os, re, statistics
from field import machine
from service import *
from stores import Stores


run_numbers = itertools.count()


def totals(directory):
    """Instructions of the redirecting thread and of all threads."""
    redirecting = every = 0
    for name in glob.glob(os.path.join(directory, "callgrind.out*")):
        with open(name) as file:
            text = file.read()
        found = re.search(r"^(?:summary|totals): (\d+)", text, re.M)
        if not found:
            continue  # of no thread
        total = int(found.group(1))
        every += total
        if "RedirectHandler::handle" in text:
            redirecting += total
    return redirecting, every


def run(flags, count, depth):
    before = ["valgrind", "--tool=callgrind", "--separate-threads=yes", "--callgrind-out-file=callgrind.out"]
    with Service(["--threads", "1"] + flags, before) as service:
        code = f"hot{next(run_numbers)}"  # a database may outlive a service
        service.add_links([code])
        requests_of(service.url(path=code), count, depth=depth)
        service.end()
        return totals(service.directory)


def slope(flags, options, depth):
    short, long = run(flags, options.short, depth), run(flags, options.long, depth)
    return [(b - a) / (options.long - options.short) for a, b in zip(short, long)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--depths", default="1,64")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--short", type=int, default=20_000)
    parser.add_argument("--long", type=int, default=120_000)
    options = parser.parse_args()
    print(machine())
    for depth in map(int, options.depths.split(",")):
        rows = {"embedded": [], "all stores": []}
        for _ in range(options.rounds):
            rows["embedded"].append(slope([], options, depth))
            with Stores(QCK) as stores:
                rows["all stores"].append(slope(stores.flags(), options, depth))
        print(f"redirect of a hot link, depth {depth}, instructions a request in user space, median of {options.rounds}")
        median = {name: [statistics.median(row[n] for row in each) for n in (0, 1)] for name, each in rows.items()}
        for name, (redirecting, every) in median.items():
            print(f"  {name:11s} {redirecting:8,.0f} of the redirecting thread {every:8,.0f} of all threads")
        print(f"  ratio {median['all stores'][0] / median['embedded'][0]:.3f} of the redirecting thread, "
              f"{median['all stores'][1] / median['embedded'][1]:.2f} of all threads")


if __name__ == "__main__":
    main()
