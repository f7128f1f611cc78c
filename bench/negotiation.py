#!/usr/bin/env python3
"""Plays corpus/negotiation over sockets against hansom and Apache, and prints where they differ.

  negotiation.py [--hansom BIN] [--apache BIN] [--table FILE] [SET ...]

Both serve the same folder, one below it for each set. Apache has MultiViews, type maps, AddLanguage and AddCharset; where a set names a
language it is first in LanguagePriority, with "ForceLanguagePriority Prefer Fallback". Exit code 1: hansom is not as the corpus says, or
it differs from Apache in a row without a reason. --table writes the differences and their reasons as Markdown.
Needs: apache2 for the comparison. Both listen on 127.0.0.1 alone; ends only the processes it started.
"""
import argparse
import http.client
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CORPUS = os.path.join(HERE, '..', 'corpus', 'negotiation')
NAMES = ('status', 'Content-Language', 'Vary', 'Content-Location')


class Set:
    def __init__(self, name):
        self.name, self.files, self.maps, self.language, self.strict, self.rows = name, [], [], None, False, []


class Row:
    def __init__(self, place, target, fields, expected):
        self.place, self.target, self.fields, self.expected, self.reason = place, target, fields, expected, None


def read_corpus():
    sets = []
    for file in sorted(os.listdir(CORPUS)):
        if not file.endswith('.case'):
            continue
        with open(os.path.join(CORPUS, file), encoding='utf-8') as lines:
            for number, line in enumerate(lines, 1):
                line = line.rstrip('\n')
                word, _, rest = line.partition(' ')
                if not line or word == '#':
                    continue
                if word == 'set':
                    sets.append(Set(rest))
                elif word == 'file':
                    name, _, octets = rest.partition(' ')
                    sets[-1].files.append((name, name.ljust(int(octets or 0))))
                elif word == 'map':
                    sets[-1].maps.append([rest, ''])
                elif word == '|':
                    sets[-1].maps[-1][1] += rest + '\n'
                elif word == 'language':
                    sets[-1].language = rest
                elif word == 'strict':
                    sets[-1].strict = True
                elif word == '~':
                    sets[-1].rows[-1].reason = rest
                elif line.startswith('/'):
                    target, fields, *expected = [column.strip() for column in line.split(' | ')]
                    fields = [] if fields == '-' else [tuple(field.split(':', 1)) for field in fields.split(' & ')]
                    sets[-1].rows.append(Row(f'{file}:{number}', target, fields, expected))
                else:
                    sys.exit(f'{file}:{number}: {line}')
    return sets


def write_world(folder, sets):
    for one in sets:
        os.makedirs(os.path.join(folder, one.name))
        for name, text in one.files + one.maps:
            with open(os.path.join(folder, one.name, name), 'w', encoding='utf-8') as file:
                file.write(text)


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def start(command, port, log):
    process = subprocess.Popen(command, stdout=log, stderr=log)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            socket.create_connection(('127.0.0.1', port), 1).close()
            return process
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.05)
    log.seek(0)
    sys.exit(f'{command[0]} did not start: {log.read().decode(errors="replace")[-2000:]}')


def stop(process):
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def hansom_config(run, world, port, sets):
    lines = ['[server]', 'workers = 1', '[[listen]]', f'address = "127.0.0.1:{port}"', '[[site]]', 'hosts = ["*"]', f'root = "{world}"',
             'index = ["index.html"]']
    for one in sets:
        lines += ['[[site.route]]', f'path = "/{one.name}"', 'negotiate = true', 'codings = []']
        if one.language:
            lines.append(f'language = "{one.language}"')
    path = os.path.join(run, 'hansom.toml')
    with open(path, 'w', encoding='utf-8') as file:
        file.write('\n'.join(lines) + '\n')
    return path


APACHE = '''ServerName localhost
ServerRoot "/usr/lib/apache2"
DefaultRuntimeDir {run}
PidFile {run}/apache.pid
ErrorLog {run}/apache.log
LogLevel crit
User www-data
Group www-data
LoadModule mpm_event_module modules/mod_mpm_event.so
LoadModule authz_core_module modules/mod_authz_core.so
LoadModule mime_module modules/mod_mime.so
LoadModule dir_module modules/mod_dir.so
LoadModule negotiation_module modules/mod_negotiation.so
TypesConfig /etc/mime.types
Listen 127.0.0.1:{port}
DocumentRoot "{world}"
AddHandler type-map .var
AddType text/javascript .js
AddType text/x-perl .pl
AddDefaultCharset Off
{languages}
{charsets}
<Directory "{world}">
  AllowOverride None
  Options FollowSymLinks MultiViews
  MultiviewsMatch Handlers
  DirectoryIndex index index.html
  Require all granted
</Directory>
{sets}
'''
LANGUAGES = 'cs de en fr fr-CA it ja pl pt-BR zh zh-Hans zh-Hant'.split()
CHARSETS = {'utf-8': 'utf8', 'gb2312': 'gb2312', 'big5': 'big5', 'iso-2022-jp': 'iso2022-jp', 'shift_jis': 'sjis', 'euc-jp': 'euc-jp'}


def apache_config(run, world, port, sets):
    blocks = ''
    for one in sets:
        # What ours labels so is labelled here too: text without a charset is UTF-8.
        inside = ''
        if one.language:
            fallback = 'Prefer' if one.strict else 'Prefer Fallback'
            inside = f'  DefaultLanguage {one.language}\n  LanguagePriority {one.language}\n  ForceLanguagePriority {fallback}\n'
        blocks += f'<Directory "{world}/{one.name}">\n{inside}</Directory>\n'
    path = os.path.join(run, 'apache.conf')
    with open(path, 'w', encoding='utf-8') as file:
        file.write(APACHE.format(
            run=run, world=world, port=port, sets=blocks,
            languages='\n'.join(f'AddLanguage {tag} .{tag.lower()} .{tag}' for tag in LANGUAGES),
            charsets='\n'.join(f'AddCharset {name} .{suffix}' for name, suffix in CHARSETS.items()) +
            '\nAddEncoding gzip .gz\nAddEncoding br .br'))
    return path


