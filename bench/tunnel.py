#!/usr/bin/env python3
"""CPU per GB through a tunnel: ours beside HAProxy's `mode tcp` with `option splice-auto`.

  tunnel.py [--bin target/release/hansom] [--rounds 3] [--octets 1000000000] [--ways down,up] [--small] [--json OUT]

A client asks the far end, through each relay in turn, to go over to another protocol (RFC 9110 7.8): HAProxy hands that on as it is,
`hansom gateway` as a gateway. Then one side sends and the other counts. The relay runs alone on CPU 0 with one worker; both ends run on
CPU 1, so the rate says nothing, CPU per GB does. The order is reversed every other round; medians and their ratio are shown, below 1 is
better for us. --small sends pieces of 1 KiB that are echoed one after the other, which is what chats do.
Needs: haproxy. Ends only the processes it started.
"""
import argparse, json, multiprocessing, os, socket, statistics, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from peers import alive, cpu_of, place, tree

PIECE = bytes(1 << 20)
SWITCH = b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n'
HAPROXY = """
global
    nbthread 1
defaults
    mode tcp
    timeout connect 10s
    timeout client 60s
    timeout server 60s
    option splice-auto
listen tunnel
    bind 127.0.0.1:{port}
    server far 127.0.0.1:{far}
"""


def free():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def head(s):
    text = b''
    while not text.endswith(b'\r\n\r\n'):
        octet = s.recv(1)
        if not octet:
            return ''
        text += octet
    return text.decode('latin-1')


def send(s, octets):
    while octets > 0:
        octets -= s.send(PIECE[:octets])


def count(s, octets):
    room, got = bytearray(1 << 20), 0
    while got < octets:
        n = s.recv_into(room)
        if n == 0:
            raise SystemExit(f'the tunnel ended after {got} octets')
        got += n


def echo(s, rounds, is_first):
    for _ in range(rounds):
        if is_first:
            s.sendall(PIECE[:1024])
        left = 1024
        while left:
            left -= len(s.recv(left))
        if not is_first:
            s.sendall(PIECE[:1024])


def far_end(listener):
    place({1})
    while True:
        s, _ = listener.accept()
        try:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            asked = head(s)
            if asked:  # else somebody only looked whether the relay listens
                way, octets = asked.split(' ')[1].strip('/').split('/')
                s.sendall(SWITCH)
                play(s, way, int(octets), False)
        except OSError as error:
            print('the far end:', error, file=sys.stderr)
        s.close()


def play(s, way, octets, is_client):
    if way == 'small':
        echo(s, octets // 2048, is_client)
    elif (way == 'up') == is_client:
        send(s, octets)
        s.shutdown(socket.SHUT_WR)
        s.recv(1)
    else:
        count(s, octets)


def ask(port, way, octets):
    with socket.create_connection(('127.0.0.1', port)) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.sendall(f'GET /{way}/{octets} HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n'.encode())
        told = head(s)
        if ' 101 ' not in told:
            raise SystemExit('no tunnel: ' + told)
        start = time.monotonic()
        play(s, way, octets, True)
        return time.monotonic() - start


class Relay:
    def __init__(self, name, command, port, run):
        self.name, self.port = name, port
        self.log = open(os.path.join(run, name + '.log'), 'wb')
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL, preexec_fn=lambda: place({0}))
        for _ in range(100):
            try:
                socket.create_connection(('127.0.0.1', port)).close()
                return
            except OSError:
                time.sleep(0.05)
        raise SystemExit(name + ' does not listen: ' + open(self.log.name).read())

    def play(self, way, octets):
        pids = tree(self.process.pid)
        before = cpu_of(pids)
        took = ask(self.port, way, octets)
        after = cpu_of(pids)
        return {'cpu': (after[2] - before[2]) / octets * 1e9, 'user': after[0] - before[0], 'sys': after[1] - before[1], 'rate': octets / took / 1e9}

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument('--bin', default=os.path.join(HERE, '..', 'target', 'release', 'hansom'))
    args.add_argument('--rounds', type=int, default=3)
    args.add_argument('--octets', type=int, default=10**9)
    args.add_argument('--ways', default='down,up')
    args.add_argument('--small', action='store_true')
    args.add_argument('--json')
    args = args.parse_args()
    ways = args.ways.split(',') + (['small'] if args.small else [])
    listener = socket.create_server(('127.0.0.1', 0))
    far = listener.getsockname()[1]
    end = multiprocessing.Process(target=far_end, args=(listener,), daemon=True)
    end.start()
    relays = []
    with tempfile.TemporaryDirectory() as run:
        try:
            port = free()
            with open(os.path.join(run, 'haproxy.cfg'), 'w') as f:
                f.write(HAPROXY.format(port=port, far=far))
            ours = free()
            command = [args.bin, 'gateway', '--listen', f'127.0.0.1:{ours}', '--to', f'http://127.0.0.1:{far}', '--workers', '1']
            relays.append(Relay('hansom', command, ours, run))
            relays.append(Relay('haproxy', ['haproxy', '-db', '-f', f.name], port, run))
            place({1})
            results = {}
            for way in ways:
                octets = args.octets if way != 'small' else min(args.octets, 50_000_000)
                for number in range(args.rounds):
                    for relay in relays[:: 1 if number % 2 == 0 else -1]:
                        results.setdefault((way, relay.name), []).append(relay.play(way, octets))
                show(way, results)
        finally:
            for relay in relays:
                relay.end()
            end.terminate()
    if args.json:
        with open(args.json, 'w') as f:
            json.dump([{'way': way, 'relay': relay, 'rounds': rounds} for (way, relay), rounds in results.items()], f, indent=1)


def show(way, results):
    middle = {name: statistics.median(r['cpu'] for r in results[way, name]) for name in ('hansom', 'haproxy')}
    for name, cpu in middle.items():
        rounds = results[way, name]
        each = ' '.join(f"{r['cpu']:.3f}" for r in rounds)
        rate = statistics.median(r['rate'] for r in rounds)
        print(f'{way:5} {name:8} {cpu:.3f} s CPU a GB ({each})  {rate:.2f} GB/s', flush=True)
    print(f"{way:5} ratio    {middle['hansom'] / middle['haproxy']:.2f}", flush=True)


if __name__ == '__main__':
    main()
