"""A `qck serve` for the comparisons, on free ports and a temporary directory, and loads against it."""
import json, os, re, shutil, signal, subprocess, tempfile, urllib.request
from field import HERE, QCK


class Service:
    """Runs from `with` on; `before` are words before its command (taskset, valgrind)."""

    def __init__(self, flags=(), before=()):
        self.flags, self.before = list(flags), list(before)

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="qck-bench-")
        self.log = open(os.path.join(self.directory, "log"), "w")
        ports = [word for flag in ("--listen", "--api", "--ingest", "--admin") for word in (flag, "127.0.0.1:0")]
        self.process = subprocess.Popen(
            self.before + [QCK, "serve", "--quiet", "--data-dir", os.path.join(self.directory, "data")] + ports + self.flags,
            stdout=subprocess.PIPE, stderr=self.log, text=True, start_new_session=True, cwd=self.directory)
        ready = self.process.stdout.readline()
        if not ready.startswith("ready "):
            self.__exit__()
            raise SystemExit("qck serve did not start")
        self.at = dict(word.split("=") for word in ready.split()[1:])
        return self

    def __exit__(self, *_):
        self.end()
        self.log.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def end(self):
        """Ends it, so that what it writes at its end is there; the directory stays."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def url(self, listener="redirect", path=""):
        return f"http://{self.at[listener]}/{path}"

    def add_links(self, codes):
        file = os.path.join(self.directory, "links.csv")
        with open(file, "w") as out:
            out.write("code,url\n")
            out.writelines(f"{code},https://example.com/target/{code}\n" for code in codes)
        subprocess.run([QCK, "links", "import", file, "--api", self.url("api")[:-1]], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    def link_ids(self):
        """Ids of its links by code."""
        ids, after = {}, ""
        while True:
            page = json.load(urllib.request.urlopen(self.url("api", f"v1/links?limit=1000{after}"), timeout=10))
            ids.update((link["code"], link["id"]) for link in page["links"])
            if not page.get("next"):
                return ids
            after = f"&after={page['next']}"

    def metric(self, name):
        """The sum over its labels."""
        text = urllib.request.urlopen(self.url("admin", "metrics"), timeout=10).read().decode()
        return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.M))


def scenario(service, directory, rate, seconds, count, connections=64, pin=None):
    """Offers `rate` over links tail1 to tailN, open loop; the run's report."""
    file = os.path.join(directory, "scenario.json")
    with open(file, "w") as out:
        json.dump({"name": "bench", "phases": [{"name": "all", "rate": rate, "duration": f"{seconds}s"}],
                   "links": {"hot": "tail1", "hot_share": 0, "tail": {"count": count, "zipf": 0, "prefix": "tail"}},
                   "connections": connections, "timeout": "5s"}, out)
    words = [QCK, "bench", "run", file, "--target", service.url()[:-1], "--api", service.url("api")[:-1], "--threads", "1", "--json",
             "--out", os.path.join(directory, "run")]
    done = subprocess.run(words + (["--pin", str(pin)] if pin is not None else []), capture_output=True, text=True)
    if not done.stdout.startswith("{"):
        raise SystemExit(f"qck bench: {done.stderr}")
    return json.loads(done.stdout)


def requests_of(url, count, connections=64, depth=1, cpu=1):
    """Exactly so many GETs, in a closed loop."""
    done = subprocess.run(["taskset", "-c", str(cpu), "h2load", "--h1", "-t1", f"-c{connections}", f"-n{count}", f"-m{depth}", url],
                          capture_output=True, text=True)
    answered = int(re.search(r"(\d+) succeeded", done.stdout).group(1))
    redirected = int(re.search(r"(\d+) 3xx", done.stdout).group(1))
    if answered != count or redirected != count:
        raise SystemExit(f"h2load: {redirected} of {count} were redirected")
