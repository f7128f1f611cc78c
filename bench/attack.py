#!/usr/bin/env python3
"""Slow clients against a server while other clients are measured.

  attack.py [--attacks headers,body,upload,read] [--conns 150] [--secs 20] [--port 20960] [--post /echo] [--json OUT] -- COMMAND

COMMAND stays in the foreground and has the placeholders {port}, {dir} and {conf:FILE}; {dir} holds /r (13 octets),
/f/big (64 MiB) and the empty folder /up. {conf:FILE} is a copy of bench/conf/FILE in which @PORT@ and @DIR@ are
replaced. For each attack the server is started anew, a few ordinary requests warm it, and then for
--secs seconds --conns connections from 127.0.0.1 are kept up (one that the server ends is opened again):

  headers   a request head, one octet a second
  body      POST with Content-Length: 1000000, one octet a second
  upload    PUT to a path of its own below /up with Content-Length: 1000000, one octet a second
  read      GET of the large file with a receive buffer of 4 KiB, read at 256 octets a second

Meanwhile from 127.0.0.2: one new connection with one request every 50 ms, and one persistent connection with
a request every 50 ms; each answer must be 200, whole, and there within 2 s. The server's memory is its
proportional share (Pss) over that at the start, at its highest; kernel memory is that of the server's sockets
towards the attackers by `ss -tmn`, at its highest (receive and write queue, forward allocation, options, backlog).

Fails unless all probes were answered, memory grew by 1 MiB at most and a slow reader cost 128 KiB at most.
"""
import argparse
import glob
import json
import os
import re
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from peers import pss, tree

ATTACKER, OTHERS = '127.0.0.1', '127.0.0.2'
BIG_OCTETS = 64 << 20
PROBE_EVERY, PROBE_TIMEOUT = 0.05, 2.0
READER_BUFFER, READER_OCTETS = 4096, 256
GROWTH_MAX, KERNEL_MAX = 1 << 20, 128 << 10
HEAD = b'GET /r HTTP/1.1\r\nHost: localhost\r\nUser-Agent: slow/1.0\r\nX-Slow: '


def configured(word, port, folder):
    """the word, or where the copy of the configuration is that it names"""
    named = re.fullmatch(r'\{conf:([\w.-]+)\}', word)
    if not named:
        return word
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'conf', named[1])) as f:
        text = f.read().replace('@PORT@', str(port)).replace('@DIR@', folder)
    path = f'{folder}-{port}-{named[1]}'
    with open(path, 'w') as f:
        f.write(text)
    return path


