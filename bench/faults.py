#!/usr/bin/env python3
"""Two servers behind a gateway, of which one fails in every way under load; count what clients lose, and what is doubled.

  faults.py [--bin target/release/hansom] [--servers nginx,haproxy] [--faults killed,frozen,reset,garbage,truncate,closing,slow,dead] [--secs 4]

Clients ask without pause on persistent connections: GETs, PUTs with content, and numbered POSTs. Each answer is told by its number, so
that one that is another's, or lacks its end and does not show it, is known. Both servers write down every POST that they carried out. For
each gateway and fault it prints

  asked       requests
  GET PUT POST requests of that kind that were answered by an error, or not at all
  cut         GETs whose answer had begun and visibly lacks its end
  wrong       complete answers that are not what was asked for: never to be seen
  doubled     POSTs that were carried out twice: never to be seen
  lost        POSTs that were answered by 200 and not carried out: never to be seen
  longest     the longest that a client waited, in seconds

A GET or a PUT may be sent again, so `GET` and `PUT` are to be 0, and so is `cut`, but where the fault is to truncate. A POST of which the faulty
server saw an octet may fail. Ends only the processes it started.
"""
import argparse, collections, multiprocessing, os, random, signal, socket, struct, subprocess, sys, tempfile, threading, time

FAULTS = 'killed frozen reset garbage truncate closing slow dead'.split()
TIMEOUT = 1  # of the gateway's, for connecting and for answers


def content_of(number):
    return (b'%08d ' % number) * 400


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    sock.close()


def read_request(reader):
    """Method, target and content; None at the end of the connection."""
    head = b''
    while not head.endswith(b'\r\n\r\n'):
        line = reader.readline()
        if not line:
            return None
        head += line
    method, target = head.split(b' ', 2)[:2]
    lower, content = head.lower(), b''
    if b'\r\ncontent-length:' in lower:
        length = int(lower.split(b'\r\ncontent-length:', 1)[1].split(b'\r\n', 1)[0])
        content = reader.read(length)
        if len(content) < length:
            return None
    elif b'\r\ntransfer-encoding:' in lower:
        while size := int(reader.readline().strip() or b'0', 16):
            content += reader.read(size)
            reader.readline()
        reader.readline()
    return method, target, content


def serve(sock, mode, posts):
    """A connection to a server whose way to fail is in `mode`."""
    reader, answered = sock.makefile('rb'), 0
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        while request := read_request(reader):
            method, target, _ = request
            fault = FAULTS[mode.value] if mode.value >= 0 else ''
            number = int(target.rsplit(b'/', 1)[1])
            if fault == 'reset' and answered or fault == 'dead':
                reader.close()
                return reset(sock)
            if method == b'POST':
                os.write(posts, b'%d\n' % number)
            if fault == 'slow':
                time.sleep(0.5)
            content = content_of(number)
            head = b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n' % len(content)
            if fault == 'garbage':
                sock.sendall(b'\x16\x03junk\r\n\r\n')
                break
            if fault == 'truncate':
                sock.sendall(head + content[:1500])
                break
            sock.sendall(head + content)
            answered += 1
            if fault == 'closing' and random.random() < 0.5:
                time.sleep(random.random() * 0.003)
                break
    except (OSError, ValueError, IndexError):
        pass
    try:
        reader.close()
        sock.shutdown(socket.SHUT_RDWR)
        sock.close()
    except OSError:
        pass


def server(port, mode, path):
    posts = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    listener = socket.create_server(('127.0.0.1', port), backlog=512)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve, args=(sock, mode, posts), daemon=True).start()


