#!/usr/bin/env python3
"""Reload servers again and again under load, and count what their clients lose.

  reload.py [--bin target/release/hansom] [--servers nginx,haproxy,apache] [--secs 60] [--every 0.2]

Clients of three kinds ask without pause: persistent connections with one request at a time, persistent connections
with ten pipelined, and a connection for each request. Meanwhile the server is told to read its (unchanged)
configuration again every so many seconds. For each server it prints

  answers    complete answers
  failed     requests without a complete answer of status 200, refused connections among them
  unanswered persistent connections that were closed before they answered what was sent on them (part of failed)
  announced  connections closed after an answer that said so (Connection: close): nothing is lost by them
  bad file   what becomes of the server when its configuration is broken and it is told to read it
             (haproxy is asked by SIGUSR2, apache by SIGUSR1, nginx and hansom by SIGHUP)

Needs: openssl, and the servers. Ends only the processes it started.
"""
import argparse, multiprocessing, os, re, shutil, signal, socket, subprocess, sys, tempfile, threading, time

import peers

# name: (command, config template, signal, path)
SERVERS = {
    'nginx': (peers.PEERS['nginx'][0], 'nginx.conf', signal.SIGHUP, '/f/1k'),
    'haproxy': (['haproxy', '-W', '-db', '-f', '@RUN@/haproxy.cfg'], 'haproxy.cfg', signal.SIGUSR2, '/r'),
    'apache': (peers.PEERS['apache'][0], 'apache.conf', signal.SIGUSR1, '/f/1k'),
}
KINDS = {'persistent': 8, 'pipelined': 4, 'once': 4}
COUNTS = 'answers failed unanswered announced'.split()


class Failed(Exception):
    pass


class Connection:
    def __init__(s, port):
        s.sock, s.held, s.served, s.closing = socket.create_connection(('127.0.0.1', port), 10), b'', 0, False
        s.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.sock.settimeout(10)

    def read(s):
        octets = s.sock.recv(1 << 16)
        if not octets:
            raise Failed('closed')
        s.held += octets

    def answer(s):
        while b'\r\n\r\n' not in s.held:
            s.read()
        head, _, s.held = s.held.partition(b'\r\n\r\n')
        length = re.search(rb'\r\ncontent-length: *(\d+)', head, re.I)
        if not head.startswith(b'HTTP/1.1 200') or not length:
            raise Failed(head[:60])
        while len(s.held) < int(length[1]):
            s.read()
        s.held = s.held[int(length[1]):]
        s.served += 1
        s.closing |= bool(re.search(rb'\r\nconnection: *close', head, re.I))


def client(kind, port, path, until, counts, wrongs):
    batch = 10 if kind == 'pipelined' else 1
    field = 'Connection: close\r\n' if kind == 'once' else ''
    request = f'GET {path} HTTP/1.1\r\nHost: localhost\r\n{field}\r\n'.encode()
    conn = None
    while time.monotonic() < until.value:
        answered = 0
        try:
            conn = conn or Connection(port)
            conn.sock.sendall(request * batch)
            for _ in range(batch):
                conn.answer()
                answered += 1
                if conn.closing:  # what is pipelined behind is known not to be answered (RFC 9112 9.6)
                    break
            is_over = conn.closing
            if is_over and kind != 'once':
                counts['announced'] += 1
        except (OSError, Failed) as error:
            is_over = True
            counts['failed'] += batch - answered
            if conn and kind != 'once':
                counts['unanswered'] += 1
            what = f'{kind}: {error!r}'
            wrongs[what] = wrongs.get(what, 0) + 1
        counts['answers'] += answered
        if is_over and conn:
            conn.sock.close()
            conn = None


