#!/usr/bin/env python3
"""Measure HTTP servers side by side: requests/s, server CPU per request, latency; alternating rounds, medians, ratios.

  peers.py [--servers nginx,haproxy] [--workloads static1k,proxy] [--rounds 3] [--secs 3]
           [--ours 'NAME=COMMAND' ...] [--both] [--json OUT]

Each server is started once per workload; then the rounds go over the servers in turn (order reversed every other
round), so a slow moment of the machine hits all alike. By default the servers run on CPU 0 with one worker and the
load (and the upstream) on CPU 1; --both gives both two workers on both CPUs.

--ours takes a command with {port} {tls} {dir} {upstream} {cert} {key} {pem} {threads} {run} placeholders. It must stay in
the foreground and serve:  /f/NAME files of {dir}; /p/* proxied to {upstream}, not stored; /c/* proxied and cached;
/r a fixed 13-byte body; {tls} the same over TLS with h2. A workload it cannot serve is shown as 'failed'.
NAME@w1,w2=COMMAND restricts it to those workloads. Ratios are against the first --ours (else the first server):
'cpu x' = this server's CPU per request / reference's, so above 1 the reference is better; 'rps x' = reference / this.
Needs: wrk, openssl, the servers; h2load for h2. Ends only the processes it started.
"""
import argparse, json, os, re, select, shutil, signal, socket, statistics, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
CONF = os.path.join(HERE, 'conf')
ALL = 'fixed pipe16 static1k static10k static1m static100m proxy cache close idle tls1k tlshs h2'.split()
STD = 'static1k static10k static1m static100m proxy close idle tls1k tlshs h2'.split()
# name: (command, config templates, workloads it plays); @TOKENS@ are filled in
PEERS = {
    'nginx': (['nginx', '-c', '@RUN@/nginx.conf', '-p', '@RUN@'], ['nginx.conf'], ALL),
    'haproxy': (['haproxy', '-db', '-f', '@RUN@/haproxy.cfg'], ['haproxy.cfg'], 'fixed pipe16 proxy cache close idle tls1k tlshs h2'.split()),
    'varnish': (['varnishd', '-F', '-j', 'none', '-n', '@RUN@/v', '-a', ':@PORT@', '-f', '@RUN@/varnish.vcl', '-s', 'malloc,256m', '-p', 'feature=+http2',
                 '-p', 'thread_pools=2', '-p', 'thread_pool_min=200', '-p', 'timeout_idle=300', '-T', 'none'], ['varnish.vcl'], 'proxy cache close idle'.split()),
    'squid': (['squid', '-N', '-n', 'peers@PORT@', '-f', '@RUN@/squid.conf'], ['squid.conf'], 'proxy cache close'.split()),
    'caddy': (['caddy', 'run', '--adapter', 'caddyfile', '--config', '@RUN@/Caddyfile'], ['Caddyfile'], ['fixed'] + STD),
    'lighttpd': (['lighttpd', '-D', '-f', '@RUN@/lighttpd.conf'], ['lighttpd.conf'], STD),
    'apache': (['apache2', '-D', 'FOREGROUND', '-f', '@RUN@/apache.conf'], ['apache.conf'], STD),
    'h2o': (['h2o', '-m', 'worker', '-c', '@RUN@/h2o.conf'], ['h2o.conf'], STD),
}
PIPE = 'local d=16; local r={}; init=function(a) for i=1,d do r[i]=wrk.format() end; req=table.concat(r) end; request=function() return req end'


FIRST = False


def place(cpus):
    os.sched_setaffinity(0, cpus)
    if FIRST:  # ahead of other work; the autogroup's nice counts where sched_autogroup is on
        os.nice(-20)
        try:
            with open('/proc/self/autogroup', 'w') as f:
                f.write('-20')
        except OSError:
            pass


def alive(pid):
    try:
        with open(f'/proc/{pid}/stat') as f:
            return f.read().rsplit(')', 1)[1].split()[0] != 'Z'
    except OSError:
        return False


def tree(root):
    """root and its descendants"""
    kids = {}
    for p in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{p}/stat') as f:
                kids.setdefault(int(f.read().rsplit(')', 1)[1].split()[1]), []).append(int(p))
        except OSError:
            pass
    out, todo = [], [root]
    while todo:
        p = todo.pop()
        out.append(p)
        todo += kids.get(p, [])
    return out


