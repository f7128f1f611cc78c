#!/usr/bin/env python3
"""Ratios to the floor and to each peer, and whether the targets hold: medians over runs of peers.py.

  targets.py RUN.json [RUN.json ...]

Each ratio is of two servers within one run (ours divided by the other's); the median is over the runs. The
figure compared is CPU per request, for large files CPU per GB, for idle connections octets each.
Fails if a target is missed; a target whose servers were not measured is shown as such and does not fail.
"""
import json
import statistics
import sys

OURS, FLOOR = 'hansom', 'floor'
FIGURES = {'static1m': 'cpu_gb', 'static100m': 'cpu_gb', 'idle': 'bytes'}
UNITS = {'cpu': 'us/request', 'cpu_gb': 's/GB', 'bytes': 'octets'}
TIE = 1.05  # "not above": below this two servers are level
# workload: (other server or None for the figure itself, at most)
TARGETS = {
    'pipe16': [(FLOOR, 1.3)],
    'static1k': [(FLOOR, 1.15), ('nginx', TIE), ('lighttpd', TIE), ('h2o', TIE)],
    'static10k': [(FLOOR, 1.15), ('nginx', TIE), ('lighttpd', TIE), ('h2o', TIE)],
    'static1m': [(FLOOR, 1.1)],
    'static100m': [(FLOOR, 1.1)],
    'close': [('nginx', TIE), ('h2o', TIE)],
    'idle': [(None, 1000)],
    'tls1k': [('nginx', 0.9), ('lighttpd', 0.9), ('h2o', 0.9)],
    'tlshs': [('nginx', 0.7)],
}
PIPELINED_RATE_MIN = 100_000


def load(paths):
    """workload -> a list, one a run, of {server: row}"""
    runs = {}
    for path in paths:
        with open(path) as f:
            for workload, rows in json.load(f)['results'].items():
                runs.setdefault(workload, []).append({r['server']: r for r in rows if not r.get('failed')})
    return runs


def median_ratio(rounds, other, figure):
    """median over the runs of ours / other's; None if they never ran together"""
    ratios = [r[OURS][figure] / max(1e-9, r[other][figure]) for r in rounds if OURS in r and other in r]
    return statistics.median(ratios) if ratios else None


def median_figure(rounds, figure):
    values = [r[OURS][figure] for r in rounds if OURS in r]
    return statistics.median(values) if values else None


def judge(workload, rounds):
    """[(what, value, limit, holds)]; holds is None where nothing was measured"""
    figure = FIGURES.get(workload, 'cpu')
    found = []
    for other, limit in TARGETS.get(workload, []):
        value = median_ratio(rounds, other, figure) if other else median_figure(rounds, figure)
        found.append((f'{figure} / {other}' if other else figure, value, f'<= {limit}', None if value is None else value <= limit))
    if workload == 'idle':
        held = median_figure(rounds, 'held')
        found.append(('held', held, '>= 1', None if held is None else held >= 1))
    if workload == 'pipe16':
        rate = median_figure(rounds, 'rps')
        found.append(('requests/s', rate, f'> {PIPELINED_RATE_MIN}', None if rate is None else rate > PIPELINED_RATE_MIN))
    return found


def table(runs):
    others = sorted({s for rounds in runs.values() for r in rounds for s in r} - {OURS, FLOOR})
    columns = [FLOOR, *others]
    print(f'\n{OURS} divided by the other, medians of {max(map(len, runs.values()))} run(s)\n')
    print(f'{"workload":12} {OURS:>9} {"unit":11}' + ''.join(f'{c:>10}' for c in columns))
    for workload, rounds in runs.items():
        figure = FIGURES.get(workload, 'cpu')
        own = median_figure(rounds, figure)
        cells = [median_ratio(rounds, c, figure) for c in columns]
        shown = ''.join(f'{c:10.2f}' if c is not None else f'{"-":>10}' for c in cells)
        print(f'{workload:12} ' + (f'{own:9.2f}' if own is not None else f'{"failed":>9}') + f' {UNITS[figure]:11}{shown}')


def targets(runs):
    """prints each target; the number of those missed"""
    print(f'\n{"workload":12} {"target":20} {"measured":>10} {"limit":>10}  holds')
    missed = 0
    for workload, rounds in runs.items():
        for what, value, limit, holds in judge(workload, rounds):
            word = {True: 'yes', False: 'NO', None: 'not measured'}[holds]
            print(f'{workload:12} {what:20} ' + (f'{value:10.2f}' if value is not None else f'{"-":>10}') + f' {limit:>10}  {word}')
            missed += holds is False
    return missed


def main():
    if len(sys.argv) < 2 or sys.argv[1] in ('-h', '--help'):
        sys.exit(__doc__)
    runs = load(sys.argv[1:])
    table(runs)
    missed = targets(runs)
    sys.exit(f'\n{missed} target(s) missed' if missed else 0)


if __name__ == '__main__':
    main()