class Server:
    def __init__(s, path):
        with socket.create_server(('127.0.0.1', 0)) as probe:
            s.port = probe.getsockname()[1]
        s.path, s.mode, s.process = path, multiprocessing.Value('i', -1), None
        s.start()

    def start(s):
        s.process = multiprocessing.Process(target=server, args=(s.port, s.mode, s.path), daemon=True)
        s.process.start()
        while True:
            try:
                return socket.create_connection(('127.0.0.1', s.port), 1).close()
            except OSError:
                time.sleep(0.02)

    def signal(s, number):
        os.kill(s.process.pid, number)

    def stop(s):
        s.signal(signal.SIGKILL)
        s.process.join()


class Client(threading.Thread):
    """Asks without pause; what became of each request is in `counts`."""
    number = iter(range(1, 1 << 40))
    told = ()

    def __init__(s, port, until, counts, answered, kinds):
        super().__init__()
        s.port, s.until, s.counts, s.answered, s.sock, s.kinds = port, until, counts, answered, None, kinds

    def run(s):
        dice = random.Random()
        while time.time() < s.until:
            kind = dice.choice(s.kinds)
            number = next(s.number)
            began = time.time()
            outcome = s.ask(kind, number)
            s.counts['longest'] = max(s.counts['longest'], time.time() - began)
            s.counts['asked'] += 1
            if outcome == 'fine':
                if kind == 'POST':
                    s.answered.add(number)
            else:
                s.counts[outcome if outcome in ('wrong', 'cut') and kind == 'GET' or outcome == 'wrong' else kind] += 1
                s.close()

    def close(s):
        if s.sock:
            s.sock.close()
            s.sock = None

    def ask(s, kind, number):
        content = b'x' * 2000 if kind != 'GET' else b''
        head = f'{kind} /{kind.lower()}/{number} HTTP/1.1\r\nHost: a\r\n'
        if kind != 'GET':
            head += f'Content-Length: {len(content)}\r\n'
        held = b''
        try:
            if not s.sock:
                s.sock = socket.create_connection(('127.0.0.1', s.port), 10)
                s.sock.settimeout(15)
                s.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            s.sock.sendall(head.encode() + b'\r\n' + content)
            while b'\r\n\r\n' not in held:
                if not (octets := s.sock.recv(1 << 16)):
                    return 'cut' if held else 'none'
                held += octets
            head, _, held = held.partition(b'\r\n\r\n')
            if not head.startswith(b'HTTP/1.1 200'):
                if kind in s.told:
                    print(f'  {kind}: {head.decode(errors="replace")!r}', file=sys.stderr)
                return 'error'
            lower = head.lower()
            if b'\r\ncontent-length:' not in lower:
                return s.chunked(held, number)
            length = int(lower.split(b'content-length:', 1)[1].split(b'\r\n', 1)[0])
            while len(held) < length:
                if not (octets := s.sock.recv(1 << 16)):
                    return 'cut'
                held += octets
        except OSError:
            return 'cut' if held else 'none'
        return 'fine' if held == content_of(number) else 'wrong'

    def chunked(s, held, number):
        """An answer whose length nobody told: it is read to the last chunk or the close."""
        while not held.endswith(b'0\r\n\r\n'):
            if not (octets := s.sock.recv(1 << 16)):
                return 'cut'
            held += octets
        return 'fine' if content_of(number) in held else 'wrong'


def gateway_of(name, folder, binary, port, servers):
    a, b = (f'127.0.0.1:{server.port}' for server in servers)
    if name == 'hansom':
        return [binary, 'gateway', '--listen', f'127.0.0.1:{port}', '--to', f'http://{a}', '--to', f'http://{b}',
                '--outbound-timeout', str(TIMEOUT), '--workers', '1', '--access-log', 'off']
    if name == 'nginx':
        with open(f'{folder}/nginx.conf', 'w') as file:
            file.write(f'''daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error crit;
events {{ worker_connections 2048; }}
http {{ access_log off; client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
 uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
 upstream u {{ server {a}; server {b}; keepalive 64; }}
 server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection "";
  proxy_connect_timeout {TIMEOUT}s; proxy_read_timeout {TIMEOUT}s; }} }} }}''')
        return ['nginx', '-c', f'{folder}/nginx.conf', '-p', folder]
    with open(f'{folder}/haproxy.cfg', 'w') as file:
        file.write(f'''defaults
  mode http
  timeout connect {TIMEOUT}s
  timeout client 30s
  timeout server {TIMEOUT}s
  option redispatch
frontend f
  bind 127.0.0.1:{port}
  default_backend b
backend b
  balance roundrobin
  server a {a}
  server b {b}
''')
    return ['haproxy', '-db', '-f', f'{folder}/haproxy.cfg']


