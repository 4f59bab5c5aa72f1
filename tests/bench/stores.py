"""Real Redis, PostgreSQL and ClickHouse for the comparisons: each in a temporary directory of its own, on free ports of
the loopback, and gone with its object. A store can be stopped, started again, hung (SIGSTOP) and let go on."""
import glob, os, pwd, shutil, signal, socket, subprocess, sys, tempfile, time

# Its servers end with a benchmark that is told to end, too.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, what, seconds=60):
    until = time.time() + seconds
    while time.time() < until:
        if condition():
            return
        time.sleep(0.02)
    raise SystemExit(f"{what}: not within {seconds} s")


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def text_of(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


class Server:
    """A server process with its directory, in a session of its own."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="qck-bench-")
        self.port = free_port()
        self.process = None

    def launch(self, command, **options):
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        start_new_session=True, **options)
        wait_until(self.ready, command[0])

    def ready(self):
        return listens(self.port)

    def pids(self):
        found = [self.process.pid]
        for pid in found:
            for path in glob.glob(f"/proc/{pid}/task/*/children"):
                with open(path) as file:
                    found += map(int, file.read().split())
        return found

    def signal(self, sign):
        for pid in self.pids():
            try:
                os.kill(pid, sign)
            except ProcessLookupError:
                pass

    def hang(self):
        self.signal(signal.SIGSTOP)

    def go_on(self):
        self.signal(signal.SIGCONT)

    def stop(self):
        if self.process is not None:
            self.go_on()
            self.signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


class Redis(Server):
    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def start(self, cpu=None):
        pinned = [] if cpu is None else ["taskset", "-c", str(cpu)]
        self.launch(pinned + ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--dir", self.directory,
                              "--save", "", "--appendonly", "no"])

    def cli(self, *words):
        return text_of("redis-cli", "-p", str(self.port), *words)

    def calls(self):
        """Commands it executed since its start, those of scripts too."""
        return {line.split(":")[0][len("cmdstat_"):]: int(line.split("calls=")[1].split(",")[0])
                for line in self.cli("INFO", "commandstats").splitlines() if line.startswith("cmdstat_")}


class Postgres(Server):
    @property
    def url(self):
        return self.url_of("qck")

    def url_of(self, database):
        return f"postgresql://qck@127.0.0.1:{self.port}/{database}"

    def as_user(self, *words):
        """PostgreSQL refuses to be root."""
        return ["runuser", "-u", "postgres", "--", *words] if os.geteuid() == 0 else list(words)

    def start(self):
        programs = os.path.dirname(sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))[-1])
        data = os.path.join(self.directory, "data")
        fresh = not os.path.exists(data)
        if fresh:
            if os.geteuid() == 0:
                os.chown(self.directory, pwd.getpwnam("postgres").pw_uid, -1)
            subprocess.run(self.as_user(f"{programs}/initdb", "-D", data, "-U", "qck", "-A", "trust", "-E", "UTF8", "--no-locale"),
                           check=True, stdout=subprocess.DEVNULL, cwd=self.directory)
        self.launch(self.as_user(f"{programs}/postgres", "-D", data, "-p", str(self.port), "-c", "listen_addresses=127.0.0.1",
                                 "-c", "unix_socket_directories="), cwd=self.directory)
        if fresh:
            text_of(f"{programs}/createdb", "--maintenance-db", self.url_of("postgres"), "qck")

    def ready(self):
        return subprocess.run(["psql", "-XAtqc", "SELECT 1", self.url_of("postgres")],
                              capture_output=True).returncode == 0

    def sql(self, text):
        return text_of("psql", "-XAtqc", text, self.url).strip()

    def commits(self):
        # Sessions report their transactions after they were idle for a moment; psql's own are few.
        return int(self.sql("SELECT xact_commit FROM pg_stat_database WHERE datname = 'qck'"))


class Clickhouse(Server):
    def __init__(self):
        super().__init__()
        self.tcp_port = free_port()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        path = self.directory
        with open(f"{path}/config.xml", "w") as file:
            file.write(f"""<?xml version="1.0"?><yandex>
<logger><level>warning</level><log>{path}/log</log><errorlog>{path}/errors</errorlog></logger>
<http_port>{self.port}</http_port><tcp_port>{self.tcp_port}</tcp_port><listen_host>127.0.0.1</listen_host>
<path>{path}/data/</path><tmp_path>{path}/tmp/</tmp_path><users_config>users.xml</users_config>
<default_profile>default</default_profile><default_database>default</default_database>
<mark_cache_size>67108864</mark_cache_size><timezone>UTC</timezone></yandex>""")
        with open(f"{path}/users.xml", "w") as file:
            file.write("""<?xml version="1.0"?><yandex><profiles><default/></profiles><quotas><default/></quotas><users><default>
<password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default></users></yandex>""")
        server = os.environ.get("QCK_CLICKHOUSE_SERVER") or shutil.which("clickhouse-server", path=os.environ["PATH"] + ":/usr/sbin")
        self.launch([server, f"--config-file={path}/config.xml"])

    def sql(self, text):
        return text_of("curl", "-sS", "--data-binary", text, self.url).strip()


STORES = {"redis": Redis, "postgres": Postgres, "clickhouse": Clickhouse}


class Stores:
    """One of each, with their schemas."""

    def __init__(self, qck):
        self.qck = qck
        self.each = {name: kind() for name, kind in STORES.items()}

    def __getattr__(self, name):
        return self.each[name]

    def __enter__(self):
        started = []
        try:
            for store in self.each.values():
                store.start()
                started.append(store)
            subprocess.run([self.qck, "init", "--postgres", self.postgres.url, "--clickhouse", self.clickhouse.url],
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for store in self.each.values():
            store.__exit__()

    def flags(self, urls=None):
        """For qck serve; `urls` in place of the stores' own."""
        urls = urls or {}
        return [word for name, store in self.each.items() for word in (f"--{name}", urls.get(name, store.url))]
