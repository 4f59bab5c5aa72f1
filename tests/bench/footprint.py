#!/usr/bin/env python3
"""What a service with 1,000,000 links costs: importing them, starting with them, memory with 100,000 of them hot."""
import argparse, socket, tempfile
from field import *
from redirect import URL, serve


def resident_mb(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        fields = dict(line.split(":") for line in file.read().splitlines()[1:])
    megabytes = lambda name: int(fields[name].split()[0]) / 1024
    # Journal segments are files mapped shared: page cache, which the kernel takes back when it wants.
    return megabytes("Rss"), megabytes("Pss_Anon")


def ask_for(codes):
    """Asks for each code once, pipelined."""
    with socket.create_connection(("127.0.0.1", 18070)) as connection:
        for at in range(0, len(codes), 500):
            batch = codes[at:at + 500]
            connection.sendall(b"".join(b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n" % code.encode() for code in batch))
            seen = b""
            while seen.count(b"\r\n\r\n") < len(batch):
                seen += connection.recv(1 << 20)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--links", type=int, default=1_000_000)
    parser.add_argument("--hot", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        directory, csv = os.path.join(work, "data"), os.path.join(work, "links.csv")
        with open(csv, "w") as file:
            file.write("code,url\n")
            file.writelines(f"code{i},https://example.com/some/target/page/{i}\n" for i in range(options.links))
        with Running(serve(directory), 0):
            wait_for(URL)
            begun = time.time()
            subprocess.run([QCK, "links", "import", csv, "--api", "http://127.0.0.1:18071"], check=True,
                           stdout=subprocess.DEVNULL)
            print(f"import of {options.links:,} links: {options.links / (time.time() - begun):,.0f} links/s")
        begun = time.time()
        starting = subprocess.Popen(serve(directory), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        starting.stdout.readline()
        print(f"start with {options.links:,} links until ready: {(time.time() - begun) * 1000:.0f} ms")
        try:
            ask_for([f"code{i}" for i in range(options.hot)])
            ask_for([f"code{i}" for i in range(options.hot)])
            resident, anonymous = resident_mb(starting.pid)
            print(f"memory, {options.links:,} links stored, {options.hot:,} hot: {resident:.0f} MB resident"
                  f" ({anonymous:.0f} MB of it anonymous, the rest program and mapped journal)")
        finally:
            starting.send_signal(signal.SIGTERM)
            starting.wait(30)


if __name__ == "__main__":
    main()
