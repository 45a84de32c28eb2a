// Every example of a configuration in the documentation is one that `framegate check` accepts: a whole file as it is, and a part of one
// together with what it names and does not have.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import { readYaml } from '../src/config/yaml-document.ts';
import { loadAndVerify } from '../src/sources/load-configuration.ts';
import { testCertificate } from './support/certificates.ts';
import { writeClientCertificates } from './support/client-certificates.ts';

type Keys = Readonly<Record<string, unknown>>;

const root = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'framegate-examples-'));
after(() => rmSync(folder, { recursive: true }));

/** By the key that names a file, a file of this kind. */
const FILES: Readonly<Record<string, string>> = {
  cert: 'server.crt',
  key: 'server.key',
  ca: 'clients.crt',
  crl: 'clients.crl',
};
const LISTS = { apiKey: 'keys.txt', basic: 'users.txt', token: 'admin.token' };
/** How an example of another program begins. */
const OF_OTHERS = /^(?:#.*\n)*(?:readinessProbe|livenessProbe|ports|services|apiVersion)\b/;

/** @returns this many bytes in base64 without padding */
function base64Of(bytes: number): string {
  return Buffer.alloc(bytes, 1).toString('base64').replaceAll('=', '');
}

before(async () => {
  process.env['FRAMEGATE_ADMIN_TOKEN'] = 'a'.repeat(64);
  const { cert, key } = await testCertificate('grpc.example.com');
  copyFileSync(cert, join(folder, 'server.crt'));
  copyFileSync(key, join(folder, 'server.key'));
  await writeClientCertificates(folder);
  copyFileSync(join(folder, 'ca.crt'), join(folder, 'clients.crt'));
  writeFileSync(join(folder, 'keys.txt'), `a:${createHash('sha256').update('a').digest('hex')}\n`);
  writeFileSync(join(folder, 'users.txt'), `a:$scrypt$ln=15,r=8,p=1$${base64Of(16)}$${base64Of(32)}\n`);
  writeFileSync(join(folder, 'admin.token'), 'a'.repeat(64), { mode: 0o600 });
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issuerKey = { ...publicKey.export({ format: 'jwk' }), kid: 'try-1', alg: 'ES256', use: 'sig' };
  writeFileSync(join(folder, 'jwks.json'), JSON.stringify({ keys: [issuerKey] }));
});

interface Example {
  readonly where: string;
  readonly text: string;
}

function examplesIn(file: string): readonly Example[] {
  const page = readFileSync(join(root, file), 'utf8');
  return Array.from(
    page.matchAll(/^( *)```yaml\n([^]*?)^ *```$/gm),
    ({ 1: indent = '', 2: text = '', index }) => ({
      where: `${file}:${page.slice(0, index).split('\n').length}`,
      text: text.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
    }),
  ).filter(({ text }) => !OF_OTHERS.test(text));
}

const documents = [
  'README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
const examples = documents.flatMap(examplesIn);

function isMap(value: unknown): value is Keys {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function mapsIn(value: unknown): readonly Keys[] {
  if (Array.isArray(value)) return value.flatMap(mapsIn);
  return isMap(value) ? [value, ...Object.values(value).flatMap(mapsIn)] : [];
}

/** The texts at these keys, wherever they are. */
function namesAt(value: unknown, ...keys: readonly string[]): readonly string[] {
  const found = mapsIn(value).flatMap((map) => keys.map((key) => map[key]));
  return found.flat().filter((name) => typeof name === 'string');
}

/** Names files that are there. */
function withFiles(value: unknown, parent = ''): unknown {
  if (Array.isArray(value)) return value.map((each) => withFiles(each, parent));
  if (!isMap(value)) return value;
  const list = Object.entries(LISTS).find(([key]) => key === parent)?.[1];
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const file = key === 'file' ? list : FILES[key];
      return [key, file !== undefined && typeof inner === 'string' ? file : withFiles(inner, key)];
    }),
  );
}

/** A part of a route or of the TLS of a listener, put where it belongs. */
function placed(part: Keys): Keys {
  if ('clientAuth' in part)
    return {
      listeners: [
        {
          address: '0.0.0.0:8443',
          tls: { certificates: [{ cert: 'server.crt', key: 'server.key' }], ...part },
        },
      ],
    };
  return 'access' in part || Array.isArray(part['limits'])
    ? { routes: [{ match: { path: '/*' }, upstream: 'voice', ...part }] }
    : part;
}

function entriesFor(names: readonly string[], entry: Keys): Keys {
  return Object.fromEntries(names.map((name) => [name, entry]));
}