class Server:
    """the server under attack, in a session of its own"""

    def __init__(self, command, port, folder):
        words = [configured(w.replace('{port}', str(port)).replace('{dir}', folder), port, folder) for w in command]
        self.port = port
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True)
        for _ in range(100):
            if self.process.poll() is not None:
                break
            try:
                socket.create_connection(('127.0.0.1', port), 1).close()
                return
            except OSError:
                time.sleep(0.1)
        self.log.seek(0)
        message = self.log.read().decode(errors='replace')[-500:]
        self.stop()
        raise SystemExit(f'the server does not accept: {message}')

    def memory(self):
        return pss(tree(self.process.pid))

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Attack(threading.Thread):
    """keeps up a number of slow connections from one thread"""

    def __init__(self, kind, port, conns, post):
        super().__init__(daemon=True)
        self.kind, self.port, self.want, self.post = kind, port, conns, post
        self.stopping = threading.Event()
        self.poll = select.epoll()
        self.conns = {}  # descriptor: [socket, octets sent or -1 while connecting]
        self.opened = self.refused = 0
        self.answers = {}  # status: count

    def run(self):
        while not self.stopping.is_set():
            turn = time.monotonic()
            while len(self.conns) < self.want and not self.stopping.is_set():
                if not self.open():
                    break
            for fd in list(self.conns):
                self.drip(fd)
            while (left := turn + 1 - time.monotonic()) > 0 and not self.stopping.is_set():
                for fd, _ in self.poll.poll(min(left, 0.1)):
                    self.noticed(fd)
        for connection, _ in self.conns.values():
            connection.close()

    def open(self):
        connection = socket.socket()
        if self.kind == 'read':
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, READER_BUFFER)
        connection.bind((ATTACKER, 0))
        connection.settimeout(1)
        try:
            connection.connect(('127.0.0.1', self.port))
            connection.sendall(self.first())
        except OSError:
            connection.close()
            self.refused += 1
            return False
        connection.setblocking(False)
        self.conns[connection.fileno()] = [connection, False]
        # a reader is not asked whether it could read: it always could
        self.poll.register(connection, select.EPOLLRDHUP if self.kind == 'read' else select.EPOLLIN | select.EPOLLRDHUP)
        self.opened += 1
        return True

    def first(self):
        if self.kind == 'headers':
            return HEAD
        if self.kind in ('body', 'upload'):
            line = f'POST {self.post}' if self.kind == 'body' else f'PUT /up/{self.opened}'
            return f'{line} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 1000000\r\n\r\n'.encode()
        return b'GET /f/big HTTP/1.1\r\nHost: localhost\r\n\r\n'

    def drip(self, fd):
        connection = self.conns[fd][0]
        try:
            if self.kind == 'read':
                if self.receive(fd, READER_OCTETS) == b'':
                    self.ended(fd)
            else:
                connection.send(b'x')
        except BlockingIOError:
            pass
        except OSError:
            self.ended(fd)

    def receive(self, fd, octets):
        """reads; counts the status of an answer once"""
        state = self.conns[fd]
        data = state[0].recv(octets)
        found = re.match(rb'HTTP/1\.\d (\d{3})', data)
        if found and not state[1]:
            state[1] = True
            status = found[1].decode()
            self.answers[status] = self.answers.get(status, 0) + 1
        return data

    def noticed(self, fd):
        try:
            if self.kind == 'read' or self.receive(fd, 4096) == b'':
                self.ended(fd)
        except BlockingIOError:
            pass
        except OSError:
            self.ended(fd)

    def ended(self, fd):
        self.poll.unregister(fd)
        self.conns.pop(fd)[0].close()

    def stop(self):
        self.stopping.set()
        self.join(10)


class Probe(threading.Thread):
    """an ordinary client that notes how long each answer took"""

    def __init__(self, port, persistent):
        super().__init__(daemon=True)
        self.port, self.persistent = port, persistent
        self.stopping = threading.Event()
        self.times, self.failures, self.connection = [], [], None

    def run(self):
        while not self.stopping.is_set():
            start = time.monotonic()
            try:
                self.exchange()
                self.times.append(time.monotonic() - start)
            except OSError as error:
                self.failures.append(str(error) or type(error).__name__)
                self.close()
            self.stopping.wait(max(0, start + PROBE_EVERY - time.monotonic()))
        self.close()

    def exchange(self):
        if self.connection is None:
            self.connection = socket.create_connection(('127.0.0.1', self.port), PROBE_TIMEOUT, (OTHERS, 0))
        self.connection.sendall(b'GET /r HTTP/1.1\r\nHost: localhost\r\n\r\n')
        answer = b''
        while not answer.endswith(b'\r\n\r\nHello, World!'):
            octets = self.connection.recv(4096)
            if not octets:
                raise OSError(f'the connection ended after {answer[:30]!r}')
            answer += octets
            if len(answer) > 16384:
                raise OSError(f'not the answer: {answer[:30]!r}')
        if not answer.startswith(b'HTTP/1.1 200'):
            raise OSError(f'not 200: {answer[:30]!r}')
        if not self.persistent:
            self.close()

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    def stop(self):
        self.stopping.set()
        self.join(5)


def kernel_memory(port):
    """octets of each socket of the server towards an attacker"""
    listing = subprocess.run(['ss', '-tmnH', 'state', 'established', 'sport', '=', f':{port}'], capture_output=True, text=True).stdout
    octets = []
    for peer, memory in re.findall(r'\s(\S+):\d+\s*\n?\s*skmem:\(([^)]*)\)', listing):
        if peer.strip('[]').rsplit(':', 1)[-1] == ATTACKER:
            part = dict(re.findall(r'([a-z]+)(\d+)', memory))
            octets.append(sum(int(part.get(name, 0)) for name in ('r', 'w', 'f', 'o', 'bl')))
    return octets


