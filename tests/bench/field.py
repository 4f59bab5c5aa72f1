"""What the comparisons share: peers, pinned processes, counted instructions.

The machine's speed drifts, so whatever is compared runs in turn, and ratios and instructions are quoted. Instructions
are counted by the hardware (perf) where it lets us; elsewhere those in user space are counted by callgrind.
"""
import json, os, re, resource, shlex, signal, subprocess, sys, tempfile, time, urllib.error, urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
QCK = os.environ.get("QCK_PROGRAM") or os.path.join(ROOT, "build", "qck")
FLOOR_URL = "http://127.0.0.1:18090/abc123"
NGINX_URL = "http://127.0.0.1:18091/abc123"


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args, **kwargs):
        return None


def status_of(url):
    try:
        return urllib.request.build_opener(NoRedirect).open(url, timeout=1).status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def wait_for(url, seconds=60):
    until = time.time() + seconds
    while time.time() < until:
        if status_of(url) is not None:
            return
        time.sleep(0.1)
    raise SystemExit(f"nothing answers at {url}")


class Running:
    """A process of our own on one CPU, ended by its process group."""

    def __init__(self, command, cpu):
        self.process = subprocess.Popen(["taskset", "-c", str(cpu)] + command, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, start_new_session=True)
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sign, patience in ((signal.SIGTERM, 20), (signal.SIGKILL, 5)):
            try:
                os.killpg(self.pid, sign)
                self.process.wait(patience)
                return
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue

    def family(self):
        children = subprocess.run(["pgrep", "-P", str(self.pid)], capture_output=True, text=True).stdout.split()
        return [self.pid] + [int(child) for child in children]


def floor_server(work):
    binary = os.path.join(work, "limit_server")
    subprocess.run(["cc", "-O2", "-o", binary, os.path.join(HERE, "limit_server.c")], check=True)
    return [binary, "18090"]


def nginx_server(work):
    # Its pid file goes below the prefix: nginx removes that file at its end, whatever it is.
    return ["nginx", "-p", work, "-c", os.path.join(HERE, "nginx.conf")]


def counters_work():
    done = subprocess.run(["perf", "stat", "-x,", "-e", "instructions", "true"], capture_output=True, text=True)
    return done.returncode == 0 and "not supported" not in done.stderr


def perf_instructions(pids, seconds):
    """(all, user) instructions of these processes over so many seconds."""
    done = subprocess.run(["perf", "stat", "-x,", "-e", "instructions,instructions:u", "-p",
                           ",".join(map(str, pids)), "sleep", str(seconds)], capture_output=True, text=True)
    counts = {row.split(",")[2]: int(row.split(",")[0]) for row in done.stderr.splitlines() if row[:1].isdigit()}
    return counts["instructions"], counts["instructions:u"]


def cpu_seconds(pids):
    ticks = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def wrk(url, connections, seconds, depth=1, cpu=1):
    """Requests answered."""
    command = ["taskset", "-c", str(cpu), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
    if depth > 1:
        command += ["-s", os.path.join(HERE, "pipeline.lua")]
    text = subprocess.run(command + [url], capture_output=True, text=True, env=dict(os.environ, DEPTH=str(depth))).stdout
    return int(re.search(r"(\d+) requests in", text).group(1))


def callgrind_total(command, act):
    """User-space instructions of a process under callgrind, and what `act(process)` gave meanwhile."""
    with tempfile.TemporaryDirectory() as work:
        out = os.path.join(work, "callgrind.out")
        process = subprocess.Popen(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"] + command,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            given = act(process)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        with open(out) as file:
            return int(re.search(r"^(?:summary|totals): (\d+)", file.read(), re.M).group(1)), given


def machine():
    with open("/proc/cpuinfo") as file:
        model = re.search(r"model name\s*: (.*)", file.read()).group(1)
    return f"{model}, {os.cpu_count()} CPUs, Linux {os.uname().release}"