def harm(fault, server, secs):
    """Lets the server fail for most of the time that the load lasts."""
    time.sleep(secs * 0.2)
    if fault == 'killed':
        server.stop()
        time.sleep(secs * 0.4)
        server.start()
    elif fault == 'frozen':
        server.signal(signal.SIGSTOP)
        time.sleep(secs * 0.6)
        server.signal(signal.SIGCONT)
    else:
        server.mode.value = FAULTS.index(fault)
        time.sleep(secs * 0.6)
        server.mode.value = -1


def play(name, fault, args):
    with tempfile.TemporaryDirectory() as folder:
        servers = [Server(f'{folder}/posts-{index}') for index in range(2)]
        with socket.create_server(('127.0.0.1', 0)) as probe:
            port = probe.getsockname()[1]
        quiet = subprocess.DEVNULL
        gateway = subprocess.Popen(gateway_of(name, folder, args.bin, port, servers), stdout=quiet, stderr=quiet)
        try:
            for _ in range(250):
                try:
                    socket.create_connection(('127.0.0.1', port), 1).close()
                    break
                except OSError:
                    time.sleep(0.02)
            counts, answered, until = collections.Counter(), set(), time.time() + args.secs
            clients = [Client(port, until, counts, answered, ['GET', 'GET', 'GET', 'PUT', 'POST']) for _ in range(args.clients)]
            for client in clients:
                client.start()
            harm(fault, servers[0], args.secs)
            for client in clients:
                client.join()
            time.sleep(0.1)
        finally:
            gateway.kill()
            gateway.wait()
            for server in servers:
                server.stop()
        done = collections.Counter()
        for server in servers:
            with open(server.path) as file:
                done.update(map(int, file.read().split()))
        counts['doubled'] = sum(times > 1 for times in done.values())
        counts['lost'] = len(answered - set(done))
        return counts


COLUMNS = 'asked GET PUT POST cut wrong doubled lost longest'.split()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--bin', default='target/release/hansom')
    parser.add_argument('--servers', default='nginx,haproxy', help="for measure, or '' for none")
    parser.add_argument('--faults', default=','.join(FAULTS))
    parser.add_argument('--secs', type=float, default=4)
    parser.add_argument('--clients', type=int, default=12)
    parser.add_argument('--tell', default='', help='methods of which answers that are errors are printed')
    args = parser.parse_args()
    Client.told = args.tell.split(',')
    print(f'{"":10}{"fault":10}' + ''.join(f'{column:>9}' for column in COLUMNS), flush=True)
    is_good = True
    for name in ['hansom'] + [name for name in args.servers.split(',') if name]:
        for fault in args.faults.split(','):
            counts = play(name, fault, args)
            row = ''.join(f'{counts[column]:>9.2f}' if column == 'longest' else f'{counts[column]:>9}' for column in COLUMNS)
            print(f'{name:10}{fault:10}{row}', flush=True)
            never = ['GET', 'PUT', 'wrong', 'doubled', 'lost'] + ['cut'] * (fault != 'truncate')
            if fault == 'truncate':
                never.remove('PUT')  # An answer that has begun is not asked for again.
            is_good &= name != 'hansom' or not any(counts[column] for column in never)
    return 0 if is_good else 1


if __name__ == '__main__':
    sys.exit(main())