def ask(port, prefix, row):
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=10)
    try:
        connection.putrequest('GET', prefix + row.target, skip_accept_encoding=True)
        for name, value in row.fields:
            connection.putheader(name, value.strip())
        connection.endheaders()
        response = connection.getresponse()
        content = response.read().decode(errors='replace')
    finally:
        connection.close()
    first = content.rstrip() if response.status == 200 else '-'
    if response.status == 200 and not re.fullmatch(r'\S+', first):
        first = '(another content)'
    joined = [', '.join(response.headers.get_all(name, [])) or '-' for name in NAMES[1:]]
    return [f'{response.status} {first}', *joined]


def members(value):
    return sorted(member.strip().lower() for member in value.split(','))


def is_met(place, expected, found):
    if expected == '?':
        return True
    if place == 2:
        return members(expected) == members(found)
    if expected.startswith('? '):
        return expected[2:] == found[4:]
    return expected == found


def shown(fields):
    return ' & '.join(f'{name}:{value}' for name, value in fields) or '-'


def comparable(row, found):
    """What a client sees of the choice: the status, the file, its language."""
    status = found[0][4:] if row.expected[0].startswith('? ') else found[0]
    return status, '?' if row.expected[1] == '?' else found[1].lower()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    usual = os.path.join(os.environ.get('CARGO_TARGET_DIR', os.path.join(HERE, '..', 'target')), 'debug', 'hansom')
    parser.add_argument('--hansom', default=os.environ.get('HANSOM_BIN', usual))
    parser.add_argument('--apache', default=shutil.which('apache2') or shutil.which('httpd'))
    parser.add_argument('--table', help='where the differences are written as Markdown')
    parser.add_argument('sets', nargs='*', metavar='SET')
    options = parser.parse_args()
    # There is no key for strictness: 406 follows where no language is configured.
    sets = [one for one in read_corpus() if not one.strict and (not options.sets or one.name in options.sets)]
    run = tempfile.mkdtemp(prefix='negotiation-')
    started = []
    try:
        # Apache's workers may run as another user.
        os.chmod(run, 0o755)
        world = os.path.join(run, 'world')
        os.mkdir(world)
        write_world(world, sets)
        with open(os.path.join(run, 'servers.log'), 'w+b') as log:
            ours, theirs = free_port(), None
            started.append(start([options.hansom, 'run', hansom_config(run, world, ours, sets)], ours, log))
            if options.apache:
                theirs = free_port()
                command = [options.apache, '-D', 'FOREGROUND', '-f', apache_config(run, world, theirs, sets)]
                started.append(start(command, theirs, log))
            failed = play(sets, ours, theirs, options.table)
    finally:
        for process in started:
            stop(process)
        shutil.rmtree(run, ignore_errors=True)
    sys.exit(1 if failed else 0)


def play(sets, ours, theirs, table):
    rows, wrong, differing, unexplained = 0, 0, [], 0
    for one in sets:
        for row in one.rows:
            rows += 1
            found = ask(ours, f'/{one.name}', row)
            for place, (expected, value) in enumerate(zip(row.expected, found)):
                if not is_met(place, expected, value):
                    wrong += 1
                    print(f'{row.place} [{one.name}] {row.target} {shown(row.fields)}: {NAMES[place]} {value}, not {expected}')
            if theirs is None:
                continue
            other = ask(theirs, f'/{one.name}', row)
            if comparable(row, found) != comparable(row, other):
                differing.append((one, row, found, other))
                if not row.reason:
                    unexplained += 1
                reason = row.reason or 'NO REASON GIVEN'
                print(f'{row.place} [{one.name}] {row.target} {shown(row.fields)}\n    hansom {" | ".join(found)}\n'
                      f'    apache {" | ".join(other)}\n    {reason}')
    print(f'{rows} rows; hansom differs from the corpus in {wrong} places, from Apache in {len(differing)} rows, '
          f'{unexplained} of them without a reason')
    if table:
        write_table(table, rows, differing)
    return wrong or unexplained


def write_table(path, rows, differing):
    """Between the two marks of a document, or as a file of its own."""
    cell = lambda text: '`' + text.replace('|', '\\|') + '`'
    says = lambda answer: answer[0].removesuffix(' -') + (f' ({answer[1]})' if answer[1] != '-' else '')
    reasons = {}
    for one, row, found, other in differing:
        reasons.setdefault(row.reason or 'NO REASON GIVEN', []).append((one, row, found, other))
    out = [f'Of {rows} rows the two answer otherwise in {len(differing)}, for {len(reasons)} reasons.', '']
    for number, (reason, listed) in enumerate(sorted(reasons.items(), key=lambda item: -len(item[1])), 1):
        out += [f'**{number}.** {reason}.', '', '| set | target | fields | hansom | Apache |', '|---|---|---|---|---|']
        out += [f'| {one.name} | {cell(row.target)} | {cell(shown(row.fields))} | {says(found)} | {says(other)} |'
                for one, row, found, other in listed]
        out.append('')
    text = '\n'.join(out)
    if os.path.exists(path):
        with open(path, encoding='utf-8') as file:
            before, _, rest = file.read().partition(MARK)
        if MARK in rest:
            text = before + MARK + '\n' + text + MARK + rest.partition(MARK)[2]
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)


MARK = '<!-- bench/negotiation.py --table -->'

if __name__ == '__main__':
    main()