/** Adds what the part names and does not have. */
function completed(given: Keys): Keys {
  const part = placed(given);
  const routes = part['routes'] ?? [{ match: { path: '/*' }, upstream: 'voice' }];
  const named = namesAt(routes, 'listener');
  const listeners = [
    { address: '127.0.0.1:8080' },
    ...named.map((name, index) => ({ name, address: `127.0.0.1:${8081 + index}` })),
  ];
  // There must be one, also where no route of the part needs it.
  const upstreams = ['voice', ...namesAt(routes, 'upstream', 'service')];
  const partNames = namesAt(routes, 'require', 'identity');
  const inFile = (key: string): Keys => (isMap(part[key]) ? part[key] : {});
  const identities = { ...entriesFor(partNames, { apiKey: { file: 'keys.txt' } }), ...inFile('identities') };
  const stores = {
    ...entriesFor(namesAt(routes, 'store'), { redis: 'redis://127.0.0.1:6379' }),
    ...inFile('stores'),
  };
  return {
    listeners,
    ...part,
    routes,
    upstreams: { ...entriesFor(upstreams, { endpoints: ['127.0.0.1:50051'] }), ...inFile('upstreams') },
    ...(Object.keys(identities).length === 0 ? {} : { identities }),
    ...(Object.keys(stores).length === 0 ? {} : { stores }),
  };
}

function problemsOf(text: string): readonly string[] {
  const file = join(folder, 'config.yaml');
  writeFileSync(file, text);
  const loaded = loadAndVerify(file);
  const problems = 'problems' in loaded ? loaded.problems : [];
  return problems
    .filter(({ severity }) => severity === 'error')
    .map(({ message, hint, ...place }) => `${JSON.stringify(place)} ${message} (${hint})`);
}

function valueOf(text: string): Keys {
  const { value, faults } = readYaml(text);
  assert.deepEqual(faults, []);
  // A list without its key is one of limits.
  const map = Array.isArray(value) ? { limits: value } : value;
  assert.ok(isMap(map));
  return map;
}

function isWhole(text: string): boolean {
  return ['listeners', 'routes', 'upstreams'].every((section) => new RegExp(`^${section}:`, 'm').test(text));
}

test('the documentation has examples of configurations, among them pages of policies', () => {
  const pages = new Set(examples.map(({ where }) => basename(where).replace(/:\d+$/, '')));
  const wanted = Array.from(
    readFileSync(join(root, 'docs/policies.md'), 'utf8').matchAll(/^\| \d+ \| \[[^\]]*\]\((\w[\w-]*\.md)/gm),
    ([, page]) => page,
  );
  assert.ok(wanted.length >= 10);
  assert.deepEqual(
    ['policies.md', ...wanted].filter((page) => !pages.has(page)),
    [],
  );
});

for (const { where, text } of examples)
  test(`the configuration in ${where} can be used`, () => {
    const value = valueOf(text);
    const whole = isWhole(text) ? value : completed(value);
    assert.deepEqual(problemsOf(JSON.stringify(withFiles(whole))), []);
  });

test('an example with a mistake is refused', () => {
  const mistaken = valueOf('routes: [{ match: { path: /a }, upstream: voice, limit: [] }]');
  assert.match(problemsOf(JSON.stringify(withFiles(completed(mistaken)))).join(), /unknown key/);
});

test('`framegate check` accepts the file with all policies as it is printed, and warns of the fault alone', () => {
  const [whole, ...others] = examples.filter(({ where }) => where.startsWith('docs/policies.md'));
  assert.equal(others.length, 0);
  writeFileSync(join(folder, 'policies.yaml'), whole.text);
  const module = JSON.stringify(join(root, 'src/cli/check.ts'));
  const program = `process.exitCode = await (await import(${module})).check(process.argv.slice(1));`;
  const node = ['--input-type=module', '--eval', program, '--', 'policies.yaml'];
  const env = { ...process.env, FORCE_COLOR: undefined, NO_COLOR: '1' };
  const { status, stdout, stderr } = spawnSync(process.execPath, node, {
    cwd: folder,
    encoding: 'utf8',
    env,
  });
  assert.equal(stderr, '');
  assert.match(
    stdout,
    /^policies\.yaml:\d+:\d+ routes\[1\]\.fault – warning: injects faults [^\n]*\npolicies\.yaml: ok \(3 listeners, 6 routes, 4 upstreams\)\n$/,
  );
  assert.equal(status, 0);
});

test('the file with all policies has each policy of the table, in its order', () => {
  const page = readFileSync(join(root, 'docs/policies.md'), 'utf8');
  const [, yaml = ''] = /^```yaml\n([^]*?)^```$/m.exec(page) ?? [];
  const table = Array.from(page.matchAll(/^\| (\d+) \| \[`(\w+)`/gm), ([, order, key]) => ({ order, key }));
  assert.equal(table.length, 11);
  for (const { order, key } of table)
    assert.match(
      yaml,
      new RegExp(`${key === 'limits' && order === '3' ? 'service' : key}: ?[^]*?# ${order}\\b`),
      key,
    );
});