def under_attack(kind, args, folder, port):
    server = Server(args.command, port, folder)
    try:
        probes = [Probe(port, persistent=False), Probe(port, persistent=True)]
        for probe in probes:  # ordinary requests first, so that what is made once is made
            for _ in range(20):
                probe.exchange()
            probe.close()
        time.sleep(0.5)
        before = highest = server.memory()
        attack = Attack(kind, port, args.conns, args.post)
        for thread in (attack, *probes):
            thread.start()
        kernel, end = [], time.monotonic() + args.secs
        while time.monotonic() < end and server.process.poll() is None:
            time.sleep(0.5)
            highest = max(highest, server.memory())
            kernel.append(kernel_memory(port))
        alive = server.process.poll() is None
        for thread in (*probes, attack):
            thread.stop()
    finally:
        server.stop()
    times = sorted(t for probe in probes for t in probe.times)
    failures = [f for probe in probes for f in probe.failures]
    most = [max(octets) for octets in kernel if octets]
    return dict(
        attack=kind, alive=alive, probes=len(times) + len(failures), answered=len(times),
        p50=times[len(times) // 2] if times else None, p99=times[len(times) * 99 // 100] if times else None, longest=times[-1] if times else None,
        memory=highest - before, kernel_max=max(most, default=0), kernel_mean=max((sum(o) / len(o) for o in kernel if o), default=0),
        held=max(map(len, kernel), default=0), opened=attack.opened, refused=attack.refused, answers=attack.answers, failures=sorted(set(failures))[:5])


def holds(row):
    """which of the conditions are broken"""
    broken = []
    if not row['alive']:
        broken.append('the server ended')
    if row['answered'] < row['probes'] or not row['probes']:
        broken.append(f"{row['probes'] - row['answered']} of {row['probes']} other requests failed {row['failures']}")
    if row['memory'] > GROWTH_MAX:
        broken.append('user memory above 1 MiB')
    if row['attack'] == 'read' and row['kernel_max'] > KERNEL_MAX:
        broken.append('kernel memory of a slow reader above 128 KiB')
    if not row['held']:
        broken.append('no connection of the attack was seen')
    return broken


def table(rows):
    milli = lambda seconds: f'{seconds * 1e3:8.1f}' if seconds is not None else f'{"-":>8}'
    print(f'{"attack":8} {"held":>5} {"opened":>7} {"others":>7} {"p50 ms":>8} {"p99 ms":>8} {"max ms":>8} {"user KiB":>9} {"kernel KiB each":>16}  answers')
    for r in rows:
        share = r['answered'] / r['probes'] if r['probes'] else 0
        kernel = f"{r['kernel_mean'] / 1024:.1f}, max {r['kernel_max'] / 1024:.0f}"
        answers = ' '.join(f'{status}x{count}' for status, count in sorted(r['answers'].items())) or '-'
        print(f"{r['attack']:8} {r['held']:5d} {r['opened']:7d} {share:7.1%} {milli(r['p50'])} {milli(r['p99'])} {milli(r['longest'])} "
              f"{r['memory'] / 1024:9.0f} {kernel:>16}  {answers}")


def make_folder():
    folder = tempfile.mkdtemp(prefix='attack-')
    os.chmod(folder, 0o755)
    os.mkdir(os.path.join(folder, 'f'))
    os.mkdir(os.path.join(folder, 'up'))
    with open(os.path.join(folder, 'r'), 'wb') as f:
        f.write(b'Hello, World!')
    with open(os.path.join(folder, 'f', 'big'), 'wb') as f:
        for _ in range(BIG_OCTETS >> 20):
            f.write(os.urandom(1 << 20))
    return folder


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--attacks', default='headers,body,upload,read')
    ap.add_argument('--conns', type=int, default=150)
    ap.add_argument('--secs', type=int, default=20)
    ap.add_argument('--port', type=int, default=20960, help='the first port to use')
    ap.add_argument('--post', default='/echo', help='where the slow body is sent to')
    ap.add_argument('--json')
    ap.add_argument('command', nargs='+')
    args = ap.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    folder = make_folder()
    try:
        rows = [under_attack(kind, args, folder, args.port + i) for i, kind in enumerate(args.attacks.split(','))]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        for path in glob.glob(f'{folder}-*'):
            os.remove(path)
    table(rows)
    if args.json:
        with open(args.json, 'w') as f:
            json.dump(rows, f, indent=1)
    broken = [f"{row['attack']}: {reason}" for row in rows for reason in holds(row)]
    sys.exit('\n' + '\n'.join(broken) if broken else 0)


if __name__ == '__main__':
    main()
