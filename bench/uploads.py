#!/usr/bin/env python3
"""Uploads under hard conditions: killed in the middle, no room on the disk, one very large file.

  uploads.py [--uploads 1000] [--kills 10] [--clients 16] [--large-mib 2048] [--no-tmpfs] PATH/TO/hansom

Says what was seen, and ends with 1 if a file was neither old nor new, if anything was left over after the next start, if a full disk
was not 507, or if the memory grew with the file.
"""
import argparse, hashlib, http.client, os, pathlib, random, re, shutil, signal, subprocess, sys, tempfile, threading, time

FAILURES = []


def check(is_so, what):
    print(("ok    " if is_so else "WRONG ") + what, flush=True)
    if not is_so:
        FAILURES.append(what)


class Server:
    def __init__(self, program, folder):
        self.child = subprocess.Popen(
            [program, "serve", folder, "--uploads", "--listen", "127.0.0.1:0", "--access-log", "off"],
            stderr=subprocess.PIPE, text=True)
        line = self.child.stderr.readline()
        found = re.search(r"http://([^/]+)", line)
        if not found:
            sys.exit(f"it does not listen: {line}")
        self.authority = found.group(1)

    def connect(self):
        return http.client.HTTPConnection(self.authority, timeout=60)

    def memory(self):
        status = pathlib.Path(f"/proc/{self.child.pid}/status").read_text()
        return int(re.search(r"RssAnon:\s+(\d+)", status).group(1)) << 10

    def end(self, how=signal.SIGTERM):
        self.child.send_signal(how)
        self.child.wait()


def content(version):
    """Octets that tell by themselves whether they are whole."""
    octets = 100 + version * 7919 % 300_000
    head = b"%08d %08d " % (octets, version)
    return head + bytes([version % 251]) * (octets - len(head))


def is_whole(octets):
    try:
        return content(int(octets[9:17])) == octets
    except ValueError:
        return False


def put(connection, name, octets, **fields):
    connection.request("PUT", f"/{name}", octets, headers={k.replace("_", "-"): v for k, v in fields.items()})
    answer = connection.getresponse()
    answer.read()
    return answer.status


def killed(program, folder, options):
    """kill -9 again and again, until so many uploads were begun."""
    begun, answered, lock = 0, 0, threading.Lock()
    names = [f"f{n}" for n in range(40)]
    for version, name in enumerate(names[:20]):
        (folder / name).write_bytes(content(version))
    for _ in range(options.kills):
        server = Server(program, folder)

        def client():
            nonlocal begun, answered
            connection = server.connect()
            for _ in range(options.uploads // options.kills // options.clients + 1000):
                with lock:
                    begun += 1
                    version = begun + 1000
                try:
                    if put(connection, random.choice(names), content(version)) >= 300:
                        return
                except (OSError, http.client.HTTPException):
                    return
                with lock:
                    answered += 1

        before = answered
        threads = [threading.Thread(target=client) for _ in range(options.clients)]
        for thread in threads:
            thread.start()
        while answered - before < options.uploads // options.kills and any(t.is_alive() for t in threads):
            time.sleep(0.001)
        server.end(signal.SIGKILL)
        for thread in threads:
            thread.join()
    print(f"      {begun} uploads begun, {answered} answered, {options.kills} kills")
    torn = [name for name in names if (folder / name).exists() and not is_whole((folder / name).read_bytes())]
    check(not torn, f"every file is wholly old or wholly new {torn or ''}")
    left = [path.name for path in folder.iterdir() if path.name.startswith(".")]
    print(f"      left after the kills: {left}")
    Server(program, folder).end()
    left = [path.name for path in folder.iterdir() if path.name not in names]
    check(not left, f"nothing is left over after the next start {left or ''}")


def without_room(program, folder):
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder], check=False)
    if mounted.returncode:
        print("      no file system could be mounted: not shown")
        return
    try:
        server = Server(program, folder)
        connection = server.connect()
        check(put(connection, "a", b"x" * 300_000) == 201, "a file that fits is stored")
        for name in ["a", "b"]:
            status = put(server.connect(), name, b"y" * 1_500_000)
            check(status == 507, f"one that does not fit is 507 (its length is told): {status}")
            chunks = (b"y" * 100_000 for _ in range(15))
            connection = server.connect()
            connection.request("PUT", f"/{name}", chunks, encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
            status = connection.getresponse().status
            check(status == 507, f"one that does not fit is 507 (its length is not told): {status}")
        check((folder / "a").read_bytes() == b"x" * 300_000, "the old file is as it was")
        check([p.name for p in folder.iterdir()] == ["a"], "nothing else is there")
        check(put(server.connect(), "c", b"z" * 500_000) == 201, "the room is free again")
        server.end()
    finally:
        subprocess.run(["umount", folder], check=True)


def large(program, folder, mib):
    server = Server(program, folder)
    put(server.connect(), "warm", b"x")
    before, most, digest = server.memory(), 0, hashlib.sha256()
    piece = random.randbytes(1 << 20)

    def pieces():
        nonlocal most
        for n in range(mib):
            if n % 16 == 0:
                most = max(most, server.memory() - before)
            digest.update(piece)
            yield piece

    started = time.monotonic()
    connection = server.connect()
    connection.request("PUT", "/large", pieces(), headers={"Content-Length": str(mib << 20)})
    status = connection.getresponse().status
    seconds = time.monotonic() - started
    check(status == 201, f"{mib} MiB are stored: {status}, {mib / seconds:.0f} MiB/s")
    check(most < 8 << 20, f"memory grew by {most >> 10} KiB at most")
    with open(folder / "large", "rb") as file:
        check(hashlib.file_digest(file, "sha256").digest() == digest.digest(), "it is what was sent")
    server.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--uploads", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--large-mib", type=int, default=2048)
    parser.add_argument("--no-tmpfs", action="store_true")
    parser.add_argument("program")
    options = parser.parse_args()
    place = pathlib.Path(tempfile.mkdtemp(prefix="uploads-"))
    try:
        for name in ["killed", "large"]:
            (place / name).mkdir()
        killed(options.program, place / "killed", options)
        if not options.no_tmpfs:
            without_room(options.program, place / "full")
        large(options.program, place / "large", options.large_mib)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    sys.exit(1 if FAILURES else 0)


main()
