#!/usr/bin/env python3
"""Instructions a request, those of the kernel among them, on machines without hardware counters.

Boots Debian's kernel on an emulated machine of two CPUs (QEMU, no KVM) and counts there what every thread runs, in the
kernel and in user space (emulator_plugin.c): the servers take turns on CPU 0, the generators on CPU 1, 64 connections
over loopback; qck has 100,000 links stored, its journal on (ext4), and --busy-poll 0s, for waiting is no work. The
machine's clock is slowed down, and its CPUs are held at one pace, so that each does 3 instructions in a nanosecond of
its own (emulator_clock.c).

The floor, nginx, wrk and h2load are measured in the same way, and printed beside what hardware counters gave for them:
that is how far the counts can be trusted. Takes some 10 minutes of half a CPU, at low priority. Debian 12 (QEMU 7.2).
"""
import argparse, glob, itertools, shutil, tempfile
from field import *
from redirect import URL, serve, store_links

META_PACKAGE = "linux-image-cloud-amd64"
HARDWARE = {"floor": (13_200, 450), "nginx": (20_000, 7_600), "wrk": (17_500, 3_000), "h2load": (19_900, 4_200)}
SERVER_CPU, LOAD_CPU = 0, 1
INSTRUCTIONS_A_NS = 3
LOST_SHARE_MAX = 0.2

# Everything waits for a condition, a bounded number of times; the whole machine is bounded by --limit.
INIT = r"""#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev; mount -t tmpfs tmp /tmp
ip link set lo up; ulimit -n 20000
give_up() { echo "! $*"; poweroff -f; }
start() {  # URL COMMAND...
    url=$1; shift
    taskset 1 "$@" >/tmp/server.log 2>&1 & server=$!
    for _ in $(seq 2000); do wget -q -S -O /dev/null "$url" 2>&1 | grep -q 302 && return; usleep 5000; done
    cat /tmp/server.log; give_up "nothing answers at $url"
}
stop() { kill $server; wait $server; }
counted() {  # NAME PATTERN COMMAND...: answered requests are what the pattern finds in the output and the report
    name=$1; pattern=$2; shift 2; rm -rf /tmp/run
    taskset 2 emulator_window "$@" >/tmp/out 2>&1
    answered=$(cat /tmp/out /tmp/run/report.json 2>/dev/null | sed -n "s/$pattern/\1/p" | head -n 1)
    [ -n "$answered" ] || { cat /tmp/out; give_up "$name: no count of requests"; }
    echo "@ $name $answered"
}
wrk_for() { counted "$1" ' *\([0-9]*\) requests in.*' wrk -t1 -c64 -d1s "$2"; }
h2load_for() { counted "$1" '.* \([0-9]*\) succeeded.*' h2load --h1 -t1 -c64 -n "$2" FLOOR_URL; }
qck_for() {
    row=$1; mode=$2; shift 2
    counted "$row" '"accounting":.*"answered":\([0-9]*\).*' qck bench "$mode" --target FLOOR_URL --connections 64 \
        --threads 1 --quiet --out /tmp/run "$@"
    sed -n 's/^"verdict": {"status":"\([A-Z]*\)","reasons":\(\[[^]]*\]\).*/verdict of '"$row"': \1 \2/p' /tmp/run/report.json
}
start FLOOR_URL FLOOR_COMMAND
wrk_for wrk+floor FLOOR_URL
h2load_for h2load-short 5000
h2load_for h2load-long 25000
qck_for qck_max-short max --duration 100ms
qck_for qck_max-long max --duration 500ms
rate=$(sed -n 's/.*"achieved_rate":\([0-9]*\).*/\1/p' /tmp/run/report.json | head -n 1)
rate=$((rate * 7 / 10)); echo "70 % of max is $rate/s"
qck_for qck_70%-short constant --rate $rate --duration 100ms
qck_for qck_70%-long constant --rate $rate --duration 500ms
stop
start NGINX_URL NGINX_COMMAND
wrk_for nginx NGINX_URL
stop
start QCK_URL QCK_COMMAND
wrk_for qck QCK_URL
stop
echo "kernel $(uname -r), spectre_v2: $(cat /sys/devices/system/cpu/vulnerabilities/spectre_v2)"
poweroff -f
"""


