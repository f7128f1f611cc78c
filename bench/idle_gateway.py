#!/usr/bin/env python3
"""Memory of a gateway for each client connection that waits after one request was handed on, its share of the connections to the server included.

  idle_gateway.py [--bin target/release/hansom] [--servers haproxy,nginx] [--clients 10000] [--at-once 50]

So many clients connect, each asks once, at most `--at-once` of them at the same time, and stays. Told are, before and after, in octets for each client:

  user    memory of the process that is its own (RssAnon)
  kernel  what the system holds for sockets and their epoll entries: growth of Slab over the machine, without what the clients' own ends take, which is
          measured by as many connections to a listener that accepts nothing else
  lines   connections to the server that are kept in the end

One worker, one server that answers 1 KiB. The kernel's figure is of the whole machine: nothing else should run. Ends only the processes it started.
"""
import argparse, os, resource, socket, subprocess, sys, tempfile, threading, time


def serve(listener):
    def answer(sock):
        held = b''
        try:
            while octets := sock.recv(1 << 16):
                held += octets
                while b'\r\n\r\n' in held:
                    held = held.split(b'\r\n\r\n', 1)[1]
                    sock.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\n' + b'x' * 1024)
        except OSError:
            pass
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=answer, args=(sock,), daemon=True).start()


def upstream():
    """A process of its own, so that what it holds is not ours."""
    listener = socket.create_server(('127.0.0.1', 0), backlog=4096)
    pid = os.fork()
    if not pid:
        serve(listener)
    port = listener.getsockname()[1]
    listener.close()
    return pid, port


def field(path, name):
    with open(path) as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name)) * 1024


def tree(pid):
    pids = [pid]
    for at in pids:
        try:
            with open(f'/proc/{at}/task/{at}/children') as file:
                pids += map(int, file.read().split())
        except OSError:
            pass
    return pids


def user(pid):
    return sum(field(f'/proc/{at}/status', 'RssAnon:') for at in tree(pid))


def kernel():
    return field('/proc/meminfo', 'Slab:') + field('/proc/meminfo', 'Percpu:')


def lines(port):
    """Established connections to a port, counted once."""
    with open('/proc/net/tcp') as file:
        rows = (line.split() for line in file.readlines()[1:])
        return sum(row[2].endswith(f':{port:04X}') and row[3] == '01' for row in rows)


def settle(read):
    """A figure once it stays within a percent for half a second."""
    last = read()
    for _ in range(40):
        time.sleep(0.5)
        now = read()
        if abs(now - last) <= last / 100:
            return now
        last = now
    return last


def connect(port, count, at_once, ask):
    socks = []
    while len(socks) < count:
        batch = [socket.create_connection(('127.0.0.1', port), 20) for _ in range(min(at_once, count - len(socks)))]
        if ask:
            for sock in batch:
                sock.sendall(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
            for sock in batch:
                held = b''
                while len(held.partition(b'\r\n\r\n')[2]) < 1024:
                    octets = sock.recv(4096)
                    if not octets:
                        raise OSError(f'closed after {held!r}')
                    held += octets
        socks += batch
    return socks


def ends_only(count):
    """What the system holds for both ends of so many connections that nobody watches, for each."""
    listener = socket.create_server(('127.0.0.1', 0), backlog=4096)
    before = settle(kernel)
    accepted, socks = [], []
    for _ in range(count):
        socks.append(socket.create_connection(listener.getsockname(), 20))
        accepted.append(listener.accept()[0])
    grown = settle(kernel) - before
    for sock in socks + accepted:
        sock.close()
    listener.close()
    return grown / count


def gateway(name, binary, folder, port, server, clients):
    if name == 'hansom':
        return [binary, 'gateway', '--listen', f'127.0.0.1:{port}', '--to', f'http://127.0.0.1:{server}', '--workers', '1', '--access-log', 'off']
    if name == 'nginx':
        with open(f'{folder}/nginx.conf', 'w') as file:
            file.write(f'''daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error crit; worker_rlimit_nofile {2 * clients + 1000};
events {{ worker_connections {2 * clients + 500}; }}
http {{ access_log off; keepalive_timeout 300s; client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
 uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
 upstream u {{ server 127.0.0.1:{server}; keepalive 64; }}
 server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ""; }} }} }}''')
        return ['nginx', '-c', f'{folder}/nginx.conf', '-p', folder]
    with open(f'{folder}/haproxy.cfg', 'w') as file:
        file.write(f'''global
  nbthread 1
  maxconn {clients + 500}
  no strict-limits
defaults
  mode http
  timeout connect 5s
  timeout client 300s
  timeout server 300s
  timeout http-keep-alive 300s
  http-reuse always
frontend f
  bind 127.0.0.1:{port} backlog 4096
  default_backend b
backend b
  server s 127.0.0.1:{server}
''')
    return ['haproxy', '-db', '-f', f'{folder}/haproxy.cfg']


def measure(name, args, end):
    server_pid, server = upstream()
    with tempfile.TemporaryDirectory() as folder, socket.create_server(('127.0.0.1', 0)) as probe:
        port = probe.getsockname()[1]
        probe.close()
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(gateway(name, args.bin, folder, port, server, args.clients), stdout=quiet, stderr=quiet)
        try:
            for _ in range(250):
                try:
                    socket.create_connection(('127.0.0.1', port), 1).close()
                    break
                except OSError:
                    time.sleep(0.02)
            # What is made once, with the first requests, is not a connection's.
            for sock in connect(port, args.at_once, args.at_once, True):
                sock.close()
            before_user, before_kernel = settle(lambda: user(process.pid)), settle(kernel)
            socks = connect(port, args.clients, args.at_once, True)
            after_user, after_kernel = settle(lambda: user(process.pid)), settle(kernel)
            kept = lines(server)
            for sock in socks:
                sock.close()
        finally:
            process.kill()
            process.wait()
            os.kill(server_pid, 9)
            os.waitpid(server_pid, 0)
    user_each = (after_user - before_user) / args.clients
    kernel_each = (after_kernel - before_kernel) / args.clients - end
    print(f'{name:10}{user_each:>10.0f}{kernel_each:>10.0f}{user_each + kernel_each:>10.0f}{kept:>8}{after_user / 1024:>12.0f}', flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--bin', default='target/release/hansom')
    parser.add_argument('--servers', default='haproxy,nginx')
    parser.add_argument('--clients', type=int, default=10000)
    parser.add_argument('--at-once', type=int, default=50)
    args = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    wanted = 2 * args.clients + 1000
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard != resource.RLIM_INFINITY and hard < wanted else wanted, hard))
    most = (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 1000) // 2
    if most < args.clients:
        print(f'only {most} clients: the limit of open files is {hard}', file=sys.stderr)
        args.clients = most
    end = ends_only(min(args.clients, 2000))
    print(f'{args.clients} clients, {args.at_once} at once; both ends of a connection that nobody watches: {end:.0f} octets of the kernel')
    print(f'{"":10}{"user":>10}{"kernel":>10}{"sum":>10}{"lines":>8}{"user KiB":>12}')
    for name in ['hansom'] + [name for name in args.servers.split(',') if name]:
        measure(name, args, end)


if __name__ == '__main__':
    main()