def clients(kind, number, port, path, until, pipe):
    """All clients of a kind; one process each, since threads of Python share a core."""
    counts, wrongs = [dict.fromkeys(COUNTS, 0) for _ in range(number)], {}
    threads = [threading.Thread(target=client, args=(kind, port, path, until, own, wrongs)) for own in counts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pipe.send(({key: sum(own[key] for own in counts) for key in COUNTS}, wrongs))


def serves(port, path):
    try:
        conn = Connection(port)
        conn.sock.sendall(f'GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'.encode())
        conn.answer()
        return True
    except (OSError, Failed):
        return False


def measure(name, server, sign, path, config, a):
    until = multiprocessing.Value('d', time.monotonic() + a.secs)
    running = []
    for kind, number in KINDS.items():
        here, there = multiprocessing.Pipe(False)
        process = multiprocessing.Process(target=clients, args=(kind, number, server.port, path, until, there))
        process.start()
        running.append((kind, process, here))
    reloads, due = 0, time.monotonic() + a.every
    while (now := time.monotonic()) < until.value and server.p.poll() is None:
        if now >= due:
            server.p.send_signal(sign)
            reloads, due = reloads + 1, due + a.every
        time.sleep(0.01)
    if server.p.poll() is not None:
        until.value = 0
    total, wrongs = dict.fromkeys(COUNTS, 0), {}
    for _, process, here in running:
        counts, wrong = here.recv()
        process.join()
        total = {key: total[key] + counts[key] for key in COUNTS}
        wrongs.update(wrong)
    bad = 'ended before'
    if server.p.poll() is None:
        with open(config, 'a') as file:
            file.write('\n}{ this is wrong\n')
        server.p.send_signal(sign)
        time.sleep(2)
        is_there = server.p.poll() is None and serves(server.port, path)
        bad = 'serves on' if is_there else 'ended' if server.p.poll() is not None else 'does not serve'
    print(f"{name:10} {reloads:7d} {total['answers']:9d} {total['failed']:7d} {total['unanswered']:10d} {total['announced']:9d}  {bad}", flush=True)
    if a.verbose:
        for what, count in sorted(wrongs.items()):
            print(f'    {count:6d} {what}')
    return total['failed'] == 0 and bad == 'serves on'


def context(a):
    ctx = peers.Ctx()
    ctx.port, ctx.up, ctx.threads, ctx.nofile = a.port, None, a.workers, 65536
    ctx.tmp = tempfile.mkdtemp(prefix='reload-')
    os.chmod(ctx.tmp, 0o755)
    ctx.dir = os.path.join(ctx.tmp, 'www')
    os.makedirs(os.path.join(ctx.dir, 'f'))
    with open(os.path.join(ctx.dir, 'f', '1k'), 'wb') as file:
        file.write(os.urandom(1024))
    with open(os.path.join(ctx.dir, 'users'), 'w') as file:
        file.write('anna:$2y$04$wTImO8/oXHDxbkX09VfLf.QiTxGKhfHm/iAdKwU2/ZnhiwfRYMzs2\n')
    ctx.cert, ctx.key, ctx.pem = (os.path.join(ctx.tmp, name) for name in ('cert', 'key', 'pem'))
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', ctx.key,
                    '-out', ctx.cert, '-days', '9', '-subj', '/CN=localhost'], check=True, capture_output=True)
    with open(ctx.pem, 'w') as file:
        file.write(open(ctx.cert).read() + open(ctx.key).read())
    for path in (ctx.key, ctx.pem):
        os.chmod(path, 0o644)
    return ctx


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--bin', default='target/release/hansom', help="ours, or '' for none")
    ap.add_argument('--servers', default='nginx,haproxy,apache', help="peers, or '' for none")
    ap.add_argument('--secs', type=float, default=60)
    ap.add_argument('--every', type=float, default=0.2)
    ap.add_argument('--workers', type=int, default=2)
    ap.add_argument('--port', type=int, default=24000, help='first port to try')
    ap.add_argument('--verbose', action='store_true', help='what failed, too')
    a = ap.parse_args()
    ctx = context(a)
    names = {}
    if a.bin:
        names['hansom'] = ([os.path.abspath(a.bin), 'run', '@RUN@/reload.toml'], 'reload.toml', signal.SIGHUP, '/f/1k')
    names.update((name, SERVERS[name]) for name in a.servers.split(',') if name)
    print(f"{'server':10} {'reloads':>7} {'answers':>9} {'failed':>7} {'unanswered':>10} {'announced':>9}  bad file")
    is_good = True
    try:
        for name, (command, config, sign, path) in names.items():
            server = peers.Server(name, command, [config], ctx, os.sched_getaffinity(0))
            try:
                if not server.up:
                    print(f'{name:10} did not start')
                    os.system(f"tail -n 4 '{server.run}/log' | cut -c1-300 >&2")
                    is_good &= name != 'hansom'
                    continue
                good = measure(name, server, sign, path, os.path.join(server.run, config), a)
                is_good &= good or name != 'hansom'
            finally:
                server.stop()
    finally:
        shutil.rmtree(ctx.tmp, ignore_errors=True)
    return 0 if is_good else 1


if __name__ == '__main__':
    sys.exit(main())