def kernel(work):
    """Debian's, unpacked beside rather than installed: nothing of the machine changes."""
    depends = subprocess.run(["apt-cache", "depends", "--important", META_PACKAGE], capture_output=True, text=True).stdout
    names = re.findall(r"Depends: (linux-image-\S+)", depends)
    if not names:
        raise SystemExit(f"emulated_instructions: no package {META_PACKAGE} (set --kernel FILE)")
    subprocess.run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", names[0]], cwd=work, check=True)
    package = glob.glob(os.path.join(work, "linux-image-*.deb"))[0]
    subprocess.run(["dpkg-deb", "-x", package, os.path.join(work, "kernel")], check=True)
    return glob.glob(os.path.join(work, "kernel", "boot", "vmlinuz-*"))[0]


def compiled(work, source, *options):
    out = os.path.join(work, source.rsplit(".", 1)[0] + (".so" if "-shared" in options else ""))
    subprocess.run(["cc", "-O2", *options, "-o", out, os.path.join(HERE, source)], check=True)
    return out


def install(root, program, name=None):
    """A program with the libraries that it needs, at the places where it looks for them."""
    shutil.copy(program, os.path.join(root, "bin", name or os.path.basename(program)))
    needed = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    for library in re.findall(r"(/\S+\.so\S*)", needed):
        os.makedirs(root + os.path.dirname(library), exist_ok=True)
        shutil.copy(library, root + library)


def disk(work, links):
    root = os.path.join(work, "root")
    for folder in ("bin", "etc", "proc", "sys", "dev", "tmp", "nginx", "var/lib/nginx", "var/log/nginx"):
        os.makedirs(os.path.join(root, folder))
    store_links(os.path.join(root, "data"), links)
    floor = floor_server(work)
    install(root, QCK, "qck")
    for program in (*map(shutil.which, ("busybox", "wrk", "h2load", "nginx")), floor[0],
                    compiled(work, "emulator_window.c", "-static")):
        install(root, program)
    shutil.copy(os.path.join(HERE, "nginx.conf"), os.path.join(root, "etc"))
    words = {"FLOOR_COMMAND": f"limit_server {floor[1]}", "FLOOR_URL": FLOOR_URL,
             "NGINX_COMMAND": "nginx -p /nginx -c /etc/nginx.conf", "NGINX_URL": NGINX_URL,
             "QCK_COMMAND": shlex.join(["qck"] + serve("/data", 18070, "--busy-poll", "0s")[1:]), "QCK_URL": URL}
    files = {"init": re.sub("|".join(words), lambda word: words[word[0]], INIT),
             "etc/passwd": "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n",
             "etc/group": "root:x:0:\nnogroup:x:65534:\n"}
    for name, text in files.items():
        with open(os.path.join(root, name), "w") as file:
            file.write(text)
    os.chmod(os.path.join(root, "init"), 0o755)
    image = os.path.join(work, "disk")
    subprocess.run(["/sbin/mke2fs", "-q", "-F", "-t", "ext4", "-d", root, image, "1G"], check=True,
                   stdout=subprocess.DEVNULL)
    return image


def check_machine():
    said = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, text=True).stdout
    version = re.search(r"version (\d+)\.(\d+)", said)
    if os.uname().machine != "x86_64" or not version or not (4, 2) <= tuple(map(int, version.groups())) < (9, 0):
        raise SystemExit("emulated_instructions: wanted an x86-64 machine with QEMU 4.2 to 8.2, as Debian 12 has; here is "
                         f"{os.uname().machine} with QEMU {version[0] if version else 'of no known version'}")


def boot(work, options):
    """What the machine said, and the file of its counts."""
    image, counts, log = disk(work, options.links), os.path.join(work, "counts"), os.path.join(work, "log")
    plugin = compiled(work, "emulator_plugin.c", "-fPIC", "-shared", "-fvisibility=hidden")
    clock = compiled(work, "emulator_clock.c", "-fPIC", "-shared")
    settings = [f"LD_PRELOAD={clock}", f"EMULATOR_SLOWNESS={options.slowness}", f"EMULATOR_COUNTS={counts}",
                f"EMULATOR_PACE={options.slowness * 1000 // INSTRUCTIONS_A_NS}"]
    machine = ["-M", "q35", "-accel", "tcg,thread=multi,tb-size=512", "-smp", "2", "-m", "1G", "-cpu", "max", "-nodefaults",
               "-display", "none", "-serial", f"file:{log}", "-no-reboot", "-plugin", plugin,
               "-drive", f"file={image},format=raw,if=none,id=disk,cache=unsafe", "-device", "nvme,drive=disk,serial=1",
               "-kernel", options.kernel or kernel(work),
               # Its clock is slower than its timestamp counter: the kernel should neither mind nor try to tell.
               "-append", "console=ttyS0 quiet panic=-1 root=/dev/nvme0n1 rw init=/init tsc=reliable no_timer_check"]
    process = subprocess.Popen(["nice", "-n", "10", "timeout", "-k", "5", str(options.limit), "env", *settings,
                                "qemu-system-x86_64", *machine], start_new_session=True)
    try:
        process.wait()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    said = ""
    if os.path.exists(log):
        with open(log, errors="replace") as file:
            said = file.read()
    if not re.search(r"^kernel ", said, re.M):
        raise SystemExit(f"emulated_instructions: the machine did not come to its end in {options.limit} s (--limit); "
                         f"it said:\n{said[-3000:]}")
    return said, counts


