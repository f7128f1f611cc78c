#!/usr/bin/env python3
"""Add servers to a pool and drain others by reload, again and again under load, and count what clients lose.

  gateway_reload.py [--bin target/release/hansom] [--secs 60] [--every 1] [--servers 4] [--connections-max N]

A gateway asks all but one of some servers, each a `hansom serve` of its own. Every so many seconds its configuration names another
one instead, it is told to read it again (SIGHUP), and the server that was drained is stopped (SIGTERM) as soon as it
has no connection, and started again before it is named the next time. The clients are those of reload.py: persistent
connections, pipelined ones, and a connection for each request. Prints

  reloads    how often that was done
  answers    complete answers of status 200
  failed     requests without one: none is allowed
  drained    how long until a drained server had no connection, in milliseconds: median and most

Needs: nothing beside Python and the binary. Ends only the processes it started.
"""
import argparse, multiprocessing, os, re, shutil, signal, socket, statistics, subprocess, sys, tempfile, time

import reload as load


def free_port():
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        return sock.getsockname()[1]


def connections(port):
    """Established connections to a port, by the system's table. It is long where many connections were closed."""
    with open('/proc/net/tcp', 'rb', buffering=1 << 20) as table:
        return len(re.findall(rb':%04X [0-9A-F]{8}:[0-9A-F]{4} 01 ' % port, table.read()))


class Process:
    def __init__(s, command, port, log):
        s.port = port
        s.p = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
        until = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(('127.0.0.1', port), 1).close()
                return
            except OSError:
                if time.monotonic() > until or s.p.poll() is not None:
                    raise SystemExit(f'{command} does not listen')
                time.sleep(0.02)

    def stop(s):
        if s.p.poll() is None:
            s.p.send_signal(signal.SIGTERM)
            try:
                s.p.wait(15)
            except subprocess.TimeoutExpired:
                s.p.kill()
                s.p.wait()


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--bin', default='target/release/hansom')
    ap.add_argument('--secs', type=float, default=60)
    ap.add_argument('--every', type=float, default=1)
    ap.add_argument('--servers', type=int, default=4)
    ap.add_argument('--workers', type=int, default=2)
    ap.add_argument('--connections-max', type=int, default=0)
    ap.add_argument('--verbose', action='store_true', help='what failed, too')
    a = ap.parse_args()
    binary, tmp = os.path.abspath(a.bin), tempfile.mkdtemp(prefix='gateway-reload-')
    os.makedirs(f'{tmp}/site')
    with open(f'{tmp}/site/a', 'wb') as file:
        file.write(os.urandom(1024))
    log = open(f'{tmp}/log', 'w+')
    ports, port, running = [free_port() for _ in range(a.servers)], free_port(), {}

    def start(number):
        command = [binary, 'serve', f'{tmp}/site', '--listen', str(ports[number]), '--workers', '1', '--access-log', 'off']
        running[number] = Process(command, ports[number], log)

    def configure(without):
        to = ', '.join(f'"http://127.0.0.1:{ports[at]}"' for at in range(a.servers) if at != without)
        limit = f'connections_max = {a.connections_max}\n' if a.connections_max else ''
        text = (f'[server]\nworkers = {a.workers}\n[log]\nformat = "off"\n[[listen]]\naddress = {port}\n'
                f'[[pool]]\nname = "app"\nto = [{to}]\n{limit}'
                '[[site]]\n[[site.route]]\npath = "/"\nhandler = "gateway"\npool = "app"\n')
        with open(f'{tmp}/next', 'w') as file:
            file.write(text)
        os.replace(f'{tmp}/next', f'{tmp}/hansom.toml')

    gateway, clients, drained, reloads = None, [], [], 0
    try:
        for number in range(a.servers):
            start(number)
        configure(0)
        gateway = Process([binary, 'run', f'{tmp}/hansom.toml'], port, log)
        until = multiprocessing.Value('d', time.monotonic() + a.secs)
        for kind, number in load.KINDS.items():
            here, there = multiprocessing.Pipe(False)
            process = multiprocessing.Process(target=load.clients, args=(kind, number, port, '/a', until, there))
            process.start()
            clients.append((process, here))
        out = 0
        while time.monotonic() < until.value and gateway.p.poll() is None:
            due = time.monotonic() + a.every
            following = (out + 1) % a.servers
            if out not in running:
                start(out)
            configure(following)
            gateway.p.send_signal(signal.SIGHUP)
            since, reloads, out = time.monotonic(), reloads + 1, following
            while time.monotonic() < due:
                if out in running and connections(ports[out]) == 0:
                    drained.append((time.monotonic() - since) * 1000)
                    running.pop(out).stop()
                time.sleep(0.02)
        total, wrongs = dict.fromkeys(load.COUNTS, 0), {}
        for process, here in clients:
            counts, wrong = here.recv()
            process.join()
            total = {key: total[key] + counts[key] for key in load.COUNTS}
            wrongs.update(wrong)
        log.seek(0)
        said = [line for line in log.read().splitlines() if re.search('nothing was changed|panicked', line)]
        shown = f'{statistics.median(drained):.0f}, {max(drained):.0f}' if drained else 'never'
        print(f"reloads {reloads}  answers {total['answers']}  failed {total['failed']}  drained {len(drained)} times, ms {shown}")
        for line in said:
            print('   ', line)
        if a.verbose:
            for what, count in sorted(wrongs.items()):
                print(f'    {count:6d} {what}')
        return 0 if total['failed'] == 0 and not said and drained else 1
    finally:
        for process in [gateway, *running.values()]:
            if process:
                process.stop()
        shutil.rmtree(tmp, ignore_errors=True)


if __name__ == '__main__':
    sys.exit(main())
