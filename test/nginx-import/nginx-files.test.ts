import assert from 'node:assert/strict';
import { accessSync, constants, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { allDirectives, placeText } from '../../src/nginx-import/directive.ts';
import { fitsPattern } from '../../src/nginx-import/file-pattern.ts';
import { type NginxReading, readNginx, readNginxText } from '../../src/nginx-import/nginx-files.ts';

const root = mkdtempSync(join(tmpdir(), 'framegate-nginx-'));
after(() => rmSync(root, { recursive: true }));

let folders = 0;

/** Writes files, given by name, into a folder of their own. @returns the folder */
function folderWith(files: Readonly<Record<string, string | Buffer>>): string {
  const folder = join(root, String(folders++));
  mkdirSync(folder);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

/** PLACE NAME of each directive, or each fault as PLACE: MESSAGE, the folder taken out. */
function told(reading: NginxReading, folder: string): readonly string[] {
  const lines =
    'faults' in reading
      ? reading.faults.map((fault) => `${placeText(fault)}: ${fault.message}`)
      : Array.from(
          allDirectives(reading.configuration.directives),
          (directive) => `${placeText(directive)} ${[directive.name, ...directive.words].join(' ')}`,
        );
  return lines.map((line) => line.replaceAll(`${folder}/`, '').replaceAll(folder, ''));
}

function read(files: Readonly<Record<string, string | Buffer>>): readonly string[] {
  const folder = folderWith(files);
  return told(readNginx(join(folder, 'nginx.conf')), folder);
}

test('includes stand where they were written, in alphabetical order, each with its own file and line', () => {
  const lines = read({
    'nginx.conf': 'http {\n include conf.d/*.conf;\n gzip on;\n}\n',
    'conf.d/b.conf': 'server {\n include listen;\n}\n',
    'conf.d/a.conf': '\nupstream u { server a:1; }',
    'conf.d/.hidden.conf': 'wrong;',
    'conf.d/other': 'wrong;',
    listen: 'listen 80;',
  });
  assert.deepEqual(
    lines,
    [
      'nginx.conf:1 http ',
      'nginx.conf:2 include conf.d/*.conf',
      'conf.d/a.conf:2 upstream u',
      'conf.d/a.conf:2 server a:1',
      'conf.d/b.conf:1 server ',
      'conf.d/b.conf:2 include listen',
      'listen:1 listen 80',
      'nginx.conf:3 gzip on',
    ].map((line) => line.trimEnd()),
  );
});

const where =
  "Run framegate import where nginx's files are, or on the output of sudo nginx -T; names are relative to the folder of the main file";

test('a pattern that fits no file includes nothing, and a name without a file is a fault with its line', () => {
  assert.deepEqual(read({ 'nginx.conf': 'include none/*.conf;\nevents { }' }), [
    'nginx.conf:1 include none/*.conf',
    'nginx.conf:2 events',
  ]);
  assert.deepEqual(read({ 'nginx.conf': 'http {\n include gone.conf;\n include mime.other;\n}' }), [
    `nginx.conf:2: include of gone.conf cannot be read: there is no such file. ${where}`,
    `nginx.conf:3: include of mime.other cannot be read: there is no such file. ${where}`,
  ]);
});

test('types and modules that are not there are skipped, wherever the text comes from', () => {
  const text =
    'include modules-enabled/50-x.conf; http { include mime.types; include /etc/nginx/mime.types; }';
  const reading = readNginxText(text, '<stdin>', undefined);
  assert.ok('configuration' in reading);
  assert.deepEqual(
    [...allDirectives(reading.configuration.directives)].map(({ words, isMissing }) => [...words, isMissing]),
    [['modules-enabled/50-x.conf', true], [undefined], ['mime.types', true], ['/etc/nginx/mime.types', true]],
  );
  assert.deepEqual(read({ 'nginx.conf': 'events { } include mime.types;' }), [
    'nginx.conf:1 events',
    'nginx.conf:1 include mime.types',
  ]);
});

test('a circle of includes is a sentence', () => {
  assert.deepEqual(read({ 'nginx.conf': 'http { include a; }', a: 'include b;', b: '\ninclude a;' }), [
    'b:2: include of a goes round in a circle: that file leads here',
  ]);
  assert.deepEqual(read({ 'nginx.conf': 'include nginx.conf;' }), [
    'nginx.conf:1: include of nginx.conf goes round in a circle: that file leads here',
  ]);
});

function doubled(next: string): string {
  return `include ${next};`.repeat(30);
}

test('includes that multiply end with a sentence', () => {
  const lines = read({
    'nginx.conf': doubled('a'),
    a: doubled('b'),
    b: doubled('c'),
    c: doubled('d'),
    d: 'e;',
  });
  assert.match(lines[0], /more is included here than any configuration needs/);
  assert.ok(lines.length <= 100);
});

function deep(next: string): string {
  return `${'a {'.repeat(63)}include ${next};${'}'.repeat(63)}`;
}

test('blocks that are nested too deep by includes are a sentence', () => {
  const files = Array.from({ length: 32 }, (_, index) => [`f${index}`, deep(`f${index + 1}`)] as const);
  assert.deepEqual(read({ 'nginx.conf': deep('f0'), ...Object.fromEntries(files), f32: 'b;' }), [
    'f0:1: blocks are nested more than 64 deep here, with those of includes',
  ]);
  assert.equal(read({ 'nginx.conf': `http { ${deep('f0')} }`, f0: 'b;' }).at(-1), 'f0:1 b');
});

test('a file of more words than any configuration needs is a sentence', () => {
  const text = 'a;'.repeat(1_100_000);
  assert.deepEqual(read({ 'nginx.conf': `http {\n${text}}` }), [
    'nginx.conf:2: this file has more words than any configuration needs; reading ended',
  ]);
});

test('all faults of all files are told', () => {
  assert.deepEqual(read({ 'nginx.conf': 'include a;\ninclude b;', a: 'x', b: 'y;\n}' }), [
    "a:1: a ';' is missing behind this directive: the file ends",
    "b:2: '}' closes no block",
  ]);
});

test('a byte order mark is no part of the first name', () => {
  assert.deepEqual(read({ 'nginx.conf': '\ufeffhttp { include a; }', a: '\ufeffgzip on;' }), [
    'nginx.conf:1 http',
    'nginx.conf:1 include a',
    'a:1 gzip on',
  ]);
});

function sentence(text: string | Buffer): string {
  return read({ 'nginx.conf': text }).join('\n');
}

test('what is no configuration of nginx gets one sentence', () => {
  assert.match(sentence(Buffer.from([0, 1, 2, 255])), /is not UTF-8 text/);
  assert.match(sentence(Buffer.from('a\0b')), /is not UTF-8 text/);
  assert.match(sentence(' \n'), /is empty/);
  assert.match(sentence('{"static_resources": {}}'), /is a configuration of Envoy, not one of nginx/);
  assert.match(sentence('listeners:\n  - address: 0.0.0.0:80\n'), /is a configuration of Framegate already/);
  assert.match(sentence('once upon a time;'), /is no configuration of nginx/);
  assert.match(sentence('-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n'), /is a PEM file/);
});

test('a folder, a socket and a missing file are told', () => {
  const folder = folderWith({});
  assert.deepEqual(told(readNginx(folder), folder), [':1: cannot be read: it is a folder']);
  assert.deepEqual(told(readNginx(join(folder, 'no')), folder), [
    'no:1: cannot be read: there is no such file',
  ]);
  symlinkSync('/dev/zero', join(folder, 'zero'));
  assert.deepEqual(told(readNginx(join(folder, 'zero')), folder), [
    'zero:1: cannot be read: it is no regular file',
  ]);
});

const pagemap = '/proc/self/pagemap';

test('a file that says it has no size is read up to the bound', { skip: !isReadable(pagemap) }, () => {
  assert.match(read({ 'nginx.conf': `http { include ${pagemap}; }` }).join(), /is larger than 64 MiB/);
});

function isReadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

test('a pattern that leads through more names than any configuration has is a sentence', () => {
  const names = Array.from({ length: 50 }, (_, index) => String(index));
  const folder = folderWith(Object.fromEntries(names.map((name) => [`d/${name}/x`, ''])));
  for (const name of names) symlinkSync(join(folder, 'd'), join(folder, 'd', name, 'up'));
  writeFileSync(join(folder, 'nginx.conf'), 'http {\ninclude d/*/up/*/up/*/up/*/x; }');
  assert.deepEqual(told(readNginx(join(folder, 'nginx.conf')), folder), [
    'nginx.conf:2: more is included here than any configuration needs; reading ended',
  ]);
});

test('a pattern stands for the files that are there, links without their file among them', () => {
  const folder = folderWith({
    'nginx.conf': 'events { }\ninclude sites/*/a.conf;',
    'sites/1/a.conf': 'b;',
    'sites/2/b.conf': '',
  });
  assert.deepEqual(told(readNginx(join(folder, 'nginx.conf')), folder), [
    'nginx.conf:1 events',
    'nginx.conf:2 include sites/*/a.conf',
    'sites/1/a.conf:1 b',
  ]);
  symlinkSync('gone', join(folder, 'sites/2/a.conf'));
  assert.deepEqual(told(readNginx(join(folder, 'nginx.conf')), folder), [
    `nginx.conf:2: include of sites/2/a.conf cannot be read: there is no such file. ${where}`,
  ]);
});

const dump = [
  '# configuration file /etc/nginx/nginx.conf:',
  'http {',
  '  include mime.types;',
  '  include /etc/nginx/conf.d/*.conf;',
  '}',
  '',
  '# configuration file /etc/nginx/mime.types:',
  'types { text/html html; }',
  '',
  '# configuration file /etc/nginx/conf.d/b.conf:',
  '# the second',
  'server { listen 80; }',
  '# configuration file /etc/nginx/conf.d/a.conf:',
  'upstream u { server a:1; }',
].join('\n');

test('what nginx -T prints is read as the files it names', () => {
  assert.deepEqual(told(readNginxText(dump, '<stdin>', undefined), '/etc/nginx'), [
    'nginx.conf:1 http',
    'nginx.conf:2 include mime.types',
    'mime.types:1 types',
    'mime.types:1 text/html html',
    'nginx.conf:3 include conf.d/*.conf',
    'conf.d/a.conf:1 upstream u',
    'conf.d/a.conf:1 server a:1',
    'conf.d/b.conf:2 server',
    'conf.d/b.conf:2 listen 80',
  ]);
});

test('an include without its file in what nginx -T printed is a fault; on standard input alone, too', () => {
  const cut = dump
    .slice(0, dump.indexOf('# configuration file /etc/nginx/mime.types'))
    .replace('include mime.types', 'include other.types');
  assert.deepEqual(told(readNginxText(cut, '<stdin>', undefined), '/etc/nginx'), [
    `nginx.conf:2: include of other.types cannot be read: it is not part of the input. ${where}`,
  ]);
  assert.deepEqual(told(readNginxText('http { include /a/b; include c; }', '<stdin>', undefined), '/etc'), [
    '<stdin>:1: include of /a/b cannot be read: on standard input included files are known only from nginx -T: nginx -T | framegate import -',
    '<stdin>:1: include c: on standard input included files are known only from nginx -T: nginx -T | framegate import -',
  ]);
});

function fits(name: string, pattern: string): boolean {
  return fitsPattern(`/d/${name}`, `/d/${pattern}`);
}

test('patterns of files are those of glob(3)', () => {
  assert.deepEqual(
    ['a.conf', 'ab.conf', '.a.conf', 'a.conf~', 'b/a.conf'].map((name) => fits(name, '*.conf')),
    [true, true, false, false, false],
  );
  assert.deepEqual(
    ['a1', 'a2', 'a-', 'b1'].map((name) => fits(name, 'a[0-9]')),
    [true, true, false, false],
  );
  assert.deepEqual(
    ['a1', 'ab'].map((name) => fits(name, 'a[!0-9]')),
    [false, true],
  );
  assert.deepEqual(
    ['ab', 'a'].map((name) => fits(name, 'a?')),
    [true, false],
  );
  assert.ok(!fits('a'.repeat(5000), `${'*a'.repeat(1000)}b`));
});