def windows(counts):
    """For each pair of marks: {cpu: [kernel, user, of threads of the kernel]}, and the share of its pace that a CPU lost."""
    marks = []
    with open(counts) as file:
        for number, rows in itertools.groupby(map(str.split, file), key=lambda row: row[0]):
            marks.append({(row[1], row[2]): (int(row[3]), int(row[4]), row[5] == "1") for row in rows})
    for before, after in zip(marks[::2], marks[1::2]):
        sums, lost = {SERVER_CPU: [0, 0, 0], LOAD_CPU: [0, 0, 0]}, 0
        for (cpu, thread), (kernel_now, user_now, idle) in after.items():
            kernel_then, user_then, _ = before.get((cpu, thread), (0, 0, False))
            of_cpu = sums[int(cpu)]
            if thread == "lost":  # nanoseconds: lost, and the clock
                lost = max(lost, (kernel_now - kernel_then) / (user_now - user_then))
            elif user_now > user_then:
                of_cpu[0] += kernel_now - kernel_then
                of_cpu[1] += user_now - user_then
            elif not idle:
                of_cpu[2] += kernel_now - kernel_then
        yield sums, lost


def at_least_1(text):
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"wanted a whole number from 1 on, not '{text}'")
    return int(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernel", help="an x86-64 kernel with NVMe and ext4 built in (that of %s)" % META_PACKAGE)
    parser.add_argument("--limit", type=at_least_1, default=1200, help="seconds for the machine, then it is ended (1200)")
    parser.add_argument("--links", type=at_least_1, default=100_000)
    parser.add_argument("--slowness", type=at_least_1, default=100, help="real seconds for one of the machine's (100)")
    options = parser.parse_args()
    subprocess.run([os.path.join(ROOT, "scripts", "deps"), "--bench", "--emulator"], check=True)
    check_machine()
    with tempfile.TemporaryDirectory() as work:
        said, counts = boot(work, options)
        names = re.findall(r"^@ (\S+) (\d+)", said, re.M)
        measured, lost = {}, {}
        for (name, answered), (sums, lost_share) in zip(names, windows(counts), strict=True):
            measured[name], lost[name] = (int(answered), sums), lost_share
    print("\n".join(line for line in said.splitlines() if re.match(r"kernel |70 % |verdict of ", line)))

    def whole(name, cpu):
        answered, sums = measured[name]
        return [value / answered for value in sums[cpu]]

    def slope(name):
        (few, short), (many, long) = measured[name + "-short"], measured[name + "-long"]
        return [(b - a) / (many - few) for a, b in zip(short[LOAD_CPU], long[LOAD_CPU])]

    rows = {"floor": whole("wrk+floor", SERVER_CPU), "nginx": whole("nginx", SERVER_CPU), "qck": whole("qck", SERVER_CPU),
            "wrk": whole("wrk+floor", LOAD_CPU), "h2load": slope("h2load"), "qck max": slope("qck_max"),
            "qck 70 %": slope("qck_70%")}
    print("instructions a request          all    user   kernel's threads   by hardware counters: all    user")
    for name, (in_kernel, user, beside) in rows.items():
        print(f"  {'server' if name in ('floor', 'nginx', 'qck') else 'generator'} {name:12s}".ljust(26)
              + f"{in_kernel + user:9,.0f} {user:7,.0f} {beside:18,.0f}"
              + ("{:33,} {:7,}".format(*HARDWARE[name]) if name in HARDWARE else ""))
    total = {name: sum(row[:2]) for name, row in rows.items()}
    print(f"  open loop at 70 % of max against max: {total['qck 70 %'] / total['qck max']:.2f}")
    behind = max(lost[name] for name in lost if name.startswith("qck_"))
    print(f"  while qck offered load, a CPU fell behind its pace by {100 * behind:.1f} % of the time at most"
          + (": too much for what is said of the open loop (--slowness, or a machine with less to do)"
             if behind > LOST_SHARE_MAX else ""))


if __name__ == "__main__":
    main()