def cpu_of(pids):
    """CPU seconds (user, sys, precise total) of these processes"""
    u = s = ns = 0
    for p in pids:
        try:
            with open(f'/proc/{p}/stat') as f:
                a = f.read().rsplit(')', 1)[1].split()
            u, s = u + int(a[11]), s + int(a[12])
            for t in os.listdir(f'/proc/{p}/task'):
                with open(f'/proc/{p}/task/{t}/schedstat') as f:
                    ns += int(f.read().split()[0])
        except OSError:
            pass
    return u / 100, s / 100, ns / 1e9


def pss(pids):
    k = 0
    for p in pids:
        try:
            with open(f'/proc/{p}/smaps_rollup') as f:
                k += int(re.search(r'^Pss:\s+(\d+)', f.read(), re.M).group(1))
        except (OSError, AttributeError):
            pass
    return k * 1024


def meminfo(*keys):
    with open('/proc/meminfo') as f:
        d = dict(re.findall(r'^(\S+):\s+(\d+)', f.read(), re.M))
    return [int(d[k]) * 1024 for k in keys]


class Server:
    def __init__(s, name, cmd, files, ctx, cpus):
        s.name, s.port, s.tls = name, ctx.take(), ctx.take()
        s.run = os.path.join(ctx.tmp, f'{name}-{s.port}')
        os.makedirs(s.run, mode=0o777)
        os.chmod(s.run, 0o777)
        up = ctx.up or ('127.0.0.1', 1)
        v = dict(PORT=s.port, TLS=s.tls, DIR=ctx.dir, RUN=s.run, UPSTREAM='%s:%d' % up, UPHOST=up[0], UPPORT=up[1], CERT=ctx.cert, KEY=ctx.key, PEM=ctx.pem,
                 THREADS=ctx.threads, NOFILE=ctx.nofile, CONNS=ctx.nofile - 500, BODY='x' * 1024)
        sub = lambda t: re.sub(r'@([A-Z]+)@', lambda m: str(v[m[1]]), t)
        for f in files:
            with open(os.path.join(CONF, f)) as a, open(os.path.join(s.run, f), 'w') as b:
                b.write(sub(a.read()))
        if isinstance(cmd, str):
            cmd = ['/bin/sh', '-c', 'exec ' + cmd.format(port=s.port, tls=s.tls, dir=ctx.dir, upstream='%s:%d' % up, cert=ctx.cert, key=ctx.key, pem=ctx.pem,
                                                        threads=ctx.threads, run=s.run)]
        else:
            cmd = [sub(c) for c in cmd]
        s.log = open(os.path.join(s.run, 'log'), 'wb')
        env = dict(os.environ, HOME=s.run, XDG_DATA_HOME=s.run, XDG_CONFIG_HOME=s.run, GOMAXPROCS=str(ctx.threads))
        s.p = subprocess.Popen(cmd, stdout=s.log, stderr=s.log, stdin=subprocess.DEVNULL, env=env, cwd=s.run, start_new_session=True,
                               preexec_fn=lambda: place(cpus))
        s.pids = [s.p.pid]
        s.up = s.wait()

    def wait(s):
        for _ in range(100):
            if s.p.poll() is not None:
                return False
            # who serves TLS alone listens at that port alone
            for port in (s.port, s.tls):
                try:
                    socket.create_connection(('127.0.0.1', port), 1).close()
                    time.sleep(0.2)
                    return True
                except OSError:
                    pass
            time.sleep(0.1)
        return False

    def stop(s):
        s.pids = sorted(set(s.pids) | set(tree(s.p.pid)))
        if s.p.poll() is None:
            s.p.terminate()
            try:
                s.p.wait(3)
            except subprocess.TimeoutExpired:
                pass
        for _ in range(20):
            left = [p for p in s.pids if alive(p)]
            if not left:
                break
            time.sleep(0.1)
        for p in left:
            try:
                os.kill(p, signal.SIGKILL)
            except OSError:
                pass
        s.p.wait(5)
        s.log.close()


def num(x):
    m = re.match(r'([\d.]+)(us|ms|s|m)?$', x)
    return float(m[1]) * {'us': 1, 'ms': 1e3, 's': 1e6, 'm': 6e7, None: 1}[m[2]]


def wrk(ctx, url, conns, secs, hdr=(), pipe=False):
    cmd = ['wrk', f'-t{min(ctx.lthreads, conns)}', f'-c{conns}', f'-d{secs}', '--latency', *[x for h in hdr for x in ('-H', h)]]
    if pipe:
        cmd += ['-s', ctx.lua]
    r = subprocess.run(cmd + [url], capture_output=True, text=True, timeout=secs + 30, start_new_session=True, preexec_fn=lambda: place(ctx.lcpus))
    o = r.stdout
    m = re.search(r'(\d+) requests in ([\d.]+)(m?s?)', o)
    if not m or 'Non-2xx' in o:
        return None
    rate = float(re.search(r'Requests/sec:\s+([\d.]+)', o)[1])
    lat = {k: num(v) for k, v in re.findall(r'^\s+(50|99)(?:\.\d+)?%\s+(\S+)', o, re.M)}
    err = sum(map(int, re.search(r'Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)', o).groups())) if 'Socket errors' in o else 0
    return dict(n=int(m[1]), rps=rate, p50=lat.get('50'), p99=lat.get('99'), err=err)


def h2load(ctx, url, conns, secs):
    r = subprocess.run(['h2load', '-t1', f'-c{conns}', '-m32', f'-D{secs}', '--warm-up-time=0', url], capture_output=True, text=True, timeout=secs + 30, start_new_session=True,
                       preexec_fn=lambda: place(ctx.lcpus))
    m = re.search(r'requests: (\d+) total, (\d+) started, (\d+) done, (\d+) succeeded', r.stdout)
    q = re.search(r'finished in [\d.]+m?s, ([\d.]+) req/s', r.stdout)
    l = re.search(r'time for request:\s+\S+\s+\S+\s+(\S+)', r.stdout)
    if not m or int(m[4]) < int(m[3]) * 0.99 or not int(m[4]):
        return None
    return dict(n=int(m[4]), rps=float(q[1]), p50=num(l[1]) if l else None, p99=None, err=int(m[3]) - int(m[4]))


def bulk(ctx, port, path, size, conns, secs):
    """big bodies: the client drops the bytes in the kernel (MSG_TRUNC), so that it costs next to nothing"""
    req = f'GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n'.encode()
    ep, cs, buf = select.epoll(), {}, bytearray(1 << 21)
    for _ in range(conns):
        c = socket.create_connection(('127.0.0.1', port), 5)
        c.sendall(req)
        cs[c.fileno()] = [c, 0, b'']  # socket, bytes left, head so far
        ep.register(c, select.EPOLLIN)
    got = n = 0
    t0 = time.monotonic()
    while time.monotonic() - t0 < secs:
        for fd, _ in ep.poll(1):
            st = cs[fd]
            if st[1] == 0:
                st[2] += st[0].recv(4096)
                if b'\r\n\r\n' not in st[2]:
                    if not st[2]:
                        return None
                    continue
                h, _, rest = st[2].partition(b'\r\n\r\n')
                if not h.startswith(b'HTTP/1.1 200') or int(re.search(rb'content-length: *(\d+)', h, re.I)[1]) != size:
                    return None
                st[1], st[2], k = size, b'', len(rest)
            else:
                k = st[0].recv_into(buf, min(len(buf), st[1]), socket.MSG_TRUNC)
                if not k:
                    return None
            got += k
            st[1] -= k
            if st[1] == 0:
                n += 1
                st[0].sendall(req)
    dt = time.monotonic() - t0
    for st in cs.values():
        st[0].close()
    return dict(n=got / size, rps=got / size / dt, gbs=got / dt / 1e9, p50=None, p99=None, err=0)


def idle(ctx, srv, path, want):
    """memory of the server per kept-alive connection that has made one request"""
    req = f'GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench/1.0\r\nAccept: */*\r\n\r\n'.encode()
    w = socket.create_connection(('127.0.0.1', srv.port), 5)
    w.sendall(req); w.recv(4096); w.close()
    time.sleep(0.5)
    pids = tree(srv.p.pid)
    a, ka = pss(pids), meminfo('MemAvailable')[0]
    cs = []
    try:
        for i in range(want):
            c = socket.socket()
            c.setsockopt(socket.SOL_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT: the port is picked at connect, not searched for here
            c.bind((f'127.0.1.{1 + i // 4000}', 0))
            c.settimeout(5)
            c.connect(('127.0.0.1', srv.port))
            c.sendall(req)
            if not c.recv(8192).startswith(b'HTTP/1.1 200'):
                return None
            cs.append(c)
        time.sleep(2)
        c0, b, kb = cpu_of(pids)[2], pss(pids), meminfo('MemAvailable')[0]
        time.sleep(1)
        open_ = 0
        for c in cs[::100]:  # still held, and served?
            c.setblocking(False)
            try:  # leftovers of the first answer may lie there; an end of stream is a close
                if c.recv(1 << 16) == b'':
                    continue
            except BlockingIOError:
                pass
            except OSError:
                continue
            try:
                c.settimeout(5)
                c.sendall(req)
                open_ += c.recv(8192).startswith(b'HTTP/1.1 200')
            except OSError:
                pass
        return dict(n=1, rps=0, p50=None, p99=None, err=0, conns=len(cs), bytes=(b - a) / len(cs), all_bytes=(ka - kb) / len(cs), base=a, held=open_ / len(cs[::100]))
    except OSError as e:
        return dict(n=1, rps=0, p50=None, p99=None, err=0, conns=len(cs), bytes=(pss(pids) - a) / max(1, len(cs)), all_bytes=0, base=a, held=0, note=str(e))
    finally:
        for c in cs:
            c.close()


def answers(ctx, w, s, mine):
    """one checked GET: status, length and content, so that an empty 200 cannot win"""
    want = {'fixed': '/r', 'pipe16': '/r', 'static1k': '/f/1k', 'static10k': '/f/10k', 'static1m': '/f/1m', 'proxy': '/p/1k', 'cache': '/c/1k', 'close': '/f/1k'}.get(w)
    if not want or w == 'close' and not mine:
        return True
    full = {'/r': b'Hello, World!'}.get(want) or (open(ctx.dir + want, 'rb').read() if want.startswith('/f/') else None)
    with socket.create_connection(('127.0.0.1', s.port), 5) as c:
        c.settimeout(5)
        c.sendall(f'GET {want} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'.encode())
        d = b''
        try:
            while x := c.recv(1 << 16):
                d += x
                head, _, body = d.partition(b'\r\n\r\n')
                m = re.search(rb'content-length: *(\d+)', head, re.I)
                if m and len(body) >= int(m[1]):
                    break
        except OSError:
            pass
    head, _, body = d.partition(b'\r\n\r\n')
    ok = head.startswith(b'HTTP/1.1 200') and (body == full if full else len(body) == 1024)
    if not ok:
        print(f'{s.name}: {want} answered {head[:60]!r} and {len(body)} octets', file=sys.stderr)
    return ok


def load(ctx, w, s, secs, mine):
    u = f'http://127.0.0.1:{s.port}'
    t = f'https://127.0.0.1:{s.tls}'
    # servers that have no files answer the 1 KiB of the other workloads from their proxy or cache
    one = '/f/1k' if mine or 'static1k' in PEERS.get(s.name, (0, 0, ALL))[2] else '/c/1k'
    c = ctx.conns
    if w == 'fixed': return wrk(ctx, u + '/r', c, secs)
    if w == 'pipe16': return wrk(ctx, u + '/r', c, secs, pipe=True)
    if w == 'static1k': return wrk(ctx, u + '/f/1k', c, secs)
    if w == 'static10k': return wrk(ctx, u + '/f/10k', c, secs)
    if w == 'static1m': return bulk(ctx, s.port, '/f/1m', 1 << 20, 8, secs)
    if w == 'static100m': return bulk(ctx, s.port, '/f/100m', 100 << 20, 2, secs)
    if w == 'proxy': return wrk(ctx, u + '/p/1k', c, secs)
    if w == 'cache': return wrk(ctx, u + '/c/1k', c, secs)
    if w == 'close': return wrk(ctx, u + one, c, secs, ['Connection: close'])
    if w == 'tls1k': return wrk(ctx, t + one, c, secs)
    if w == 'tlshs': return wrk(ctx, t + one, c, secs, ['Connection: close'])
    if w == 'h2': return h2load(ctx, t + one, 16, secs)
    if w == 'idle': return idle(ctx, s, one, ctx.idle)
    raise SystemExit('no workload ' + w)


class Ctx:
    def take(s):
        while True:
            s.port += 1
            try:
                with socket.socket() as k:
                    k.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    k.bind(('0.0.0.0', s.port))
                return s.port
            except OSError:
                pass


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--servers', default='nginx,haproxy,varnish,squid,caddy,lighttpd,apache,h2o', help="peers, or '' for none")
    ap.add_argument('--workloads', default=','.join(ALL))
    ap.add_argument('--ours', action='append', default=[], metavar='NAME[@w,..]=CMD')
    ap.add_argument('--rounds', type=int, default=3)
    ap.add_argument('--secs', type=int, default=3)
    ap.add_argument('--conns', type=int, default=64)
    ap.add_argument('--idle', type=int, default=9000, help='connections in the idle workload')
    ap.add_argument('--both', action='store_true', help='two workers, servers and load on both CPUs')
    ap.add_argument('--port', type=int, default=20000, help='first port to try')
    ap.add_argument('--upstream', help='HOST:PORT of a running upstream instead of the built-in nginx one')
    ap.add_argument('--upstream-cmd', help='command with {port} for the upstream')
    ap.add_argument('--first', action='store_true', help='run servers and load at nice -20, for a machine with other work on it (root)')
    ap.add_argument('--keep', action='store_true', help='keep the temporary folder')
    ap.add_argument('--json')
    a = ap.parse_args()
    global FIRST
    FIRST = a.first
    ctx = Ctx()
    ctx.port, ctx.conns, ctx.idle = a.port, a.conns, a.idle
    import resource
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    ctx.nofile = hard
    cpus = sorted(os.sched_getaffinity(0))
    last = cpus[-1]
    ctx.threads = ctx.lthreads = 2 if a.both else 1
    scpus = set(cpus[:2]) if a.both else {cpus[0]}
    ctx.lcpus = set(cpus[:2]) if a.both else {last}
    if FIRST:
        try:
            os.setsid()
        except OSError:
            pass
    place(ctx.lcpus)
    ctx.tmp = tempfile.mkdtemp(prefix='peers-')
    os.chmod(ctx.tmp, 0o755)
    ctx.dir = os.path.join(ctx.tmp, 'www')
    os.makedirs(os.path.join(ctx.dir, 'f'))
    for n, k in (('1k', 1 << 10), ('10k', 10 << 10), ('1m', 1 << 20), ('100m', 100 << 20)):
        with open(os.path.join(ctx.dir, 'f', n), 'wb') as f:
            f.write(os.urandom(k))
    with open(os.path.join(ctx.dir, 'r'), 'wb') as f:
        f.write(b'Hello, World!')
    ctx.lua = os.path.join(ctx.tmp, 'pipe.lua')
    with open(ctx.lua, 'w') as f:
        f.write(PIPE)
    ctx.cert, ctx.key, ctx.pem = (os.path.join(ctx.tmp, x) for x in ('cert', 'key', 'pem'))
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', ctx.key, '-out', ctx.cert,
                    '-days', '9', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'], check=True, capture_output=True)
    with open(ctx.pem, 'w') as f:
        f.write(open(ctx.cert).read() + open(ctx.key).read())
    for x in (ctx.key, ctx.pem):
        os.chmod(x, 0o644)
    started, result, ctx.up = [], {}, None
    try:
        works = [w for w in a.workloads.split(',') if w]
        if a.upstream:
            h, p = a.upstream.rsplit(':', 1)
            ctx.up = (h, int(p))
        elif set(works) & {'proxy', 'cache', 'close', 'idle', 'tls1k', 'tlshs', 'h2'}:
            threads, ctx.threads = ctx.threads, 1
            s = Server('upstream', a.upstream_cmd or ['nginx', '-c', '@RUN@/upstream.conf', '-p', '@RUN@'], [] if a.upstream_cmd else ['upstream.conf'], ctx, ctx.lcpus)
            ctx.threads = threads
            started.append(s)
            ctx.up = ('127.0.0.1', s.port)
        ours = []
        for o in a.ours:
            n, c = o.split('=', 1)
            n, _, ws = n.partition('@')
            ours.append((n, c, [], ws.split(',') if ws else ALL))
        names = ours + [(n, *PEERS[n]) for n in a.servers.split(',') if n]
        for w in works:
            live = []
            try:
                for n, cmd, files, ws in names:
                    if w not in ws:
                        continue
                    s = Server(n, cmd, files, ctx, scpus)
                    s.mine = isinstance(cmd, str)
                    s.ok, s.res = s.up, []
                    started.append(s)
                    live.append(s)
                    if s.ok and w != 'idle':  # warm up, and see that it works at all
                        s.ok = answers(ctx, w, s, s.mine) and load(ctx, w, s, 1, s.mine) is not None
                for r in range(1 if w == 'idle' else a.rounds):
                    for s in (live if r % 2 == 0 else live[::-1]):
                        if not s.ok:
                            continue
                        pids = tree(s.p.pid)
                        s.pids = sorted(set(s.pids) | set(pids))
                        u0, y0, c0 = cpu_of(pids)
                        t0 = time.monotonic()
                        x = load(ctx, w, s, a.secs, s.mine)
                        dt = time.monotonic() - t0
                        u1, y1, c1 = cpu_of(pids)
                        if x is None:
                            s.ok = False
                            continue
                        x.update(cpu=(c1 - c0) / x['n'] * 1e6, user=(u1 - u0) / max(1e-9, u1 - u0 + y1 - y0), util=(c1 - c0) / dt)
                        s.res.append(x)
                result[w] = table(w, live)
                print('load average', *os.getloadavg(), flush=True)
            finally:
                for s in live:
                    s.stop()
                    if not s.res:
                        os.system(f"tail -n 4 '{s.run}/log' | cut -c1-300 >&2")
        if a.json:
            with open(a.json, 'w') as f:
                json.dump(dict(conns=a.conns, rounds=a.rounds, secs=a.secs, both=a.both, results=result), f, indent=1)
    finally:
        for s in started:
            s.stop()
        if not a.keep:
            shutil.rmtree(ctx.tmp, ignore_errors=True)


def table(w, live):
    med = lambda s, k: statistics.median([x[k] for x in s.res if x.get(k) is not None] or [float('nan')])
    ref = next((s for s in live if s.res), None)
    rows = []
    if w == 'idle':
        print(f'\n## {w}\n{"server":12} {"conns":>7} {"B/conn user":>12} {"B/conn all":>11} {"base MiB":>9} {"held":>5} {"x":>6}')
        for s in live:
            if not s.res:
                print(f'{s.name:12} failed')
                continue
            x = s.res[0]
            print(f"{s.name:12} {x['conns']:7d} {x['bytes']:12.0f} {x['all_bytes']:11.0f} {x['base'] / 2**20:9.1f} {x['held']:5.0%} {x['bytes'] / max(1, ref.res[0]['bytes']):6.2f} {x.get('note', '')}")
            rows.append(dict(server=s.name, **x))
        sys.stdout.flush()
        return rows
    print(f'\n## {w}\n{"server":12} {"req/s":>10} {"cpu us/req":>10} {"user%":>6} {"util":>5} {"p50 us":>8} {"p99 us":>8} {"rps x":>6} {"cpu x":>6} {"spread":>7}  ' + ('GB/s  cpu s/GB' if w.startswith('static1') and w.endswith('m') else ''))
    for s in live:
        if not s.res:
            print(f'{s.name:12} failed')
            rows.append(dict(server=s.name, failed=True))
            continue
        r = dict(server=s.name, rps=med(s, 'rps'), cpu=med(s, 'cpu'), user=med(s, 'user'), util=med(s, 'util'), p50=med(s, 'p50'), p99=med(s, 'p99'),
                 errors=sum(x['err'] for x in s.res), rounds=len(s.res))
        r['rps_x'], r['cpu_x'] = med(ref, 'rps') / r['rps'], r['cpu'] / med(ref, 'cpu')
        c = [x['cpu'] for x in s.res]
        r['spread'] = (max(c) - min(c)) / r['cpu']
        g = ''
        if 'gbs' in s.res[0]:
            r['gbs'] = med(s, 'gbs')
            r['cpu_gb'] = r['cpu'] / 1e6 / (r['gbs'] / r['rps'])
            g = f"{r['gbs']:5.2f} {r['cpu_gb']:8.3f}"
        print(f"{s.name:12} {r['rps']:10.0f} {r['cpu']:10.2f} {r['user']:6.0%} {r['util']:5.0%} {r['p50']:8.0f} {r['p99']:8.0f} {r['rps_x']:6.2f} {r['cpu_x']:6.2f} {r['spread']:7.1%}  {g}"
              + (f" errors {r['errors']}" if r['errors'] else ''))
        rows.append(r)
    sys.stdout.flush()
    return rows


if __name__ == '__main__':
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main()
